"""`replays`: it runs orchestrations through everything, finds what is wrong with faulty ones, and says it readably."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import timedelta

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.testing import faulty, shop, small
from tests.testing.conftest import shop_worker
from trio_durable import (
    JsonConverter,
    NonDeterminismError,
    NotRegisteredError,
    OrchestrationStatus,
    Worker,
)
from trio_durable.testing import (
    DidNotEndError,
    OrderError,
    ReplayDisagreementError,
    ScriptError,
    play,
    replay_history,
    replays,
    strategies,
)
from trio_durable.testing.script import Player
from trio_durable.testing.shrinking import play_what_can_be, shortest

ENDS = (OrchestrationStatus.COMPLETED, OrchestrationStatus.TERMINATED, OrchestrationStatus.CANCELED)
ORDERS = st.builds(shop.Order, item=st.text(max_size=3), count=st.integers(0, 12))


@replays(shop.fulfil, inputs=ORDERS, events={"approve": st.booleans()}, activities=shop.ACTIVITIES)
def test_fulfil(outcome):
    charged = [call for call in outcome.calls("charge") if call.done and call.failure is None]
    assert len(charged) <= 1
    if outcome.status is OrchestrationStatus.COMPLETED and outcome.result == "sold out":
        assert not outcome.calls(shop.charge)


@replays(shop.fulfil_all, inputs=st.integers(0, 3), orchestrators=[shop.quick], activities=shop.ACTIVITIES)
def test_children(outcome):
    assert outcome.status in ENDS


@replays(shop.generator, inputs=st.integers(0, 3), activities={"charge": strategies.payloads()})
def test_generators(outcome):
    if outcome.status is OrchestrationStatus.COMPLETED:
        assert outcome.result == [call.result for call in outcome.calls("charge")]


@replays(shop.counts_down, inputs=st.integers(0, 3), worker=shop_worker(), settings=settings(max_examples=30))
def test_generations():
    """A test that asserts nothing of its own."""


def failing(*args, **options):
    """The error that a property test ends with, and its notes as one text."""

    @replays(*args, **options, settings=settings(max_examples=200, database=None))
    def test_it(outcome):
        check = options_check[0]
        if check is not None:
            check(outcome)

    with pytest.raises(BaseException) as caught:  # noqa: PT011
        test_it()
    return caught.value, "\n".join(getattr(caught.value, "__notes__", ()))


options_check: list = [None]


def test_drift_is_found():
    error, notes = failing(faulty.drifts, activities={"charge": st.none()}, sandbox="off")
    assert isinstance(error, ReplayDisagreementError)
    assert "test_it.play(" in notes


def test_a_failure_shrinks_to_a_script_that_plays_again():
    options_check[0] = lambda outcome: _refuse(outcome.result is None and outcome.status.name == "COMPLETED")
    try:
        error, notes = failing(faulty.swallows, activities={"charge": st.integers(0, 5)})
    finally:
        options_check[0] = None
    assert isinstance(error, AssertionError)
    lines = script_of(notes)
    assert lines == ["start", "turn root", "fail root #1 InjectedError"]
    assert play(faulty.swallows, lines).result is None


def script_of(notes):
    """The script of a regression test."""
    return [line.strip() for line in notes.partition('"""')[2].partition('"""')[0].strip().splitlines()]


def _refuse(condition):
    assert not condition


def test_what_never_ends_is_found():
    error, notes = failing(faulty.waits_twice, events={"go": 1})
    assert isinstance(error, DidNotEndError)
    assert "it waits for external event 'go'" in str(error)
    assert script_of(notes) == ["start"]


def test_unknown_faults():
    with pytest.raises(ValueError, match="unknown faults flood"):
        replays(shop.waits, faults=["flood"])


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("", "the script is empty; its first line is `start`"),
        ("\n  \n", "the script is empty"),
        ([], "the script is empty"),
        ("begin", "no such line"),
        ("start\nturn root\ncomplete root #1", "no open activity #1"),
        ("start\nturn root\nfire root #9", "no timer #9"),
        ("start\nturn root\nfire root 9", "expected an instance and a number"),
        ("start\nturn child", "no instance 'child'"),
        ("start\nturn root\nduplicate root #1", "no answer to #1"),
        ("start\nearly root #7 1", "does not call an activity #7"),
    ],
)
def test_lines_that_cannot_be_played(script, said):
    with pytest.raises(ScriptError, match=said):
        play(shop.waits, script)


def test_an_orchestrator_that_has_versions_only():
    async def flow(ctx):
        return ctx.version

    worker = Worker("nowhere", sandbox="off")
    worker.add_versioned_orchestrator(flow, name="versioned", version="7")
    assert play("versioned", "start", worker=worker).result == "7"
    assert play(flow, "start", worker=worker).result == "7"


def test_every_line_of_a_script():
    outcome = play(
        shop.fulfil,
        """
        start {"item": "tea", "count": 1}
        lose root
        early root #1 true
        crash
        fail root #2 OSError busy
        turn root
        fire root #3
        duplicate root #2
        suspend
        turn root
        complete root #4 "receipt"
        resume
        raise APPROVE true
        """,
        activities=shop.ACTIVITIES,
    )
    assert outcome.result == "parcel of tea"
    assert play(shop.waits, 'start\nturn root\nterminate "x"').status is OrchestrationStatus.TERMINATED


@given(strategies.histories(shop.fulfil, inputs=ORDERS, events=[("approve", True)], activities=shop.ACTIVITIES))
@settings(max_examples=30, deadline=None)
def test_generated_histories_replay(history):
    replay_history(history, worker=shop_worker())


@given(strategies.payloads())
def test_payloads_are_json(value):
    assert json.loads(json.dumps(value)) == value


@given(strategies.interleavings("abc", "de", ""))
def test_interleavings_keep_each_order(merged):
    assert [each for each in merged if each in "abc"] == list("abc")
    assert [each for each in merged if each in "de"] == list("de")


@given(strategies.crash_points(3), strategies.faults(), strategies.crash_points(0))
def test_small_strategies(points, faults, none):
    assert points <= {0, 1, 2}
    assert not none
    replays(shop.waits, faults=faults)


def test_the_kit_works_without_pytest_and_hypothesis():
    code = (
        "import sys\n"
        "sys.modules['hypothesis'] = sys.modules['pytest'] = None\n"
        "import trio, trio_durable.testing as kit\n"
        "from tests.testing import shop\n"
        "async def main():\n"
        "    async with kit.open_test_environment([shop.counts_down]) as env:\n"
        "        assert await env.run(shop.counts_down, input=1) == 'lift off'\n"
        "trio.run(main)\n"
        "kit.play(shop.waits, 'start\\nturn root\\nraise go 1')\n"
        "try:\n"
        "    kit.replays\n"
        "except ImportError as error:\n"
        "    assert 'pip install hypothesis' in str(error)\n"
        "else:\n"
        "    raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_disagreement_of_a_played_script():
    with pytest.raises(NonDeterminismError):
        play(faulty.drifts, "start\nturn root\ncomplete root #1\nturn root", sandbox="off")


# -- how a property test may be written --------------------------------------------------------------------------------

def test_an_async_function():
    seen = 0

    @replays(shop.waits, events={"go": 1}, settings=settings(max_examples=5))
    async def test_it(outcome):
        nonlocal seen
        await trio.lowlevel.checkpoint()
        seen += 1

    test_it()
    assert seen == 5


class TestInAClass:
    prefix = "go"

    @replays(shop.waits, events={"go": 1}, settings=settings(max_examples=5))
    def test_a_method(self, outcome):
        assert self.prefix == "go"
        assert outcome.status in ENDS


@pytest.mark.parametrize("number", [1, 2])
@replays(shop.waits, events={"go": 1}, settings=settings(max_examples=5))
def test_with_parameters(outcome, number):
    assert number in (1, 2)


@replays(faulty.swallows, activities={"charge": st.integers(0, 5)}, settings=settings(max_examples=5))
@pytest.mark.parametrize("number", [1])
def test_marks_below(outcome, number, pytestconfig):
    assert pytestconfig is not None


USER_FILE = """
from hypothesis import settings, strategies as st
import pytest
from tests.testing import faulty
from trio_durable.testing import replays

@replays(faulty.refunds_twice, events={"cancel": st.booleans()},
         activities={"charge": st.text(), "ship": st.none(), "refund": st.none()},
         settings=settings(max_examples=2000, derandomize=True, database=None))
def test_refunds(outcome):
    assert len(outcome.calls("refund")) <= 1

class TestAll:
    @replays(faulty.swallows, activities={"charge": st.integers(1, 5)},
             settings=settings(derandomize=True, database=None))
    def test_charge(self, outcome, pytestconfig):
        assert outcome.status.name != "COMPLETED" or outcome.result
"""


def test_the_printed_test_can_be_pasted(tmp_path):
    """As printed, below the property test: it fails in the same way."""

    def run(name, text, *options):
        (tmp_path / name).write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, *options, name]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    printed = run("test_file.py", USER_FILE)
    tests = re.findall(r"^E +(def test_\w+_regression.*?\))\nE *$", printed, re.DOTALL | re.MULTILINE)
    assert len(tests) == 2, printed
    tests = [re.sub(r"^E {7}", "", each, flags=re.MULTILINE) for each in tests]
    function, method = sorted(tests, key=lambda each: "self" in each)
    assert "raise cancel" in function
    done = run("test_pasted.py", f"{USER_FILE}\n    {method}\n\n{function}\n", "-k", "regression")
    assert "2 failed" in done, done
    assert "assert 2 <= 1" in done, done


def test_a_script_plays_with_the_simplest_values():
    @replays(shop.fulfil, inputs=ORDERS, events={"approve": st.booleans()}, activities={
        "reserve": st.just(True), "charge": st.text(), "refund": st.none(), "ship": st.text(min_size=2)})
    def test_it(outcome):
        assert outcome.result == "refunded"  # the simplest answer to "approve" is False

    outcome = test_it.play('start {"item": "tea", "count": 1}')
    assert outcome.calls("charge")[0].result == ""


# -- what it looks for -------------------------------------------------------------------------------------------------


def test_who_goes_on_after_a_cancel_is_found():
    error, notes = failing(faulty.ignores_cancellation)
    assert isinstance(error, DidNotEndError)
    assert "was cancelled and ended only" in str(error)
    assert "cancel" in notes
    replays(
        faulty.ignores_cancellation, cancels_within=timedelta(days=400), settings=settings(max_examples=50)
    )(lambda outcome: None)()


def test_who_depends_on_the_order_of_answers_is_found():
    error, notes = failing(faulty.last_wins, activities={"charge": lambda amount: amount}, any_order=True)
    assert isinstance(error, OrderError)
    assert "- in the plainest order: COMPLETED with 2" in str(error)
    assert "+ in this order:         COMPLETED with 1" in str(error)

    @replays(faulty.last_wins, activities={"charge": lambda amount: amount}, any_order=True)
    def test_it(outcome):
        """Nothing."""

    script = re.search(r'"""(.*?)"""', notes, re.DOTALL)
    with pytest.raises(OrderError):
        test_it.play(script[1])


def test_events_between_orchestrations():
    @replays(shop.tells, orchestrators=[shop.waits], settings=settings(max_examples=30))
    def test_it(outcome):
        if outcome.status is OrchestrationStatus.COMPLETED:
            assert outcome.result == {"n": 0}

    test_it()


class Spaces(JsonConverter):
    """Writes a value another way each time, as one that encrypts would."""

    count = 0

    def to_json(self, value):
        Spaces.count += 1
        return super().to_json(value) + " " * (Spaces.count % 7)


def test_a_converter_may_write_a_value_in_many_ways():
    worker = Worker("nowhere", converter=Spaces())
    worker.add_orchestrator(shop.generator)
    worker.add_activity(shop.charge)
    replays(shop.generator, inputs=2, worker=worker, settings=settings(max_examples=20))(lambda outcome: None)()


def test_a_stand_in_may_be_a_value():
    @replays(small.two_names, activities={"first": None, "second": "r"}, faults=[])
    def it_answers(outcome):
        assert outcome.result == [None, "r"]

    it_answers()
    assert play(small.two_names, "start", activities={"first": 0, "second": []}).result == [0, []]


def test_an_activity_that_nobody_has_is_an_error_of_the_test():
    with pytest.raises(NotRegisteredError, match="there is no activity 'second' to call: register it"):
        play(small.two_names, "start", activities={"first": None})


def test_the_printed_script_is_the_shortest():
    """Hypothesis alone leaves lines that another line needs, and inputs on which later lines depend."""

    @replays(
        small.holds,
        inputs=st.lists(st.sampled_from("abcd"), max_size=4, unique=True),
        activities={"hold": lambda article: article, "release": None, "pack": None},
        settings=settings(max_examples=300, database=None, derandomize=True),
    )
    def releases(outcome):
        if any(call.failure for call in outcome.calls("pack")):
            held = [call for call in outcome.calls("hold") if call.failure is None]
            assert not held

    with pytest.raises(AssertionError) as caught:
        releases()
    lines = script_of(caught.value.__notes__[0])
    assert lines == [
        'start ["a"]',
        "turn root",
        'complete root #1 "a"',
        "turn root",
        "fire root #2",
        "turn root",
        "fail root #3 InjectedError",
    ]
    with pytest.raises(AssertionError):
        releases.play(lines)


@pytest.mark.parametrize(
    ("failing", "wanted"),
    [
        (lambda lines: {"b", "d"} <= set(lines), ["start", "b", "d"]),
        (lambda lines: True, ["start"]),
        (lambda lines: len(lines) > 3, None),
        (lambda lines: False, None),
    ],
)
def test_scripts_are_shortened(failing, wanted):
    lines = ["start", *"abcde"]
    found = shortest(lines, lambda some: list(some) if failing(some) else None)
    assert (found == wanted) if wanted else (found is None or len(found) == 4)


def test_a_line_of_a_shortened_script_may_mean_the_next_best():
    """Without the failure and its second attempt, the call has another number, and the child another id."""
    player = Player(two_children(), "mother")
    lines = ["start", "turn root", "turn root:0009", 'complete root:0009 #4 "x"', "complete root #7", "fire root #8"]
    play_what_can_be(player, lines)
    assert player.lines == ["start", "turn root", "turn root:0001", 'complete root:0001 #1 "x"']
    player.close()


def two_children() -> Worker:
    async def child(ctx):
        return await ctx.call_activity("work")

    async def mother(ctx):
        return await ctx.when_all([ctx.call_child_orchestrator(child), ctx.call_child_orchestrator(child)])

    worker = Worker("nowhere", sandbox="off")
    worker.add_orchestrator(mother)
    worker.add_orchestrator(child)
    return worker


def test_time_that_a_script_lets_pass_beside_a_cancel_is_not_the_orchestrations():
    """Two days pass in the child while the tidying up is under way: that is how the script has it."""

    @replays(small.tidies, orchestrators=[small.slow_child], activities={"tidy": None})
    def is_quick(outcome):
        pass

    is_quick.play("start\nturn root\nturn root:0001\ncancel\nturn root\nfire root:0001 #1")
    is_quick()


def test_what_other_examples_log_is_not_shown(caplog):
    @replays(small.complains, inputs=st.integers(0, 100), settings=settings(database=None))
    def is_small(outcome):
        assert outcome.result != 7

    with pytest.raises(AssertionError):
        is_small()
    assert {record.message for record in caplog.records} == {"complaint 7"}


def test_the_traceback_shows_the_users_function():
    @replays(shop.waits, events={"go": 1})
    def is_two(outcome):
        assert outcome.result == 2

    with pytest.raises(AssertionError) as caught:
        is_two()
    assert not any(entry.path.name == "properties.py" for entry in caught.traceback if not entry.ishidden(caught))


def test_another_process_sees_the_order_of_sets():
    few = settings(max_examples=5, database=None)

    @replays(small.in_hash_order, inputs=[], activities={"visit": None}, sandbox="off", settings=few)
    def faulty_visits(outcome):
        pass

    @replays(small.in_order, inputs=[], activities={"visit": None}, sandbox="off", settings=few)
    def visits(outcome):
        pass

    with pytest.raises(NonDeterminismError, match="in another process, with another hash seed"):
        faulty_visits()
    visits()


def test_another_process_has_to_import_the_orchestrators():
    async def local(ctx):
        pass

    replays(local, sandbox="off")(lambda outcome: None)()
    with pytest.raises(ValueError, match=r"another process cannot import all orchestrators: .*local"):
        replays(local, sandbox="off", another_process=True)
    with pytest.raises(ValueError, match="sandbox='off'; the sandbox sees to it itself"):
        replays(small.in_order, another_process=True)

"""`replays`: it runs orchestrations through everything, finds what is wrong with faulty ones, and says it readably."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.testing import faulty, shop
from tests.testing.conftest import shop_worker
from trio_durable import NonDeterminismError, OrchestrationStatus
from trio_durable.testing import (
    DidNotEndError,
    ReplayDisagreementError,
    ScriptError,
    play,
    replay_history,
    replays,
    strategies,
)

ORDERS = st.builds(shop.Order, item=st.text(max_size=3), count=st.integers(0, 12))


@replays(shop.fulfil, inputs=ORDERS, events={"approve": st.booleans()}, activities=shop.ACTIVITIES)
def test_fulfil(outcome):
    charged = [call for call in outcome.calls("charge") if call.done and call.failure is None]
    assert len(charged) <= 1
    if outcome.status is OrchestrationStatus.COMPLETED and outcome.result == "sold out":
        assert not outcome.calls(shop.charge)


@replays(shop.fulfil_all, inputs=st.integers(0, 3), orchestrators=[shop.quick], activities=shop.ACTIVITIES)
def test_children(outcome):
    assert outcome.status in (OrchestrationStatus.COMPLETED, OrchestrationStatus.TERMINATED)


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
    assert "play(drifts" in notes


def test_a_failure_shrinks_to_a_script_that_plays_again():
    options_check[0] = lambda outcome: _refuse(outcome.result is None and outcome.status.name == "COMPLETED")
    try:
        error, notes = failing(faulty.swallows, activities={"charge": st.integers(0, 5)})
    finally:
        options_check[0] = None
    assert isinstance(error, AssertionError)
    script = notes.partition('"""')[2].partition('"""')[0]
    lines = [line.strip() for line in script.strip().splitlines()]
    assert lines == ["start", "turn root", "fail root #1 InjectedError", "turn root"]
    assert play(faulty.swallows, script, drain=False).result is None


def _refuse(condition):
    assert not condition


def test_what_never_ends_is_found():
    error, notes = failing(faulty.waits_twice, events={"go": 1})
    assert isinstance(error, DidNotEndError)
    assert "it waits for external event 'go'" in str(error)
    assert "raise go 1" in notes


def test_unknown_faults():
    with pytest.raises(ValueError, match="unknown faults flood"):
        replays(shop.waits, faults=["flood"])


@pytest.mark.parametrize(
    ("script", "said"),
    [
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

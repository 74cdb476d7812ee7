"""Recorded histories: their file format loses nothing, and today's code still agrees with every one we keep."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.testing import shop
from tests.testing.conftest import shop_worker
from tests.testing.record import FOLDER, NAMES, record
from trio_durable import NonDeterminismError, NotRegisteredError, Worker
from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.failures import FailureDetails
from trio_durable.testing import History, HistoryFormatError, load_history, open_test_environment, replay_history


@pytest.mark.durable_histories(str(FOLDER))
def test_our_own_histories(durable_history):
    """They are kept for ever: an engine that no longer agrees with one breaks the instances of somebody."""
    replay_history(durable_history, worker=shop_worker())


def full(kind: type, seen: frozenset[type] = frozenset()):
    """An instance of an event class with something in every field."""
    hints = {
        "parent": ev.ParentInstance(3, "p", "pe", "main", "v1", "app", "ns"),
        "router": ev.Router("a", "b", "c"),
        "trace_context": ev.TraceContext("00-1", "2", "s=1"),
        "failure": FailureDetails("E", "m", "stack", FailureDetails("I", "n"), True),
        "origin": ev.TimerOrigin(ev.TimerOriginKind.EXTERNAL_EVENT, "go"),
        "status": ev.Status.TERMINATED,
        "tags": {"k": "v"},
        "patches": ("one", "two"),
        "fire_at": clock.FOREVER,
        "timestamp": 1_700_000_000_123_456_789,
        "scheduled_start": 1,
        "recurse": True,
    }
    values = {}
    for field in dataclasses.fields(kind):
        plain = 7 if "int" in str(field.type) else '{"ä": "\\n"}'
        values[field.name] = hints.get(field.name, plain)
    return kind(**values)


KINDS = [
    kind
    for name in ev.__all__
    if isinstance(kind := getattr(ev, name), type) and issubclass(kind, ev.Event) and kind is not ev.Event
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_survives_its_file(kind, tmp_path):
    started = ev.ExecutionStarted(-1, 0, "main", instance_id="i")
    history = History.of([started, full(kind)], "i")
    path = history.save(tmp_path / "one.json")
    assert load_history(path) == history
    smallest = [
        field for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    assert smallest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no", "not even JSON"),
        ("[]", "expected an object"),
        ('{"format": "other"}', "got 'other'"),
        ('{"format": "trio-durable history 1", "events": []}', "damaged"),
        ('{"format": "trio-durable history 1", "instance_id": "i", "name": "n", "events": [{"type": "X"}]}', "'X'"),
        (
            '{"format": "trio-durable history 1", "instance_id": "i", "name": "n", '
            '"events": [{"type": "TimerFired", "event_id": 1, "timestamp": "now", "timer_id": 1}]}',
            "expected a time",
        ),
        (
            '{"format": "trio-durable history 1", "instance_id": "i", "name": "n", '
            '"events": [{"type": "TimerFired", "event_id": 1, "colour": 1}]}',
            "no field colour",
        ),
    ],
)
def test_what_is_no_history(text, said, tmp_path):
    path = tmp_path / "h.json"
    path.write_text(text)
    with pytest.raises(HistoryFormatError, match=said) as caught:
        load_history(path)
    assert str(path) in str(caught.value)


async def test_a_changed_orchestration_is_shown_as_a_diff(tmp_path):
    async with open_test_environment(shop_worker()) as env:
        order = env.schedule(shop.fulfil, input=shop.Order("tea", 1))
        await order.result()
        path = order.history.save(tmp_path / "order.json")
    with pytest.raises(NonDeterminismError) as caught:
        replay_history(path, changed_fulfil_as("fulfil"), worker=None)
    assert str(path) in str(caught.value)
    with pytest.raises(NonDeterminismError, match=r"- expected \(history\): #1 call activity 'reserve'\n.*\+ got"):
        replay_history(load_history(path), changed_fulfil_as("fulfil"))


async def changed_fulfil(ctx, order):
    return await ctx.call_activity("charge", input=1)


def changed_fulfil_as(name: str):
    changed_fulfil.__name__ = name
    return changed_fulfil


async def other_result(ctx, order):
    return "other"


async def same_end(ctx, order):
    return "one"


async def test_the_result_counts_unless_lenient():
    async with open_test_environment([same_end]) as env:
        instance = env.schedule(same_end)
        await instance.result()
        events = list(instance.history.events)
    events = [dataclasses.replace(e, name="other_result") if isinstance(e, ev.ExecutionStarted) else e for e in events]
    with pytest.raises(NonDeterminismError, match=r"expected \(history\): the result \"one\""):
        replay_history(History.of(events), other_result)
    replay_history(History.of(events), other_result, lenient=True)


async def later(ctx):
    await ctx.sleep(2)
    await ctx.call_activity("charge", input=2)


def raises(ctx):
    raise KeyError("item")


async def test_exact_compares_inputs_and_times():
    async with open_test_environment([earlier]) as env:
        env.fake("charge", returns=None)
        instance = env.schedule(earlier)
        await instance.result()
        events = [
            dataclasses.replace(e, name="later") if isinstance(e, ev.ExecutionStarted) else e
            for e in instance.history.events
        ]
    replay_history(instance.history, earlier, exact=True)
    replay_history(History.of(events), later)
    with pytest.raises(NonDeterminismError, match=r"create a timer at .*:01\.\S+\n.*create a timer at .*:02\."):
        replay_history(History.of(events), later, exact=True)


async def earlier(ctx):
    await ctx.sleep(1)
    await ctx.call_activity("charge", input=1)


async def parent(ctx):
    return await ctx.call_child_orchestrator("same_end", instance_id="a")


def renamed_parent(ctx):
    return (yield ctx.call_child_orchestrator("same_end", instance_id="b"))


async def test_a_childs_id_is_always_compared():
    async with open_test_environment([parent, same_end]) as env:
        instance = env.schedule(parent)
        await instance.result()
    replay_history(instance.history, parent)
    worker = Worker("nowhere")
    worker.add_orchestrator(renamed_parent, name="parent")
    with pytest.raises(NonDeterminismError, match=r"'same_end' as 'a'\n.*'same_end' as 'b'"):
        replay_history(instance.history, worker=worker)


async def test_a_replay_says_what_went_wrong(tmp_path):
    async with open_test_environment([earlier]) as env:
        env.fake("charge", returns=None)
        instance = env.schedule(earlier)
        await instance.result()
    with pytest.raises(NotRegisteredError, match=r"one of orchestrator 'earlier', .*; there is 'later'"):
        replay_history(instance.history, later)
    worker = Worker("nowhere")
    worker.add_orchestrator(raises, name="earlier")
    with pytest.raises(NonDeterminismError, match=r"ended before this point, with KeyError: 'item'"):
        replay_history(instance.history, worker=worker)


@pytest.mark.parametrize("cut", range(1, 40))
async def test_every_beginning_of_a_history_agrees(cut, durable_worker):
    """A history may be exported from an instance that is still running: after any of its turns."""
    events = (await record("order approved")).events
    turns = [n for n, event in enumerate(events) if isinstance(event, ev.OrchestratorStarted)] + [len(events)]
    if cut >= len(turns):
        return
    replay_history(History.of(events[: turns[cut]], "i"), worker=durable_worker)


async def test_a_history_that_goes_on_is_no_history_of_code_that_ended():
    events = (await record("order approved")).events
    short = [event for event in events if isinstance(event, ev.OrchestratorStarted | ev.ExecutionStarted)][:2]
    short = [dataclasses.replace(e, name="same_end") if isinstance(e, ev.ExecutionStarted) else e for e in short]
    with pytest.raises(NonDeterminismError, match="it ends as COMPLETED"):
        replay_history(History.of(short), same_end)


async def test_a_history_has_to_be_whole():
    with pytest.raises(HistoryFormatError, match="no ExecutionStarted"):
        History.of([])


@pytest.mark.parametrize("name", NAMES)
async def test_recording_is_repeatable(name):
    first, second = await record(name), await record(name)
    assert json.loads(first.to_json()) == json.loads(second.to_json())

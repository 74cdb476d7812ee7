"""The small values: moments, envelopes, failures as data, patches, and histories as people look at them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.envelope import checked, seal, unseal
from trio_durable._core.failures import MAX_CAUSES, FailureDetails, type_name
from trio_durable._core.versions import Patches
from trio_durable._core.view import HistoryEvent, PropagatedCall, PropagatedHistory, history_event
from trio_durable._errors import NonRetryableError, TaskFailedError

# -- moments -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ns", [0, 1, 999, 1_000, 1_999, 1_700_000_000_123_456_789, clock.FOREVER])
def test_a_moment_is_truncated_to_what_a_datetime_holds(ns):
    moment = clock.to_datetime(ns)
    assert moment.tzinfo is UTC
    assert clock.from_datetime(moment) == ns - ns % 1000


def test_a_naive_datetime_means_utc():
    assert clock.from_datetime(datetime(1970, 1, 1, 0, 0, 1)) == 1_000_000_000
    assert clock.from_datetime(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == 0


@given(st.timedeltas())
def test_spans_are_exact(span):
    assert timedelta(microseconds=clock.from_timedelta(span) // 1000) == span
    assert clock.from_timedelta(span) % 1000 == 0


# -- envelopes ---------------------------------------------------------------------------------------------------------

METADATA = st.dictionaries(st.text(), st.text(), max_size=3)
PAYLOADS = st.sampled_from([None, '{"$trio_durable":', '{"$trio_durable":{"metadata":{}}}', "1", '"ä"', "[ ]", ""])


@given(PAYLOADS, METADATA)
def test_whatever_is_sealed_comes_out(payload, metadata):
    assert unseal(seal(payload, metadata)) == (payload, metadata)


def test_an_envelope_as_it_is_written():
    assert seal("[1]", {"tenant": "blå"}) == '{"$trio_durable":{"metadata":{"tenant":"blå"}},"input":[1]}'
    assert seal(None, {"a": "b"}) == '{"$trio_durable":{"metadata":{"a":"b"}}}'
    assert seal("[1]", {}) == "[1]"
    assert seal(None, {}) is None
    lookalike = '{"$trio_durable":1}'
    assert seal(lookalike, {}) == '{"$trio_durable":{"metadata":{}},"input":{"$trio_durable":1}}'


@pytest.mark.parametrize(
    "payload",
    [
        '{"$trio_durable":',
        '{"$trio_durable":1}',
        '{"$trio_durable":{"metadata":1}}',
        '{"$trio_durable":{"other":{}}}',
        '{"$trio_durable":["metadata"]}',
        '{"$trio_durable":{"metadata":{}}',
        '{"$trio_durable":{"metadata":{}},"input":1',
        '{"$trio_durable":{"metadata":{}},"other":1}',
        ' {"$trio_durable":{"metadata":{"a":"b"}},"input":1}',
    ],
)
def test_what_only_looks_like_an_envelope_is_a_payload(payload):
    assert unseal(payload) == (payload, {})


def test_metadata_of_a_peer_is_text():
    assert unseal('{"$trio_durable":{"metadata":{"n":1}},"input":2}') == ("2", {"n": "1"})


# -- failures ----------------------------------------------------------------------------------------------------------


class Local(Exception):
    pass


def raised(error, cause=None):
    try:
        if cause is None:
            raise error
        raise error from cause
    except Exception as caught:
        return caught


def test_a_failure_tells_type_message_trace_and_cause():
    details = FailureDetails.from_exception(raised(Local("outer"), raised(ValueError("inner"))))
    assert (details.error_type, details.error_message) == (f"{__name__}.Local", "outer")
    assert details.stack_trace.startswith("Traceback (most recent call last):\n")
    assert details.stack_trace.endswith("Local: outer\n")
    assert "inner" not in details.stack_trace  # each link has its own
    assert (details.inner.error_type, details.inner.error_message) == ("ValueError", "inner")
    assert details.inner.stack_trace.endswith("ValueError: inner\n")
    assert details.inner.inner is None


def test_causes_are_followed_as_python_prints_them():
    def chained():
        try:
            try:
                raise KeyError("first")
            except KeyError:
                raise ValueError("second")  # noqa: B904 -- the context is the point
        except ValueError as error:
            return error

    context = chained()
    assert FailureDetails.from_exception(context).inner.error_type == "KeyError"
    context.__suppress_context__ = True
    assert FailureDetails.from_exception(context).inner is None
    explicit = raised(TypeError("third"), context)
    assert FailureDetails.from_exception(explicit).inner.error_message == "second"


def test_only_the_failure_itself_is_non_retriable():
    cause = raised(NonRetryableError("cause"))
    assert FailureDetails.from_exception(cause).non_retriable is True
    outer = FailureDetails.from_exception(raised(ValueError("outer"), cause))
    assert (outer.non_retriable, outer.inner.non_retriable) == (False, False)
    forced = FailureDetails.from_exception(raised(ValueError("outer"), cause), non_retriable=True)
    assert (forced.non_retriable, forced.inner.non_retriable) == (True, False)


def test_a_failure_that_came_over_the_wire_keeps_its_details():
    over_the_wire = FailureDetails("peer.Error", "far away", "their trace")
    error = TaskFailedError("a failed", over_the_wire)
    error.__cause__ = ValueError("what the wire knows nothing of")
    details = FailureDetails.from_exception(raised(KeyError("here"), error))
    assert details.inner.inner == over_the_wire


def test_endless_chains_end():
    links = [ValueError(str(n)) for n in range(MAX_CAUSES + 5)]
    for link, cause in pairwise(links):
        link.__cause__ = cause
    details, length = FailureDetails.from_exception(links[0]), 0
    while details is not None:
        assert details.error_message == str(length)
        details, length = details.inner, length + 1
    assert length == MAX_CAUSES
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert FailureDetails.from_exception(one).inner.inner is None


def test_the_name_of_a_type():
    assert type_name(ValueError()) == "ValueError"
    assert type_name(Local()) == f"{__name__}.Local"
    assert type_name(type("Main", (Exception,), {"__module__": "__main__"})()) == "Main"


# -- patches -----------------------------------------------------------------------------------------------------------


def test_the_first_question_about_a_patch_decides():
    patches = Patches()
    patches.record(["recorded", "also"])
    patches.record(["later"])
    asked = [("recorded", True), ("unheard", True), ("unheard", False), ("new", False), ("new", True), ("later", True)]
    answers = [patches.ask(name, replaying=replaying) for name, replaying in asked]
    assert answers == [True, False, False, True, True, True]
    assert patches.applied == ["recorded", "new", "new", "later"]


# -- histories as people look at them ----------------------------------------------------------------------------------


def test_an_event_for_people():
    at = 1_700_000_000_000_000_000
    origin = ev.TimerOrigin(ev.TimerOriginKind.EXTERNAL_EVENT, "go")
    shown = history_event(ev.TimerCreated(3, at, 5, "go", origin))
    assert shown == HistoryEvent(
        3,
        datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        "TimerCreated",
        "go",
        attributes={"fire_at": 5, "origin": {"kind": "EXTERNAL_EVENT", "value": "go"}},
    )
    assert history_event(ev.TimerFired(-1, at, 3, 5)).task_scheduled_id == 3
    failure = FailureDetails("E", "m")
    failed = history_event(ev.TaskFailed(-1, at, 7, failure))
    assert (failed.task_scheduled_id, failed.failure, failed.event_id) == (7, failure, -1)
    assert "failure" not in failed.attributes
    assert "task_scheduled_id" not in failed.attributes
    assert history_event(ev.TaskCompleted(-1, at, 7, "[1]")).result == "[1]"
    scheduled = history_event(ev.TaskScheduled(1, at, "a", "[2]"))
    assert (scheduled.name, scheduled.input, scheduled.kind) == ("a", "[2]", "TaskScheduled")
    assert set(scheduled.attributes) <= {"task_execution_id"}


def test_a_rerun_begins_where_something_was_asked_for():
    kinds = (ev.TaskScheduled(1, 0, "a"), ev.TimerCreated(1, 0, 5), ev.ChildCreated(1, 0, "c", "n"))
    assert all(history_event(event).is_rerunnable for event in kinds)
    assert not history_event(ev.TaskCompleted(-1, 0, 1)).is_rerunnable
    assert not history_event(ev.ExecutionStarted(-1, 0, "main")).is_rerunnable


def test_metadata_maps_strings_to_strings():
    given = {"a": "b"}
    copy = checked(given)
    assert copy == given
    assert copy is not given
    for wrong in ({1: "b"}, {"a": 1}):
        with pytest.raises(TypeError, match=r"^metadata maps strings to strings, got "):
            checked(wrong)
    with pytest.raises(TypeError, match=r"^tags maps strings to strings, got 'a': 1$"):
        checked({"a": 1}, "tags")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("shop.Sold", True),
        ("Sold", True),
        (KeyError, True),
        ("KeyError", True),
        (Local, True),
        ("Local", True),
        ("shop", False),
        ("elsewhere.Sold", False),
        (ValueError, False),
        ("", False),
    ],
)
def test_a_cause_is_looked_for_by_class_or_name_in_the_whole_chain(asked, found):
    chain = FailureDetails("shop.Sold", "m", inner=FailureDetails("KeyError", "m", inner=FailureDetails(LOCAL, "m")))
    assert chain.is_caused_by(asked) is found


LOCAL = f"{__name__}.Local"


def test_the_calls_in_a_history_that_was_handed_down():
    failure = FailureDetails("ValueError", "no")
    untold = FailureDetails("", "no details, as of a child that was terminated")
    events = [
        ev.TaskScheduled(1, 1, "one", "7"),
        ev.ChildCreated(2, 1, "i:0002", "one"),
        ev.TaskScheduled(3, 1, "two", "9"),
        ev.ChildCreated(4, 1, "i:0004", "two"),
        ev.TaskScheduled(5, 1, "one", "8"),
        ev.TaskScheduled(7, 1, "", None),
        ev.ChildCreated(6, 1, "i:0006", "two"),
        ev.TaskFailed(-1, 2, 3, failure),
        ev.ChildFailed(-1, 2, 4, None),
        ev.ChildCompleted(-1, 2, 2, "c"),
        ev.TaskCompleted(-1, 2, 1, "r"),
    ]
    history = PropagatedHistory("app", "i", "flow", tuple(map(history_event, events)))
    first, failed, waiting, nameless = history.activities()
    assert first == PropagatedCall("one", "7", True, "r")
    assert failed == PropagatedCall("two", "9", True, None, failure)
    assert waiting == PropagatedCall("one", "8")
    assert nameless == PropagatedCall("", None)
    assert [call.is_failed for call in history.activities()] == [False, True, False, False]
    assert history.activities("one") == (first, waiting)
    assert history.activities("three") == ()
    child, terminated, other = history.children()
    assert child == PropagatedCall("one", None, True, "c")
    assert terminated == PropagatedCall("two", None, True, None, untold)
    assert (other.name, other.is_complete) == ("two", False)
    assert history.children("two") == (terminated, other)

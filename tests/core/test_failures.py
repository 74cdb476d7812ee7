"""Failures as data."""

from __future__ import annotations

import traceback

from hypothesis import given, settings
from hypothesis import strategies as st

from trio_durable import NonRetryableError, TaskFailedError
from trio_durable._core.failures import MAX_CAUSES, MAX_LENGTH, FailureDetails


def chain(details: FailureDetails | None) -> list[str]:
    found = []
    while details is not None:
        found.append(details.error_type)
        details = details.inner
    return found


def failed(name: str, *causes: str) -> TaskFailedError:
    details = None
    for cause in reversed((name, *causes)):
        details = FailureDetails(cause, "told", inner=details)
    assert details is not None
    return TaskFailedError("it failed", details)


def test_a_group_is_followed_by_all_that_it_holds():
    inner = ValueError("with a cause")
    inner.__cause__ = KeyError("cause")
    group = ExceptionGroup("g", [inner, failed("shop.Sold", "LookupError"), ExceptionGroup("h", [OSError("last")])])
    group.__cause__ = RuntimeError("behind the group")
    assert chain(FailureDetails.from_exception(group)) == [
        "ExceptionGroup", "ValueError", "KeyError", "trio_durable.TaskFailedError", "shop.Sold", "LookupError",
        "ExceptionGroup", "OSError", "RuntimeError",
    ]  # fmt: skip


def test_the_message_of_a_group_tells_what_it_holds():
    group = ExceptionGroup("g", [ValueError("one"), ExceptionGroup("h", [OSError("two")])])
    told = FailureDetails.from_exception(group).error_message
    assert told == "g (2 sub-exceptions): ValueError: one; ExceptionGroup: h (1 sub-exception): OSError: two"


def test_what_must_not_be_tried_again_counts_inside_a_group():
    assert FailureDetails.from_exception(ExceptionGroup("", [OSError(), NonRetryableError()])).non_retriable
    assert FailureDetails.from_exception(NonRetryableError()).non_retriable
    assert not FailureDetails.from_exception(ExceptionGroup("", [OSError()])).non_retriable


Errors = st.recursive(
    st.builds(ValueError) | st.builds(failed, st.just("a.B"), *[st.just("c.D")] * 3),
    lambda inner: st.builds(ExceptionGroup, st.just("g"), st.lists(inner, min_size=1, max_size=5)),
)


@settings(max_examples=40)
@given(Errors, st.integers(0, 40))
def test_however_failures_are_nested_the_chain_ends(error, generations):
    for _ in range(generations):
        error = TaskFailedError("again", FailureDetails.from_exception(error))
    told = chain(FailureDetails.from_exception(error))
    assert 1 <= len(told) <= MAX_LENGTH


def test_what_a_group_holds_twice_is_told_once():
    twice = ValueError("twice")
    group = ExceptionGroup("g", [twice, twice, OSError("other")])
    assert chain(FailureDetails.from_exception(group)) == ["ExceptionGroup", "ValueError", "OSError"]


def test_the_stack_is_as_python_prints_it_without_the_causes():
    try:
        try:
            raise KeyError("cause")
        except KeyError as cause:
            raise ValueError("wrong") from cause
    except ValueError as error:
        told = FailureDetails.from_exception(error).stack_trace
        assert told == "".join(traceback.format_exception(error, chain=False))
        assert told is not None
        assert told.splitlines()[-1] == "ValueError: wrong"
        assert "KeyError" not in told


def test_a_circle_of_causes_ends():
    one, two = ValueError("1"), KeyError("2")
    one.__cause__, two.__cause__ = two, one
    assert chain(FailureDetails.from_exception(one)) == ["ValueError", "KeyError"]
    many = ExceptionGroup("", [ValueError(str(n)) for n in range(100)])
    assert len(chain(FailureDetails.from_exception(many))) == MAX_CAUSES


def test_what_has_no_utf8_is_told_with_escapes():
    """A file's name that is no UTF-8, as Python reads it, is in the message of many an OSError."""
    error = FileNotFoundError(2, "No such file or directory", b"caf\xe9".decode(errors="surrogateescape"))
    error.__cause__ = ValueError("\ud800")
    details = FailureDetails.from_exception(error)
    assert details.error_message == "[Errno 2] No such file or directory: 'caf\\udce9'"
    assert details.inner is not None
    for text in (details.stack_trace, details.inner.error_message, details.inner.stack_trace):
        assert text is not None
        assert text.encode().decode() == text

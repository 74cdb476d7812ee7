"""Futures by themselves: what they say, and how combinations of them settle."""

from __future__ import annotations

import pytest

from trio_durable._core.futures import DurableFuture, when_all, when_any


def futures(n=3):
    return [DurableFuture(f"f{number}", number) for number in range(n)]


class Work:
    def __init__(self):
        self.calls = []

    def pause(self):
        self.calls.append("pause")

    def resume(self):
        self.calls.append("resume")


def test_a_future_says_what_it_is_of_and_how_it_stands():
    pending, done, failed = futures()
    done.complete(1)
    failed.fail(KeyError("k"))
    assert [repr(each) for each in (pending, done, failed)] == [
        "<DurableFuture f0: pending>",
        "<DurableFuture f1: complete>",
        "<DurableFuture f2: failed>",
    ]
    assert repr(when_all([pending, done])) == "<DurableFuture when_all of 2: pending>"
    assert repr(when_any([pending])) == "<DurableFuture when_any of 1: pending>"
    assert [each.is_complete for each in (pending, done, failed)] == [False, True, True]
    assert [each.is_failed for each in (pending, done, failed)] == [False, False, True]
    assert (done.get_result(), done.get_exception()) == (1, None)
    assert isinstance(failed.get_exception(), KeyError)
    with pytest.raises(KeyError):
        failed.get_result()
    with pytest.raises(RuntimeError, match=r"^<DurableFuture f0: pending> has no result yet: await it first$"):
        pending.get_result()
    with pytest.raises(RuntimeError, match=r"^<DurableFuture f0: pending> has no outcome yet: await it first$"):
        pending.get_exception()
    with pytest.raises(TypeError, match=r"^<DurableFuture f0: pending> has no truth value: `await` it"):
        bool(pending)


def test_the_first_outcome_counts():
    (future,) = futures(1)
    future.complete(1)
    future.complete(2)
    future.fail(KeyError())
    assert future.get_result() == 1


def test_all_of_none_is_an_empty_list_and_any_of_none_is_refused():
    assert when_all([]).get_result() == []
    with pytest.raises(ValueError, match=r"^when_any needs at least one future: with none it would wait for ever$"):
        when_any([])


@pytest.mark.parametrize("combinator", [when_all, when_any])
def test_what_is_no_future_is_named(combinator):
    name = combinator.__name__
    words = (
        rf"^{name} takes what the context's calls return, but item 1 is a str\. "
        rf"For coroutines use ctx\.{name}, which can start them\.$"
    )
    with pytest.raises(TypeError, match=words):
        combinator([*futures(1), "x"])


def test_the_losers_are_cancelled_only_if_it_is_asked_for():
    for cancel in ({}, {"cancel_losers": False}, {"cancel_losers": True}):
        members = futures()
        works = [Work() for _ in members]
        for member, work in zip(members, works, strict=True):
            member.ask(lambda: None, later=False, work=work)
        combined = when_any(members, **cancel)
        members[1].complete("b")
        assert combined.get_result() is members[1]
        paused = [work.calls for work in works]
        assert paused == ([["pause"], [], ["pause"]] if cancel.get("cancel_losers") else [[], [], []])


def test_interest_is_lost_once_and_through_combinations():
    members = futures()
    works = [Work() for _ in members]
    for member, work in zip(members, works, strict=True):
        member.ask(lambda: None, later=False, work=work)
    inner = when_any(members[:2])
    outer = when_all([inner, members[2]])
    also = when_all([members[1]])
    inner.cancel()
    assert [work.calls for work in works] == [[], [], []]  # `outer` depends on it
    outer.cancel()
    outer.cancel()
    assert [work.calls for work in works] == [["pause"], [], ["pause"]]  # `also` depends on the second
    also.cancel()
    assert works[1].calls == ["pause"]
    members[1].cancel()
    assert works[1].calls == ["pause"]


def test_a_future_may_be_combined_again_and_again():
    (member,) = futures(1)
    for _ in range(3):
        other = DurableFuture("other", 9)
        either = when_any([member, other])
        other.complete(1)
        assert either.is_complete
    last = when_any([member])
    assert len(member._dependents) == 1  # those that have their outcome are forgotten
    member.complete(2)
    assert last.get_result() is member

"""Deadlines by themselves: which expire, in what order, and what is asked of the service for them."""

from __future__ import annotations

from math import inf

from trio_durable._core import clock
from trio_durable._core.deadlines import Deadline, Deadlines, fire_time

SECOND = 1_000_000_000


class Owner(Deadline):
    def __init__(self, deadlines, name, expired):
        super().__init__()
        self.deadlines, self.name, self.expired = deadlines, name, expired
        deadlines.entered(self)

    def _expire(self):
        self.expired.append(self.name)
        self.deadlines.register(self, inf, 0)


def owners(names):
    deadlines, expired, timers = Deadlines(), [], []
    return deadlines, [Owner(deadlines, name, expired) for name in names], expired, timers


def test_what_is_past_when_it_is_set_expires_without_a_timer():
    deadlines, (a, b, c), expired, timers = owners("abc")
    deadlines.register(b, 5, 5 * SECOND)
    deadlines.register(a, 4, 5 * SECOND)
    deadlines.register(c, 5.1, 5 * SECOND)
    assert [deadlines.is_due(each) for each in (a, b, c)] == [True, True, False]
    deadlines.expire_due()
    assert expired == ["a", "b"]
    assert not any(deadlines.is_due(each) for each in (a, b, c))
    deadlines.arm(timers.append)
    assert [timer.fire_at for timer in timers] == [5_100_000_000]


def test_what_is_moved_away_does_not_expire():
    deadlines, (a, b), expired, timers = owners("ab")
    deadlines.register(a, 1, 5 * SECOND)
    deadlines.register(b, 1, 5 * SECOND)
    deadlines.register(a, inf, 5 * SECOND)
    assert not deadlines.is_due(a)
    assert deadlines.is_due(b)
    deadlines.expire_due()
    assert expired == ["b"]
    deadlines.arm(timers.append)
    assert timers == []


def test_equals_expire_in_the_order_in_which_they_were_entered():
    deadlines, made, expired, timers = owners("abcd")
    for owner in reversed(made):
        deadlines.register(owner, 7, 0)
    deadlines.arm(timers.append)
    assert len(timers) == 4
    timers[0].fired()
    assert expired == ["a", "b", "c", "d"]


def test_moving_a_deadline_again_and_again_leaves_few_entries_and_loses_none():
    deadlines, made, expired, timers = owners("abcdef")
    for round_ in range(200):
        for place, owner in enumerate(made):
            deadlines.register(owner, 1000 + round_ + place, 0)
    assert len(deadlines._heap) < 200
    deadlines.arm(timers.append)
    assert [timer.fire_at for timer in timers] == [(1199 + place) * SECOND for place in range(6)]
    timers[2].fired()
    assert expired == ["a", "b", "c"]
    timers[5].fired()
    assert expired == ["a", "b", "c", "d", "e", "f"]


def test_what_stands_for_long_outlasts_many_that_do_not():
    deadlines, (long, short), expired, timers = owners("ab")
    deadlines.register(long, 5000, 0)
    for moment in range(2000):
        deadlines.register(short, 1 + moment, 0)
        deadlines.register(short, inf, 0)
    assert len(deadlines._heap) < 1500
    deadlines.arm(timers.append)
    (timer,) = timers
    timer.fired()
    assert expired == ["a"]


def test_a_deadline_may_be_moved_away_and_back():
    deadlines, (a, b), expired, timers = owners("ab")
    for deadline in (5, 7, 5, 7, 5):
        deadlines.register(a, deadline, 0)
        deadlines.register(b, deadline, 0)
    deadlines.arm(timers.append)
    timers[0].fired()
    assert expired == ["a", "b"]


def test_a_recorded_time_moves_only_the_deadline_that_it_was_asked_for():
    moved = []

    class Moving(Owner):
        def _move(self, deadline):
            moved.append((self.name, deadline))
            self.deadlines.register(self, deadline, 0)

    deadlines, timers = Deadlines(), []
    stands, later, gone = made = [Moving(deadlines, name, []) for name in ("stands", "later", "gone")]
    for owner in made:
        deadlines.register(owner, 5, 0)
    deadlines.arm(timers.append)
    deadlines.register(later, 9, 0)
    deadlines.register(gone, inf, 0)
    for timer in timers:
        timer.recorded(8 * SECOND)
        assert timer.fire_at == 8 * SECOND
    assert moved == [("stands", 8.0)]
    assert (stands._registered, later._registered, gone._registered) == (8.0, 9, inf)
    timers[0].recorded(8 * SECOND)
    assert len(moved) == 1


def test_a_later_deadline_needs_no_other_timer_until_the_first_one_fires():
    deadlines, (a,), expired, timers = owners("a")
    deadlines.register(a, 5, 0)
    deadlines.arm(timers.append)
    deadlines.register(a, 9, 0)
    deadlines.arm(timers.append)
    assert len(timers) == 1
    timers[0].fired()
    assert (expired, list(deadlines.unarmed)) == ([], [a])
    deadlines.arm(timers.append)
    assert [timer.fire_at for timer in timers] == [5 * SECOND, 9 * SECOND]
    timers[1].fired()
    assert expired == ["a"]


def test_a_deadline_past_the_end_of_time_is_none():
    deadlines, (a,), _, timers = owners("a")
    deadlines.register(a, clock.FOREVER / SECOND, 0)
    assert a._registered == inf
    deadlines.arm(timers.append)
    assert timers == []


def test_a_timer_never_fires_before_its_deadline():
    for deadline in (0.1, 1.0000001, 1_700_000_000.123456789, 1e-9):
        at = fire_time(deadline)
        assert at % 1000 == 0
        assert at / SECOND >= deadline
        assert (at - 2000) / SECOND < deadline

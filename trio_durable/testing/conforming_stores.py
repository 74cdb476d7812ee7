"""`check_store`: random commits, each compared with what the store in memory makes of them."""

from __future__ import annotations

import gc
import random
import threading
from collections.abc import Callable, Iterable, Sequence

from trio_durable import abc
from trio_durable.sidecar.stores import MemoryStore
from trio_durable.testing.conformance import expect, named, shortened

__all__ = ["check_store"]


def check_store(
    open_store: Callable[[], abc.Store], *, persistent: bool = True, steps: int = 300, seed: int = 0
) -> None:
    """Hold a store to `trio_durable.abc.Store`, by random commits compared with the store in memory.

    open_store: opens the same storage each time, empty at first.  persistent: what was committed is there when the
    storage is opened again, whether the store was closed or only dropped, as by a process that died.
    steps: how many commits.  seed: of the random numbers.

    Raises ConformanceError with the commits that led there.  It cannot check what only pulling the plug shows: that a
    commit survives the loss of power.
    """
    store, model = open_store(), MemoryStore()
    walk = _Walk(random.Random(seed))
    done: list[Sequence[abc.Change]] = []
    try:
        _compare(store, model, done)
        for number in range(steps):
            batch = [walk.change() for _ in range(walk.random.randint(1, 4))]
            done.append(batch)
            with named(f"commit {shortened(batch)}"):
                _commit(store, batch)
            model.commit(batch)
            _compare(store, model, done)
            if persistent and number % 10 == 9:
                how = "without closing it" if number % 20 == 9 else "after closing it"
                with named(f"opening the store again {how}"):
                    if number % 20 != 9:
                        store.close()
                    del store
                    gc.collect()
                    store = open_store()
                    _compare(store, model, done)
    finally:
        store.close()
        model.close()


def _commit(store: abc.Store, batch: Sequence[abc.Change]) -> None:
    """As a sidecar does it: where the store blocks, in a thread, and not always in the same one."""
    if not store.blocking:
        store.commit(batch)
        return
    raised: list[BaseException] = []

    def commit() -> None:
        try:
            store.commit(batch)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=commit)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def _compare(store: abc.Store, model: abc.Store, done: Sequence[object]) -> None:
    with named(f"after {len(done)} commits, the last one {shortened(done[-1]) if done else 'none'}"):
        expected, got = model.recover(), store.recover()
        expect("recover().instances", expected.instances, got.instances)
        expect("recover().inbox", expected.inbox, got.inbox)
        expect("recover().activities", expected.activities, got.activities)
        expect("recover().timers", _by_id(expected.timers), _by_id(got.timers))
        for name in (*_Walk.NAMES, "nobody"):
            expect(f"instance({name!r})", model.instance(name), store.instance(name))
            expect(f"history({name!r})", model.history(name), store.history(name))
            expect(f"children({name!r})", sorted(model.children(name)), sorted(store.children(name)))
        for after in (None, "b"):
            ids = model.instance_ids(after=after, limit=2)
            expect(f"instance_ids(after={after!r}, limit=2)", ids, store.instance_ids(after=after, limit=2))


def _by_id(timers: Iterable[abc.StoredTimer]) -> list[abc.StoredTimer]:
    return sorted(timers, key=lambda timer: (timer.instance_id, timer.timer_id))


class _Walk:
    """Random changes, of the kind and in the order that a sidecar makes them."""

    #: Ids that some databases take for each other's, or cut.
    NAMES = ("a", "b", "B", "b ", "\u00e9", "e\u0301", "x" * 300, "x" * 301)

    def __init__(self, numbers: random.Random) -> None:
        self.random = numbers
        self._active: list[str] = []
        self._lengths: dict[str, int] = {}
        self._sequence = 0
        self._activities: list[int] = []
        self._timers: list[tuple[str, int]] = []

    def change(self) -> abc.Change:
        name = self.random.choice(self.NAMES)
        self._sequence += 1
        if name not in self._active:
            if self.random.random() < 0.15:
                return abc.DeleteInstance(name)
            self._active.append(name)
            self._lengths[name] = 0
            above = self.random.choice([None, self._bytes()])
            return abc.CreateInstance(name, self.random.choice([None, "a"]), self._bytes(), self._text(), above)
        match self.random.randrange(10):
            case 0 | 1:
                return abc.AddInbox(name, self._sequence, self._bytes())
            case 2:
                return abc.TakeInbox(name, self._sequence - self.random.randrange(5))
            case 3 | 4:
                count = self.random.randint(1, 3)
                start = self._lengths[name]
                self._lengths[name] += count
                return abc.AppendHistory(name, start, count, self._bytes())
            case 5:
                self._activities.append(self._sequence)
                return abc.AddActivity(name, self._sequence, "execution", self._bytes())
            case 6 if self._activities:
                return abc.RemoveActivity(self._activities.pop(self.random.randrange(len(self._activities))))
            case 7:
                if self._timers and self.random.random() < 0.4:
                    return abc.RemoveTimer(*self._timers.pop(self.random.randrange(len(self._timers))))
                # Numbers as of actions: every instance has a timer 2.
                free = [number for number in range(1, 9) if (name, number) not in self._timers]
                if free:
                    self._timers.append((name, free[0]))
                    return abc.AddTimer(name, free[0], self.random.randrange(2**62))
            case 8 if self.random.random() < 0.3:
                self._lengths[name] = 0
                return abc.ClearExecution(name, self._text())
            case 9 if self.random.random() < 0.4:
                self._active.remove(name)
                return abc.UpdateInstance(name, False, self._bytes())
        return abc.UpdateInstance(name, True, self._bytes())

    def _bytes(self) -> bytes:
        # One in fifty does not fit into a column of 64 KiB.
        length = 70_000 if self.random.random() < 0.02 else self.random.choice([0, 1, 5, 5000])
        return self.random.randbytes(length)

    def _text(self) -> str | None:
        if self.random.random() < 0.1:
            return '"' + "x" * 70_000 + '"'
        return self.random.choice([None, "", "0", '"ü\\u0000"', "[1, 2]", ' " " '])

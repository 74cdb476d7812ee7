"""What keeps the hub going: commits, timers, reads.  Waits for everything, decides nothing.

Commits are grouped: while one is on its way to the disk, decisions pile up in the hub's open batch, and the next commit
takes them all.  `decided` returns when the batch that holds the caller's decisions is durable; only then may the caller
answer.  After each commit, workers are offered what it made ready and watchers see the states it made visible.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import trio

from trio_durable import abc
from trio_durable._errors import SidecarError
from trio_durable._wire.states import InstanceState, state_from_bytes
from trio_durable.sidecar import refusals
from trio_durable.sidecar.dispatch import Dispatcher, WorkStream
from trio_durable.sidecar.hub import Hub
from trio_durable.sidecar.records import Batch, Record

__all__ = ["Engine"]

log = logging.getLogger("trio_durable.sidecar")

T = TypeVar("T")

#: Seconds after which a wait for the next timer looks at the clock again, because a wall clock may be set.
LONGEST_SLEEP = 60.0

#: Seconds that workers have to answer a terminate, on Trio's clock.  An orchestrator that never gives its turn back
#: must not be the one thing that cannot be stopped; a turn takes milliseconds, so that a worker at work loses nothing.
TERMINATE_GRACE = 5.0


@dataclass(eq=False)
class _Watcher:
    wanted: Callable[[InstanceState], bool]
    seen: trio.Event = field(default_factory=trio.Event)
    state: InstanceState | None = None


class Engine:
    """One sidecar's loops.  `await nursery.start(engine.run)` is over when everything stored has been recovered."""

    def __init__(self, store: abc.Store, hub: Hub, dispatcher: Dispatcher, *, now: Callable[[], int]) -> None:
        self.store = store
        self.hub = hub
        self.dispatcher = dispatcher
        self.now = now
        self._limiter = trio.CapacityLimiter(1)  # the store is called by one thread at a time
        self._dirty = trio.Event()
        self._open = trio.Event()  # set when the open batch is durable
        self._closing: trio.Event | None = None  # the same for the batch being committed
        self._timers_changed = trio.Event()
        self._armed: int | None = None
        self._failure: BaseException | None = None
        self._watchers: dict[str, set[_Watcher]] = {}
        # Terminates that may have to be enforced, with their deadlines: all have one grace, so first come, first due.
        self._terminates: deque[tuple[float, Record]] = deque()
        self._terminating = trio.Event()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Commit, fire timers and load until cancelled.  Raises SidecarError if the store fails."""
        snapshot = await self.in_store(self.store.recover)
        self.hub.recover(snapshot)
        log.info("recovered %d instances that have not ended", len(self.hub.records))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._commit_loop)
            nursery.start_soon(self._timer_loop)
            nursery.start_soon(self._terminate_loop)
            self.kick()
            task_status.started()

    # -- deciding and committing -------------------------------------------------------------------------------------

    def kick(self) -> None:
        """Something may have been decided: have it committed, without waiting for that."""
        self.dispatcher.assign()
        if self.hub.dirty:
            self._dirty.set()
        if self.hub.next_due() != self._armed:
            self._timers_changed.set()

    async def decided(self) -> None:
        """Return when everything decided so far is durable.  Raises GRPCError (UNAVAILABLE) if the store fails."""
        self.kick()
        durable = self._open if self.hub.dirty else self._closing
        if durable is None:
            await trio.lowlevel.checkpoint()
        else:
            await durable.wait()
        if self._failure is not None:
            raise refusals.store_failed(self._failure)

    async def _commit_loop(self) -> None:
        while True:
            await self._dirty.wait()
            # One more round of the run loop: whatever else is runnable now shares this commit.
            await trio.lowlevel.checkpoint()
            self._dirty = trio.Event()
            batch = self.hub.take()
            durable, self._open = self._open, trio.Event()
            self._closing = durable
            try:
                if batch.changes:
                    await self.in_store(self.store.commit, batch.changes)
            except Exception as error:
                self._failure = error
                durable.set()
                self._open.set()
                log.exception("the store failed; the sidecar stops")
                raise SidecarError(
                    f"the store failed ({type(error).__name__}: {error}); nothing that was acknowledged is lost."
                    " Mend the store and start the sidecar again."
                ) from error
            self._closing = None
            ready = self.hub.committed(batch)
            durable.set()
            self._tell(batch)
            await self._offer(batch, ready)

    async def _offer(self, batch: Batch, ready: list[str]) -> None:
        """Give workers what the batch made ready, after reading the histories that are not in memory."""
        for record in batch.terminates:
            self._allow_grace(record)
        cold: list[Record] = []
        for instance_id in ready:
            record = self.hub.records[instance_id]
            if record.instance is None:
                cold.append(record)
            else:
                self.dispatcher.turn_ready(instance_id)
        for task in batch.activities:
            self.dispatcher.activity_ready(task)
        if cold:
            for record in await self._load(cold):
                self.dispatcher.turn_ready(record.instance_id)
                if self.hub.wants_termination(record.instance_id):  # perhaps from before a restart
                    self._allow_grace(record)
        self.kick()
        if not self.dispatcher.streams:
            self._terminate_unattended(ready)

    async def _load(self, cold: list[Record]) -> list[Record]:
        """Bring histories into memory.  Returns the records whose instances are still there."""
        histories = await self.in_store(lambda: [self.store.history(record.instance_id) for record in cold])
        loaded = []
        for record, history in zip(cold, histories, strict=True):
            if self.hub.records.get(record.instance_id) is record:
                self.hub.load(record, history)
                loaded.append(record)
        return loaded

    def _terminate_unattended(self, instance_ids: list[str]) -> None:
        for instance_id in instance_ids:
            self.dispatcher.terminate_unattended(instance_id)
        self.kick()

    def _allow_grace(self, record: Record) -> None:
        self._terminates.append((trio.current_time() + TERMINATE_GRACE, record))
        self._terminating.set()

    async def _terminate_loop(self) -> None:
        """End what was told to terminate and has not in time: its worker may never answer."""
        while True:
            if not self._terminates:
                self._terminating = trio.Event()
                await self._terminating.wait()
            deadline, record = self._terminates.popleft()
            await trio.sleep_until(deadline)
            if self._settled(record):
                continue
            if record.instance is None:
                await self._load([record])
                if self._settled(record):
                    continue
            self.dispatcher.terminate_overdue(record)
            if not self._settled(record):  # its last turn is on its way to the disk; what comes next may hang again
                self._allow_grace(record)
            self.kick()

    def _settled(self, record: Record) -> bool:
        instance_id = record.instance_id
        return self.hub.records.get(instance_id) is not record or not self.hub.wants_termination(instance_id)

    # -- workers -----------------------------------------------------------------------------------------------------

    def connect(self, wake: Callable[[], None], *, keeps_history: bool, app_id: str = "") -> WorkStream:
        """Open a stream; its outbox begins to fill at once."""
        stream = self.dispatcher.connect(wake, keeps_history=keeps_history, app_id=app_id)
        of = f" of the app {app_id!r}" if app_id else ""
        log.info("worker stream %d%s opened; %d open", stream.number, of, len(self.dispatcher.streams))
        self.kick()
        return stream

    def disconnect(self, stream: WorkStream) -> None:
        """The stream is gone: give its items to others."""
        unanswered = stream.load
        self.dispatcher.disconnect(stream)
        log.info(
            "worker stream %d closed, %d items given back; %d open",
            stream.number, unanswered, len(self.dispatcher.streams),
        )
        self.kick()
        if not self.dispatcher.streams:
            loaded = [r.instance_id for r in self.hub.records.values() if r.inbox and r.instance is not None]
            self._terminate_unattended(loaded)

    # -- timers ------------------------------------------------------------------------------------------------------

    async def _timer_loop(self) -> None:
        while True:
            self._timers_changed = trio.Event()
            self._armed = due = self.hub.next_due()
            if due is None:
                await self._timers_changed.wait()
            else:
                with trio.move_on_after(min(max(due - self.now(), 0) / 1e9, LONGEST_SLEEP)):
                    await self._timers_changed.wait()
                self.hub.fire_due()
                self.kick()

    # -- reading -----------------------------------------------------------------------------------------------------

    async def in_store(self, call: Callable[..., T], *arguments: object) -> T:
        """Call a function of the store: in a thread if it blocks, and never two at once."""
        if not self.store.blocking:
            await trio.lowlevel.checkpoint()
            return call(*arguments)
        return await trio.to_thread.run_sync(call, *arguments, limiter=self._limiter)

    async def read(self, instance_id: str) -> InstanceState | None:
        """The instance's committed state, its input included; None if there is no such instance."""
        record = self.hub.records.get(instance_id)
        if record is not None and record.visible is not None:
            await trio.lowlevel.checkpoint()
            return record.visible
        row = await self.in_store(self.store.instance, instance_id)
        if row is None:
            return None
        state = state_from_bytes(row.state)
        state.input = row.input
        return state

    async def wait_for(self, instance_id: str, wanted: Callable[[InstanceState], bool]) -> InstanceState | None:
        """The first committed state that is `wanted`; None if there is no such instance, or no longer."""
        watcher = _Watcher(wanted)
        watchers = self._watchers.setdefault(instance_id, set())
        watchers.add(watcher)
        try:
            state = await self.read(instance_id)
            if state is None or wanted(state):
                return state
            await watcher.seen.wait()
            if self._failure is not None:
                raise refusals.store_failed(self._failure)
            return watcher.state
        finally:
            watchers.discard(watcher)
            if not watchers and self._watchers.get(instance_id) is watchers:
                del self._watchers[instance_id]

    def _tell(self, batch: Batch) -> None:
        for instance_id, (_, state) in batch.touched.items():
            for watcher in self._watchers.get(instance_id, ()):
                if not watcher.seen.is_set() and (state is None or watcher.wanted(state)):
                    watcher.state = state
                    watcher.seen.set()

"""What the sidecar does when asked: each call is one decision of the hub or the dispatcher, a wait for its commit, an
answer.  The messages are unpacked and packed by `_wire.serving`.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable

import trio

from trio_durable._core import events as ev
from trio_durable._core.carrying_out import NO_ID
from trio_durable._core.events import Event, Status
from trio_durable._rpc import GRPCError, RpcStatus, current_call
from trio_durable._wire.dialects import ReusePolicy
from trio_durable._wire.requests import ActivityResult, TurnResult
from trio_durable._wire.splice import HEALTH_PING, events_in
from trio_durable._wire.states import CreateInstance, InstanceState, PurgeFilter
from trio_durable.sidecar import refusals
from trio_durable.sidecar.engine import Engine

__all__ = ["SidecarService"]

PAGE = 1_000
LARGEST_PAGE = 10_000


def has_started(state: InstanceState) -> bool:
    return state.status is not Status.PENDING


def has_ended(state: InstanceState) -> bool:
    return state.status.is_terminal


class SidecarService:
    """`_wire.serving.Calls` on an engine.

    waits_for_start: `start` returns when the instance has begun, not when it is stored.
    heartbeat: seconds between health pings to workers that ask for them.
    app_id: the app whose clients and workers call here.
    """

    def __init__(
        self, engine: Engine, *, waits_for_start: bool = False, heartbeat: float = 30.0, app_id: str = ""
    ) -> None:
        self._app_id = app_id
        self._engine = engine
        self._hub = engine.hub
        self._dispatcher = engine.dispatcher
        self._waits_for_start = waits_for_start
        self._heartbeat = heartbeat

    async def hello(self) -> None:
        await trio.lowlevel.checkpoint()

    def invalid(self, text: str) -> Exception:
        return refusals.invalid(text)

    # -- clients -----------------------------------------------------------------------------------------------------

    async def start(self, create: CreateInstance, policy: ReusePolicy | None) -> str:
        if not create.name:
            raise refusals.invalid("the request names no orchestrator. Expected a name; set it.")
        stored = None
        if create.instance_id and (create.enforce_unique or policy is not None):
            stored = await self._engine.read(create.instance_id)
        instance_id = self._hub.start(create, stored=stored, policy=policy, app_id=self._app_id)
        await self._engine.decided()
        if self._waits_for_start and create.scheduled_start is None:
            await self._engine.wait_for(instance_id, has_started)
        return instance_id

    async def get(self, instance_id: str) -> InstanceState | None:
        return await self._engine.read(instance_id)

    async def wait_started(self, instance_id: str) -> InstanceState | None:
        return await self._engine.wait_for(instance_id, has_started)

    async def wait_ended(self, instance_id: str) -> InstanceState | None:
        return await self._engine.wait_for(instance_id, has_ended)

    async def raise_event(self, instance_id: str, name: str, payload: str | None) -> None:
        await self._send(instance_id, ev.EventRaised(NO_ID, self._engine.now(), name, payload))

    async def terminate(self, instance_id: str, output: str | None, *, recursive: bool) -> None:
        event = ev.ExecutionTerminated(NO_ID, self._engine.now(), output, recursive)
        if not await self._send(instance_id, event) and recursive:
            self._hub.terminate_children(instance_id, event)
            await self._engine.decided()
        await self._engine.wait_for(instance_id, has_ended)

    async def suspend(self, instance_id: str, reason: str | None) -> None:
        if await self._send(instance_id, ev.ExecutionSuspended(NO_ID, self._engine.now(), reason)):
            await self._wait_attended(instance_id, Status.SUSPENDED)

    async def resume(self, instance_id: str, reason: str | None) -> None:
        if await self._send(instance_id, ev.ExecutionResumed(NO_ID, self._engine.now(), reason)):
            await self._wait_attended(instance_id, Status.RUNNING)

    async def purge(self, instance_id: str, *, recursive: bool, force: bool) -> int:
        """Delete the instance and, if asked for, everything below it.  Raises FAILED_PRECONDITION."""
        doomed: list[str] = []
        found = [instance_id]
        while found:
            current = found.pop()
            state = await self._engine.read(current)
            if state is None:
                continue
            if not force and not has_ended(state):
                raise refusals.not_completed(current, state.status)
            doomed.append(current)
            if recursive:
                found.extend(await self._engine.in_store(self._engine.store.children, current))
        self._hub.purge(reversed(doomed))
        await self._engine.decided()
        return len(doomed)

    async def purge_by(self, wanted: PurgeFilter, *, recursive: bool, force: bool) -> int:
        """Delete what the filter matches, ended instances only unless forced."""
        count = 0
        after: str | None = None
        while True:
            ids, after = await self.instance_ids(after, None)
            for instance_id in ids:
                state = await self._engine.read(instance_id)
                # One that was below another is gone with it.
                if state is not None and wanted.matches(state):
                    count += await self._purge_if_ended(instance_id, recursive=recursive, force=force)
            if after is None:
                return count

    async def _purge_if_ended(self, instance_id: str, *, recursive: bool, force: bool) -> int:
        try:
            return await self.purge(instance_id, recursive=recursive, force=force)
        except GRPCError as error:
            if error.status is not RpcStatus.FAILED_PRECONDITION:
                raise
            return 0  # it, or something below it, has not ended

    async def instance_ids(self, after: str | None, size: int | None) -> tuple[list[str], str | None]:
        limit = min(size or PAGE, LARGEST_PAGE)
        store = self._engine.store
        ids = await self._engine.in_store(lambda: store.instance_ids(after=after, limit=limit))
        return ids, ids[-1] if len(ids) == limit else None

    async def history(self, instance_id: str) -> Iterable[bytes]:
        if await self._engine.read(instance_id) is None:
            raise refusals.not_found(instance_id)
        history = await self._engine.in_store(self._engine.store.history, instance_id)
        return [data for _, data in history]

    async def rerun(
        self,
        source: str,
        event_id: int,
        new_instance_id: str,
        payload: str | None,
        *,
        overwrite: bool,
        new_child_instance_id: str = "",
    ) -> str:
        """Start an instance with `source`'s history up to an event.  Raises NOT_FOUND, FAILED_PRECONDITION."""
        state = await self._engine.read(source)
        if state is None:
            raise refusals.not_found(source)
        if not has_ended(state):
            raise refusals.not_completed(source, state.status, what="run again")
        if new_instance_id:
            taken = await self._engine.read(new_instance_id)
            if taken is not None:
                raise refusals.already_exists(new_instance_id, taken.status)
        store = self._engine.store
        stored, pieces = await self._engine.in_store(lambda: (store.instance(source), store.history(source)))
        events = list(events_in(data for _, data in pieces))
        instance_id = self._hub.rerun(
            state,
            events,
            event_id,
            new_instance_id,
            payload,
            overwrite=overwrite,
            new_child_instance_id=new_child_instance_id,
            handed_down=None if stored is None else stored.handed_down,
        )
        await self._engine.decided()
        return instance_id

    async def _send(self, instance_id: str, event: Event) -> bool:
        """Put an event into an inbox, durably.  False if the instance has ended; raises NOT_FOUND if it is unknown."""
        sent = self._hub.send(instance_id, event)
        await self._engine.decided()
        if not sent and await self._engine.read(instance_id) is None:
            raise refusals.not_found(instance_id)
        return sent

    async def _wait_attended(self, instance_id: str, status: Status) -> None:
        """Wait until the instance has this status or has ended; with no worker there, the stored event is enough."""
        if self._dispatcher.streams:
            await self._engine.wait_for(instance_id, lambda state: state.status is status or has_ended(state))

    # -- workers -----------------------------------------------------------------------------------------------------

    async def work(self, *, keeps_history: bool, wants_pings: bool) -> AsyncIterator[bytes]:
        # The headers tell the worker that the stream is open, long before there is work.
        await current_call().send_initial_metadata()
        wake = trio.Event()

        def woken() -> None:
            wake.set()

        stream = self._engine.connect(woken, keeps_history=keeps_history, app_id=self._app_id)
        try:
            while True:
                wake = trio.Event()
                while stream.outbox:
                    yield stream.outbox.popleft()
                    self._engine.kick()
                if wake.is_set():
                    continue
                with trio.move_on_after(self._heartbeat if wants_pings else math.inf) as patience:
                    await wake.wait()
                if patience.cancelled_caught:
                    yield HEALTH_PING
        finally:
            self._engine.disconnect(stream)

    async def complete_turn(self, result: TurnResult) -> None:
        self._dispatcher.complete_turn(result)
        await self._engine.decided()

    async def complete_activity(self, result: ActivityResult) -> None:
        self._dispatcher.complete_activity(result)
        await self._engine.decided()

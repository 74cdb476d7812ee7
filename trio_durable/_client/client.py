"""`Client`: one async method for each thing a sidecar can be asked."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from trio_durable_sandbox import in_orchestration, refuse

from trio_durable import _converter
from trio_durable._client.arguments import instance_id_of, moment, name_of, text
from trio_durable._client.door import Door
from trio_durable._client.reuse import ReuseIdAction, ReuseIdPolicy
from trio_durable._client.states import OrchestrationState
from trio_durable._client.waiting import Waiting, wait
from trio_durable._converter import JsonConverter
from trio_durable._core.envelope import checked, seal
from trio_durable._core.events import Event, Router, Status
from trio_durable._core.mailbox import CANCEL_EVENT
from trio_durable._core.view import HistoryEvent, history_event
from trio_durable._errors import AlreadyExistsError, NotFoundError, PayloadError
from trio_durable._rpc import Stub, Target
from trio_durable._wire import calls
from trio_durable._wire.calls import ByInstance
from trio_durable._wire.states import CreateInstance, InstanceState, PurgeFilter, create_to_pb, state_from_response
from trio_durable.abc import Converter

__all__ = ["UNSET", "Client"]

#: For `input` where None is an input like any other: leave it as it is.
UNSET: Any = object()


class Client:
    """Talks to one sidecar; an async context manager.

        async with Client("127.0.0.1:4001") as client:
            instance_id = await client.schedule_new_orchestration(fulfil, input=order)
            state = await client.wait_for_orchestration_completion(instance_id)

    target: the sidecar's address, or a channel such as `sidecar.channel()` of an embedded one; None takes the address
    from DAPR_GRPC_ENDPOINT, or from DAPR_RUNTIME_HOST and DAPR_GRPC_PORT, or 127.0.0.1:4001.
    converter: a `trio_durable.abc.Converter`; it must understand what the workers' one writes.
    channel_options: keyword arguments of the gRPC channel, such as `ssl=`, `metadata=` or `io="thread"`.  The
    environment's DAPR_API_TOKEN goes with the metadata.

    Every method raises UnavailableError when no sidecar answers, SidecarError for what it answers otherwise; TypeError
    and ValueError, before anything is sent, for arguments that make no sense.  `app_id=` asks about an instance of
    another app, where the sidecar knows several (Dapr's and the embedded one; the standalone Go one refuses it).
    """

    def __init__(
        self,
        target: Target | None = None,
        *,
        converter: Converter | None = None,
        channel_options: dict[str, Any] | None = None,
    ) -> None:
        self._door = Door(target, channel_options)
        self._converter: Converter = converter if converter is not None else JsonConverter()

    async def __aenter__(self) -> Client:
        if in_orchestration():
            refuse("trio_durable.Client", "call child orchestrations with the context, or use a client in an activity")
        await self._door.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._door.__aexit__(kind, error, traceback)

    # -- starting -------------------------------------------------------------------------------------------------

    async def schedule_new_orchestration(
        self,
        orchestrator: Callable[..., Any] | str,
        *,
        input: object = None,
        instance_id: str | None = None,
        start_at: datetime | timedelta | None = None,
        reuse_id_policy: ReuseIdPolicy | None = None,
        enforce_unique_id: bool = False,
        version: str | None = None,
        metadata: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        app_id: str | None = None,
    ) -> str:
        """Start `orchestrator`, a function or a registered name; returns the instance's id.

        instance_id: a random one if not given.  start_at: not before then (a naive datetime means UTC), or so long
        after now.  reuse_id_policy: what to do if the id is taken.  enforce_unique_id: refuse the id of an ended
        instance, too.  version: instead of the workers' latest, where the sidecar passes it on.  metadata: what
        `ctx.get_metadata()` gives at first; it travels inside the input.  tags: kept with the instance.

        On durabletask-go 0.14 an instance that is told anything before its `start_at` (a terminate, a cancel, an event)
        never begins and never ends.  What may be called off is better started at once there, and waits by itself:
        `await ctx.sleep(...)` before anything else.

        Raises AlreadyExistsError while an instance of that id is running.
        """
        name = name_of(orchestrator)
        wanted = uuid.uuid4().hex if instance_id is None else instance_id_of(instance_id)
        payload = self._payload(f"the input of orchestration {name!r}", input)
        if reuse_id_policy is not None and instance_id and await self._reuse(reuse_id_policy, wanted, app_id):
            return wanted
        request = CreateInstance(
            name=name,
            instance_id=wanted,
            input=seal(payload, checked(metadata or {})),
            version=version,
            scheduled_start=None if start_at is None else moment("start_at", start_at),
            tags=checked(tags or {}, "tags"),
            enforce_unique=enforce_unique_id,
            router=None if app_id is None else Router(target_app_id=app_id),
        )
        response = await self._door.call(Stub.start_instance, create_to_pb(request), wanted)
        return response.instance_id or wanted

    async def _reuse(self, policy: ReuseIdPolicy, instance_id: str, app_id: str | None) -> bool:
        """Whether the instance that is there will do; makes room for another if the policy says so."""
        state = await self.get_orchestration_state(instance_id, fetch_payloads=False, app_id=app_id)
        if state is None:
            return False
        status = state.runtime_status
        if policy.action is ReuseIdAction.ERROR or status not in policy.operation_status:
            raise AlreadyExistsError(
                f"an orchestration instance {instance_id!r} exists already and is {status.name}, which the reuse "
                "policy refuses. Choose another instance id, or purge that one."
            )
        if policy.action is ReuseIdAction.IGNORE:
            return True
        if not state.is_complete:
            await self.terminate_orchestration(instance_id, app_id=app_id)
            await self.wait_for_orchestration_completion(instance_id, fetch_payloads=False, app_id=app_id)
        # Not every sidecar gives the id of an ended instance to another one.
        await self.purge_orchestration(instance_id, recursive=False, app_id=app_id)
        return False

    # -- looking --------------------------------------------------------------------------------------------------

    async def get_orchestration_state(
        self, instance_id: str, *, fetch_payloads: bool = True, app_id: str | None = None
    ) -> OrchestrationState | None:
        """The instance's state; None if there is no such instance."""
        request = calls.by_instance(instance_id_of(instance_id), payloads=fetch_payloads, app_id=app_id)
        try:
            response = await self._door.call(Stub.get_instance, request, instance_id)
        except NotFoundError:
            return None
        return self._state(state_from_response(response))

    async def wait_for_orchestration_start(
        self,
        instance_id: str,
        *,
        fetch_payloads: bool = False,
        timeout: float | timedelta | None = None,
        app_id: str | None = None,
    ) -> OrchestrationState:
        """The state once the instance has started; timeout and errors as of `wait_for_orchestration_completion`."""
        request = calls.by_instance(instance_id_of(instance_id), payloads=fetch_payloads, app_id=app_id)
        return await self._wait(Stub.wait_for_instance_start, request, timeout, "start")

    async def wait_for_orchestration_completion(
        self,
        instance_id: str,
        *,
        fetch_payloads: bool = True,
        timeout: float | timedelta | None = None,
        app_id: str | None = None,
    ) -> OrchestrationState:
        """The state once the instance has ended, however it did.

        timeout: seconds or a timedelta; when it passes, TimeoutError.  Raises NotFoundError if there is no such
        instance.  A sidecar that goes away during the wait is given a minute to come back.
        """
        request = calls.by_instance(instance_id_of(instance_id), payloads=fetch_payloads, app_id=app_id)
        return await self._wait(Stub.wait_for_instance_completion, request, timeout, "completion")

    async def list_instance_ids(self, *, page_size: int | None = None) -> AsyncIterator[str]:
        """The ids of all instances, fetched page by page: `page_size` of them at a time, or as the sidecar likes."""
        if page_size is not None and page_size < 1:
            raise ValueError(f"page_size must be at least 1, got {page_size}")
        continuation: str | None = None
        while True:
            response = await self._door.call(
                Stub.list_instance_i_ds, calls.list_instances(continuation, page_size)
            )
            for instance_id in response.instance_ids:
                yield instance_id
            continuation = response.continuation_token
            if not continuation:
                return

    async def get_orchestration_history(self, instance_id: str) -> list[HistoryEvent]:
        """What has happened to the instance, oldest first.  Raises NotFoundError if there is no such instance."""
        events = await self._events(instance_id)
        if not events and await self.get_orchestration_state(instance_id, fetch_payloads=False) is None:
            raise NotFoundError(f"there is no orchestration instance {instance_id!r}")
        return [history_event(event) for event in events]

    # -- steering -------------------------------------------------------------------------------------------------

    async def raise_orchestration_event(
        self, instance_id: str, event_name: str, *, data: object = None, app_id: str | None = None
    ) -> None:
        """Send the instance an external event; it is kept until the orchestration waits for one of that name."""
        text("event_name", event_name, empty=True)
        payload = self._payload(f"the data of event {event_name!r}", data)
        request = calls.raise_event(instance_id_of(instance_id), event_name, payload, app_id=app_id)
        await self._door.call(Stub.raise_event, request, instance_id)

    async def cancel_orchestration(
        self, instance_id: str, *, reason: str | None = None, app_id: str | None = None
    ) -> None:
        """Ask the orchestration to stop: its code meets a cancellation where it waits.

        `finally` blocks run, and what stands in a shielded cancel scope runs durably to its end; code that lets the
        cancellation through ends the instance as CANCELED.  Code that has not begun yet begins cancelled, and asks for
        nothing but what is shielded.  reason: shown in each `trio.Cancelled`.
        It is an external event of a name of its own, so it needs a worker of this package.
        """
        payload = None if reason is None else json.dumps(reason)
        request = calls.raise_event(instance_id_of(instance_id), CANCEL_EVENT, payload, app_id=app_id)
        await self._door.call(Stub.raise_event, request, instance_id)

    async def terminate_orchestration(
        self, instance_id: str, *, output: object = None, recursive: bool = True, app_id: str | None = None
    ) -> None:
        """End the instance now, with `output` as its result; `recursive` ends its children too.

        Its code does not run again: no `finally` block, no cleanup.  The answer comes when the instance has ended.
        (On durabletask-go that is never for one that has not reached its `start_at`: see there.)
        """
        payload = self._payload("the output", output)
        request = calls.terminate(instance_id_of(instance_id), payload, recursive=recursive, app_id=app_id)
        await self._door.call(Stub.terminate_instance, request, instance_id)

    async def suspend_orchestration(
        self, instance_id: str, *, reason: str | None = None, app_id: str | None = None
    ) -> None:
        """Let the instance do nothing, though not lose anything, until it is resumed."""
        request = calls.suspend(instance_id_of(instance_id), reason, app_id=app_id)
        await self._door.call(Stub.suspend_instance, request, instance_id)

    async def resume_orchestration(
        self, instance_id: str, *, reason: str | None = None, app_id: str | None = None
    ) -> None:
        """Let a suspended instance go on with all that arrived in the meantime."""
        request = calls.resume(instance_id_of(instance_id), reason, app_id=app_id)
        await self._door.call(Stub.resume_instance, request, instance_id)

    async def purge_orchestration(
        self, instance_id: str, *, recursive: bool = True, force: bool = False, app_id: str | None = None
    ) -> int:
        """Forget an instance that has ended; returns how many were forgotten (its children count with `recursive`).

        force: forget it even while it is running; only for instances that no worker will ever run again.
        """
        request = calls.purge(instance_id_of(instance_id), recursive=recursive, force=force, app_id=app_id)
        return (await self._door.call(Stub.purge_instances, request, instance_id)).deleted_instance_count

    async def purge_orchestrations_by(
        self,
        *,
        created_time_from: datetime | None = None,
        created_time_to: datetime | None = None,
        runtime_status: Iterable[Status] | None = None,
        recursive: bool = True,
    ) -> int:
        """Forget every ended instance that was created from one moment to before another and has one of the statuses.

        What is not given matches everything; naive datetimes mean UTC.  Returns how many were forgotten, with their
        children if `recursive`.  Instances that have not ended stay.  The embedded sidecar does this; Dapr's and the
        standalone Go one do not, and SidecarError says so.
        """
        wanted = PurgeFilter(
            None if created_time_from is None else moment("created_time_from", created_time_from),
            None if created_time_to is None else moment("created_time_to", created_time_to),
            frozenset(runtime_status or ()),
        )
        request = calls.purge_by(wanted, recursive=recursive, force=False)
        return (await self._door.call(Stub.purge_instances, request)).deleted_instance_count

    async def rerun_orchestration_from_event(
        self,
        instance_id: str,
        event_id: int,
        *,
        new_instance_id: str | None = None,
        new_child_instance_id: str | None = None,
        input: object = UNSET,
        app_id: str | None = None,
    ) -> str:
        """Start a new instance that has this ended one's history up to an event, and goes on from there.

        event_id: the number of an activity's, child's or timer's event (`HistoryEvent.is_rerunnable`); that work is
        asked for again, with `input` if one is given.  new_child_instance_id: the id that a child gets if the event is
        a child's.  Returns the new instance's id, a random one if none is given.

        Raises NotFoundError if there is no such instance or event, SidecarError if the instance has not ended, and
        where the sidecar cannot do it.
        """
        request = calls.rerun(
            instance_id_of(instance_id),
            event_id,
            new_instance_id=uuid.uuid4().hex if new_instance_id is None else text("new_instance_id", new_instance_id),
            new_child_instance_id=new_child_instance_id,
            payload=None if input is UNSET else self._payload(f"the input of event {event_id}", input),
            overwrite=input is not UNSET,
            app_id=app_id,
        )
        return (await self._door.call(Stub.rerun_workflow_from_event, request, instance_id)).new_instance_id

    # -- inside ---------------------------------------------------------------------------------------------------

    async def _events(self, instance_id: str) -> list[Event]:
        request = calls.history(instance_id_of(instance_id))
        return calls.history_events(await self._door.call(Stub.get_instance_history, request, instance_id))

    async def _wait(
        self, method: Waiting, request: ByInstance, timeout: float | timedelta | None, what: str
    ) -> OrchestrationState:
        return OrchestrationState.of(await wait(self._door, method, request, timeout, what), self._converter)

    def _payload(self, whose: str, value: object) -> str | None:
        """The payload of `value`; PayloadError says whose it would have been."""
        try:
            return _converter.encode(self._converter, value)
        except PayloadError as error:
            raise PayloadError(f"{whose}: {error}") from error

    def _state(self, state: InstanceState | None) -> OrchestrationState | None:
        return None if state is None else OrchestrationState.of(state, self._converter)

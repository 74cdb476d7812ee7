"""What an orchestrator function gets as its first argument.

The context turns values into payloads and asks the engine (`_core.replay`); it decides nothing itself.  Every call that
stands for work returns a `DurableFuture` at once, and its action takes its id at the call, not where it is awaited.

Here are timers, events and the instance itself; activities and children are in `calls`, what the orchestration knows of
itself in `identity`, deterministic values in `values`, combinations in `together`, metadata in `travel`, and what is
done at the end of a block in `saga` and `cleanup`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar, overload

from trio_durable._core import clock
from trio_durable._core.envelope import seal
from trio_durable._core.futures import DurableFuture
from trio_durable._core.replay import Replay
from trio_durable._core.view import PropagatedHistory
from trio_durable._durable.calls import Calls, Payloads
from trio_durable._durable.cleanup import Cleanup
from trio_durable._durable.saga import Saga
from trio_durable._durable.together import Together, nanoseconds
from trio_durable._durable.values import Values

__all__ = ["SEND_EVENT", "OrchestrationContext"]

T = TypeVar("T")

#: The built-in activity that sends an external event to another instance: no action does on every sidecar.
SEND_EVENT = "trio_durable.send_event"


class OrchestrationContext(Cleanup, Calls, Together, Values):
    """One orchestration's view of itself and its way to ask for durable work.

    metadata: what travelled with the input.  propagated: the histories that were handed down to it.
    """

    def __init__(
        self,
        replay: Replay,
        payloads: Payloads,
        metadata: Mapping[str, str] | None = None,
        propagated: tuple[PropagatedHistory, ...] = (),
    ) -> None:
        self._propagated = propagated
        self._replay = replay
        self._payloads = payloads
        self._metadata = dict(metadata or {})

    # -- timers and events ----------------------------------------------------------------------------------------

    def create_timer(self, fire_at: timedelta | datetime) -> DurableFuture[None]:
        """A durable timer: after a timedelta from now, or at a datetime (naive ones mean UTC)."""
        return self._replay.create_timer(self._moment(fire_at, "fire_at"))

    @overload
    def wait_for_external_event(
        self, name: str, *, timeout: float | timedelta | datetime | None = ..., data_type: type[T]
    ) -> DurableFuture[T]: ...
    @overload
    def wait_for_external_event(
        self, name: str, *, timeout: float | timedelta | datetime | None = ..., data_type: Any = ...
    ) -> DurableFuture[Any]: ...
    def wait_for_external_event(
        self, name: str, *, timeout: float | timedelta | datetime | None = None, data_type: Any = None
    ) -> DurableFuture[Any]:
        """The data of the next external event called `name` (in any case), the oldest unread one first.

        timeout: seconds, a timedelta, or a datetime (a naive one means UTC); when it passes the future fails with
        TimeoutError.  None waits for ever.  data_type: what the data is decoded to.
        """
        _check_event_name(name)
        if isinstance(timeout, datetime):
            limit: int | None = max(clock.from_datetime(timeout) - self._replay.now, 0)
        else:
            limit = None if timeout is None else nanoseconds(timeout)
        return self._replay.wait_for_event(
            name,
            lambda payload: self._decoded(lambda: f"the data of event {name!r}", payload, data_type),
            timeout=limit,
        )

    def send_event(self, instance_id: str, event_name: str, *, data: object = None) -> DurableFuture[None]:
        """Send another instance an external event; done when the sidecar has it.

        Fails with TaskFailedError, caused by NotFoundError, if there is no such instance and the sidecar says so.
        Like every activity it may be repeated after a crash: then the event arrives twice.
        """
        _check_event_name(event_name)
        payload = self._encoded(lambda: f"the data of event {event_name!r}", data)
        return self._replay.call_activity(
            SEND_EVENT,
            self._payloads.encode({"instance_id": instance_id, "name": event_name, "data": payload}),
            lambda _: None,
        )

    # -- the instance -----------------------------------------------------------------------------------------------

    def continue_as_new(
        self,
        input: object = None,
        *,
        save_events: bool = False,
        save_metadata: bool = False,
        new_version: str | None = None,
    ) -> None:
        """Start over as a new execution with an empty history, once the function returns or awaits.

        save_events: carry unread external events over.  save_metadata: carry over what `get_metadata` gives.
        new_version: the version to go on with; the latest if not given, where the sidecar carries it.
        Whatever else was asked for in this turn is not carried out.
        """
        payload = self._encoded(lambda: "the input to continue with", input)
        payload = seal(payload, self._metadata if save_metadata else {})
        self._replay.continue_as_new(payload, save_events=save_events, version=new_version)

    def set_custom_status(self, status: object) -> None:
        """Show `status`, any JSON value, in the instance's state until another one is set."""
        self._replay.custom_status = self._encoded(lambda: "the custom status", status)

    def is_patched(self, name: str) -> bool:
        """Whether to take the new path of the change called `name`.

        True in instances that reach this question for the first time, False in those whose history went past it before
        the change; the same answer for ever within one execution.
        """
        return self._replay.patches.ask(name, replaying=self._replay.is_replaying)

    def saga(self) -> Saga:
        """A scope whose compensations run, durably and in reverse, when its body fails or is cancelled."""
        return Saga(self)


def _check_event_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"an external event has a name, got {name!r}")

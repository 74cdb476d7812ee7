"""The half of the engine that code talks to: what it asks for becomes actions, what it gets back are futures.

An action takes its id from `outstanding.py` where the code asks for it; what answers it completes the future.  A call
in a cancelled scope takes no id (`futures.py`).  The other half, which history talks to, is `replay.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trio_durable._core import clock
from trio_durable._core.actions import Action, CreateChild, CreateDetached, CreateTimer, ScheduleTask
from trio_durable._core.deadlines import DeadlineTimer
from trio_durable._core.events import (
    Event,
    ExecutionStarted,
    Router,
    TimerFired,
    TimerOrigin,
    TimerOriginKind,
    TraceContext,
)
from trio_durable._core.futures import DurableFuture
from trio_durable._core.mailbox import EventWait, Mailbox
from trio_durable._core.outstanding import Answer, Outstanding
from trio_durable._core.retry import RetryPolicy, version_of_attempt
from trio_durable._core.scheduler import Scheduler, Task
from trio_durable._core.versions import Patches
from trio_durable._core.work import Attempts, SpawnedTask

__all__ = ["GUID_NAMESPACE", "Asking", "StartOver"]

#: The namespace of the name-based UUIDs that the .NET, Go and Python SDKs of this protocol share.
GUID_NAMESPACE = uuid.UUID("9e952958-5e33-4daf-827f-2fa12937b875")


@dataclass(slots=True)
class StartOver:
    """The code has asked to continue as new.  save_events: the next execution gets the unread events."""

    input: str | None
    save_events: bool
    version: str | None = None


class Asking:
    """What an instance's code asks for."""

    def __init__(self, instance_id: str, scheduler: Scheduler) -> None:
        self.instance_id = instance_id
        self.scheduler = scheduler
        self.started: ExecutionStarted | None = None
        self.custom_status: str | None = None
        self.patches = Patches()
        self._outstanding = Outstanding(f"orchestration '?', instance {instance_id!r}")
        self._mailbox = Mailbox()
        self._start_over: StartOver | None = None
        #: how many futures were asked for
        self._serial = 0
        #: how many detached instances and distinct moments
        self._detached = self._moments = 0
        self._closed = False

    @property
    def now(self) -> int:
        """Nanoseconds on the orchestration's clock."""
        return self.scheduler.now

    def _move_clock(self, moment: int) -> None:
        self.scheduler.now = max(self.scheduler.now, moment)

    def distinct_moment(self) -> datetime:
        """The orchestration's time, each call a microsecond later than the last."""
        self._moments += 1
        return clock.to_datetime(self.now) + timedelta(microseconds=self._moments)

    def continue_as_new(self, payload: str | None, *, save_events: bool, version: str | None = None) -> None:
        """Start over with `payload` as the input once the code returns or waits; `save_events` keeps unread events."""
        self._start_over = StartOver(payload, save_events, version)

    # -- futures and tasks ----------------------------------------------------------------------------------------

    def future(self, label: str, kind: type[DurableFuture[Any]] = DurableFuture) -> DurableFuture[Any]:
        """A pending future of this instance."""
        self._serial += 1
        return kind(label, self._serial)

    def spawn(
        self, coro: Coroutine[Any, Any, Any], name: str, kind: type[DurableFuture[Any]] = DurableFuture
    ) -> DurableFuture[Any]:
        """Run `coro` as a task of the orchestration; a future of its outcome.

        It is cancelled when the last wait for that future is, from the start in a cancelled scope, and, while nobody
        waits for it, with the scope in which it was started.
        """
        future = self.future(f"task {name}", kind)
        task = self.scheduler.current
        scope = SpawnedTask.of(future, (task._scope if task is not None else None) or self.scheduler.root)
        cancelled = self.scheduler.words.Cancelled

        def on_exit(value: Any, error: BaseException | None) -> None:
            scope._detach()
            if error is None:
                future.complete(value)
            elif isinstance(error, cancelled):
                # Whoever still wants to know is in another scope, which no Cancelled of this one may cross.
                future.fail(
                    RuntimeError(
                        f"task {name!r} was cancelled, as the wait for it was. Await at once what is to go on, behind "
                        "a shield where the scope is cancelled, or start it in a nursery that is not."
                    )
                )
            else:
                future.fail(error)

        scope._task = self.scheduler.spawn(coro, name, on_exit, scope)
        return future

    @property
    def current_task(self) -> Task | None:
        return self.scheduler.current

    # -- activities and orchestrations -----------------------------------------------------------------------------

    def call_activity(
        self,
        name: str,
        payload: str | None,
        decode: Callable[[str | None], Any],
        *,
        retry: RetryPolicy | None = None,
        router: Router | None = None,
        scope: int | None = None,
    ) -> DurableFuture[Any]:
        """Schedule an activity.  All attempts carry one task execution id; each has an id of its own."""
        attempts = Attempts(self, f"activity {name!r}", name, decode, retry, TimerOriginKind.ACTIVITY_RETRY)

        def ask() -> Action:
            execution_id = attempts.known_by or self._task_execution_id()
            attempts.known_by = execution_id
            return ScheduleTask(
                0,
                name,
                payload,
                version=version_of_attempt(attempts.number),
                task_execution_id=execution_id,
                history_scope=scope,
                router=router,
            )

        return attempts.start(ask)

    def call_child(
        self,
        name: str,
        payload: str | None,
        decode: Callable[[str | None], Any],
        *,
        instance_id: str = "",
        version: str | None = None,
        retry: RetryPolicy | None = None,
        router: Router | None = None,
        scope: int | None = None,
    ) -> DurableFuture[Any]:
        """Start a child orchestration.  Without an instance id each attempt gets one from the service."""
        attempts = Attempts(self, f"child orchestration {name!r}", name, decode, retry, TimerOriginKind.CHILD_RETRY)

        def ask() -> Action:
            first = attempts.known_by
            attempts.known_by = first or instance_id or f"{self.instance_id}:{self._outstanding.next_id & 0xFFFF:04x}"
            return CreateChild(
                0,
                name,
                instance_id,
                payload,
                version,
                history_scope=scope,
                retry_parent_instance_id=first or None,
                router=router,
            )

        return attempts.start(ask)

    def start_detached(
        self,
        name: str,
        payload: str | None,
        *,
        instance_id: str = "",
        version: str | None = None,
        scheduled_start: int | None = None,
        tags: dict[str, str] | None = None,
        trace: TraceContext | None = None,
        router: Router | None = None,
    ) -> str:
        """Start an orchestration that nobody waits for; its instance id."""
        self._detached += 1
        if not instance_id:
            execution = self.started.execution_id if self.started is not None else None
            seed = f"{self.instance_id}|{execution or ''}|detached|{self._detached}"
            instance_id = uuid.uuid5(GUID_NAMESPACE, seed).hex
        action = CreateDetached(
            0,
            name,
            instance_id,
            payload,
            version,
            scheduled_start=scheduled_start,
            tags=tags or {},
            trace_context=trace,
            router=router,
        )
        self.ask(action, None)
        return instance_id

    # -- timers and events -----------------------------------------------------------------------------------------

    def create_timer(self, fire_at: int) -> DurableFuture[None]:
        """A timer that fires at `fire_at`, nanoseconds; one in the past fires at once, one past FOREVER never."""
        future: DurableFuture[None] = self.future("timer")
        origin = TimerOrigin(TimerOriginKind.CREATE_TIMER)
        at = min(fire_at, clock.FOREVER)

        def begin() -> None:
            future.action = self.set_timer(at, None, origin, lambda: future.complete(None))

        future.ask(begin, later=self._is_cancelled())
        return future

    def wait_for_event(
        self, name: str, decode: Callable[[str | None], Any], *, timeout: int | None = None
    ) -> DurableFuture[Any]:
        """The next external event of this name (in any case), the oldest unread one first.

        timeout: nanoseconds, None waits for ever.  The future fails with TimeoutError when it passes.
        """
        future = self.future(f"external event {name!r}")
        wait = EventWait(self._mailbox, name.casefold(), future, decode)

        def begin() -> None:
            if self._mailbox.wait_or_take(wait):
                return
            late = TimeoutError(f"no external event {name!r} arrived in time (waited {(timeout or 0) / 1e9:g} s)")
            if timeout is not None and timeout <= 0:
                wait.pause()
                future.fail(late)
                return

            def expire() -> None:
                # When the event came first, the place in the queue may be a newer waiter's by now: it is looked up.
                wait.pause()
                future.fail(late)

            fire_at = clock.FOREVER if timeout is None else min(self.now + timeout, clock.FOREVER)
            self.set_timer(fire_at, name, TimerOrigin(TimerOriginKind.EXTERNAL_EVENT, name), expire)

        future.ask(begin, later=self._is_cancelled(), work=wait)
        return future

    def _is_cancelled(self) -> bool:
        """Whether the code that is asking stands in a cancelled scope."""
        task = self.scheduler.current
        return task is not None and task._scope is not None and task._scope._cancelled

    def set_timer(
        self, fire_at: int, name: str | None, origin: TimerOrigin, fired: Callable[[], None]
    ) -> CreateTimer:
        """Ask for a timer and have `fired` called when it goes off; what was asked for."""

        def deliver(event: Event) -> None:
            if isinstance(event, TimerFired):
                self._move_clock(event.fire_at)
            fired()

        action = CreateTimer(0, fire_at, name, origin)
        self.ask(action, deliver)
        return action

    def _set_deadline_timer(self, timer: DeadlineTimer) -> None:
        action = CreateTimer(0, timer.fire_at, None, TimerOrigin(TimerOriginKind.CREATE_TIMER))

        def deliver(event: Event) -> None:
            if isinstance(event, TimerFired):
                self._move_clock(event.fire_at)
            timer.fired()

        self.ask(action, deliver, timer)

    def ask(self, action: Action, deliver: Answer | None, timer: DeadlineTimer | None = None) -> None:
        """Ask for `action`; `deliver` is called with the event that answers it."""
        if not self._closed:
            self._outstanding.ask(action, deliver, timer)

    def _task_execution_id(self) -> str:
        execution = self.started.execution_id if self.started is not None else None
        return str(uuid.uuid5(GUID_NAMESPACE, f"{self.instance_id}|{execution or ''}|{self._outstanding.next_id}"))

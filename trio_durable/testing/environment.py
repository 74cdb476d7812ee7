"""`open_test_environment`: orchestrations, run for a test, in virtual time and without a sidecar.

The environment drives a `Pair`: it runs turns as soon as there is something to hear, runs activities (or their fakes),
and moves the clock when everybody waits for it.  A month-long timer takes as long as a short one.

Every turn is also replayed from history, and the two must agree, so each test is a test of determinism as well.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import trio
import trio.testing

from trio_durable import _converter
from trio_durable._client import OrchestrationState
from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.envelope import unseal
from trio_durable._core.events import Status
from trio_durable._core.failures import FailureDetails
from trio_durable._core.mailbox import CANCEL_EVENT
from trio_durable._durable.context import SEND_EVENT
from trio_durable._errors import DurableError, NotRegisteredError
from trio_durable._rpc import GRPCError, RpcStatus
from trio_durable._wire.requests import Activity, ActivityResult
from trio_durable._worker.serve import Worker
from trio_durable.testing.fakes import UNSET, ActivityCall, Fake, InlineActivities
from trio_durable.testing.histories import History
from trio_durable.testing.pair import START, OpenTask, Pair

__all__ = ["InstanceHandle", "StuckError", "TestEnvironment", "open_test_environment"]


class StuckError(DurableError, AssertionError):
    """A test waits for something that nothing in its world can bring about."""


class _Mailbox:
    """The sidecar as the built-in activity behind `ctx.send_event` sees it: it takes events."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair

    async def raise_event(self, request: Any) -> None:
        await trio.lowlevel.checkpoint()
        try:
            self._pair.life(request.instance_id)
        except LookupError as error:
            raise GRPCError(RpcStatus.NOT_FOUND, f"no such instance exists: {request.instance_id!r}") from error
        self._pair.send(request.instance_id, ev.EventRaised(-1, self._pair.now, request.name, request.input))


class TestEnvironment:
    """A world for one test; `open_test_environment` makes it."""

    __test__ = False  # for pytest, which collects classes by such names

    def __init__(self, worker: Worker, nursery: trio.Nursery, *, start: datetime, check: bool) -> None:
        self.worker = worker
        self._pair = Pair(worker, start=start, check=check)
        self._activities = InlineActivities(worker._registry, worker._converter, 1_000_000)
        self._activities.connect(_Mailbox(self._pair))
        self._nursery = nursery
        self._fakes: dict[str, Fake] = {}
        self._calls: list[ActivityCall] = []
        self._attempts: dict[str, int] = {}
        self._running = 0
        self._begun: set[tuple[str, str | None, int]] = set()
        self._finished = trio.Event()
        self._answers: list[tuple[int, OpenTask, ActivityResult, ActivityCall]] = []
        self._later: list[tuple[int, int, OpenTask, ActivityCall]] = []
        self._count = 0

    # -- the clock ----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The time in this world: an aware UTC datetime."""
        return clock.to_datetime(self._pair.now)

    async def advance(self, time: float | timedelta) -> None:
        """Let `time` (seconds or a timedelta) pass; timers and slow activities due by then happen in their order."""
        delta = time if isinstance(time, timedelta) else timedelta(seconds=time)
        if delta < timedelta(0):
            raise ValueError(f"time does not run backwards: got {time}")
        until = self._pair.now + clock.from_timedelta(delta)
        until += await self._settled()
        while (due := self._next_due()) is not None and due <= until:
            self._let_happen()
            until += await self._settled()
        self._pair.now = max(self._pair.now, until)

    async def _settled(self) -> int:
        """Settle; how much the clock moved with the turns, which is no time that a test lets pass."""
        before = self._pair.now
        await self.settle()
        return self._pair.now - before

    async def settle(self) -> None:
        """Run turns and activities until nothing more happens without the clock."""
        while True:
            await trio.lowlevel.checkpoint()
            for instance_id in self._pair.ready():
                self._pair.turn(instance_id)
            self._begin_activities()
            if self._pair.ready():
                continue
            if not self._running and not self._answers:
                return
            if not self._answers:
                self._finished = trio.Event()
                await self._finished.wait()
            # Trio runs tasks in no particular order.  Whatever can finish now does, and then answers in program order.
            await trio.testing.wait_all_tasks_blocked()
            self._deliver_answers()

    # -- orchestrations -----------------------------------------------------------------------------------------------

    def schedule(
        self, orchestrator: Callable[..., Any] | str, *, input: object = None, instance_id: str | None = None
    ) -> InstanceHandle:
        """Start an orchestration, a registered function or its name.  Nothing runs before the next `await`."""
        name = self.worker._registry.name_of(orchestrator)
        if name not in self.worker._registry.orchestrators:
            known = ", ".join(sorted(self.worker._registry.orchestrators)) or "none"
            raise ValueError(
                f"the worker has no orchestrator {name!r}; it has {known}. Call worker.add_orchestrator first."
            )
        self._count += 1
        wanted = instance_id or f"{name}-{self._count}"
        self._pair.start(name, _converter.encode(self.worker._converter, input), wanted)
        return InstanceHandle(self, wanted)

    async def run(self, orchestrator: Callable[..., Any] | str, *, input: object = None) -> Any:
        """Start an orchestration and give its result; raises OrchestrationFailedError if it fails."""
        return await self.schedule(orchestrator, input=input).result()

    def instance(self, instance_id: str) -> InstanceHandle:
        """The instance of this id, a child for example; LookupError if there is none."""
        self._pair.life(instance_id)
        return InstanceHandle(self, instance_id)

    @property
    def instances(self) -> list[InstanceHandle]:
        """Every instance, children included, in the order in which they were made."""
        return [InstanceHandle(self, instance_id) for instance_id in self._pair.lives]

    def crash_worker(self) -> None:
        """Have the worker lose its memory: every instance goes on from its history."""
        self._pair.crash()

    # -- activities ---------------------------------------------------------------------------------------------------

    def fake(
        self,
        activity: Callable[..., Any] | str,
        function: Callable[[Any], Any] | None = None,
        *,
        returns: Any = UNSET,
        fails_on: Collection[int] | int | bool = (),
        error: BaseException | None = None,
        takes: float | timedelta = 0,
        never: bool = False,
    ) -> None:
        """Replace an activity, whether or not the worker has it.  Giving neither function nor `returns` keeps the real
        one and changes only how it behaves.

        function: called with the input.  returns: the result.
        fails_on: the number of the call that fails (the first is 1), several numbers, or True for every call.
        error: the exception those calls fail with.
        takes: how long each call takes on this world's clock, in seconds or as a timedelta.  never: it never answers.
        """
        calls: Collection[int] | bool = fails_on if isinstance(fails_on, bool | Collection) else (fails_on,)
        if error is not None and calls == ():
            calls = True
        fake = Fake(function, returns, calls, never=never)
        fake.takes = takes if isinstance(takes, timedelta) else timedelta(seconds=takes)
        if error is not None:
            fake.error = error
        self._fakes[self.worker._registry.name_of(activity)] = fake

    def calls(self, activity: Callable[..., Any] | str | None = None) -> list[ActivityCall]:
        """The calls of an activity so far, or of all of them, in the order in which they began."""
        if activity is None:
            return list(self._calls)
        name = self.worker._registry.name_of(activity)
        return [call for call in self._calls if call.name == name]

    def _begin_activities(self) -> None:
        for task in list(self._pair.tasks):
            key = (task.instance_id, task.execution_id, task.id)
            if key in self._begun:
                continue
            self._begun.add(key)
            attempt = self._attempts[task.name] = self._attempts.get(task.name, 0) + 1
            value = _converter.decode(self.worker._converter, unseal(task.scheduled.input)[0])
            call = ActivityCall(task.name, value, task.instance_id, task.id, attempt, self.now)
            self._calls.append(call)
            fake = self._fakes.get(task.name)
            if fake is not None and fake.never:
                continue
            real = task.name == SEND_EVENT or task.name in self.worker._registry.activities
            if not real and not (fake is not None and fake.stands_alone):
                raise NotRegisteredError(
                    f"instance {task.instance_id!r} calls activity {task.name!r}, which is not there: register it with"
                    f" the worker, or `env.fake({task.name!r}, ...)` with a function or `returns=`"
                )
            if fake is not None and fake.takes > timedelta(0):
                self._later.append((self._pair.now + clock.from_timedelta(fake.takes), len(self._calls), task, call))
                continue
            self._running += 1
            self._nursery.start_soon(self._act, task, call)

    async def _act(self, task: OpenTask, call: ActivityCall) -> None:
        try:
            outcome = await self._outcome(task, call)
            self._answers.append((self._calls.index(call), task, outcome, call))
        finally:
            self._running -= 1
            self._finished.set()

    def _deliver_answers(self) -> None:
        answers, self._answers = sorted(self._answers, key=lambda each: each[0]), []
        for _, task, outcome, call in answers:
            call.done = True
            call.failure = outcome.failure
            call.result = _converter.decode(self.worker._converter, outcome.result)
            if any(task is each for each in self._pair.tasks):
                self._pair.answer(task, result=outcome.result, failure=outcome.failure)

    async def _outcome(self, task: OpenTask, call: ActivityCall) -> ActivityResult:
        fake = self._fakes.get(task.name)
        scheduled = task.scheduled
        outcome = ActivityResult(task.instance_id, task.id)
        if fake is not None and (fake.fails(call.attempt) or fake.function is not None or fake.returns is not UNSET):
            try:
                if fake.fails(call.attempt):
                    raise fake.error
                value = fake.returns
                if fake.function is not None:
                    value = await self._activities._invoke(fake.function, (call.input,))
                outcome.result = _converter.encode(self.worker._converter, value)
            except Exception as error:
                outcome.failure = FailureDetails.from_exception(error)
            return outcome
        activity = Activity(
            task.instance_id,
            task.id,
            scheduled.name,
            scheduled.input,
            scheduled.version,
            scheduled.task_execution_id,
            task.execution_id,
            propagated=task.propagated,
        )
        return await self._activities.run(activity)

    # -- what happens next --------------------------------------------------------------------------------------------

    def _next_due(self) -> int | None:
        timer = self._pair.next_timer()
        due = [entry[0] for entry in self._later]
        if timer is not None:
            due.append(timer[1].fire_at)
        return min(due, default=None)

    def _let_happen(self) -> None:
        """The next thing in time: a slow activity ends, or a timer fires."""
        timer = self._pair.next_timer()
        first = min(self._later, key=lambda entry: entry[:2], default=None)
        if first is not None and (timer is None or first[0] <= timer[1].fire_at):
            self._later.remove(first)
            self._pair.now = max(self._pair.now, first[0])
            self._running += 1
            self._nursery.start_soon(self._act, first[2], first[3])
        elif timer is not None:
            self._pair.fire(*timer)

    async def _until(self, wanted: Callable[[], bool], what: str) -> None:
        await self.settle()
        while not wanted():
            if self._next_due() is None:
                raise StuckError(f"{what}, and nothing in this world can change that.\n{self._who_waits()}")
            self._let_happen()
            await self.settle()

    def _who_waits(self) -> str:
        lines = []
        for instance_id, life in self._pair.lives.items():
            if life.instance.completed is not None:
                continue
            lines.append(f"  instance {instance_id!r} is {life.instance.status.name}")
            if life.instance.status is Status.SUSPENDED:
                lines.append("    resume it with `instance.resume()`")
            lines += [
                f"    waits for external event {name!r}: raise it with `instance.raise_event(...)`"
                for name in self._pair.awaited(instance_id)
            ]
            lines += [
                f"    activity {task.name!r} (#{task.id}) was called and has not answered"
                for task in self._pair.tasks
                if task.instance_id == instance_id
            ]
            waits = self._pair.who_waits(instance_id)
            lines += [f"    {line}" for line in waits.splitlines()]
        return "\n".join(lines) or "  there is no instance that has not ended"


class InstanceHandle:
    """One orchestration instance of a test environment."""

    def __init__(self, environment: TestEnvironment, instance_id: str) -> None:
        self._environment = environment
        self._pair = environment._pair
        self.instance_id = instance_id

    def __repr__(self) -> str:
        return f"<InstanceHandle {self.instance_id!r}: {self.status.name}>"

    # -- looking ------------------------------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        """The runtime status, as of the last turn."""
        return self._pair.life(self.instance_id).instance.status

    @property
    def state(self) -> OrchestrationState:
        """The state as a client would see it."""
        life = self._pair.life(self.instance_id)
        events = (*life.history, *life.inbox)
        started = next((event for event in events if isinstance(event, ev.ExecutionStarted)), None)
        parent = started.parent if started is not None else None
        completed = life.instance.completed
        created = started.timestamp if started is not None else self._pair.now
        return OrchestrationState(
            instance_id=self.instance_id,
            name=started.name if started is not None else "",
            runtime_status=life.instance.status,
            created_at=clock.to_datetime(created),
            last_updated_at=clock.to_datetime(life.instance.last_updated_at or created),
            serialized_input=started.input if started is not None else None,
            serialized_output=completed.result if completed is not None else None,
            serialized_custom_status=life.instance.custom_status,
            failure_details=completed.failure if completed is not None else None,
            parent_instance_id=parent.instance_id if parent is not None else None,
            _converter=self._environment.worker._converter,
        )

    @property
    def custom_status(self) -> Any:
        """What the orchestration last passed to `set_custom_status`."""
        return self.state.get_custom_status()

    @property
    def history(self) -> History:
        """What has happened so far; `history.save(path)` keeps it for `replay_history`."""
        return History.of(list(self._pair.life(self.instance_id).history), self.instance_id)

    # -- waiting ------------------------------------------------------------------------------------------------------

    async def completion(self) -> OrchestrationState:
        """The state once the instance has ended, however it did; time passes as needed.

        Raises StuckError, saying who waits for what, if it can never end.
        """
        life = self._pair.life(self.instance_id)
        await self._environment._until(
            lambda: life.instance.completed is not None, f"instance {self.instance_id!r} has not ended"
        )
        return self.state

    async def result(self, wanted: Any = None) -> Any:
        """The result once the instance has ended; raises OrchestrationFailedError if it failed.

        wanted: a type to decode the result to.
        """
        state = await self.completion()
        state.raise_if_failed()
        return state.get_output(wanted)

    # -- steering -----------------------------------------------------------------------------------------------------

    def raise_event(self, name: str, data: object = None) -> None:
        """Send the instance an external event.  It hears it at the next `await`."""
        payload = _converter.encode(self._environment.worker._converter, data)
        self._pair.send(self.instance_id, ev.EventRaised(-1, self._pair.now, name, payload))

    def suspend(self, reason: str | None = None) -> None:
        """Let the instance do nothing until it is resumed."""
        self._pair.send(self.instance_id, ev.ExecutionSuspended(-1, self._pair.now, reason))

    def resume(self, reason: str | None = None) -> None:
        """Let a suspended instance go on."""
        self._pair.send(self.instance_id, ev.ExecutionResumed(-1, self._pair.now, reason))

    def cancel(self, reason: str | None = None) -> None:
        """Ask the instance to stop: its code meets a cancellation where it waits, as by `cancel_orchestration`."""
        payload = None if reason is None else json.dumps(reason)
        self._pair.send(self.instance_id, ev.EventRaised(-1, self._pair.now, CANCEL_EVENT, payload))

    def terminate(self, output: object = None, *, recursive: bool = True) -> None:
        """End the instance with `output` as its result; `recursive` ends its children too."""
        payload = _converter.encode(self._environment.worker._converter, output)
        self._pair.send(self.instance_id, ev.ExecutionTerminated(-1, self._pair.now, payload, recursive))


@asynccontextmanager
async def open_test_environment(
    worker: Worker | Sequence[Callable[..., Any]],
    *,
    start: datetime = START,
    check: bool = True,
) -> AsyncIterator[TestEnvironment]:
    """A world in which the worker's orchestrations run, for as long as the `async with` block lasts.

    worker: a `Worker` with everything registered (its target is not used), or a list of orchestrator functions.
    start: what time it is at first.
    check: run every turn a second time from history; ReplayDisagreementError where that asks for something else.

    Activities run in this Trio run, plain ones too, so they need neither threads nor a sidecar.
    """
    if not isinstance(worker, Worker):
        functions, worker = worker, Worker("nowhere")
        for function in functions:
            worker.add_orchestrator(function)
    async with _one_error(), trio.open_nursery() as nursery:
        environment = TestEnvironment(worker, nursery, start=start, check=check)
        try:
            yield environment
        finally:
            environment._pair.close()
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _one_error() -> AsyncIterator[None]:
    """What the test raised comes out as it is: that there is a nursery here is nobody's business."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if isinstance(error, BaseExceptionGroup):
            raise
        raise error from error.__cause__

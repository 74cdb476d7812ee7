"""`check_sidecar`: a fixed list of conversations, of a worker and a client of this package with a sidecar."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import trio

from trio_durable._client import Client
from trio_durable._core.events import ExecutionCompleted, Status
from trio_durable._errors import AlreadyExistsError, NotFoundError, TaskFailedError
from trio_durable._worker.serve import Worker
from trio_durable.testing.conformance import ConformanceError, expect, named
from trio_durable.testing.histories import HistoryFormatError, fetch_history, replay_history

__all__ = ["check_sidecar"]


async def _echo(ctx: Any, value: Any) -> Any:
    return value


async def _raises(ctx: Any, value: Any) -> Any:
    raise KeyError(value)


async def _chain(ctx: Any, count: int) -> list[Any]:
    return [await ctx.call_activity("check_echo", input=number) for number in range(count)]


async def _fan_out(ctx: Any, count: int) -> list[Any]:
    found: list[Any] = await ctx.when_all([ctx.call_activity("check_echo", input=number) for number in range(count)])
    return found


async def _falsy(ctx: Any) -> list[Any]:
    values: tuple[Any, ...] = (0, "", False, [], {}, None)
    return [await ctx.call_activity("check_echo", input=value) for value in values]


async def _timer(ctx: Any) -> float:
    before = ctx.now()
    await ctx.create_timer(timedelta(milliseconds=50))
    elapsed: timedelta = ctx.now() - before
    return elapsed.total_seconds()


async def _waits(ctx: Any) -> Any:
    ctx.set_custom_status({"waits": True})
    return [await ctx.wait_for_external_event("go"), await ctx.wait_for_external_event("Go")]


async def _catches(ctx: Any) -> list[str]:
    try:
        await ctx.call_activity("check_raises", input="missing")
    except TaskFailedError as error:
        return [error.details.error_type, error.details.error_message]
    return []


async def _parent(ctx: Any) -> Any:
    return await ctx.call_child_orchestrator("check_chain", input=2)


async def _again(ctx: Any, left: int) -> Any:
    if left > 0:
        ctx.continue_as_new(left - 1, save_events=True)
        return None
    return await ctx.wait_for_external_event("kept")


async def _mother(ctx: Any) -> Any:
    return await ctx.call_child_orchestrator("check_waits", instance_id=f"{ctx.instance_id}-child")


async def _asks(ctx: Any) -> Any:
    ctx.set_custom_status("asked")
    return await ctx.call_activity("check_gate", input="through")


async def _catches_child(ctx: Any) -> list[str]:
    try:
        await ctx.call_child_orchestrator("check_fails")
    except TaskFailedError as error:
        return [error.details.error_type, error.details.error_message]
    return []


async def _fails(ctx: Any) -> None:
    raise ValueError("on purpose")


_FLOWS: dict[str, Callable[..., Any]] = {
    "check_chain": _chain, "check_fan_out": _fan_out, "check_falsy": _falsy, "check_timer": _timer,
    "check_waits": _waits, "check_catches": _catches, "check_parent": _parent, "check_again": _again,
    "check_fails": _fails, "check_mother": _mother, "check_asks": _asks, "check_catches_child": _catches_child,
}  # fmt: skip


async def check_sidecar(target: Any, *, patience: float = 30.0, prefix: str = "check") -> None:
    """Hold a sidecar to the protocol, as this package's worker and client speak it.

    target: its address, or a channel such as `sidecar.channel()`.  patience: seconds for each conversation.
    prefix: of the instance ids that are used; they are purged afterwards.  No other worker may be
    connected.

    Raises ConformanceError naming the conversation; UnavailableError where no sidecar answers.
    """
    async with Client(target) as client:
        await client.get_orchestration_state(f"{prefix}-nobody")
    broken: ConformanceError | None = None
    async with Client(target) as client, trio.open_nursery() as nursery:
        workers = _Workers(target, nursery)
        await workers.start()
        try:
            for conversation in _CONVERSATIONS:
                await _converse(conversation, _Talk(client, prefix, patience, workers), patience)
        except ConformanceError as error:
            broken = error
        nursery.cancel_scope.cancel()
    if broken is not None:
        raise broken


async def _converse(conversation: Callable[[_Talk], Awaitable[None]], talk: _Talk, patience: float) -> None:
    with named((conversation.__doc__ or "").strip().rstrip(".")):
        with trio.move_on_after(patience) as scope:
            await conversation(talk)
        if scope.cancelled_caught:
            raise ConformanceError(f"nothing came within {patience:g} s")


class _Workers:
    """The worker of the check; it can die and be replaced.

    gate: activity `check_gate` waits until it is opened.  reached: that activity has been called.
    """

    def __init__(self, target: Any, nursery: trio.Nursery) -> None:
        self._target = target
        self._nursery = nursery
        self._scope = trio.CancelScope()
        self.gate = self.reached = trio.Event()
        self.close_gate()

    def close_gate(self) -> None:
        self.gate, self.reached = trio.Event(), trio.Event()

    async def start(self) -> None:
        worker = self._worker = Worker(self._target, sandbox="off")
        for name, flow in _FLOWS.items():
            worker.add_orchestrator(flow, name=name)
        worker.add_activity(_echo, name="check_echo")
        worker.add_activity(_raises, name="check_raises")
        worker.add_activity(self._wait, name="check_gate")
        scope = self._scope = trio.CancelScope()

        async def serve(task_status: trio.TaskStatus[None]) -> None:
            with scope:
                await worker.serve(task_status=task_status)

        await self._nursery.start(serve)

    async def _wait(self, ctx: Any, value: Any) -> Any:
        self.reached.set()
        await self.gate.wait()
        return value

    async def replace(self) -> None:
        """Let the worker die with what it is doing, and start another."""
        self._scope.cancel()
        if self._worker._alive is not None:
            self._worker._alive.cancel()  # or it would see its activities to their end
        await self.start()


class _Talk:
    """A client and unique ids."""

    count = 0

    def __init__(self, client: Client, prefix: str, timeout: float, workers: _Workers) -> None:
        self.client = client
        self.workers = workers
        self._prefix = prefix
        self._timeout = timeout

    async def start(self, name: str, payload: object = None) -> str:
        _Talk.count += 1
        wanted = f"{self._prefix}-{name}-{_Talk.count}"
        return await self.client.schedule_new_orchestration(name, input=payload, instance_id=wanted)

    async def end(self, instance_id: str, status: Status = Status.COMPLETED) -> Any:
        state = await self.client.wait_for_orchestration_completion(instance_id, timeout=self._timeout)
        expect(f"the status ({state.failure_details})", status, state.runtime_status)
        await self._check_history(instance_id, status)
        await self.client.purge_orchestration(instance_id)
        expect("the state after a purge", None, await self.client.get_orchestration_state(instance_id))
        return state

    async def _check_history(self, instance_id: str, status: Status) -> None:
        """The history is whole: the code that made it agrees with it, to its end."""
        try:
            history = await fetch_history(self.client, instance_id)
        except HistoryFormatError as error:
            raise ConformanceError(f"the history of {instance_id!r}: {error}") from error
        worker = Worker("nowhere", sandbox="off")
        for name, flow in _FLOWS.items():
            worker.add_orchestrator(flow, name=name)
        ends = [event.status for event in history.events if isinstance(event, ExecutionCompleted)]
        expect(f"the end that the history of {instance_id!r} has", [status], ends)
        replay_history(history, worker=worker, exact=True)

    async def status(self, instance_id: str, status: Status) -> None:
        while True:
            state = await self.client.get_orchestration_state(instance_id)
            if state is not None and state.runtime_status is status:
                return
            await trio.sleep(0.01)


async def _talk_results(talk: _Talk) -> None:
    """Activities one after another, at once, and with falsy values."""
    for name, payload, wanted in (
        ("check_chain", 3, [0, 1, 2]),
        ("check_fan_out", 20, list(range(20))),
        ("check_falsy", None, [0, "", False, [], {}, None]),
    ):
        expect(f"the result of {name}", wanted, (await talk.end(await talk.start(name, payload))).get_output())


async def _talk_timer(talk: _Talk) -> None:
    """A timer fires, not before its time."""
    elapsed = (await talk.end(await talk.start("check_timer"))).get_output()
    expect("whether 50 ms passed", True, elapsed >= 0.05)


async def _talk_failures(talk: _Talk) -> None:
    """Failures keep their type and message."""
    state = await talk.end(await talk.start("check_catches"))
    expect("what was caught", ["KeyError", "'missing'"], state.get_output())
    state = await talk.end(await talk.start("check_fails"), Status.FAILED)
    details = state.failure_details
    expect("the failure", ("ValueError", "on purpose"), (details.error_type, details.error_message))


async def _talk_children(talk: _Talk) -> None:
    """A child's result reaches its parent, and so does its failure."""
    expect("the result", [0, 1], (await talk.end(await talk.start("check_parent"))).get_output())
    state = await talk.end(await talk.start("check_catches_child"))
    expect("the failure that the parent caught", ["ValueError", "on purpose"], state.get_output())


async def _talk_events(talk: _Talk) -> None:
    """External events come in order, by name in any case, before and after they are waited for."""
    instance_id = await talk.start("check_waits")
    await talk.client.raise_orchestration_event(instance_id, "GO", data=0)
    await talk.status(instance_id, Status.RUNNING)
    await talk.client.raise_orchestration_event(instance_id, "go", data="")
    state = await talk.end(instance_id)
    expect("the result", [0, ""], state.get_output())
    expect("the custom status", {"waits": True}, state.get_custom_status())


async def _talk_generations(talk: _Talk) -> None:
    """Continue-as-new carries unread events over."""
    instance_id = await talk.start("check_again", 3)
    await talk.client.raise_orchestration_event(instance_id, "kept", data=False)
    expect("the result", False, (await talk.end(instance_id)).get_output())


async def _talk_suspend(talk: _Talk) -> None:
    """A suspended instance does nothing, and loses nothing."""
    instance_id = await talk.start("check_waits")
    await talk.status(instance_id, Status.RUNNING)
    await talk.client.suspend_orchestration(instance_id)
    await talk.status(instance_id, Status.SUSPENDED)
    for number in (1, 2):
        await talk.client.raise_orchestration_event(instance_id, "go", data=number)
    await talk.client.resume_orchestration(instance_id)
    expect("the result", [1, 2], (await talk.end(instance_id)).get_output())


async def _talk_terminate(talk: _Talk) -> None:
    """Terminate ends an instance with the given result."""
    for output in ("enough", 0):
        instance_id = await talk.start("check_waits")
        await talk.status(instance_id, Status.RUNNING)
        await talk.client.terminate_orchestration(instance_id, output=output)
        expect("the result", output, (await talk.end(instance_id, Status.TERMINATED)).get_output())


async def _talk_recursive(talk: _Talk) -> None:
    """A recursive terminate ends the children, too."""
    instance_id = await talk.start("check_mother")
    child = f"{instance_id}-child"
    await talk.status(child, Status.RUNNING)
    await talk.client.terminate_orchestration(instance_id, output="enough", recursive=True)
    await talk.end(instance_id, Status.TERMINATED)
    # Whoever purges recursively has removed the child by now; else it must have ended.
    state = await talk.client.get_orchestration_state(child)
    if state is not None:
        await talk.end(child, Status.TERMINATED)


async def _talk_late_answers(talk: _Talk) -> None:
    """An activity that is answered while its instance is suspended is not lost."""
    talk.workers.close_gate()
    instance_id = await talk.start("check_asks")
    await talk.workers.reached.wait()
    await talk.client.suspend_orchestration(instance_id)
    await talk.status(instance_id, Status.SUSPENDED)
    talk.workers.gate.set()
    await trio.sleep(0.1)
    await talk.client.resume_orchestration(instance_id)
    expect("the result", "through", (await talk.end(instance_id)).get_output())


async def _talk_dead_worker(talk: _Talk) -> None:
    """What a worker had when it died is given to the next one."""
    talk.workers.close_gate()
    instance_id = await talk.start("check_asks")
    await talk.workers.reached.wait()
    talk.workers.close_gate()
    talk.workers.gate.set()
    await talk.workers.replace()
    expect("the result", "through", (await talk.end(instance_id)).get_output())


async def _talk_start(talk: _Talk) -> None:
    """Whoever waits for a start is told when the code has begun, and the state has the input."""
    instance_id = await talk.start("check_again", 0)
    state = await talk.client.wait_for_orchestration_start(instance_id)
    expect("the status", Status.RUNNING, state.runtime_status)
    described = await talk.client.get_orchestration_state(instance_id)
    expect("the input", 0, described.get_input() if described is not None else None)
    await talk.client.raise_orchestration_event(instance_id, "kept", data=1)
    await talk.end(instance_id)


async def _talk_ids(talk: _Talk) -> None:
    """An id is taken while its instance lives; an unknown one is said to be unknown."""
    instance_id = await talk.start("check_waits")
    try:
        await talk.client.schedule_new_orchestration("check_waits", instance_id=instance_id)
    except AlreadyExistsError:
        pass
    else:
        raise ConformanceError("a second instance of a living id was accepted; expected ALREADY_EXISTS")
    await talk.client.terminate_orchestration(instance_id)
    await talk.end(instance_id, Status.TERMINATED)
    expect("the state of an unknown instance", None, await talk.client.get_orchestration_state("check-nobody"))
    try:
        await talk.client.wait_for_orchestration_completion("check-nobody", timeout=5)
    except NotFoundError:
        return
    raise ConformanceError("waiting for an unknown instance gave a state; expected that it is not found")


_CONVERSATIONS = (
    _talk_results, _talk_timer, _talk_failures, _talk_children, _talk_events, _talk_generations, _talk_suspend,
    _talk_terminate, _talk_recursive, _talk_ids, _talk_start, _talk_late_answers, _talk_dead_worker,
)  # fmt: skip

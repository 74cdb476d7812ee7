"""The worker: reads work items, has them done, sends the answers.

    open the channel -> Hello -> GetWorkItems -> for each item: a turn (here, at once) or an activity (a task) -> answer

The rules:

1. Reading never waits for work: a sidecar takes a worker that stops reading for dead.  Items queue in memory instead.
2. Whatever a sidecar does (is not there yet, restarts, drops the stream), the worker comes back, for ever, with a
   growing pause and one log line for each failure.
3. An answer outlives the stream its item came from: it is sent on whatever connection there is, for at most
   `RESEND_SECONDS`; a sidecar that has handed the item to another by then discards it by its token.
4. A turn may come without the history that this worker has seen.  If it no longer has it, it asks for the whole of it;
   if that cannot be had, it opens the stream again, for on a new stream nothing is left out.
5. Cancelling `serve` stops reading, lets running activities end within `drain_seconds`, sends their answers, leaves.
6. A Ctrl-C is for the main task, which decides what ends: no task in here is hit by it, but in the user's own code.
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from typing import Any, Literal, TypeVar, overload

import trio
from trio.lowlevel import disable_ki_protection, enable_ki_protection
from trio_durable_sandbox import Sandbox, SandboxLoadError, in_orchestration, refuse

from trio_durable._converter import JsonConverter
from trio_durable._core.actions import CompleteOrchestration
from trio_durable._core.events import Status
from trio_durable._core.failures import FailureDetails, type_name
from trio_durable._durable.facades import FACADES
from trio_durable._errors import PayloadError, RegistrationError
from trio_durable._portal import Portal
from trio_durable._rpc import (
    Backoff,
    DecodeError,
    EncodeError,
    GRPCError,
    RpcStatus,
    Target,
    WorkStub,
    channel_settings,
    default_address,
    open_channel,
)
from trio_durable._wire.calls import hello, history, work_items
from trio_durable._wire.requests import (
    Activity,
    ActivityResult,
    Turn,
    TurnResult,
    activity_result_to_pb,
    turn_result_to_pb,
)
from trio_durable._wire.work import read_work_item, with_history
from trio_durable._worker.activity import ActivityRunner
from trio_durable._worker.registry import Registry
from trio_durable._worker.turn import HistoryMissing, TurnRunner
from trio_durable._worker.watchdog import Watchdog
from trio_durable.abc import Converter

__all__ = ["Worker"]

logger = logging.getLogger("trio_durable.worker")

F = TypeVar("F", bound=Callable[..., Any])

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 15.0
RESEND_SECONDS = 30.0
HELLO_SECONDS = 30.0
HISTORY_SECONDS = 30.0

#: Seconds for which turns that wait are computed without giving way to other tasks.
TURNS_AT_ONCE = 0.002

#: For programs that do at their top level what every instance would repeat: their file is executed for each.
_IN_THE_HOST = "serve in the host program, under `if __name__ == \"__main__\":`"


class Worker:
    """Runs orchestrations and activities for one sidecar.

        worker = Worker("127.0.0.1:4001")
        worker.add_orchestrator(fulfil)
        worker.add_activity(reserve)
        trio.run(worker.serve)

    target: the sidecar's address, or a channel such as `sidecar.channel()` of an embedded one; None takes the address
    from DAPR_GRPC_ENDPOINT, or from DAPR_RUNTIME_HOST and DAPR_GRPC_PORT, or 127.0.0.1:4001.
    max_concurrent_activities: how many activities run at a time; the others wait in memory.
    max_cached_instances: how many orchestrations stay in memory between turns; 0 replays them from history every time.
    sandbox: "strict" (the default) fails an orchestration that does what a replay could not repeat; "best_effort" warns
    and does it; "off" runs orchestrators in the host's own modules, with the real clocks, trio and asyncio: they must
    decide the same on each replay by what they get from their context and `durable_trio` alone.
    passthrough: names of modules that orchestrators get from the host as they are.
    isolate: names of modules that are executed for every instance although they would be shared or passed through.
    shared: names of modules of your own that are executed once for all instances although they seem to hold state.
    converter: a `trio_durable.abc.Converter`; JSON directed by type hints if not given.
    drain_seconds: how long running activities may go on when `serve` is cancelled.
    channel_options: keyword arguments of the gRPC channel, such as `ssl=`, `metadata=` or `io="thread"`.  The
    environment's DAPR_API_TOKEN goes with the metadata.
    """

    def __init__(
        self,
        target: Target | None = None,
        *,
        max_concurrent_activities: int = 100,
        max_cached_instances: int = 1000,
        sandbox: Literal["strict", "best_effort", "off"] = "strict",
        passthrough: tuple[str, ...] = (),
        isolate: tuple[str, ...] = (),
        shared: tuple[str, ...] = (),
        converter: Converter | None = None,
        drain_seconds: float = 10.0,
        channel_options: dict[str, Any] | None = None,
    ) -> None:
        if max_concurrent_activities < 1:
            raise ValueError(f"max_concurrent_activities must be at least 1, got {max_concurrent_activities}")
        if in_orchestration():
            # The file that makes this worker is being executed for an instance: it registers, and never serves.
            target, channel_options, sandbox = target or "", {}, "off"
        self._target: Target = default_address() if target is None else target
        self._channel_options = channel_settings(channel_options)
        self._drain_seconds = drain_seconds
        self._alive: trio.CancelScope | None = None
        self._limit = max_concurrent_activities
        self._mode = sandbox
        self._converter: Converter = converter if converter is not None else JsonConverter()
        self._registry = Registry()
        self._sandbox = Sandbox(mode=sandbox, passthrough=passthrough, isolate=isolate, shared=shared)
        for module, facade in FACADES.items():
            self._sandbox.replace_module(module, facade, shared=True)
        self._turns = TurnRunner(self._registry, self._sandbox, self._converter, max_cached_instances)

    # -- registration ---------------------------------------------------------------------------------------------

    def add_orchestrator(
        self, function: F, *, name: str | None = None, sandbox: Literal["strict", "best_effort", "off"] | None = None
    ) -> F:
        """Register an orchestrator (`async def`, a generator or a plain function), under its own name or `name`.

        sandbox: a mode for this orchestrator, the worker's if not given.

        Returns the function, so it works as a decorator.  Raises RegistrationError for what cannot be replayed.
        """
        self._registry.add_orchestrator(function, name, self._load(function, sandbox))
        return function

    def add_versioned_orchestrator(
        self, function: F, *, version: str, name: str | None = None, is_latest: bool = True
    ) -> F:
        """Register one version of an orchestrator; returns the function.

        name: the name all its versions share, the function's own if not given.  is_latest: new instances get this
        version, until another one is registered as the latest.  An instance keeps the version it began with: a worker
        that lacks it leaves the instance STALLED until a worker comes that has it.  An instance that began without a
        version goes on with what `add_orchestrator` knows under the name.
        """
        known = name or str(getattr(function, "__name__", ""))
        self._registry.add_version(function, known, version, self._load(function), is_latest=is_latest)
        return function

    def _load(
        self, function: Callable[..., Any], mode: Literal["strict", "best_effort", "off"] | None = None
    ) -> Any:
        mode = mode or self._mode
        try:
            return None if mode == "off" else self._sandbox.load(function, mode=mode)
        except SandboxLoadError as error:
            raise RegistrationError(f"{error} (Worker(sandbox=\"off\") takes any function, and guards none)") from error

    def add_activity(self, function: F, *, name: str | None = None) -> F:
        """Register an activity, plain or `async def`, under its own name or `name`; works as a decorator."""
        self._registry.add_activity(function, name)
        return function

    @overload
    def orchestrator(self, function: F) -> F: ...
    @overload
    def orchestrator(self, *, name: str | None = None, version: str | None = None) -> Callable[[F], F]: ...
    def orchestrator(
        self, function: Callable[..., Any] | None = None, *, name: str | None = None, version: str | None = None
    ) -> Any:
        """A decorator: `@worker.orchestrator`, or `@worker.orchestrator(name=...)` for another name in history.

        version: register it as this version, the latest so far.
        """

        def register(function: F) -> F:
            if version is not None:
                return self.add_versioned_orchestrator(function, version=version, name=name)
            return self.add_orchestrator(function, name=name)

        return register if function is None else register(function)

    @overload
    def activity(self, function: F) -> F: ...
    @overload
    def activity(self, *, name: str | None = None) -> Callable[[F], F]: ...
    def activity(self, function: Callable[..., Any] | None = None, *, name: str | None = None) -> Any:
        """A decorator: `@worker.activity`, or with a name of its own `@worker.activity(name="reserve")`."""

        def register(function: F) -> F:
            return self.add_activity(function, name=name)

        return register if function is None else register(function)

    # -- serving --------------------------------------------------------------------------------------------------

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; with `nursery.start`, ready when the stream of work items is open."""
        if in_orchestration():
            refuse("Worker.serve", _IN_THE_HOST)
        activities = ActivityRunner(self._registry, self._converter, self._limit)
        watchdog = Watchdog()
        session = _Session(self._turns, activities, watchdog)
        stop_reading = trio.CancelScope()
        self._alive = alive = trio.CancelScope(shield=True)
        finished = trio.Event()

        @enable_ki_protection
        async def run(ready: _Once) -> None:
            try:
                await connected(ready)
            finally:
                finished.set()

        async def connected(ready: _Once) -> None:
            with alive:
                async with AsyncExitStack() as stack:
                    channel: Any = self._target
                    if isinstance(channel, str):
                        # The session paces the attempts; the channel need not do it too.
                        options = {"backoff": Backoff(initial=0.1, cap=0.1), **self._channel_options}
                        channel = await stack.enter_async_context(open_channel(channel, **options))
                    async with trio.open_nursery() as inflight:
                        with stop_reading:
                            await session.receive(channel, inflight, str(self._target), ready)

        try:
            async with AsyncExitStack() as watched, trio.open_nursery() as nursery:
                watched.enter_context(watchdog.watching())
                nursery.start_soon(run, _Once(task_status))
                try:
                    await trio.sleep_forever()
                finally:
                    # A second interrupt may come at any of these lines.
                    try:
                        stop_reading.cancel()
                        alive.deadline = trio.current_time() + self._drain_seconds
                        if activities.running:
                            logger.info(
                                "leaving: %d activities may go on for %g s; interrupt again to leave at once",
                                activities.running,
                                self._drain_seconds,
                            )
                        with trio.CancelScope(shield=True):
                            await finished.wait()
                    except KeyboardInterrupt:
                        alive.cancel()
                        raise
        except BaseExceptionGroup as group:
            # One cause, a Ctrl-C for instance, is shown as itself: the nurseries here are nobody's business outside.
            raise _only_cause(group) from None
        finally:
            self._turns.close()

    def run(self) -> None:
        """Serve in a Trio run of its own until SIGINT (Ctrl-C) or SIGTERM, then drain and return.

        A second signal leaves at once.  For the main thread of a program that does nothing else.
        """
        if in_orchestration():
            refuse("Worker.run", _IN_THE_HOST)
            return
        trio.run(self._until_signalled)

    async def _until_signalled(self) -> None:
        serving = trio.CancelScope()
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with trio.open_nursery() as nursery:

                async def serve() -> None:
                    with serving:
                        await self.serve()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(serve)
                async for _ in signals:
                    if serving.cancel_called and self._alive is not None:
                        self._alive.cancel()
                    serving.cancel()

    def running(self) -> AbstractContextManager[Worker]:
        """Serve from a thread for as long as the `with` block lasts; for scripts and notebooks.

        The target must be an address.  Leaving the block waits for running activities as cancelling `serve` does.
        """
        if in_orchestration():
            refused: AbstractContextManager[Worker] = refuse("Worker.running", _IN_THE_HOST)
            return refused
        return self._running()

    @contextmanager
    def _running(self) -> Iterator[Worker]:
        if not isinstance(self._target, str):
            raise TypeError("a worker in a thread needs an address; `await sidecar.serve()` gives one")
        with Portal("trio_durable worker") as portal:
            portal.start(self.serve)
            yield self


def _only_cause(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup) and len(group.exceptions) == 1:
        group = group.exceptions[0]
    return group


class _Once:
    """Tells the caller of `nursery.start` once, however often the stream is opened again."""

    def __init__(self, task_status: trio.TaskStatus[None]) -> None:
        self._task_status: trio.TaskStatus[None] | None = task_status

    def started(self, value: None = None) -> None:
        status, self._task_status = self._task_status, None
        if status is not None:
            status.started(value)


#: A turn, its completion token, and the scope in which its stream is read.
_TurnItem = tuple[Turn, str, trio.CancelScope]


class _Session:
    """One `serve`: the stream, its items, their answers."""

    def __init__(self, turns: TurnRunner, activities: ActivityRunner, watchdog: Watchdog) -> None:
        self._turns = turns
        self._activities = activities
        self._watchdog = watchdog

    @enable_ki_protection
    async def receive(self, channel: Any, inflight: trio.Nursery, where: str, ready: _Once) -> None:
        """Read work items for ever, opening the stream again whenever it ends."""
        stub = WorkStub(channel)
        self._activities.connect(stub)
        put, take = trio.open_memory_channel[_TurnItem](math.inf)
        inflight.start_soon(self._run_turns, stub, take, inflight)
        pause = FIRST_PAUSE
        # Closed without a checkpoint: one would put a Cancelled in the place of an interrupt that is on its way out.
        with put:
            while True:
                try:
                    await stub.hello(hello(), timeout=HELLO_SECONDS)
                    items = stub.work_items(work_items(keeps_history=self._turns.keeps_history))
                    ready.started()
                    logger.info("connected to the sidecar at %s", where)
                    pause = FIRST_PAUSE
                    with trio.CancelScope() as reading:
                        async for item in items:
                            self._accept(item, stub, put, inflight, reading)
                    reason = "it ended the stream of work items"
                    if reading.cancelled_caught:
                        logger.info("opening the stream of work items from the sidecar at %s again", where)
                        await trio.sleep(FIRST_PAUSE)
                        continue
                except GRPCError as error:
                    reason = f"{error.status.name}: {error.message}"
                if pause == FIRST_PAUSE:
                    logger.warning(
                        "no work from the sidecar at %s (%s); trying again in %.1f s, and then ever more rarely. If it "
                        "is not running, start one, for instance with `trio-durable sidecar`",
                        where,
                        reason,
                        pause,
                    )
                else:
                    logger.info("still no work from the sidecar at %s; trying again in %.1f s", where, pause)
                await trio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def _accept(
        self,
        item: bytes,
        stub: Any,
        turns: trio.MemorySendChannel[_TurnItem],
        inflight: trio.Nursery,
        reading: trio.CancelScope,
    ) -> None:
        work, token = read_work_item(item)
        if isinstance(work, Turn):
            turns.send_nowait((work, token, reading))
        elif isinstance(work, Activity):
            inflight.start_soon(self._run_activity, stub, work, token)

    @enable_ki_protection
    async def _run_turns(
        self, stub: Any, turns: trio.MemoryReceiveChannel[_TurnItem], inflight: trio.Nursery
    ) -> None:
        with turns:
            async for item in turns:
                # Turns that wait already are computed in one go, and their answers leave together; but nothing else
                # waits longer for its chance than for the turn at which the time is up.
                enough = time.perf_counter() + TURNS_AT_ONCE
                while True:
                    turn, token, reading = item
                    try:
                        self._run_turn(stub, turn, token, inflight)
                    except HistoryMissing:
                        inflight.start_soon(self._run_with_history, stub, turn, token, inflight, reading)
                    if time.perf_counter() >= enough:
                        break
                    try:
                        item = turns.receive_nowait()
                    except (trio.WouldBlock, trio.EndOfChannel):
                        break

    @disable_ki_protection  # code that loops for ever must be stoppable
    def _run_turn(self, stub: Any, turn: Turn, token: str, inflight: trio.Nursery) -> None:
        """Run a turn and have its answer sent.  Raises HistoryMissing."""
        try:
            with self._watchdog.turn(turn.instance_id):
                result = self._turns.run(turn, token)
        except HistoryMissing:
            raise
        except Exception:
            logger.exception(
                "a bug in trio_durable, not in your code: a turn of instance %r could not be run. It stays "
                "unanswered, so nothing is lost; the sidecar hands it out again when this worker reconnects",
                turn.instance_id,
            )
            return
        _log_failure(result)
        inflight.start_soon(self._send_turn, stub, result)

    @enable_ki_protection
    async def _run_with_history(
        self, stub: Any, turn: Turn, token: str, inflight: trio.Nursery, reading: trio.CancelScope
    ) -> None:
        """Run a turn that left out what is not in memory any more."""
        whole = None
        try:
            response = await stub.history(history(turn.instance_id), within=HISTORY_SECONDS)
            whole = with_history(turn, response)
            why = "it is not the one that the turn belongs to"
        except GRPCError as error:
            why = f"{error.status.name}: {error.message}"
        except DecodeError as error:
            why = f"it cannot be read: {error}"
        if whole is None:
            # The turn cannot be given back by itself: only the end of its stream does that, if it has not ended yet.
            logger.warning("the history of instance %r is needed and cannot be had: %s", turn.instance_id, why)
            reading.cancel()
            return
        self._run_turn(stub, whole, token, inflight)

    @enable_ki_protection
    async def _run_activity(self, stub: Any, activity: Activity, token: str) -> None:
        # The slot is kept until the sidecar has the answer: what a killed worker leaves to be done again is never more
        # than what it may run at a time.
        async with self._activities.slot():
            result = await self._activities.run(activity, token)
            what = f"activity {activity.name!r} of instance {activity.instance_id!r}"

            def instead(failure: FailureDetails) -> Any:
                return activity_result_to_pb(
                    ActivityResult(result.instance_id, result.task_id, None, failure, token)
                )

            await _send(stub.complete_activity_task, activity_result_to_pb(result), what, instead)

    @enable_ki_protection
    async def _send_turn(self, stub: Any, result: TurnResult) -> None:
        def instead(failure: FailureDetails) -> Any:
            ending = CompleteOrchestration(-1, Status.FAILED, failure=failure)
            return turn_result_to_pb(TurnResult(result.instance_id, [ending], None, result.completion_token))

        # The older of the method's two names: every sidecar serves it.
        what = f"a turn of instance {result.instance_id!r}"
        await _send(stub.complete_orchestrator_task, turn_result_to_pb(result), what, instead)


def _log_failure(result: TurnResult) -> None:
    if result.deadlock:
        logger.warning(
            "orchestration instance %r can only be cancelled or terminated now: nothing that it asked for is "
            "outstanding, it waits for no event, and no task can go on.\n%s",
            result.instance_id,
            result.deadlock,
        )
    for action in result.actions:
        if isinstance(action, CompleteOrchestration) and action.failure is not None:
            cancelled = action.status is Status.CANCELED
            logger.log(
                logging.INFO if cancelled else logging.WARNING,
                "orchestration instance %r %s: %s: %s",
                result.instance_id,
                "was cancelled" if cancelled else "failed",
                action.failure.error_type,
                action.failure.error_message.partition("\n")[0],
            )


async def _send(
    method: Callable[..., Awaitable[Any]], message: Any, what: str, instead: Callable[[FailureDetails], Any]
) -> None:
    """Send one answer; over lost connections too, for a while.  What a sidecar refuses is logged: it knows best.

    instead: makes the answer that says so, sent once in place of one that the sidecar finds too large or that no
    message can hold; to send that one again and again would help nobody.
    """
    pause = FIRST_PAUSE
    replaced = False
    with trio.move_on_after(RESEND_SECONDS) as limit:
        while True:
            try:
                await method(message)
                return
            except GRPCError as error:
                if error.status is RpcStatus.RESOURCE_EXHAUSTED and not replaced:
                    replaced = True
                    failure = FailureDetails("ResourceExhausted", f"the answer to {what} is too large: {error.message}")
                    message = instead(failure)
                    continue
                if error.status is not RpcStatus.UNAVAILABLE:
                    logger.warning(
                        "the sidecar did not take the answer to %s: %s: %s", what, error.status.name, error.message
                    )
                    return
            except EncodeError as error:  # our own failure, which takes its place, can be written
                text = f"the answer to {what} cannot be written: {error}".encode(errors="backslashreplace").decode()
                message = instead(FailureDetails(type_name(PayloadError()), text, non_retriable=True))
                continue
            await trio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
    if limit.cancelled_caught:
        logger.warning(
            "the answer to %s could not be sent within %g s; the sidecar will hand the work out again",
            what,
            RESEND_SECONDS,
        )

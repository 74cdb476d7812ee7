"""A turn, synchronously: history in, actions out, with the user's code in its sandbox.

This file decides nothing about ids or order (`_core.replay` does) and touches no socket (`serve` does).

An instance may stay in memory between turns, its code waiting where it stands, so that a turn costs its new events and
not its whole history.  It is gone on with only if the history that the sidecar sends agrees with what the instance has
already seen, event by event over its last turn (whose timestamps no other turn shares); so an answer that was lost or
discarded, or a turn that another worker ran, leads to a fresh replay and never to a wrong one.

A sidecar may leave out the history that it has sent before (`Turn.cached`; the protocol's stateful history).  What it
leaves out ends where the last turn's new events begin: those it sends, as history now, so that the same comparison
decides.  The count alone would not do: a count is as true of the history of another execution.  Where there is nothing
to go on with, `run` raises HistoryMissing, and whoever called has to come with the whole history.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from dataclasses import replace
from itertools import chain
from typing import Any

from trio_durable_sandbox import Sandbox

from trio_durable import _converter
from trio_durable._core.envelope import unseal
from trio_durable._core.events import Event, ExecutionStarted, OrchestratorStarted
from trio_durable._core.replay import OrchestratorMissing, Outcome, Replay
from trio_durable._durable.context import OrchestrationContext
from trio_durable._durable.generators import drive_generator
from trio_durable._durable.vocabulary import TRIO, Hidden
from trio_durable._errors import NotRegisteredError, PayloadError
from trio_durable._wire.propagation import HistoryChunk
from trio_durable._wire.requests import Turn, TurnResult
from trio_durable._wire.work import EncodedEvents
from trio_durable._worker.inputs import Input
from trio_durable._worker.propagated import shown
from trio_durable._worker.registry import Registered, Registry

__all__ = ["HistoryMissing", "TurnRunner"]


class HistoryMissing(Exception):
    """A turn left out history which no instance in memory has seen."""


class _Payloads:
    """The converter and the registry as the orchestration context needs them."""

    def __init__(self, registry: Registry, converter: Any) -> None:
        self.converter = converter
        self.name_of = registry.name_of
        self.is_activity = registry.is_activity
        self.result_type = registry.hints.of_result

    def encode(self, value: object) -> str | None:
        return _converter.encode(self.converter, value)

    def decode(self, payload: str | None, wanted: Any = None) -> Any:
        return _converter.decode(self.converter, payload, wanted)


class TurnRunner:
    """Runs turns of the registered orchestrators; keeps at most `keep` instances in memory between turns."""

    def __init__(self, registry: Registry, sandbox: Sandbox, converter: Any, keep: int) -> None:
        self._registry = registry
        self._sandbox = sandbox
        self._payloads = _Payloads(registry, converter)
        self._keep = keep
        self._kept: OrderedDict[str, _Instance] = OrderedDict()

    def run(self, turn: Turn, completion_token: str = "") -> TurnResult:
        """What the instance asks for after `turn`.  The user's errors are in the result; only our bugs are raised.

        And HistoryMissing, after which the same turn may come again with its whole history.
        """
        instance = self._kept.pop(turn.instance_id, None)
        if instance is not None and not instance.continues(turn):
            instance.close()
            instance = None
        if instance is None:
            if turn.cached is not None:
                raise HistoryMissing(turn.instance_id)
            instance = _Instance(self, turn)
        try:
            outcome = instance.step(turn)
        except BaseException:
            instance.close()
            raise
        if outcome.complete or not self._keep:
            instance.close()
        else:
            self._kept[turn.instance_id] = instance
            if len(self._kept) > self._keep:
                self._kept.popitem(last=False)[1].close()
        return TurnResult(
            instance_id=turn.instance_id,
            actions=outcome.actions,
            custom_status=outcome.custom_status,
            completion_token=completion_token,
            version=outcome.version,
            patches=tuple(outcome.patches),
            deadlock=instance.deadlock(),
        )

    def who_waits(self, instance_id: str) -> str:
        """Who waits for what in an instance that is kept in memory; nothing for others."""
        instance = self._kept.get(instance_id)
        return "" if instance is None else instance.who_waits()

    @property
    def keeps_history(self) -> bool:
        """Whether turns may leave out what their instance has seen."""
        return self._keep > 0

    def close(self) -> None:
        """Dispose of every instance in memory."""
        while self._kept:
            self._kept.popitem()[1].close()

    def start(
        self, started: ExecutionStarted, replay: Replay, run: Any, propagated: tuple[HistoryChunk, ...]
    ) -> Coroutine[Any, Any, str | None]:
        """The coroutine that runs the orchestrator; raises NotRegisteredError if there is none of that name."""
        registered = self._choose(started, replay)
        if registered is None:
            known = ", ".join(repr(name) for name in self._registry.orchestrator_names()) or "none"
            raise NotRegisteredError(
                f"this worker has no orchestrator {started.name!r}, which instance {replay.instance_id!r} was started "
                f"with; it has {known}. Call worker.add_orchestrator(...) with it, or start the instance under a name "
                "that exists."
            )
        function = registered.function if registered.program is None else registered.program.instantiate(run)
        payload, metadata = unseal(started.input)
        context = OrchestrationContext(replay, self._payloads, metadata, shown(propagated))
        return self._main(context, function, registered, payload)

    def _choose(self, started: ExecutionStarted, replay: Replay) -> Registered[Callable[..., Any]] | None:
        """The function to run, and the version to pin: once it is in history, an instance keeps its version."""
        name = started.name
        pinned = replay.version
        versions = self._registry.versions.get(name, {})
        plain = self._registry.orchestrators.get(name)
        if pinned is not None:
            if pinned not in versions:
                raise OrchestratorMissing(f"this worker does not have version {pinned!r} of orchestrator {name!r}")
            return versions[pinned]
        if replay.is_replaying:
            # It began without a version, and goes on without one.
            if plain is None and versions:
                raise OrchestratorMissing(f"this worker does not have orchestrator {name!r} without a version")
            return plain
        if not versions:
            return plain
        wanted = started.version or self._registry.latest.get(name)
        if wanted is None:
            return plain
        if wanted not in versions:
            raise OrchestratorMissing(f"this worker does not have version {wanted!r} of orchestrator {name!r}")
        replay.version = wanted
        return versions[wanted]

    def new_run(self, turn: Turn, clock: Callable[[], int]) -> Any:
        """The sandbox's half of an instance; its random streams belong to the execution."""
        started = next((e for e in chain(turn.past, turn.new) if type(e) is ExecutionStarted), None)
        execution = started.execution_id if started is not None else None
        return self._sandbox.new_run(
            instance_id=turn.instance_id, seed=f"{turn.instance_id}|{execution or ''}", now_ns=clock
        )

    async def _main(
        self,
        context: OrchestrationContext,
        function: Callable[..., Any],
        registered: Registered[Callable[..., Any]],
        payload: str | None,
    ) -> str | None:
        whose = f"orchestration {registered.name!r}"
        taken = Input.of(function, self._registry.hints)
        result = function(*taken.arguments(context, payload, self._payloads.converter, whose))
        if inspect.iscoroutine(result):
            result = await result
        elif inspect.isgenerator(result):
            result = await drive_generator(result)
        try:
            return self._payloads.encode(result)
        except PayloadError as error:
            raise PayloadError(f"the result of orchestration {registered.name!r}: {error}") from error


class _Instance:
    """One instance in memory: its replay, its sandbox run, and how much of its history it has seen."""

    __slots__ = ("_context", "_execution_id", "_last", "_replay", "_run", "_seen", "_stuck")

    def __init__(self, runner: TurnRunner, turn: Turn) -> None:
        def start(started: ExecutionStarted, replay: Replay) -> Coroutine[Any, Any, str | None]:
            return runner.start(started, replay, run, propagated)

        def clock() -> int:
            return replay.now

        propagated = turn.propagated
        self._replay = replay = Replay(turn.instance_id, start, words=TRIO)
        self._run = run = runner.new_run(turn, clock)
        replay.on_replaying = self._set_replaying
        # An empty context: what the host keeps in context variables is not the orchestration's to see.
        self._context = Context()
        self._execution_id = turn.execution_id
        self._seen = 0
        self._last: Sequence[Event] = []
        self._stuck = False

    def _set_replaying(self, replaying: bool) -> None:
        self._run.replaying = replaying

    def continues(self, turn: Turn) -> bool:
        """Whether the turn's history begins with everything this instance has seen."""
        left_out = turn.cached or 0
        begin, end = self._seen - len(self._last) - left_out, self._seen - left_out
        if turn.execution_id != self._execution_id or not 0 <= begin < end <= len(turn.past):
            return False
        same = turn.past[begin:end]
        return same == self._last if type(same) is type(self._last) else list(same) == list(self._last)

    def step(self, turn: Turn) -> Outcome:
        return self._context.run(self._step, turn)

    def _step(self, turn: Turn) -> Outcome:
        with Hidden(), self._run.active():
            left_out = turn.cached or 0
            outcome = self._replay.turn(turn.past[self._seen - left_out :], turn.new)
            if self._run.violations:
                # A violation that the code swallowed has been seen all the same: the turn cannot be trusted.
                outcome = self._replay.fail(self._run.violations[0])
        self._seen = left_out + len(turn.past) + len(turn.new)
        self._last = turn.new.alone() if isinstance(turn.new, EncodedEvents) else turn.new
        if outcome.version is not None or outcome.patches:
            self._last = _as_recorded(self._last, outcome)
        return outcome

    def who_waits(self) -> str:
        return self._context.run(self._replay.who_waits)

    def deadlock(self) -> str:
        """Who waits for what, when the instance has just come to where nothing can make it go on."""
        before, self._stuck = self._stuck, self._replay.is_stuck
        return self.who_waits() if self._stuck and not before and not self._replay.only_sleeps else ""

    def close(self) -> None:
        """Dispose of the instance's tasks inside its sandbox; what they do in their last moments goes nowhere."""
        self._context.run(self._close)

    def _close(self) -> None:
        with Hidden(), self._run.active():
            self._replay.close()
        self._run.close()


def _as_recorded(new: Sequence[Event], outcome: Outcome) -> Sequence[Event]:
    """What history will hold of a turn's events: the first one tells the version and the patches."""
    first = new[0] if new else None
    if not isinstance(first, OrchestratorStarted):
        return new
    return [replace(first, version=outcome.version, patches=tuple(outcome.patches)), *new[1:]]

"""A turn, synchronously: history in, actions out, with the user's code in its sandbox.

This file decides nothing about ids or order (`_core.replay` does) and touches no socket (`serve` does).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from contextvars import Context
from itertools import chain
from typing import Any

from trio_durable_sandbox import Sandbox

from trio_durable import _converter
from trio_durable._core.events import ExecutionStarted
from trio_durable._core.replay import Outcome, Replay
from trio_durable._durable.context import OrchestrationContext, drive_generator
from trio_durable._errors import NotRegisteredError, PayloadError
from trio_durable._wire.requests import Turn, TurnResult
from trio_durable._worker.registry import Registered, Registry, result_hint, takes_input, value_hint

__all__ = ["TurnRunner"]


class _Payloads:
    """The converter and the registry as the orchestration context needs them."""

    def __init__(self, registry: Registry, converter: Any) -> None:
        self._converter = converter
        self.name_of = registry.name_of
        self.result_type = result_hint

    def encode(self, value: object) -> str | None:
        return _converter.encode(self._converter, value)

    def decode(self, payload: str | None, wanted: Any = None) -> Any:
        return _converter.decode(self._converter, payload, wanted)


class TurnRunner:
    """Runs turns of the registered orchestrators."""

    def __init__(self, registry: Registry, sandbox: Sandbox, converter: Any) -> None:
        self._registry = registry
        self._sandbox = sandbox
        self._payloads = _Payloads(registry, converter)

    def run(self, turn: Turn, completion_token: str = "") -> TurnResult:
        """What the instance asks for after `turn`.  The user's errors are in the result; only our bugs are raised."""
        outcome = self._replay(turn)
        return TurnResult(
            instance_id=turn.instance_id,
            actions=outcome.actions,
            custom_status=outcome.custom_status,
            completion_token=completion_token,
            version=outcome.version,
            patches=tuple(outcome.patches),
        )

    def _replay(self, turn: Turn) -> Outcome:
        execution = next((e for e in chain(turn.past, turn.new) if type(e) is ExecutionStarted), None)
        def clock() -> int:
            return replay.now

        seed = f"{turn.instance_id}|{(execution.execution_id if execution is not None else None) or ''}"
        run = self._sandbox.new_run(instance_id=turn.instance_id, seed=seed, now_ns=clock)

        def start(started: ExecutionStarted, replay: Replay) -> Coroutine[Any, Any, str | None]:
            registered = self._registry.orchestrators.get(started.name)
            if registered is None:
                raise NotRegisteredError(
                    f"this worker has no orchestrator {started.name!r}, which instance {replay.instance_id!r} was "
                    f"started with; it has {_listed(self._registry.orchestrators)}. "
                    f"Call worker.add_orchestrator(...) with it, or start the instance under a name that exists."
                )
            function = registered.function if registered.program is None else registered.program.instantiate(run)
            return self._main(OrchestrationContext(replay, self._payloads), function, registered, started.input)

        def step() -> Outcome:
            with run.active():
                outcome = replay.turn(turn.past, turn.new)
                if run.violations:
                    # A violation that the code swallowed has been seen all the same: the turn cannot be trusted.
                    outcome = replay.fail(run.violations[0])
                replay.close()
            return outcome

        replay = Replay(turn.instance_id, start)
        try:
            # An empty context: what the host keeps in context variables is not the orchestration's to see.
            return Context().run(step)
        finally:
            run.close()

    async def _main(
        self,
        context: OrchestrationContext,
        function: Callable[..., Any],
        registered: Registered[Callable[..., Any]],
        payload: str | None,
    ) -> str | None:
        arguments: tuple[Any, ...] = (context,)
        if takes_input(function):
            try:
                arguments = (context, self._payloads.decode(payload, value_hint(function)))
            except PayloadError as error:
                raise PayloadError(f"the input of orchestration {registered.name!r}: {error}") from error
        result = function(*arguments)
        if inspect.iscoroutine(result):
            result = await result
        elif inspect.isgenerator(result):
            result = await drive_generator(result)
        try:
            return self._payloads.encode(result)
        except PayloadError as error:
            raise PayloadError(f"the result of orchestration {registered.name!r}: {error}") from error


def _listed(names: dict[str, Any]) -> str:
    return ", ".join(repr(name) for name in sorted(names)) or "none"

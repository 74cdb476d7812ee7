"""Whether the order in which answers come matters: one run compared with the plainest run of the same answers.

An orchestration that only gathers what it asked for ends alike in every order.  One that adds up floats as they come,
lets the last writer win, or counts on who is quicker, does not, although each of its replays agrees with its history.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

from trio_durable._core.failures import FailureDetails
from trio_durable._errors import DurableError
from trio_durable._worker.serve import Worker
from trio_durable.testing.pair import OpenTask
from trio_durable.testing.script import Outcome, Player

__all__ = ["OrderError", "check_order"]

_Key = tuple[str, str, str | None]


class OrderError(DurableError, AssertionError):
    """The order in which answers came changed what became of an orchestration."""


class _Same(Player):
    """A player whose activities answer as they did in another run."""

    def take_answers(self, other: Player) -> None:
        self.activities = other.activities
        self._answers: dict[_Key, deque[tuple[str | None, FailureDetails | None]]] = {}
        for task, payload, failure in other.answers:
            self._answers.setdefault(_key(task), deque()).append((payload, failure))

    def value_of(self, task: OpenTask) -> tuple[str | None, FailureDetails | None]:
        known = self._answers.get(_key(task))
        if not known:
            return super().value_of(task)
        return known[0] if len(known) == 1 else known.popleft()


def _key(task: OpenTask) -> _Key:
    return task.instance_id, task.name, task.scheduled.input


def check_order(player: Player, worker: Worker, raised: Sequence[str]) -> None:
    """Raise OrderError if the same answers and events in the plainest order lead to another end, or to other calls.

    player: has played a script to the end.  raised: the lines of the external events that came.
    """
    plain = _Same(worker, player.name)
    plain.take_answers(player)
    try:
        plain.play(player.lines[0])
        plain.drain(raised)
        expected, got = _end(plain.outcome()), _end(player.outcome())
    finally:
        plain.close()
    if expected != got:
        raise OrderError(
            f"orchestration {player.name!r}: the order in which answers come changes what becomes of it.\n"
            f"  - in the plainest order: {expected}\n"
            f"  + in this order:         {got}\n"
            "Collect results by what was asked for (gather keeps the order of its operands), not as they come; read,"
            " change and write shared values without an await in between. Where the order is meant to matter, leave"
            " any_order= out."
        )


def _end(outcome: Outcome) -> str:
    end = f"{outcome.status.name} with {outcome.result!r}"
    if outcome.failure is not None:
        end = f"{outcome.status.name} with {outcome.failure.error_type}: {outcome.failure.error_message}"
    calls = Counter(f"{call.name}({call.input!r})" for call in outcome.all_calls)
    return end + "; calls: " + (", ".join(f"{count} {call}" for call, count in sorted(calls.items())) or "none")

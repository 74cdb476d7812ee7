"""Patches: how one orchestrator function tells instances that began before a change from those that began after it.

The rules:

1. The first question about a patch decides it for the rest of the execution, on every replay.
2. What an earlier turn answered with yes is in history, in the OrchestratorStarted of the turn that asked.  Such a yes
   stays yes.  A question that history reaches without such a record was not asked at the time: no.  At the end of
   history the code is new: yes.
3. Every yes is reported, repetitions included, in the order of the questions, turn after turn the whole list.  A
   service refuses a list that does not begin with the last one: then the code asks for something else than it did.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Patches"]


class Patches:
    """The patches of one execution.  `applied` is what is reported with each turn."""

    __slots__ = ("_answers", "_recorded", "applied")

    def __init__(self) -> None:
        self.applied: list[str] = []
        self._recorded: dict[str, None] = {}
        self._answers: dict[str, bool] = {}

    def record(self, names: Iterable[str]) -> None:
        """History tells that these were answered with yes."""
        self._recorded.update(dict.fromkeys(names))

    def ask(self, name: str, *, replaying: bool) -> bool:
        """Whether the code behind the patch runs in this execution."""
        answer = self._answers.setdefault(name, name in self._recorded or not replaying)
        if answer:
            self.applied.append(name)
        return answer

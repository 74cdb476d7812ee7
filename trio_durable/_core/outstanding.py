"""What the code has asked for, by id, until history confirms and answers it.

`ledger.py` is the law; this is the book that is kept by it, for one execution:

    asked        `ask` gives an action its id; it is *pending*: sent at the end of the turn
    confirmed    history holds it (`confirm`); it is pending no more
    answered     its answer is there (`answer`), and is delivered to whoever asked

The rules:

1. **Ids count from 1**, in program order, over everything that takes one, the completion included.
2. **A confirmation must match** the pending action of its id.  Otherwise code and history disagree.
3. **An answer may come early**, before the code asks; it is kept, delivered when the code does ask, and that action is
   not sent.  A second answer to one id is dropped.
4. **The timer of an indefinite event wait is optional**: histories of older recorders lack it, and then every later id
   is one lower; newer ones may hold one that this code does not make.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Protocol

from trio_durable._core.actions import Action, CompleteOrchestration, VersionNotAvailable
from trio_durable._core.deadlines import DeadlineTimer
from trio_durable._core.events import Event, TimerCreated
from trio_durable._core.ledger import ANSWERS, KIND_OF, Kind, answered_id, describe, is_indefinite, mismatch
from trio_durable._errors import NonDeterminismError

__all__ = ["Answer", "Outstanding"]


class Answer(Protocol):
    """What an answer is delivered to."""

    def __call__(self, event: Event) -> None: ...


class Outstanding:
    """The open actions of one execution.

    next_id: what the next action gets.  completion: the action that ends the execution, once there is one; it has an id
    like the others.  whose: how messages name the instance.
    """

    __slots__ = (
        "_answered", "_deadline_timers", "_early", "_lines", "_open", "_pending", "_withheld", "completion",
        "next_id", "whose",
    )  # fmt: skip

    def __init__(self, whose: str) -> None:
        self.whose = whose
        self.next_id = 1
        self.completion: CompleteOrchestration | VersionNotAvailable | None = None
        #: asked for, not yet confirmed; id -> action, ids ascending
        self._pending: dict[int, Action] = {}
        #: ids of pending actions whose answer came early: never sent
        self._withheld: dict[int, None] = {}
        self._open: dict[tuple[Kind, int], Answer] = {}
        self._early: dict[tuple[Kind, int], Event] = {}
        self._answered: dict[tuple[Kind, int], None] = {}
        #: where in the user's code each pending action was asked for
        self._lines: dict[int, tuple[str, int]] = {}
        #: unconfirmed timers of deadlines
        self._deadline_timers: dict[int, DeadlineTimer] = {}

    # -- asked ----------------------------------------------------------------------------------------------------

    def take_id(self) -> int:
        number = self.next_id
        self.next_id += 1
        return number

    def ask(self, action: Action, deliver: Answer | None, timer: DeadlineTimer | None = None) -> None:
        """Give `action` its id and have `deliver` called with the event that answers it, if any ever does.

        timer: the deadline's timer that the action asks for; told the recorded time when history confirms it.
        """
        number = action.id = self.take_id()
        if timer is not None:
            self._deadline_timers[number] = timer
        self._pending[number] = action
        self._lines[number] = _user_line()
        if deliver is None:
            return
        key = (KIND_OF[type(action)], number)
        self._open[key] = deliver
        if key in self._early:
            self._deliver_early(*key)

    def to_send(self) -> list[Action]:
        """What the turn asks for."""
        return [action for action in self._pending.values() if action.id not in self._withheld]

    def withdraw(self) -> None:
        """Nothing of what is pending is sent."""
        self._pending.clear()

    # -- confirmed ------------------------------------------------------------------------------------------------

    def confirm(self, event: Event) -> Action | None:
        """History holds the action of `event`; gives it, None for an optional timer that the code does not make."""
        number = event.event_id
        action = self._pending.get(number)
        while action is not None and mismatch(action, event) and is_indefinite(action) and not is_indefinite(event):
            self._drop_optional_timer(number)
            action = self._pending.get(number)
        if action is None or mismatch(action, event):
            if is_indefinite(event):
                self._make_room(number)
                return None
            raise self._disagreement(expected=describe(event), got=action)
        if isinstance(event, TimerCreated):
            # A recorded time wins over the constant in today's code, so that a changed timeout still replays.
            timer = self._deadline_timers.pop(number, None)
            if timer is not None:
                timer.recorded(event.fire_at)
        del self._pending[number]
        self._withheld.pop(number, None)
        self._lines.pop(number, None)
        return action

    def check_confirmed(self) -> None:
        """The turn that asked is over, so history holds all of it; NonDeterminismError if the code asked for more."""
        for action in self._pending.values():
            if action.id not in self._withheld and not is_indefinite(action):
                raise self._disagreement(expected="nothing more in that turn", got=action)

    # -- answered -------------------------------------------------------------------------------------------------

    def answer(self, event: Event) -> None:
        """Deliver `event` to whoever asked for what it answers."""
        key = (ANSWERS[type(event)], answered_id(event))
        if key in self._answered:
            return
        deliver = self._open.pop(key, None)
        if deliver is None:
            self._early.setdefault(key, event)
            return
        self._answered[key] = None
        deliver(event)

    def _deliver_early(self, kind: Kind, number: int) -> None:
        event = self._early.pop((kind, number))
        deliver = self._open.pop((kind, number))
        self._answered[(kind, number)] = None
        self._withheld[number] = None
        deliver(event)

    # -- optional timers ------------------------------------------------------------------------------------------

    def _drop_optional_timer(self, number: int) -> None:
        """This history has no timer for the indefinite wait at `number`: every later id moves down by one."""
        del self._pending[number]
        self._open.pop((Kind.TIMER, number), None)
        self._renumber(lambda old: old - 1 if old > number else old)

    def _make_room(self, number: int) -> None:
        """This history has a timer for an indefinite wait that the code does not make: later ids move up by one."""
        self._renumber(lambda old: old + 1 if old >= number else old)

    def _renumber(self, new: Callable[[int], int]) -> None:
        for action in self._pending.values():
            action.id = new(action.id)
        self._pending = {action.id: action for action in self._pending.values()}
        self._withheld = {new(old): None for old in self._withheld}
        self._lines = {new(old): line for old, line in self._lines.items()}
        self._open = {(kind, new(old)): deliver for (kind, old), deliver in self._open.items()}
        self._deadline_timers = {new(old): timer for old, timer in self._deadline_timers.items()}
        if self.completion is not None and self.completion.id >= 0:
            self.completion.id = new(self.completion.id)
        self.next_id = new(self.next_id)
        for key in [key for key in self._open if key in self._early]:
            self._deliver_early(*key)

    @property
    def awaits_answers(self) -> bool:
        """Whether anything that was asked for has no answer yet."""
        return bool(self._open)

    # -- in words -------------------------------------------------------------------------------------------------

    def pending(self) -> Iterator[str]:
        """What was asked for and is not confirmed."""
        return map(describe, self._pending.values())

    def not_answered(self) -> Iterator[str]:
        """What was asked for and has no answer."""
        return (f"{kind.value} #{number}" for kind, number in self._open)

    def _disagreement(self, *, expected: str, got: Action | None) -> NonDeterminismError:
        completion = self.completion
        line = "nothing" if completion is None else "the orchestration ended before this point"
        if isinstance(completion, CompleteOrchestration) and completion.failure is not None:
            failure = completion.failure
            line += f", with {failure.error_type}: {failure.error_message}"
        if got is not None:
            line = describe(got)
            if got.id in self._lines:
                file, number = self._lines[got.id]
                line += f"   (asked for at {file}:{number})"
        return NonDeterminismError(
            f"{self.whose}: the code and the recorded history disagree.\n"
            f"  - expected (history): {expected}\n"
            f"  + got (code):         {line}\n"
            "The usual causes: the code was changed while this instance was running; a branch depends on a value that "
            "is not the same on every replay (a clock, randomness, the environment, the order of a set); a call was "
            "made from something other than the orchestration's own code. Keep the old order of calls for running "
            "instances (register the changed orchestrator under a new name or version), or take such values from an "
            "activity."
        )


def _user_line() -> tuple[str, int]:
    """Where the code that is asking stands: the nearest frame outside this package."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("trio_durable._"):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno

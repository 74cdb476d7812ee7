"""What an example of `replays` does: it chooses a script line by line, with Hypothesis, and plays it.

Two rules for the choices.  The plainest is always the first one, so that Hypothesis shrinks towards the plainest
script; and every step is a choice, so that no example is spent on the plain script that another one has played already.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st

from trio_durable._core.events import Status
from trio_durable.testing.failing import Failures
from trio_durable.testing.pair import OpenTask
from trio_durable.testing.script import ROOT, Player, early_tasks

__all__ = ["CHANGES_THE_END", "FAULTS", "Explorer"]

#: What may go wrong in an example, besides the order of events.
FAULTS = ("fail", "crash", "lose", "duplicate", "early", "suspend", "cancel", "terminate")

#: What makes another end of an orchestration, whatever the order of events.
CHANGES_THE_END = frozenset({"fail", "suspend", "cancel", "terminate"})

#: How many of the open activities, and of the answers that could come twice, an example chooses among.
_CHOICES = 6

#: How often something happens, beside the others that could happen now: each example draws one of these for each kind
#: of progress, so that some examples batch everything, some have their events early, some let all time pass.
_WEIGHTS = (3, 1, 9)
_KINDS = ("turn", "answer", "raise", "fire")

#: The same for what only disturbs, and may come at every step.
_RARE = 1

#: For so many steps after a failure or a cancel, answers and disturbances come more often by this factor: most faults
#: are in the code that cleans up, where it is disturbed itself, or hears of a success that came too late.
_STIRRED, _MORE_OFTEN = 4, 3

_Line = Callable[[], str]


class Explorer:
    """Chooses a script line by line, with Hypothesis, and plays it.

    values: strategies for the results of activities, by name.  faults: which of FAULTS may happen.
    errors: the error types of activities that fail.
    """

    def __init__(
        self,
        player: Player,
        draw: Callable[[st.SearchStrategy[Any]], Any],
        *,
        values: Mapping[str, st.SearchStrategy[Any]],
        faults: Collection[str],
        errors: Sequence[str],
    ) -> None:
        self.player = player
        self.faults = frozenset(faults)
        self._draw = draw
        self._errors = errors
        for activity, strategy in values.items():
            player.activities[activity] = functools.partial(self._drawn, strategy)
        self._step = 0
        #: whether a timer may go off while something else could happen
        self.lets_time_pass = True
        self._ends_from = 0
        self._weights: dict[str, int] = {}
        # Choices from here are no strategies of their own: Hypothesis takes what came of one strategy, and puts it in
        # the place of what came of it elsewhere, which in a script mostly gives one that was played already.
        self._choices: Random = draw(st.randoms(use_true_random=False))
        self._failures: Failures | None = None
        self._stirred_until = 0

    def run(self, payload: str, events: Sequence[str], max_steps: int) -> None:
        """Play `start`, then up to `max_steps` lines of choice, then the rest in the plainest order."""
        waiting = list(events)
        # Each example has some of the faults only: one in which everything goes wrong hides what needs a success.
        if "fail" in self.faults:
            self._failures = Failures(self._choices)
        disturbing = sorted(self.faults - {"fail"})
        chosen = self._choices.randrange(2 ** len(disturbing))
        self.faults -= {fault for bit, fault in enumerate(disturbing) if not chosen >> bit & 1}
        self._weights = {kind: self._choices.choice(_WEIGHTS) for kind in _KINDS}
        if self.faults & {"cancel", "terminate"}:
            # Such an end hides what would have come after it: it comes late, in most examples too late.
            self._ends_from = self._choices.randrange(max_steps // 2 + 1)
        self.player.play(f"start {payload}".rstrip())
        for self._step in range(max_steps):
            if self.player.ended:
                break
            line = self._choose(waiting)
            if line is None:
                break
            self.player.play(line)
        self.player.drain(waiting)

    def _choose(self, waiting: list[str]) -> str | None:
        progress = self._progress(waiting)
        if not progress:
            return None
        choices = [*progress, *self._disturbances()]
        position = self._choices.randrange(sum(weight for weight, _ in choices))
        for weight, line in choices:
            position -= weight
            if position < 0:
                return line()
        raise AssertionError("a position beyond all weights")

    def _drawn(self, strategy: st.SearchStrategy[Any], _: object) -> Any:
        return self._draw(strategy)

    def _progress(self, waiting: list[str]) -> list[tuple[int, _Line]]:
        """What may happen next in any world, the plainest first."""
        pair, weights = self.player.pair, self._weights
        tasks = pair.tasks[:_CHOICES]
        due = pair.next_timer()
        found: list[tuple[int, _Line]] = [
            *((weights["turn"], functools.partial(str, f"turn {instance_id}")) for instance_id in pair.ready()),
            *((self._oftener(weights["answer"]), functools.partial(self._answered, task)) for task in tasks),
            *((weights["raise"], functools.partial(self._take, waiting, line)) for line in dict.fromkeys(waiting)),
        ]
        if due is not None and (self.lets_time_pass or not found):
            found.append((weights["fire"], functools.partial(str, f"fire {due[0]} #{due[1].event_id}")))
        if self.player.status is Status.SUSPENDED:
            found.append((weights["turn"], functools.partial(str, "resume")))
        return found

    def _disturbances(self) -> list[tuple[int, _Line]]:
        """What else may go wrong."""
        player, pair, faults = self.player, self.player.pair, self.faults
        ready = pair.ready()
        found: list[_Line] = []
        if "crash" in faults and player.lines[-1] != "crash":
            found.append(functools.partial(str, "crash"))
        if "lose" in faults:
            found += [functools.partial(str, f"lose {instance_id}") for instance_id in ready]
        if "duplicate" in faults:
            found += [
                functools.partial(str, f"duplicate {task.instance_id} #{task.id}")
                for task, _ in player.given[-_CHOICES:]
                if task.instance_id in ready
            ]
        if "early" in faults:
            found += [functools.partial(self._early, instance_id) for instance_id in ready]
        if "suspend" in faults and pair.life(ROOT).instance.started is not None:
            found.append(functools.partial(str, "suspend"))
        if "cancel" in faults and self._step >= self._ends_from:
            found.append(functools.partial(self._once, "cancel", "cancel"))
        if "terminate" in faults and self._step >= self._ends_from:
            found.append(functools.partial(self._once, "terminate", 'terminate "ended by the test"'))
        return [(self._oftener(_RARE), line) for line in found]

    def _oftener(self, weight: int) -> int:
        return weight * (_MORE_OFTEN if self._step < self._stirred_until else 1)

    def _answered(self, task: OpenTask) -> str:
        if self._failures is not None and self._failures.next(task.instance_id, task.name):
            self.player.injected = True
            self._stirred_until = self._step + _STIRRED
            return f"fail {task.instance_id} #{task.id} {self._choices.choice(self._errors)}"
        payload, failure = self.player.value_of(task)
        if failure is not None:
            return f"fail {task.instance_id} #{task.id} {failure.error_type} {failure.error_message}".rstrip()
        return f"complete {task.instance_id} #{task.id} {payload or ''}".rstrip()

    def _early(self, instance_id: str) -> str:
        tasks = early_tasks(self.player, instance_id)
        if not tasks:
            return f"turn {instance_id}"
        task = self._choices.choice(tasks)
        payload, failure = self.player.value_of(task)
        if failure is not None:
            return f"turn {instance_id}"
        return f"early {task.instance_id} #{task.id} {payload or ''}".rstrip()

    def _take(self, waiting: list[str], line: str) -> str:
        waiting.remove(line)
        return line

    def _once(self, fault: str, line: str) -> str:
        self.faults -= {fault}
        self._stirred_until = self._step + _STIRRED
        return line

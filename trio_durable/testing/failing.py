"""Which activities of an example of `replays` fail.

Independent failures hardly ever give what breaks orchestrations: one activity that never works beside others that do,
one call of many that fails, a failure of the very step that was to undo the failure before it.  So each example has one
pattern, drawn first; the plainest one is that nothing fails.
"""

from __future__ import annotations

from random import Random

__all__ = ["Failures"]

_PATTERNS = ("nothing", "in a row", "by activity", "in a row", "by activity", "in a row")

#: By activity: of how many answers of one activity to one instance one fails, drawn once for each.
_ONE_IN = (0, 3, 3, 0, 1)

#: In a row: how many calls are answered before the first that fails ...
_BEFORE = (0, 1, 2, 0, 1, 2, 3, 4, 7)

#: ... and of how many of those that follow one fails: a single failure, failures of the clean-up, or all from there on.
_ONE_IN_AFTER = (0, 2, 1, 2)


class Failures:
    """The pattern of one example.

    choices: Hypothesis's.
    """

    def __init__(self, choices: Random) -> None:
        self._choices = choices
        self._pattern = choices.choice(_PATTERNS)
        self._by_activity: dict[tuple[str, str], int] = {}
        self._before = self._after = 0
        if self._pattern == "in a row":
            self._before, self._after = choices.choice(_BEFORE), choices.choice(_ONE_IN_AFTER)

    def next(self, instance_id: str, activity: str) -> bool:
        """Whether this call of the activity fails; to be asked once for each call that is answered."""
        if self._pattern == "by activity":
            key = instance_id, activity
            if key not in self._by_activity:
                self._by_activity[key] = self._choices.choice(_ONE_IN)
            return self._one_in(self._by_activity[key])
        if self._pattern == "in a row":
            self._before -= 1
            return self._before == -1 or (self._before < -1 and self._one_in(self._after))
        return False

    def _one_in(self, count: int) -> bool:
        return count == 1 or bool(count and self._choices.randrange(count) == count - 1)

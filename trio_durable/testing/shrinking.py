"""The shortest script that still fails: what Hypothesis cannot take out, as one line less changes what the others mean.

Hypothesis shrinks the choices that made a script.  A line taken out of the middle makes a later one impossible (there
is no activity #3 any more); here such lines are left out with it, or mean the next best thing, and what remains is
played as the pasted regression test would play it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trio_durable.testing.script import ROOT, Player, ScriptError

__all__ = ["play_what_can_be", "shortest"]

#: How often a script is played, at most, to make it shorter.
PLAYS = 400

#: Plays a script, leaves out the lines that cannot be played, and gives the lines that were; None if all is well then.
Attempt = Callable[[Sequence[str]], "list[str] | None"]


def shortest(lines: Sequence[str], attempt: Attempt) -> list[str] | None:
    """`lines` without what it fails without, the first line (`start`) excepted; None where not even all of them fail.

    Ever smaller stretches are left out, the last ones first, until no single line can be.
    """
    found = attempt(lines)
    if found is None:
        return None
    plays = 1
    size = max(len(found) // 2, 1)
    while plays < PLAYS:
        position, shorter = len(found) - size, False
        while position >= 1 and plays < PLAYS:
            again = attempt([*found[:position], *found[position + size :]])
            plays += 1
            if again is not None and len(again) < len(found):
                found, shorter = again, True
            position = min(position - size, len(found) - size)
        if size == 1 and not shorter:
            break
        if not shorter:
            size = max(size // 2, 1)
        size = min(size, max(len(found) - 1, 1))
    return found


def play_what_can_be(player: Player, lines: Sequence[str]) -> None:
    """Play lines of which some are missing: those that cannot be played are left out, unless another is meant.

    Without a call that came before, an action has another number, and so has the child that it made.
    """
    moved: dict[str, str] = {}
    for line in lines:
        for attempt in (line, None):
            try:
                if (meant := attempt or _meant(player, line, moved)) is not None:
                    player.play(meant)
                break
            except ScriptError:
                player.lines.pop()


def _meant(player: Player, line: str, moved: dict[str, str]) -> str | None:
    verb, _, rest = line.partition(" ")
    if verb not in ("turn", "complete", "fail", "fire"):
        return None
    instance_id, *more = rest.split(" ", 2)
    if instance_id not in player.pair.lives:
        free = [each for each in player.pair.lives if each != ROOT and each not in moved.values()]
        if instance_id not in moved and not free:
            return None
        instance_id = moved.setdefault(instance_id, free[0] if free else "")
    if verb in ("complete", "fail"):
        number = next((task.id for task in player.pair.tasks if task.instance_id == instance_id), None)
        if number is None:
            return None
        more[0] = f"#{number}"
    return " ".join([verb, instance_id, *more])

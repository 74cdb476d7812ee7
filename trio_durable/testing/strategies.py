"""Hypothesis strategies for tests of orchestrations, workers and sidecars.

    payloads()           JSON values, the falsy ones often
    interleavings(...)   merges of several sequences, each in its own order
    crash_points(n)      after which of n steps something crashes
    faults()             which kinds of faults an example of `replays` has
    histories(...)       recorded histories of an orchestration that really ran (in memory)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from trio_durable._worker.serve import Worker
from trio_durable.testing.exploring import FAULTS, Explorer
from trio_durable.testing.histories import History
from trio_durable.testing.script import Player, make_worker, payload_of

__all__ = ["crash_points", "faults", "histories", "interleavings", "payloads"]

T = TypeVar("T")


def payloads(*, max_leaves: int = 8) -> st.SearchStrategy[Any]:
    """Values that survive JSON, as inputs, results and event data: None, 0, "", False, [] and {} among the first.

    max_leaves: how large nested values may get.
    """
    plain = (
        st.none()
        | st.sampled_from([0, "", False])
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"]))
    )
    keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    return st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=max_leaves,
    )


@st.composite
def interleavings(draw: Callable[[st.SearchStrategy[Any]], Any], *sequences: Sequence[T]) -> list[T]:
    """One list of all items, in which each sequence keeps its own order; one sequence after another at simplest."""
    waiting = [list(sequence) for sequence in sequences if sequence]
    merged: list[T] = []
    while waiting:
        chosen = draw(st.integers(0, len(waiting) - 1))
        merged.append(waiting[chosen].pop(0))
        waiting = [each for each in waiting if each]
    return merged


def crash_points(steps: int) -> st.SearchStrategy[frozenset[int]]:
    """After which of `steps` steps (numbered from 0) something crashes; none at simplest."""
    if steps < 1:
        return st.just(frozenset())
    return st.frozensets(st.integers(0, steps - 1))


def faults(among: Collection[str] = FAULTS) -> st.SearchStrategy[frozenset[str]]:
    """Some of the kinds of faults that `replays` knows, for its `faults=`; none at simplest."""
    return st.frozensets(st.sampled_from(sorted(among))) if among else st.just(frozenset())


@st.composite
def histories(
    draw: Callable[[st.SearchStrategy[Any]], Any],
    orchestrator: Callable[..., Any] | str,
    *,
    inputs: Any = None,
    events: Sequence[tuple[str, Any]] = (),
    activities: Any = (),
    orchestrators: Sequence[Callable[..., Any]] = (),
    worker: Worker | None = None,
    faults: Collection[str] = FAULTS,
    max_steps: int = 20,
) -> History:
    """Histories of an orchestration that ran to its end in memory, with faults on the way.

    The parameters are those of `replays`.
    """
    made, name, stand_ins = make_worker(orchestrator, worker, activities, orchestrators)
    values = {key: each for key, each in stand_ins.items() if isinstance(each, st.SearchStrategy)}
    player = Player(made, name, activities={key: each for key, each in stand_ins.items() if key not in values})
    try:
        explorer = Explorer(player, draw, values=values, faults=faults, errors=["InjectedError"])
        raised = [f"raise {event} {payload_of(made, _drawn(draw, value))}".rstrip() for event, value in events]
        explorer.run(payload_of(made, _drawn(draw, inputs)), raised, max_steps)
        return player.outcome().history
    finally:
        player.close()


def _drawn(draw: Callable[[st.SearchStrategy[Any]], Any], value: Any) -> Any:
    return draw(value) if isinstance(value, st.SearchStrategy) else value

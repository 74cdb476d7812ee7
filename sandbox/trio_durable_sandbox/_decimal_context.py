"""A decimal context per run: `getcontext().prec = 50` in one instance is seen by no other and not by the host.

The arithmetic reads the interpreter's current context, so a run that imports `decimal` swaps its own in at the start
of each turn and out at its end. It starts with the documented defaults, whatever the host has set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import decimal

    from ._run import Run


def isolate(run: Run) -> None:
    """Give the run a context of its own, from now on. Called within a turn, at the import."""
    import decimal

    if run.on_enter is not None:
        return
    own = decimal.Context(
        prec=28, rounding=decimal.ROUND_HALF_EVEN, Emin=-999999, Emax=999999, capitals=1, clamp=0, flags=[],
        traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
    )  # fmt: skip
    outer: list[decimal.Context | None] = []  # None: a turn within a turn of the same run

    def enter() -> None:
        before = decimal.getcontext()
        outer.append(None if before is own else before)
        decimal.setcontext(own)

    def leave() -> None:
        nonlocal own
        own = decimal.getcontext()
        before = outer.pop()
        decimal.setcontext(own if before is None else before)

    for _ in range(run.depth):
        enter()
    run.on_enter, run.on_exit = enter, leave

"""Exception groups as Trio makes and collapses them."""

from __future__ import annotations

__all__ = ["LOOSE", "collapse"]

#: The note by which Trio knows an exception group that may be collapsed into its only member.
LOOSE = (
    'This is a "loose" ExceptionGroup, and may be collapsed by Trio if it only contains one exception - typically '
    "after `Cancelled` has been stripped from it. Note this has consequences for exception handling, and "
    "strict_exception_groups=True is recommended."
)


def collapse(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """`group` with every loose group of one member (see LOOSE) replaced by that member."""
    members = list(group.exceptions)
    changed = False
    for position, member in enumerate(members):
        if isinstance(member, BaseExceptionGroup):
            collapsed = collapse(member)
            if collapsed is not member:
                changed = True
                members[position] = collapsed
    if len(members) == 1 and LOOSE in getattr(group, "__notes__", ()):
        return members[0]
    return group.derive(members) if changed else group

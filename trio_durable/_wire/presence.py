"""Presence: which fields of a message are there.

betterproto answers a read of an absent message field with an empty message, and leaves an empty message out when it
writes.  The protocol tells the two apart: absent failure details mean that a child was terminated, a timestamp of zero
is the epoch.  These functions are the only place that knows how betterproto keeps presence.
"""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = ["chosen", "given", "present"]

M = TypeVar("M")


def given(message: M | None) -> M | None:
    """`message`, or None where it is the empty stand-in for a field that is absent."""
    if message is None or not message._serialized_on_wire:  # type: ignore[attr-defined]
        return None
    return message


def present(message: M) -> M:
    """`message`, marked so that it is written even if every field in it is empty."""
    message._serialized_on_wire = True  # type: ignore[attr-defined]
    return message


def chosen(message: Any, group: str) -> str:
    """The name of the field of the oneof `group` that is set, or "" if none is."""
    return message._group_current.get(group) or ""

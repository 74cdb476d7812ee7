"""What older and neighbouring dialects say in fields that ours does not have.

Our messages keep such fields as unknown bytes, and most of them may be ignored: concurrency hints of GetWorkItems,
tags of actions, routers inside of actions.  One may not: an instance id's reuse policy (CreateInstanceRequest #6, of
durabletask-dapr 0.17 and of Microsoft's dialect), because a client that sends it relies on the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import trio_durable_proto as pb

from trio_durable._core.events import Status

__all__ = ["ReuseAction", "ReusePolicy", "reuse_policy"]

_POLICY_FIELD = 6


class ReuseAction(IntEnum):
    """What to do if an instance of the id exists in one of the policy's states; the numbers are the protocol's."""

    ERROR = 0
    IGNORE = 1
    TERMINATE = 2


@dataclass(frozen=True, slots=True)
class ReusePolicy:
    """`action` applies to instances in one of `statuses`; any other existing instance is an error."""

    statuses: frozenset[Status]
    action: ReuseAction

    def decide(self, status: Status) -> ReuseAction:
        return self.action if status in self.statuses else ReuseAction.ERROR


def reuse_policy(request: pb.CreateInstanceRequest) -> ReusePolicy | None:
    """The policy that an older client sent along, or None.  Raises ValueError if it is malformed."""
    policy = None
    for number, value in _fields(request._unknown_fields):
        if number != _POLICY_FIELD or not isinstance(value, bytes):
            continue
        statuses: set[Status] = set()
        action = ReuseAction.ERROR
        for inner, content in _fields(value):
            if inner == 1:
                numbers = [content] if isinstance(content, int) else list(_varints(content))
                statuses.update(Status(found) for found in numbers)
            elif inner == 2 and isinstance(content, int):
                action = ReuseAction(content)
        policy = ReusePolicy(frozenset(statuses), action)
    return policy


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and contents of a message that we have no class for."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            number, at = _varint(data, at)
            yield tag >> 3, number
            continue
        if kind == 2:
            length, at = _varint(data, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of wire type {kind}, which proto3 does not have")
        if at + length > len(data):
            raise ValueError("a field that is longer than its message")
        yield tag >> 3, data[at : at + length]
        at += length


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        number, at = _varint(data, at)
        yield number


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at
    raise ValueError("a number that does not end")

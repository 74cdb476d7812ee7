"""What to do about an instance that has the wanted id already."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from trio_durable._core.events import Status

__all__ = ["ReuseIdAction", "ReuseIdPolicy"]


class ReuseIdAction(Enum):
    """What to do if an instance of the wanted id is there and in one of a policy's states."""

    ERROR = "error"
    IGNORE = "ignore"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class ReuseIdPolicy:
    """What `schedule_new_orchestration` does about an instance that has the wanted id already.

    In one of `operation_status` (every state, if none is given): ERROR raises AlreadyExistsError, IGNORE starts nothing
    and returns the id, TERMINATE ends and purges the old instance and starts the new one.  In any other state it is
    AlreadyExistsError, too.

    The client looks before it starts, so that every sidecar will do; of two clients that race, one gets
    AlreadyExistsError.
    """

    action: ReuseIdAction = ReuseIdAction.ERROR
    operation_status: frozenset[Status] = frozenset(Status)

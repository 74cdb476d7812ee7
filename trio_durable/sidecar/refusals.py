"""What the sidecar answers when it refuses: a status, and a sentence that names the thing and the remedy."""

from __future__ import annotations

from trio_durable._core.events import Status
from trio_durable._rpc import GRPCError, RpcStatus

__all__ = [
    "already_exists",
    "cannot_rerun",
    "invalid",
    "not_completed",
    "not_found",
    "store_failed",
    "unknown_item",
]


def already_exists(instance_id: str, status: Status, *, why: str = "") -> GRPCError:
    return GRPCError(
        RpcStatus.ALREADY_EXISTS,
        f"an orchestration instance with id {instance_id!r} already exists and is {status.name}{why}."
        " Expected an id that is free, or one whose instance has ended. Choose another id, or end and purge that one.",
    )


def not_found(instance_id: str) -> GRPCError:
    return GRPCError(
        RpcStatus.NOT_FOUND,
        f"no such instance exists: {instance_id!r}. Check the id; purged instances leave nothing behind.",
    )


def not_completed(instance_id: str, status: Status, *, what: str = "purged") -> GRPCError:
    return GRPCError(
        RpcStatus.FAILED_PRECONDITION,
        f"the instance {instance_id!r} is {status.name} and cannot be {what}. Expected one that has ended."
        " Terminate it first, or, to purge it, use force.",
    )


def cannot_rerun(instance_id: str, why: str, *, found: bool) -> GRPCError:
    return GRPCError(
        RpcStatus.FAILED_PRECONDITION if found else RpcStatus.NOT_FOUND,
        f"the instance {instance_id!r} cannot be run again from there: {why}. Its history says which events can.",
    )


def unknown_item(what: str, instance_id: str) -> GRPCError:
    return GRPCError(
        RpcStatus.NOT_FOUND,
        f"no {what} of the instance {instance_id!r} is waiting for an answer: it was answered before, or given to"
        " another worker. Nothing is to be done; the answer is dropped.",
    )


def invalid(text: str) -> GRPCError:
    return GRPCError(RpcStatus.INVALID_ARGUMENT, text)


def store_failed(error: BaseException) -> GRPCError:
    return GRPCError(
        RpcStatus.UNAVAILABLE,
        f"the sidecar's store failed ({type(error).__name__}: {error}) and the sidecar is stopping; the request may or"
        " may not have been carried out. Mend the store and start the sidecar again.",
    )

"""Failure details <-> TaskFailureDetails.  Read liberally: every field may be empty, the whole may be absent."""

from __future__ import annotations

import trio_durable_proto as pb

from trio_durable._core.failures import MAX_CAUSES, FailureDetails
from trio_durable._wire.presence import given, present

__all__ = ["failure_from_pb", "failure_to_pb"]


def failure_from_pb(details: pb.TaskFailureDetails | None) -> FailureDetails | None:
    """The failure and its causes (no more than MAX_CAUSES links), or None where the message is absent."""
    links: list[pb.TaskFailureDetails] = []
    link = given(details)
    while link is not None and len(links) < MAX_CAUSES:
        links.append(link)
        link = given(link.inner_failure)
    failure: FailureDetails | None = None
    for link in reversed(links):
        failure = FailureDetails(
            link.error_type, link.error_message, link.stack_trace, failure, bool(link.is_non_retriable)
        )
    return failure


def failure_to_pb(failure: FailureDetails) -> pb.TaskFailureDetails:
    """The message for `failure`; it is written even if every field in it is empty."""
    message = pb.TaskFailureDetails(
        error_type=failure.error_type,
        error_message=failure.error_message,
        is_non_retriable=failure.non_retriable,
    )
    if failure.stack_trace is not None:
        message.stack_trace = failure.stack_trace
    if failure.inner is not None:
        message.inner_failure = failure_to_pb(failure.inner)
    return present(message)

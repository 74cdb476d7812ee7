"""The bytes in which the sidecar keeps what clients see of an instance: a WorkflowState without its input."""

from __future__ import annotations

from dataclasses import replace

import trio_durable_proto as pb
from trio_durable_proto import codec

from trio_durable._wire.states import InstanceState, state_from_pb, state_to_pb

__all__ = ["state_from_bytes", "state_to_bytes"]


def state_to_bytes(state: InstanceState) -> bytes:
    """Inputs are kept apart: they do not change from turn to turn, and may be large."""
    return codec.encode(state_to_pb(replace(state, input=None)))


def state_from_bytes(data: bytes) -> InstanceState:
    """Raises codec.DecodeError."""
    return state_from_pb(codec.decode(pb.WorkflowState, data))

"""The stream of work items as encoded messages: the worker reads of each only what it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import trio_durable_proto as pb

__all__ = ["WorkStub"]


class WorkStub(pb.TaskHubSidecarServiceStub):
    """The generated stub, and the stream of work items undecoded."""

    def work_items(self, request: pb.GetWorkItemsRequest) -> AsyncIterator[bytes]:
        """GetWorkItems, each item as the bytes it came in."""
        raw: Any = bytes
        return self._unary_stream("/TaskHubSidecarService/GetWorkItems", request, raw)

"""Work items and histories as encoded messages: the worker reads of each only what it needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import trio_durable_proto as pb

__all__ = ["WorkStub"]


class WorkStub(pb.TaskHubSidecarServiceStub):
    """The generated stub, and undecoded what is long."""

    def work_items(self, request: pb.GetWorkItemsRequest) -> AsyncIterator[bytes]:
        """GetWorkItems, each item as the bytes it came in."""
        raw: Any = bytes
        return self._unary_stream("/TaskHubSidecarService/GetWorkItems", request, raw)

    async def history(self, request: pb.GetInstanceHistoryRequest, *, within: float) -> bytes:
        """GetInstanceHistory, the response as the bytes it came in.  within: seconds that it may take."""
        raw: Any = bytes
        path = "/TaskHubSidecarService/GetInstanceHistory"
        response: bytes = await self._unary_unary(path, request, raw, timeout=within)
        return response

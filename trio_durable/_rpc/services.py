"""Service objects (betterproto's `ServiceBase` and whatever else has a `__mapping__`) as a table of methods.

betterproto runs a streaming handler with `async for` and leaves its generator to the garbage collector when the call
is cancelled between two messages; under Trio that is a ResourceWarning and a cleanup at some later time, in some other
task.  `method_table` therefore puts `_stream_replies` in place of betterproto's own loop, on the instance only: it
closes the generator in the task that ran it, whatever ended the loop.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

__all__ = ["method_table"]

_BETTERPROTO_LOOP = "_call_rpc_handler_server_stream"


async def _stream_replies(handler: Any, stream: Any, request: Any) -> None:
    replies = handler(request)
    if inspect.isawaitable(replies):
        # A handler without a `yield` is a coroutine.  betterproto drops it unrun; run it: what it raises must be heard.
        replies = await replies
        if replies is None:
            return
    try:
        async for reply in replies:
            await stream.send_message(reply)
    finally:
        close = getattr(replies, "aclose", None)
        if close is not None:
            await close()


def method_table(handlers: Iterable[Any]) -> dict[str, Any]:
    """Path -> grpclib.const.Handler for all `handlers`.  Raises ValueError if two serve the same path."""
    table: dict[str, Any] = {}
    for service in handlers:
        if hasattr(type(service), _BETTERPROTO_LOOP):
            setattr(service, _BETTERPROTO_LOOP, _stream_replies)
        for path, method in service.__mapping__().items():
            if path in table:
                raise ValueError(f"{path} is served twice; {type(service).__name__} is the second to offer it")
            table[path] = method
    return table

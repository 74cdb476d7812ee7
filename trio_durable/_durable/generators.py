"""Generator orchestrators: what they yield is awaited for them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from trio_durable._core.futures import DurableFuture

__all__ = ["drive_generator"]


async def drive_generator(driven_generator: Generator[Any, Any, Any]) -> Any:
    """Run a generator orchestrator: what it yields is awaited and the outcome given back to it."""
    try:
        wanted = driven_generator.send(None)
        while True:
            if not isinstance(wanted, DurableFuture):
                wanted = driven_generator.throw(
                    TypeError(
                        f"a generator orchestrator may yield what its context returns, not a {type(wanted).__name__}; "
                        "did you mean `yield ctx.call_activity(...)`, or `return`?"
                    )
                )
                continue
            try:
                value = await wanted
            except BaseException as error:
                wanted = driven_generator.throw(error)
            else:
                wanted = driven_generator.send(value)
    except StopIteration as stop:
        return stop.value

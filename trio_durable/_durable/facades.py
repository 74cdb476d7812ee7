"""The modules that orchestrations see in place of those whose real form would need an event loop.

They hold what runs on the orchestration's own scheduler; every other name of the real module is the sandbox's to
refuse, with its remedy.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from trio_durable._core import sleeping
from trio_durable._durable.trio_facade import trio_facade

__all__ = ["FACADES"]


async def _sleep(delay: float, result: Any = None) -> Any:
    """A durable timer of `delay` seconds; `result` is returned."""
    await sleeping.sleep(max(delay, 0))
    return result


_ASYNCIO = SimpleNamespace(sleep=_sleep, TimeoutError=TimeoutError)

#: Module name -> what makes it for a run; the worker registers them with the sandbox.
FACADES = {"asyncio": lambda run: _ASYNCIO, "trio": trio_facade}

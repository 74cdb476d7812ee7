"""The modules that orchestrations see in place of those whose real form would need an event loop.

They hold what runs on the orchestration's own scheduler; every other name of the real module is the sandbox's to
refuse, with its remedy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trio_durable._durable.anyio_facade import anyio_facade
from trio_durable._durable.asyncio_facade import asyncio_facade
from trio_durable._durable.trio_facade import trio_facade

__all__ = ["FACADES"]

#: Module name -> what makes it for a run; the worker registers them with the sandbox.
FACADES: dict[str, Callable[[object], Any]] = {
    "anyio": anyio_facade,
    "asyncio": asyncio_facade,
    "trio": trio_facade,
}

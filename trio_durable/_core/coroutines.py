"""What tasks are made of: coroutines from what the user gives, and errors that say what was probably meant."""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from inspect import CO_ITERABLE_COROUTINE
from typing import Any

__all__ = ["coroutine_of", "foreign", "name_of"]


def coroutine_of(async_fn: Callable[..., Any], args: tuple[Any, ...]) -> Coroutine[Any, Any, Any]:
    """`async_fn(*args)`, as something a task can be made of; TypeError if it is not."""
    try:
        made = async_fn(*args)
    except TypeError:
        if isinstance(async_fn, Awaitable):
            raise _called_too_early(async_fn) from None
        raise
    return made if isinstance(made, types.CoroutineType) else _usable(made, async_fn)


def _usable(made: Any, async_fn: Any) -> Coroutine[Any, Any, Any]:
    """`made` if a task can be made of it; otherwise an error that says what was probably meant."""
    if isinstance(made, types.GeneratorType) and made.gi_code.co_flags & CO_ITERABLE_COROUTINE:
        return made  # type: ignore[return-value]
    if isinstance(made, Coroutine):
        return made
    if isinstance(made, Awaitable):
        return _awaiting(made)  # nursery.start_soon(ctx.call_activity, ship)
    raise TypeError(
        f"Trio expected an async function, but {getattr(async_fn, '__qualname__', type(async_fn).__name__)!r} gave "
        f"a {type(made).__name__}. Define it with `async def`."
    )


async def _awaiting(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _called_too_early(awaitable: Awaitable[Any]) -> TypeError:
    what = repr(awaitable)
    if isinstance(awaitable, types.CoroutineType):
        awaitable.close()
        what = f"a coroutine object {awaitable.__qualname__!r}"
    return TypeError(
        f"Trio was expecting an async function, but instead it got {what}. "
        "Probably you did something like: nursery.start_soon(fn(...)); instead, you want: nursery.start_soon(fn, ...)"
    )


def name_of(async_fn: Any, name: object) -> str:
    """What a task of `async_fn` is called: `name` if one is given, else as Trio calls it."""
    given: Any = async_fn if name is None else name
    if isinstance(given, partial):
        given = given.func
    if isinstance(given, str):
        return given
    try:
        return f"{given.__module__}.{given.__qualname__}"
    except AttributeError:
        return type(given).__qualname__


def foreign(trap: object) -> TypeError:
    """What a task is told that yielded `trap`, which is not the scheduler's."""
    kind = trap if isinstance(trap, type) else type(trap)
    origin = kind.__module__.partition(".")[0].lstrip("_")
    hint = ""
    if origin in ("trio", "asyncio"):
        hint = (
            f" It came from the real {origin}, which only a module that is passed through, or a worker without a "
            "sandbox, can reach."
        )
        if origin == "trio":
            hint += " There, write `from trio_durable import durable_trio as trio`."
    return TypeError(
        f"the orchestration awaited something that is not durable: it gave a {kind.__name__} to the scheduler.{hint} "
        "An orchestration may await what its context returns (ctx.call_activity, ctx.create_timer, ...), durable trio "
        "and asyncio (`import trio` inside the orchestration's module) and its own coroutines; I/O and other event "
        "loops belong in an activity."
    )

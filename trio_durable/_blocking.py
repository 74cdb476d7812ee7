"""The synchronous door, for scripts and notebooks.

It is second choice: each client costs a thread with a Trio run in it, nothing is cancelled by leaving a scope, and a
program that does several things at once is better written in Trio.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from functools import partial, update_wrapper
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from trio_durable_sandbox import in_orchestration, refuse

from trio_durable._client import Client
from trio_durable._portal import Portal
from trio_durable.abc import Converter

__all__ = ["BlockingClient"]

P = ParamSpec("P")
R = TypeVar("R")


def _blocking(
    method: Callable[Concatenate[Client, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[BlockingClient, P], R]:
    def call(self: BlockingClient, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._call(partial(method, self._client, *args, **kwargs))

    update_wrapper(call, method)
    return call


class BlockingClient:
    """`Client` for code that is not async: the same methods, which return when they are done.

        with BlockingClient("127.0.0.1:4001") as client:
            instance_id = client.schedule_new_orchestration(fulfil, input=order)
            state = client.wait_for_orchestration_completion(instance_id)

    target, converter, channel_options: as `Client` takes them, but `target` must be an address: a channel belongs to
    another Trio run.
    """

    def __init__(
        self,
        target: str | None = None,
        *,
        converter: Converter | None = None,
        channel_options: dict[str, Any] | None = None,
    ) -> None:
        if target is not None and not isinstance(target, str):
            raise TypeError(f"a blocking client needs an address, `await sidecar.serve()` gives one; got {target!r}")
        self._client = Client(target, converter=converter, channel_options=channel_options)
        self._stack = ExitStack()
        self._portal: Portal | None = None

    def __enter__(self) -> BlockingClient:
        if in_orchestration():
            refused: BlockingClient = refuse(
                "trio_durable.BlockingClient",
                "use a client in an activity, or in the host program, under `if __name__ == \"__main__\":`",
            )
            return refused
        with ExitStack() as stack:
            portal = stack.enter_context(Portal("trio_durable client"))
            portal.enter(self._client)
            self._portal = portal
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._portal = None
        return self._stack.__exit__(kind, error, traceback)

    def _call(self, function: Callable[[], Coroutine[Any, Any, R]]) -> R:
        if self._portal is None:
            raise RuntimeError("the client is not open: use it inside `with BlockingClient(...) as client:`")
        return self._portal.call(function)

    schedule_new_orchestration = _blocking(Client.schedule_new_orchestration)
    get_orchestration_state = _blocking(Client.get_orchestration_state)
    wait_for_orchestration_start = _blocking(Client.wait_for_orchestration_start)
    wait_for_orchestration_completion = _blocking(Client.wait_for_orchestration_completion)
    get_orchestration_history = _blocking(Client.get_orchestration_history)
    cancel_orchestration = _blocking(Client.cancel_orchestration)
    raise_orchestration_event = _blocking(Client.raise_orchestration_event)
    terminate_orchestration = _blocking(Client.terminate_orchestration)
    suspend_orchestration = _blocking(Client.suspend_orchestration)
    resume_orchestration = _blocking(Client.resume_orchestration)
    purge_orchestration = _blocking(Client.purge_orchestration)
    purge_orchestrations_by = _blocking(Client.purge_orchestrations_by)
    rerun_orchestration_from_event = _blocking(Client.rerun_orchestration_from_event)

    def list_instance_ids(self, *, page_size: int | None = None) -> list[str]:
        """The ids of all instances."""

        async def collect() -> list[str]:
            return [instance_id async for instance_id in self._client.list_instance_ids(page_size=page_size)]

        return self._call(collect)

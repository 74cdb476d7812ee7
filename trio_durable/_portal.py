"""A Trio run of its own in a thread, for code that is not async.

The thread lives as long as the `with` block.  Leaving the block cancels what still runs there and waits for it; what
went wrong in the background is raised then.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, TypeVar

import trio

__all__ = ["Portal"]

T = TypeVar("T")


class Portal:
    """A context manager; inside of it, plain code calls async functions and waits for them.

    Calls may come from any thread, but never from the Trio run itself, which would wait for itself.
    """

    def __init__(self, name: str) -> None:
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._ready: Future[None] = Future()
        self._error: BaseException | None = None
        self._token: trio.lowlevel.TrioToken
        self._nursery: trio.Nursery

    def __enter__(self) -> Portal:
        self._thread.start()
        self._ready.result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._soon(self._nursery.cancel_scope.cancel)
        self._thread.join()
        if self._error is not None and error is None:
            raise self._error

    def call(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run `function` in the Trio run and return what it returns.  An interrupt, Ctrl-C, cancels it there."""
        answer: Future[T] = Future()
        scope = trio.CancelScope()

        async def run() -> None:
            with scope:
                try:
                    answer.set_result(await function())
                except trio.Cancelled:
                    answer.cancel()
                    raise
                except BaseException as error:
                    answer.set_exception(error)
                    if not isinstance(error, Exception):
                        raise

        self._soon(lambda: self._nursery.start_soon(run))
        try:
            return answer.result()
        except BaseException:
            if not answer.done():
                self._soon(scope.cancel)
            raise

    def start(self, function: Callable[..., Awaitable[object]]) -> Any:
        """Start a function that takes `task_status`, as `nursery.start` does; it runs on until the block ends."""
        return self.call(lambda: self._nursery.start(function))

    def enter(self, manager: AbstractAsyncContextManager[T]) -> T:
        """Enter an async context manager, and leave it when the block ends."""

        async def hold(task_status: trio.TaskStatus[T]) -> None:
            async with manager as entered:
                task_status.started(entered)
                await trio.sleep_forever()

        entered: T = self.start(hold)
        return entered

    def _soon(self, call: Callable[[], object]) -> None:
        try:
            self._token.run_sync_soon(call)
        except trio.RunFinishedError:
            if self._error is not None:
                raise self._error from None

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as error:
            self._error = error

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        try:
            async with trio.open_nursery() as self._nursery:
                self._ready.set_result(None)
                await trio.sleep_forever()
        except BaseExceptionGroup as group:
            # One cause is shown as itself: the nursery is nobody's business outside.
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise

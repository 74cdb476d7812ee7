"""`open_sidecar`: a sidecar's lifetime."""

from __future__ import annotations

import os
import ssl as ssl_module
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import trio

from trio_durable import abc
from trio_durable._rpc import MemoryChannel, serve
from trio_durable._wire.serving import MessageService
from trio_durable.sidecar.dispatch import Dispatcher
from trio_durable.sidecar.engine import Engine
from trio_durable.sidecar.hub import Hub
from trio_durable.sidecar.memory import WARM_INSTANCES
from trio_durable.sidecar.service import SidecarService
from trio_durable.sidecar.stores import MemoryStore, SQLiteStore

__all__ = ["Sidecar", "open_sidecar"]


class Sidecar:
    """An open sidecar; `open_sidecar` makes it."""

    def __init__(self, service: Callable[[str], MessageService], engine: Engine, nursery: trio.Nursery) -> None:
        self._service_of = service
        self._service = service("")
        self._engine = engine
        self._nursery = nursery

    @property
    def store(self) -> abc.Store:
        """The store it was opened on."""
        return self._engine.store

    def channel(self, *, app_id: str = "") -> MemoryChannel:
        """A channel for stubs in this Trio run: the same service, without a socket.

        app_id: the app that speaks through it.  Its workers get that app's work only, and what its clients start is its
        own; `call_activity(..., app_id="other")` reaches another's.  Instance ids are shared by all apps.
        """
        return MemoryChannel([self._service_of(app_id) if app_id else self._service])

    async def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl: ssl_module.SSLContext | None = None,
        max_message_length: int | None = None,
        app_id: str = "",
    ) -> str:
        """Listen for gRPC until the sidecar is closed; returns the address, `host:port`.

        port 0 takes a free one.  ssl: a server context; None is plain text.  max_message_length: bytes; longer requests
        are refused with RESOURCE_EXHAUSTED, None takes any.  app_id: the app that speaks through this address, as for
        `channel`.  May be called more than once, for several addresses.

        Raises OSError if the address cannot be bound, ValueError for a port that there cannot be.
        """
        if not 0 <= port <= 65535:
            # The C library would keep the low sixteen bits and listen somewhere else.
            raise ValueError(f"there is no port {port}. Expected 0 to 65535; 0 takes a free one.")
        services = [self._service_of(app_id) if app_id else self._service]
        bound = await self._nursery.start(
            partial(serve, services, host=host, port=port, ssl=ssl, max_receive_message_length=max_message_length)
        )
        return f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"


@asynccontextmanager
async def open_sidecar(
    path_or_memory: str | os.PathLike[str] = ":memory:",
    *,
    store: abc.Store | None = None,
    now_ns: Callable[[], int] = time.time_ns,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    waits_for_start: bool = False,
    heartbeat: float = 30.0,
    warm_instances: int = WARM_INSTANCES,
) -> AsyncIterator[Sidecar]:
    """Open a sidecar for as long as the `async with` block lasts.

    path_or_memory: a SQLite file, made where there is none; ":memory:" keeps everything in memory and forgets it.
    store: a store of your own instead; it is closed with the sidecar.
    now_ns: the clock, in nanoseconds since the epoch.  Timers sleep on Trio's clock and are looked up on this one, so
    that under a virtual Trio clock both can be driven together.
    new_id: makes instance ids and execution ids.
    waits_for_start: StartInstance answers once the instance has begun its first turn, as some sidecars do, instead of
    once it is stored.
    heartbeat: seconds between health pings to workers that ask for them.
    warm_instances: how many idle instances keep their history in memory.

    Raises SidecarError if the file cannot be used, and from the block if the store fails.
    """
    opened: abc.Store
    if store is not None:
        opened = store
    elif os.fspath(path_or_memory) == ":memory:":
        opened = MemoryStore()
    else:
        opened = await trio.to_thread.run_sync(SQLiteStore, path_or_memory)
    try:
        hub = Hub(now=now_ns, new_id=new_id, warm_instances=warm_instances)
        dispatcher = Dispatcher(hub, epoch=uuid.uuid4().hex[:12])
        engine = Engine(opened, hub, dispatcher, now=now_ns)

        def service(app_id: str) -> MessageService:
            calls = SidecarService(engine, waits_for_start=waits_for_start, heartbeat=heartbeat, app_id=app_id)
            return MessageService(calls)

        with _one_error():
            async with trio.open_nursery() as nursery:
                await nursery.start(engine.run)
                yield Sidecar(service, engine, nursery)
                nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(opened.close)


@contextmanager
def _one_error() -> Iterator[None]:
    """What the block raised, and what the engine raised, comes out as it is: that there is a nursery is our affair."""
    try:
        yield
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        if isinstance(error, BaseExceptionGroup):
            raise
        raise error from error.__cause__

"""`open_channel`: the door to a sidecar elsewhere."""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal

import trio
from grpclib.config import Configuration
from trio_durable_proto import codec as proto_codec

from .address import Address, parse_address
from .channel import Channel, client_h2_config
from .dialer import Backoff, Dialer
from .dialer import open_socket as default_open_socket
from .keepalive import Keepalive
from .threaded import ThreadedChannel, open_threaded
from .tls import client_tls, prepare

__all__ = ["open_channel"]

# One slow reader must not stop the others: a stream may hold a quarter of what the connection may.
WINDOWS = Configuration(http2_connection_window_size=16 * 2**20, http2_stream_window_size=4 * 2**20)


@asynccontextmanager
async def open_channel(
    address: str | Address,
    *,
    ssl: bool | ssl_module.SSLContext | None = None,
    server_hostname: str | None = None,
    metadata: Any = None,
    io: Literal["inline", "thread"] = "inline",
    keepalive: Keepalive | None = None,
    max_receive_message_length: int | None = None,
    max_send_message_length: int | None = None,
    connect_timeout: float = 20.0,
    wait_for_ready: bool = False,
    codec: Any = None,
    backoff: Backoff | None = None,
    open_socket: Any = default_open_socket,
) -> AsyncIterator[Channel | ThreadedChannel]:
    """A channel to `address` for as long as the block lasts.

    Nothing is dialled before the first call.  Leaving the block ends the calls still in flight.

    address: see address.py: "host:port", "grpc://host:port", "grpcs://host", "https://host", "unix:path" ...
    ssl: an SSLContext (`client_tls` makes one) or True for the system's CAs; False forces plain text; None follows the
        address.
    server_hostname: the name that the server's certificate must carry, if not the address's host.
    metadata: pairs or a mapping sent with every call; values are str, or bytes for keys that end in "-bin".
    io: "thread" runs the sockets in one Trio thread of their own, so that a blocked Trio thread still answers the
        peer's PINGs; each call then costs about twice the CPU.
    keepalive: when to ping the peer; None sends no PINGs (keepalive.py says why).
    max_receive_message_length, max_send_message_length: bytes; longer messages fail with RESOURCE_EXHAUSTED.
    connect_timeout: seconds for TCP, TLS and the peer's SETTINGS together.
    wait_for_ready: calls wait for a connection, however often it must be dialled, where otherwise they fail with
        UNAVAILABLE.
    codec, backoff, open_socket: for tests and other message types.

    Raises ValueError for an address that cannot be read.
    """
    parsed = address if isinstance(address, Address) else parse_address(address)
    if io not in ("inline", "thread"):
        raise ValueError(f'io must be "inline" or "thread", not {io!r}')
    codec = codec if codec is not None else proto_codec.GrpcCodec()
    if isinstance(ssl, ssl_module.SSLContext):
        context: ssl_module.SSLContext | None = prepare(ssl)
    elif ssl or (ssl is None and parsed.tls):
        context = client_tls()
    else:
        context = None
    open_inline = partial(
        _open_inline,
        parsed,
        codec=codec,
        tls=context,
        server_hostname=server_hostname,
        keepalive=keepalive,
        max_receive_message_length=max_receive_message_length,
        max_send_message_length=max_send_message_length,
        connect_timeout=connect_timeout,
        wait_for_ready=wait_for_ready,
        backoff=backoff,
        open_socket=open_socket,
    )
    if io == "thread":
        async with open_threaded(open_inline, parsed, codec, metadata) as threaded:
            yield threaded
    else:
        async with open_inline(metadata=metadata) as channel:
            yield channel


@asynccontextmanager
async def _open_inline(
    address: Address,
    *,
    codec: Any,
    tls: ssl_module.SSLContext | None,
    metadata: Any = None,
    max_receive_message_length: int | None,
    max_send_message_length: int | None,
    **dialling: Any,
) -> AsyncIterator[Channel]:
    failure: BaseException | None = None
    async with trio.open_nursery() as nursery:
        config = WINDOWS.__for_client__()
        dialer = Dialer(address, nursery, config=config, h2_config=client_h2_config(), tls=tls, **dialling)
        channel = Channel(
            address,
            dialer,
            codec=codec,
            config=config,
            metadata=metadata,
            max_receive_message_length=max_receive_message_length,
            max_send_message_length=max_send_message_length,
        )
        try:
            yield channel
        except BaseException as error:
            # Raised again below, outside the nursery, which would wrap it in an ExceptionGroup.
            failure = error
        channel.close()
        nursery.cancel_scope.cancel()
    if failure is not None:
        try:
            raise failure
        finally:
            del failure

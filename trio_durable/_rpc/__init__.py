"""gRPC on Trio: grpclib's own channel, stream and protocol classes, driven by subclassing.

The only room that touches sockets.  From outside: `open_channel`, `serve`, `MemoryChannel`; calls fail with
`grpclib.GRPCError` and nothing else.  `bytes` may stand for a message on either side of a call: it travels untouched.
"""

from __future__ import annotations

from grpclib import GRPCError
from grpclib.const import Status as RpcStatus
from trio_durable_proto import TaskHubSidecarServiceStub as Stub

from .address import Address, parse_address
from .channel import Channel, ClientStream
from .keepalive import Keepalive
from .memory import MemoryChannel
from .opening import open_channel
from .server import Server, current_call, serve
from .tls import client_tls, server_tls

__all__ = [
    "Address",
    "Channel",
    "ClientStream",
    "GRPCError",
    "Keepalive",
    "MemoryChannel",
    "RpcStatus",
    "Server",
    "Stub",
    "client_tls",
    "current_call",
    "open_channel",
    "parse_address",
    "serve",
    "server_tls",
]

"""gRPC on Trio: grpclib's own channel, stream and protocol classes, driven by subclassing.

The only room that touches sockets.  From outside: `open_channel`, `serve`, `MemoryChannel`.  Calls fail with
`grpclib.GRPCError` and nothing else.  `bytes` may stand for a message on either side of a call: it travels untouched.

Why it is built like this
-------------------------
grpclib is written for asyncio, and Trio programs have no asyncio loop.  Seven ways to bring the two together were tried
against one grpcio server (CPU of the client per unary call of 200 bytes, one call at a time, Python 3.11, medians of
eight shuffled rounds; grpclib on asyncio: 306 us, grpcio's own aio client: 183 us):

    trio-asyncio                        454 us  does not import on Python 3.14; replaces the event loop policy
    asyncio in a thread                 423 us  public interfaces only; answers PINGs while Trio is blocked; keeps every
                                                fault of grpclib's (below).  The fallback, should the seams close
    the same with uvloop                359 us  likewise
    Trio as guest of asyncio            437 us  the user calls `trio.run`, so Trio must be the host: not possible
    asyncio's selector inside Trio      430 us  unmodified grpclib on three private methods of the loop; for need
    subclasses of grpclib's classes     249 us  chosen: 0.6 to 0.8 of grpclib on asyncio, half of grpcio for streams
    the same in its own Trio thread     453 us  offered as `io="thread"`, for programs that block Trio's thread

The chosen way also sheds faults of grpclib that the others keep, each seen with a grpcio peer: a graceful GOAWAY killed
the calls in flight (35 to 77 failed calls in a run with six of them, here none); 54 of 64 calls failed on a server that
allowed ten at once, because its SETTINGS were not awaited; one deadline ended in either of two exception types.

What it costs is private seams.  They are all in seams.py, and tests/rpc/test_seams.py fails by name when a release of
grpclib or h2 changes one.

The modules, from the wire up: transport (sockets, TLS) . headers, seams, stream, connection, limits (HTTP/2) . framing,
parking (messages, waiting) . dialer, keepalive, channel, opening (client) . services, calls, server . memory,
threaded . address, tls, failures.
"""

from __future__ import annotations

import grpclib.client
from grpclib import GRPCError
from grpclib.const import Status as RpcStatus
from trio_durable_proto import TaskHubSidecarServiceStub as Stub
from trio_durable_proto.codec import DecodeError, EncodeError

from .address import Address, parse_address
from .calls import current_call
from .channel import Channel, ClientStream
from .dialer import Backoff
from .environment import channel_settings, default_address
from .failures import is_unknown_instance
from .keepalive import Keepalive
from .memory import MemoryChannel
from .opening import open_channel
from .raw import WorkStub
from .server import Server, serve
from .tls import client_tls, server_tls

#: What workers and clients reach a sidecar by: an address, or a channel that is open.
Target = str | grpclib.client.Channel | MemoryChannel

__all__ = [
    "Address",
    "Backoff",
    "Channel",
    "ClientStream",
    "DecodeError",
    "EncodeError",
    "GRPCError",
    "Keepalive",
    "MemoryChannel",
    "RpcStatus",
    "Server",
    "Stub",
    "Target",
    "WorkStub",
    "channel_settings",
    "client_tls",
    "current_call",
    "default_address",
    "is_unknown_instance",
    "open_channel",
    "parse_address",
    "serve",
    "server_tls",
]

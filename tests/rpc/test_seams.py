"""The private seams of grpclib, h2 and betterproto, pinned.

A failure here means: a release changed code that `trio_durable/_rpc` overrides, imitates or calls although private.
Read the change, adapt the room if need be, run the peer tests, then add the new fingerprint beside the old one.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import betterproto.grpc.grpclib_server
import grpclib.client
import grpclib.events
import grpclib.protocol
import grpclib.server
import grpclib.stream
import h2.connection
import h2.frame_buffer
import pytest
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.exceptions import FrameTooLargeError
from hyperframe.frame import GoAwayFrame, SettingsFrame

from trio_durable._rpc import seams
from trio_durable._rpc.channel import Channel
from trio_durable._rpc.connection import Connection, EventsProcessor, Protocol
from trio_durable._rpc.server import Server
from trio_durable._rpc.stream import Stream

# What is overridden or imitated -> fingerprints of the code it may have
# (grpclib 0.4.9, h2 4.4.1, betterproto 2.0.0b7).
PINNED: dict[Callable[..., Any], set[str]] = {
    grpclib.client.Channel.__init__: {"043cbfc8519f0188"},
    grpclib.client.Channel.request: {"a0bd2865827a324b"},
    grpclib.client.Stream.__aenter__: {"8741af5e8581a217"},
    grpclib.client.Stream.__aexit__: {"615f2b479f0e84f6"},
    grpclib.client.Stream._maybe_finish: {"77ea358fb6a3b2c3"},
    grpclib.client.Stream._maybe_raise: {"041b9cfc28b0846b"},
    grpclib.client.Stream.recv_initial_metadata: {"d1ca7b6a31f0d1bd"},
    grpclib.client.Stream.recv_message: {"4000d45a20943558"},
    grpclib.client.Stream.recv_trailing_metadata: {"5c0a60c53e870789"},
    grpclib.client.Stream.send_message: {"83c2eca5b68fa739"},
    grpclib.client.Stream.send_request: {"e7898d0a84658e5f"},
    grpclib.events._Dispatch.__init__: {"41ef3cf5de9e9aff"},
    grpclib.protocol.Connection.__init__: {"a0ac52780ee73c7c"},
    grpclib.protocol.Connection.close: {"032e218164c9e533"},
    grpclib.protocol.EventsProcessor.__init__: {"2e30e0639827a181"},
    grpclib.protocol.EventsProcessor.close: {"9d15850241a3464d"},
    grpclib.protocol.EventsProcessor.process: {"f086f1907534a7c4"},
    grpclib.protocol.EventsProcessor.process_data_received: {"864a19ad4c856858"},
    grpclib.protocol.EventsProcessor.process_request_received: {"b05a1cecc23a22e0"},
    grpclib.protocol.EventsProcessor.process_stream_reset: {"6586b6de76a92677"},
    grpclib.protocol.EventsProcessor.register: {"6ec0cee86055ec85"},
    grpclib.protocol.H2Protocol.connection_made: {"e926f9bb0b415084"},
    grpclib.protocol.H2Protocol.data_received: {"0e939ddef1b10574"},
    grpclib.protocol.Stream.__init__: {"4ca3c35669228216"},
    grpclib.protocol.Stream.init_stream: {"84d8651af0c901c2"},
    grpclib.protocol.Stream.send_data: {"35e2c3e7546f852c"},
    grpclib.protocol.Stream.send_headers: {"cf8c9ab7cacd8ec4"},
    grpclib.protocol.Stream.send_request: {"07bab671a7c3a4c4"},
    grpclib.server.Server.__init__: {"8897e56a165a8c1e"},
    grpclib.server.Stream.__init__: {"61677c3e34ad4ee9"},
    grpclib.server.Stream.send_message: {"b842f79124548cce"},
    grpclib.server.Stream.send_trailing_metadata: {"2e314c5a93ea5abf"},
    grpclib.server.request_handler: {"5b3a8bda0446cfe0"},
    grpclib.stream.recv_message: {"5b176c6cb21d42a1"},
    grpclib.stream.send_message: {"6d6d417c5a08ac92"},
    h2.connection.H2Connection._receive_frame: {"4baf8b52ad0777ae"},
    h2.connection.H2Connection._receive_goaway_frame: {"88baf3d51dc001da"},
    h2.connection.H2Connection._receive_headers_frame: {"567e7c8d7176f936"},
    h2.connection.H2Connection._terminate_connection: {"95b8be8b69ff3bd1"},
    h2.connection.H2Connection.receive_data: {"1edc24bb63c2a05e"},
    h2.frame_buffer.FrameBuffer.__next__: {"2e63f40a791a4845"},
    betterproto.grpc.grpclib_server.ServiceBase._call_rpc_handler_server_stream: {"cbad4a48ba735814"},
}


def fingerprint(function: Callable[..., Any]) -> str:
    """Of the source text without comments, docstrings and layout: a changed word of code changes it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()[:16]


@pytest.mark.parametrize("function", PINNED, ids=lambda function: f"{function.__module__}.{function.__qualname__}")
def test_the_code_we_stand_on_is_the_code_we_read(function: Callable[..., Any]) -> None:
    found = fingerprint(function)
    assert found in PINNED[function], (
        f"{function.__module__}.{function.__qualname__} has changed (fingerprint {found}): read the change, adapt "
        "trio_durable/_rpc, run the peer tests, then add the fingerprint here"
    )


def assigned(function: Callable[..., Any]) -> set[str]:
    """The attributes of self that a function assigns."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }


@pytest.mark.parametrize(
    ("theirs", "ours", "without"),
    [
        # _loop, _connect_lock: asyncio's.  _h2_config: the dialer's.
        (grpclib.client.Channel, Channel, {"_loop", "_connect_lock", "_h2_config"}),
        (grpclib.server.Server, Server, {"_loop", "_server", "_server_closed_fut", "_handlers"}),
        (grpclib.protocol.Connection, Connection, set()),
        (grpclib.protocol.Stream, Stream, set()),
    ],
)
def test_we_set_what_their_init_sets(theirs: Any, ours: Any, without: set[str]) -> None:
    """These classes do not call grpclib's __init__, which wants an event loop; so they set all of it themselves."""
    assert assigned(theirs.__init__) - assigned(ours.__init__) == without


@pytest.mark.parametrize(
    ("theirs", "ours", "method"),
    [
        (grpclib.protocol.Stream, Stream, "send_request"),
        (grpclib.protocol.Stream, Stream, "send_headers"),
        (grpclib.protocol.Stream, Stream, "send_data"),
        (grpclib.protocol.Connection, Connection, "ack"),
        (grpclib.protocol.Connection, Connection, "create_stream"),
        (grpclib.protocol.EventsProcessor, EventsProcessor, "process"),
        (grpclib.protocol.EventsProcessor, EventsProcessor, "register"),
        (grpclib.protocol.H2Protocol, Protocol, "connection_made"),
        (grpclib.client.Channel, Channel, "request"),
    ],
)
def test_signatures_agree(theirs: Any, ours: Any, method: str) -> None:
    want, have = (list(inspect.signature(getattr(cls, method)).parameters) for cls in (theirs, ours))
    assert have == want


def pair() -> tuple[seams.H2, seams.H2]:
    client = seams.H2(H2Configuration(client_side=True))
    server = seams.H2(H2Configuration(client_side=False))
    client.initiate_connection()
    server.initiate_connection()
    exchange(client, server)
    return client, server


def exchange(client: seams.H2, server: seams.H2) -> list[Any]:
    events = []
    for _ in range(3):
        events += server.receive_data(client.data_to_send())
        events += client.receive_data(server.data_to_send())
    return events


HEADERS = [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", "x")]


@pytest.mark.parametrize("code", [ErrorCodes.NO_ERROR, ErrorCodes.ENHANCE_YOUR_CALM])
def test_goaway_leaves_streams_alive(code: ErrorCodes) -> None:
    client, server = pair()
    client.send_headers(1, HEADERS)
    exchange(client, server)
    server.say_goodbye(code, b"bye")
    server.send_headers(1, [(":status", "200")])
    names = [type(event).__name__ for event in client.receive_data(server.data_to_send())]
    assert names == ["ConnectionTerminated", "ResponseReceived"]
    client.send_data(1, b"still open", end_stream=True)
    assert client.data_to_send()


def test_stock_h2_still_needs_the_goaway_repair() -> None:
    """When this fails, h2 has learnt it: drop ours."""
    client = h2.connection.H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.receive_data(SettingsFrame(0).serialize() + GoAwayFrame(0, last_stream_id=1).serialize())
    assert client.state_machine.state is h2.connection.ConnectionState.CLOSED


def test_streams_above_the_limit_reach_us() -> None:
    client, server = pair()
    server.update_settings({3: 1})
    exchange(client, server)
    client.remote_settings[3] = 100  # a client that does not care
    client.remote_settings.acknowledge()
    client.send_headers(1, HEADERS)
    client.send_headers(3, HEADERS)
    assert [event.stream_id for event in server.receive_data(client.data_to_send())] == [1, 3]


def test_long_frames_are_refused_by_their_header() -> None:
    _, server = pair()
    with pytest.raises(FrameTooLargeError):
        server.receive_data((20_000).to_bytes(3, "big") + b"\0\0\0\0\0\1")
    assert b"\x00\x00\x00\x06" in server.data_to_send()  # GOAWAY FRAME_SIZE_ERROR


def test_received_frames_are_not_formatted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object) -> str:
        raise AssertionError("a frame was formatted")

    monkeypatch.setattr(SettingsFrame, "__repr__", fail)
    server = seams.H2(H2Configuration(client_side=False))
    server.receive_data(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize())

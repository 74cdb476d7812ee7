"""Ports of loopback that nobody else gets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_port(shared: int = socket.SO_REUSEADDR) -> Iterator[int]:
    """A port on 127.0.0.1 where nobody listens, so that connections are refused, and which is nobody's else meanwhile.

    Our own server may listen there, once or again and again: the socket that holds the port does not listen, and both
    say that the address may be reused. (A port that is bound, closed and then used may have been given to another
    program in between.)

    shared: the option by which the server says so.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, shared, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])

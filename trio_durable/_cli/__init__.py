"""The command line: `trio-durable <command>`, also `python -m trio_durable <command>`.

    sidecar    serve a sidecar on a port, kept in a SQLite file
    history    show or export what an instance has been through
    replay     replay exported histories with today's code
    check      find what is not deterministic, without running it
    start, get, wait, list, raise, suspend, resume, cancel, terminate, purge, rerun
               what the client does, from a shell
"""

from __future__ import annotations

import argparse
import errno
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial

import trio

from trio_durable import DurableError
from trio_durable._cli import prove, steer
from trio_durable.sidecar import open_sidecar

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (0 done, 1 failed, 2 wrong usage)."""
    options = _parser().parse_args(arguments)
    if options.run is not None:
        return int(options.run(options))
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    # Ours only: what the HTTP/2 library says at these levels is about single frames.
    logging.getLogger("trio_durable").setLevel(logging.DEBUG if options.verbose else logging.INFO)
    try:
        trio.run(partial(_sidecar, host=options.host, port=options.port, db=options.db, limit=options.max_message))
    except DurableError as error:
        print(f"trio-durable: {error}", file=sys.stderr)
        return 1
    except (OSError, UnicodeError) as error:  # UnicodeError: a host that no name server can be asked about
        where = f"{options.host}:{options.port}"
        print(f"trio-durable: cannot listen on {where} ({error}). {_remedy(error)}", file=sys.stderr)
        return 1
    return 0


def _remedy(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError | socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return "Expected a name or an address of this machine; give one with --host."
    if error.errno == errno.EACCES:
        return "Expected a port that this user may listen on; choose another with --port."
    return "Expected a free port; choose another with --port."


def _port(text: str) -> int:
    """A port's number; the C library would keep the low sixteen bits of a larger one."""
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port. Expected 0 to 65535; 0 takes a free one.")
    return port


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trio-durable", description="Durable orchestrations on Trio.")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(required=True, metavar="command")
    sidecar = commands.add_parser(
        "sidecar",
        help="serve a sidecar",
        description="Serve a sidecar for workers and clients of any SDK of the protocol, until SIGINT or SIGTERM.",
    )
    sidecar.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    sidecar.add_argument("--port", type=_port, default=4001, help="port; 0 takes a free one (default: %(default)s)")
    sidecar.add_argument("--db", default=":memory:", metavar="FILE", help="SQLite file (default: memory only)")
    sidecar.add_argument(
        "--max-message", type=int, default=None, metavar="BYTES", help="refuse longer requests (default: no limit)"
    )
    sidecar.add_argument("-v", "--verbose", action="store_true", help="log details to standard error, too")
    steer.add_commands(commands)
    prove.add_commands(commands)
    return parser


async def _sidecar(*, host: str, port: int, db: str, limit: int | None) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with open_sidecar(db) as sidecar:
            address = await sidecar.serve(host=host, port=port, max_message_length=limit)
            kept = "in memory only" if db == ":memory:" else f"in {db}"
            print(f"trio-durable sidecar ready on {address}, instances kept {kept}", flush=True)
            async for _ in signals:
                break
    print("trio-durable sidecar stopped", flush=True)

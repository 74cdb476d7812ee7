"""A sidecar of the Durable Task protocol, embedded: in this process, or as a server for others.

    async with open_sidecar("orders.db") as sidecar:
        channel = sidecar.channel()          # for workers and clients in this process, no socket
        address = await sidecar.serve()      # for other processes, gRPC

    sidecar.py    open_sidecar and Sidecar: lifetime
    service.py    what is done when asked (async; decides nothing); the messages are `_wire.serving`'s
    engine.py     commits, timers, reads (async; decides nothing)
    hub.py        every decision about instances (sync); built on memory.py and turns.py
    dispatch.py   which work item goes to which stream (sync)
    stores/       SQLite and memory, behind `trio_durable.abc.Store`
"""

from trio_durable.sidecar.sidecar import Sidecar, open_sidecar
from trio_durable.sidecar.stores import MemoryStore, SQLiteStore

__all__ = ["MemoryStore", "SQLiteStore", "Sidecar", "open_sidecar"]

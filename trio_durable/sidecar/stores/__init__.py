"""Where instances are kept: `SQLiteStore` in a file, `MemoryStore` nowhere.  Both hold `trio_durable.abc.Store`."""

from trio_durable.sidecar.stores.memory import MemoryStore
from trio_durable.sidecar.stores.sqlite import SQLiteStore

__all__ = ["MemoryStore", "SQLiteStore"]

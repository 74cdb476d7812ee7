"""HPACK that remembers: a gRPC peer says the same few header blocks again and again.

Once a connection's table holds them, a block is a row of references into it, the same bytes for the same headers for as
long as the table stays as it is.  hpack works each out anew, in some hundred steps a call.  Here a block that left the
table as it was is remembered until the table changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hpack import Decoder, Encoder, NeverIndexedHeaderTuple

__all__ = ["RememberingDecoder", "RememberingEncoder"]

#: Blocks that one table may remember: a peer that never repeats itself must not make us hoard.
_MOST = 64


class _Memo:
    """What is known of a table as it is."""

    __slots__ = ("_first", "_known", "_rest", "_table")

    def __init__(self, table: Any) -> None:
        self._table = table
        self._known: dict[Any, Any] = {}
        self._first: object = None
        self._rest = (0, 0)

    def known(self) -> dict[Any, Any]:
        """What is still good.  Whatever happens to a table, its first entry, its length or its size is another."""
        entries = self._table.dynamic_entries
        first = entries[0] if entries else None
        rest = (len(entries), self._table.maxsize)
        if first is not self._first or rest != self._rest or len(self._known) >= _MOST:
            self._known.clear()
            self._first, self._rest = first, rest
        return self._known

    def add(self, key: Any, value: Any) -> None:
        """Remember, if finding out has not changed the table."""
        first, rest = self._first, self._rest
        known = self.known()
        if first is self._first and rest == self._rest:
            known[key] = value


class RememberingEncoder(Encoder):
    """hpack's encoder; the bytes are its bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._memo = _Memo(self.header_table)

    def encode(self, headers: Any, huffman: bool = True) -> bytes:
        if isinstance(headers, dict) or self.header_table.resized:  # then the block begins by saying so
            return super().encode(headers, huffman)
        headers = tuple(headers)
        if _has_secrets(headers):
            return super().encode(headers, huffman)
        key = (headers, huffman)
        block: bytes | None = self._memo.known().get(key)
        if block is None:
            block = super().encode(headers, huffman)
            self._memo.add(key, block)
        return block


def _has_secrets(headers: Iterable[Any]) -> bool:
    """Whether a header says that no table may have it: such a one equals its like that says nothing."""
    return any(isinstance(each, NeverIndexedHeaderTuple) or len(each) > 2 for each in headers)


class RememberingDecoder(Decoder):
    """hpack's decoder; the headers are its headers, and what it refuses is refused."""

    def __init__(self, max_header_list_size: int = 65536) -> None:
        super().__init__(max_header_list_size)
        self._memo = _Memo(self.header_table)

    def decode(self, data: Any, raw: bool = False) -> Any:
        # The limits are part of the question: they may be lowered, and the block be refused from then on.
        key = (bytes(data), raw, self.max_header_list_size, self.max_allowed_table_size)
        headers = self._memo.known().get(key)
        if headers is None:
            headers = list(super().decode(data, raw))
            self._memo.add(key, headers)
        return list(headers)

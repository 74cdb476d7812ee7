"""How deterministic values are made: this file is a format, and recorded histories depend on it for ever.

Everything derives from one 32-byte key per run:

    key        = SHA-256( "trio_durable_sandbox values 1" || len(seed) || seed || len(id) || id )
    block(l,n) = SHA-256( key || len(l) || l || n )         lengths and n: 8 bytes, big endian; text: UTF-8

- clock: the run's `now_ns`, for every clock reader there is (monotonic, perf_counter, process_time ... too). It
  stands still within a turn. The local time zone is UTC.
- `uuid.uuid4`, the n-th of the run (from 0): the first 16 bytes of block("uuid4", n), version and variant set.
- `uuid.uuid7`: 48 bits of milliseconds, 12 bits of sequence within one millisecond, 62 bits of block("uuid7", n).
- `uuid.uuid1`, `uuid6`: 60-bit timestamp in 100 ns steps, raised by one where it would not increase; clock_seq
  and node are the low 14 bits of bytes 0-1 and bytes 2-7 (multicast bit set) of block("uuid1", 0).
- `random` (module functions): `random.Random(int.from_bytes(block("random", 0), "big"))`: a Mersenne Twister,
  whose `random()` and `getrandbits()` Python keeps for ever.
- the n-th unseeded `Random()`, or `seed()` without an argument, of the run: likewise from block("Random", n).
- a boundary of an e-mail: the first 8 bytes of block("boundary", n), big endian, modulo 2**63 - 1, 19 digits.
- a seed that the user gives (an int, str, bytes) means what it means in Python.
- `hash()` of text and bytes: the first 8 bytes of SHA-256(type name || 0 || data), signed, big endian (-1 is -2).
"""

from __future__ import annotations

import random as _random
import uuid as _uuid
from collections.abc import Callable
from hashlib import sha256

_VERSION = b"trio_durable_sandbox values 1"
_UUID_EPOCH = 0x01B21DD213814000  # 100 ns steps between 1582-10-15 and 1970-01-01


class Values:
    """Clock and streams of one run. Cheap to make: each stream is made at its first use."""

    __slots__ = ("_counts", "_key", "_material", "_node", "_stream", "_uuid1_last", "_uuid7_last", "now_ns")

    def __init__(self, seed: bytes | str, instance_id: str, now_ns: Callable[[], int]) -> None:
        self.now_ns = now_ns
        self._material: tuple[bytes | str, str] = (seed, instance_id)
        self._key: bytes | None = None
        self._counts: dict[str, int] | None = None
        self._stream: _random.Random | None = None
        self._node: tuple[int, int] | None = None
        self._uuid1_last = -1
        self._uuid7_last = (-1, 0)

    def block(self, label: str, n: int) -> bytes:
        """32 bytes that are a function of (seed, instance id, label, n) and of nothing else."""
        key = self._key
        if key is None:
            seed, instance_id = self._material
            raw = seed.encode() if isinstance(seed, str) else seed
            name = instance_id.encode()
            key = self._key = sha256(_VERSION + _length(raw) + raw + _length(name) + name).digest()
        text = label.encode()
        return sha256(key + _length(text) + text + n.to_bytes(8, "big")).digest()

    def next_block(self, label: str) -> bytes:
        """The next block of this label's stream, in program order."""
        if self._counts is None:
            self._counts = {}
        n = self._counts.get(label, 0)
        self._counts[label] = n + 1
        return self.block(label, n)

    @property
    def stream(self) -> _random.Random:
        """The stream behind the functions of the `random` module."""
        if self._stream is None:
            self._stream = _random.Random(int.from_bytes(self.block("random", 0), "big"))
        return self._stream

    def entropy(self) -> int:
        """What an unseeded `Random()` or `seed()` is seeded with."""
        return int.from_bytes(self.next_block("Random"), "big")

    def uuid4(self) -> _uuid.UUID:
        return _uuid.UUID(bytes=self.next_block("uuid4")[:16], version=4)

    def uuid7(self) -> _uuid.UUID:
        milliseconds = self.now_ns() // 1_000_000
        last, sequence = self._uuid7_last
        if milliseconds <= last:
            milliseconds, sequence = last, sequence + 1
            if sequence > 0xFFF:
                milliseconds, sequence = last + 1, 0
        else:
            sequence = 0
        self._uuid7_last = (milliseconds, sequence)
        tail = int.from_bytes(self.next_block("uuid7")[:8], "big") & 0x3FFF_FFFF_FFFF_FFFF
        return _uuid.UUID(
            int=(milliseconds & 0xFFFF_FFFF_FFFF) << 80 | 7 << 76 | sequence << 64 | 0b10 << 62 | tail
        )

    def _stamp(self) -> int:
        stamp = max(self.now_ns() // 100 + _UUID_EPOCH, self._uuid1_last + 1)
        self._uuid1_last = stamp
        return stamp

    def _identity(self) -> tuple[int, int]:
        if self._node is None:
            block = self.block("uuid1", 0)
            self._node = (
                int.from_bytes(block[:2], "big") & 0x3FFF,
                int.from_bytes(block[2:8], "big") | 1 << 40,
            )
        return self._node

    def uuid1(self, node: int | None = None, clock_seq: int | None = None) -> _uuid.UUID:
        stamp = self._stamp()
        own_seq, own_node = self._identity()
        seq = own_seq if clock_seq is None else clock_seq & 0x3FFF
        return _uuid.UUID(
            fields=(
                stamp & 0xFFFF_FFFF, stamp >> 32 & 0xFFFF, stamp >> 48 & 0x0FFF,
                seq >> 8 & 0x3F, seq & 0xFF, own_node if node is None else node,
            ),
            version=1,
        )  # fmt: skip

    def uuid6(self, node: int | None = None, clock_seq: int | None = None) -> _uuid.UUID:
        stamp = self._stamp()
        own_seq, own_node = self._identity()
        seq = own_seq if clock_seq is None else clock_seq & 0x3FFF
        head = stamp >> 12 << 16 | 6 << 12 | stamp & 0x0FFF
        tail = 0b10 << 62 | seq << 48 | ((own_node if node is None else node) & 0xFFFF_FFFF_FFFF)
        return _uuid.UUID(int=(head & 0xFFFF_FFFF_FFFF_FFFF) << 64 | tail)


def stable_hash(kind: str, data: bytes) -> int:
    """A hash of text or bytes that is the same in every process."""
    value = int.from_bytes(sha256(kind.encode() + b"\0" + data).digest()[:8], "big", signed=True)
    return -2 if value == -1 else value


def _length(data: bytes) -> bytes:
    return len(data).to_bytes(8, "big")

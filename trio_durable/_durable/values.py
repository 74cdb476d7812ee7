"""Values that are the same on every replay: ids and randomness.

Recorded histories depend on these streams: how they are seeded, and how many draws each call takes, never changes.
"""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from trio_durable._core.asking import GUID_NAMESPACE
from trio_durable._durable.identity import Identity

__all__ = ["Values"]

T = TypeVar("T")


class Values(Identity):
    """The part of the orchestration context that gives deterministic values."""

    _guids = 0
    _random: random.Random | None = None

    def new_guid(self) -> uuid.UUID:
        """A UUID that is the same on every replay and never repeats.

        The scheme is the one the .NET, Go and Python SDKs share: a version 5 UUID of the instance id, the current time
        and a counter, in their common namespace.
        """
        moment = self.current_utc_datetime.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._guids += 1
        return uuid.uuid5(GUID_NAMESPACE, f"{self.instance_id}_{moment}_{self._guids - 1}")

    #: `new_guid` under the standard library's name, and under Microsoft's.
    uuid4 = new_guid
    new_uuid = new_guid

    def random(self) -> random.Random:
        """The instance's own random stream: seeded by the instance and its execution, never restarted."""
        if self._random is None:
            started = self._replay.started
            execution = started.execution_id if started is not None else None
            self._random = random.Random(f"{self.instance_id}|{execution or ''}")
        return self._random

    def random_string(self, length: int, *, alphabet: str | None = None) -> str:
        """`length` characters drawn from `alphabet`, ASCII letters and digits if not given.

        Raises ValueError for a negative length or an empty alphabet.
        """
        letters = string.ascii_letters + string.digits if alphabet is None else alphabet
        if length < 0:
            raise ValueError(f"length must not be negative, got {length}")
        if not letters:
            raise ValueError("alphabet must not be empty")
        stream = self.random()
        return "".join(stream.choice(letters) for _ in range(length))

    def random_int(self, min_value: int = 0, max_value: int = 2**31 - 1) -> int:
        """An integer from `min_value` to `max_value`, both included; ValueError if there is none."""
        if min_value > max_value:
            raise ValueError(f"min_value ({min_value}) must not be greater than max_value ({max_value})")
        return self.random().randint(min_value, max_value)

    def random_choice(self, sequence: Sequence[T]) -> T:
        """One item of `sequence`; IndexError if it is empty."""
        if not sequence:
            raise IndexError("cannot choose from an empty sequence")
        return self.random().choice(sequence)

    def now_with_sequence(self) -> datetime:
        """The current time, each call a microsecond later than the last, so that no two are equal."""
        return self._replay.distinct_moment()

    #: `now_with_sequence` under its longer name.
    current_utc_datetime_with_sequence = now_with_sequence

"""Logging that is silent while an orchestration replays, so that every line is written once."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any, Protocol

__all__ = ["ReplaySafeLogger"]


class _Knows(Protocol):
    @property
    def is_replaying(self) -> bool: ...

    @property
    def instance_id(self) -> str: ...


class ReplaySafeLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that says nothing during a replay and gives each record the attribute `instance_id`.

    At least once, not exactly once: a turn whose answer is lost is run, and logged, again.
    """

    def __init__(self, logger: logging.Logger, context: _Knows) -> None:
        super().__init__(logger, {})
        self._context = context

    def isEnabledFor(self, level: int) -> bool:
        """Whether a record of `level` would be written now."""
        return not self._context.is_replaying and super().isEnabledFor(level)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the instance's id to the record."""
        kwargs["extra"] = {"instance_id": self._context.instance_id, **(kwargs.get("extra") or {})}
        return msg, kwargs

"""A list of lines that knows its indentation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Text:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self._depth = 0

    def __call__(self, *lines: str) -> None:
        """Append lines; the leading spaces they have themselves are kept."""
        for line in lines:
            self.lines.append("    " * self._depth + line if line else "")

    @contextmanager
    def block(self, *lines: str) -> Iterator[None]:
        """Append lines, then indent what comes inside."""
        self(*lines)
        self._depth += 1
        yield
        self._depth -= 1

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"

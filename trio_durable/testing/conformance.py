"""Conformance checks, for those who bring their own store, sidecar or converter.

Each is a function that returns when all is well and raises `ConformanceError` otherwise: what was done, what was
expected, what came.  Call them from a test of yours.  `conforming_stores`, `conforming_converters` and
`conforming_sidecars` have them; here is what they share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from trio_durable._errors import DurableError

__all__ = ["ConformanceError", "expect", "named", "shortened"]

#: How much of two long values is shown, around the place where they part.
_SHOWN = 160


class ConformanceError(DurableError, AssertionError):
    """What was checked does not keep a promise."""


def expect(what: str, expected: object, got: object) -> None:
    """Raise ConformanceError where the two are not equal."""
    if expected != got:
        wanted, came = repr(expected), repr(got)
        pairs = zip(wanted, came, strict=False)
        parts = next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(wanted), len(came)))
        raise ConformanceError(f"{what}: expected {_around(wanted, parts)}, got {_around(came, parts)}")


@contextmanager
def named(what: str) -> Iterator[None]:
    """Whatever goes wrong in the block is told with what was being checked."""
    try:
        yield
    except ConformanceError as error:
        raise ConformanceError(f"{what}: {error}") from error
    except Exception as error:
        raise ConformanceError(f"{what}: {type(error).__name__}: {error}") from error


def shortened(value: object) -> str:
    """A value for a message."""
    return _around(repr(value), 0)


def _around(text: str, place: int) -> str:
    begin = 0 if len(text) <= 2 * _SHOWN else max(place - _SHOWN // 2, 0)
    end = begin + 2 * _SHOWN
    return ("... " if begin else "") + text[begin:end] + (" ..." if len(text) > end else "")

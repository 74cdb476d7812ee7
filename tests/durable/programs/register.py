"""The programs' register."""

from __future__ import annotations

from tests.durable.kit import Program

PROGRAMS: dict[str, Program] = {}
RACY: set[str] = set()


def program(function: Program) -> Program:
    """A program to which real Trio gives exactly one trace."""
    name = function.__name__  # type: ignore[attr-defined]
    assert name not in PROGRAMS, name
    PROGRAMS[name] = function
    return function


def racy(function: Program) -> Program:
    """A program to which real Trio's scheduler gives several traces on purpose."""
    RACY.add(function.__name__)  # type: ignore[attr-defined]
    return program(function)

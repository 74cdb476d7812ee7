"""The second net: what passed-through libraries read within a turn."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from trio_durable_sandbox import Sandbox, watch

LIBRARY = """
import os, random, time, uuid
from datetime import datetime, date
def clock(): return time.time()
def now(): return datetime.now()
def today(): return date.today()
def guid(): return uuid.uuid4()
def draw(): return random.random()
def choose(): return random.choice([1, 2])
def setting(): return os.environ.get("HOME")
def getenv(): return os.getenv("HOME")
def pid(): return os.getpid()
def harmless(): return datetime(2020, 1, 1).isoformat(), random.Random(3).random(), time.gmtime(0), uuid.UUID(int=3)
"""


@pytest.fixture
def library(workshop: Any) -> Iterator[Any]:
    folder = workshop.folder / "site-packages"
    workshop.write(LIBRARY, "site-packages.watched_library")
    sys.path.insert(0, str(folder))
    main = workshop.module(
        "import watched_library as lib\nimport time, uuid\ndef f(name):\n    time.time(), uuid.uuid4()\n"
        "    return getattr(lib, name)()\n"
    )
    yield main
    sys.path.remove(str(folder))


@pytest.mark.parametrize(
    ("name", "api"),
    [("clock", "time.time"), ("now", "datetime.now"), ("today", "date.today"), ("guid", "posix.urandom|os.urandom"),
     ("draw", "random.random"), ("choose", "random."), ("setting", "os.environ"), ("getenv", "os.environ"),
     ("pid", "os.getpid")],
)  # fmt: skip
def test_what_a_library_reads_is_seen(workshop: Any, library: Any, name: str, api: str) -> None:
    run, f = workshop.start(library.f)
    with watch() as leaks, run.active():
        f(name)
    assert leaks, name
    assert any(leaks[0].api.startswith(part) for part in api.split("|")), leaks
    assert (leaks[0].library, leaks[0].filename, leaks[0].lineno) == ("watched_library", library.__file__, 5)
    assert 'isolate=["watched_library"]' in str(leaks[0])


def test_nothing_else_is(workshop: Any, library: Any) -> None:
    run, f = workshop.start(library.f)
    with watch() as leaks:
        time.time(), os.getpid()
        with run.active():
            f("harmless")
        library.f("clock")
    assert leaks == []
    assert sys.getprofile() is None


def test_the_remedy_works(workshop: Any, library: Any) -> None:
    sandbox = Sandbox(isolate=["watched_library"])
    run, f = workshop.start(library.f, sandbox)
    with watch() as leaks, run.active():
        assert f("clock") == 1700000000.1234567
        f("guid")
    assert leaks == []

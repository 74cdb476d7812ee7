"""No room imports what its row of the layer table does not list; and the reader of the table notices when one does."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.house.layers import PUBLIC, ROOMS, module_name, room_of, violations

ROOT = Path(__file__).resolve().parents[2]


def roots() -> list[tuple[Path, str]]:
    """The folders to walk, each with what its dotted names start from; the packages wherever they are installed."""
    found = []
    for package in ("trio_durable", "trio_durable_pytest", "trio_durable_sandbox", "trio_durable_proto"):
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        found.append((Path(spec.origin).parent, package))
    found.append((ROOT / "examples", "examples"))
    return found


def modules() -> dict[str, tuple[Path, bool]]:
    """Every module of ours: dotted name -> its file, and whether it is a package."""
    found = {}
    for folder, _ in roots():
        for path in sorted(folder.rglob("*.py")):
            name, is_package = module_name(path, folder.parent)
            found[name] = (path, is_package)
    return found


def test_every_module_keeps_to_its_row() -> None:
    found = [
        line
        for name, (path, is_package) in modules().items()
        for line in violations(name, path.read_text(encoding="utf-8"), package=is_package)
    ]
    assert not found, "\n".join(found)


def test_every_row_governs_something() -> None:
    # A row for a room that was renamed would hold nothing any more.
    assert {room_of(name) for name in modules()} >= set(ROOMS) - {"trio_durable.testing"}


def test_every_module_is_in_a_row_of_its_own() -> None:
    # Only the package's own __init__ may be governed by the bare row: a new room needs a row.
    assert [name for name in modules() if room_of(name) == "trio_durable"] == ["trio_durable"]
    assert set(ROOMS) >= PUBLIC


_CHECKING = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "

# Each: where it stands, what it says, and what the refusal must name (None: it is allowed).
PLANTED = [
    ("trio_durable_sandbox._policy", "import trio", "trio"),
    ("trio_durable_sandbox._policy", "from trio_durable import Worker", "trio_durable.Worker"),
    ("trio_durable_sandbox._policy", "import os, socket", None),
    ("trio_durable_proto.codec", "import betterproto, grpclib.client", None),
    ("trio_durable_proto.codec", "import msgspec", "msgspec"),
    ("trio_durable._errors", "from trio_durable._core.failures import FailureDetails", "trio_durable._core.failures"),
    (
        "trio_durable._errors",
        _CHECKING + "from trio_durable._core.failures import FailureDetails",
        None,
    ),
    (
        "trio_durable._errors",
        _CHECKING + "pass\nelse:\n    from trio_durable._core.failures import FailureDetails",
        "trio_durable._core.failures",
    ),
    ("trio_durable.abc", "from ._errors import DurableError", None),
    ("trio_durable.abc", "from ._core.events import Event", "trio_durable._core.events"),
    ("trio_durable._core.replay", "import trio", "trio"),
    ("trio_durable._core.replay", "import time", "time"),
    ("trio_durable._core.replay", "from time import monotonic", "time.monotonic"),
    ("trio_durable._core.replay", "def f():\n    import logging", "logging"),
    ("trio_durable._core.replay", "from random import Random", None),
    ("trio_durable._core.replay", "from random import randint", "random.randint"),
    ("trio_durable._core.replay", "text = open('x').read()", "open"),
    ("trio_durable._core.replay", "import importlib\nimportlib.import_module('socket')", "socket"),
    ("trio_durable._core.replay", "__import__('trio_durable._wire')", "trio_durable._wire"),
    ("trio_durable._core.replay", "from ..sidecar import open_sidecar", "trio_durable.sidecar"),
    ("trio_durable._core", "from .replay import Replay", None),
    ("trio_durable._core", "from .._worker import serve", "trio_durable._worker"),
    ("trio_durable._durable.facades", "import trio\nraise trio.Cancelled", None),
    ("trio_durable._durable.facades", "import trio\ntrio.run(main)", "trio.run"),
    ("trio_durable._durable.facades", "import trio as t\nt.lowlevel.checkpoint()", "trio.lowlevel"),
    ("trio_durable._durable.facades", "import trio.lowlevel\nAbort = trio.lowlevel.Abort", None),
    ("trio_durable._durable.facades", "from trio.lowlevel import reschedule", "trio.lowlevel.reschedule"),
    ("trio_durable._durable.facades", "from trio import open_nursery", "trio.open_nursery"),
    ("trio_durable._wire.events", "import trio", "trio"),
    ("trio_durable._wire.events", "import pathlib", "pathlib"),
    ("trio_durable._wire.events", "import trio_durable_proto as pb\nfrom trio_durable._core import events", None),
    ("trio_durable._rpc.channel", "from trio_durable._core import events", "trio_durable._core"),
    ("trio_durable._converter", "import msgspec\nfrom trio_durable.abc import Converter", None),
    ("trio_durable._worker.serve", "from trio_durable.sidecar import open_sidecar", "trio_durable.sidecar"),
    ("trio_durable._worker.serve", _CHECKING + "import grpclib", "grpclib"),
    ("trio_durable._client", "from trio_durable._worker.serve import Worker", "trio_durable._worker"),
    ("trio_durable.sidecar.engine", "from trio_durable._client import Client", "trio_durable._client"),
    ("trio_durable.sidecar.stores.sqlite", "import apsw", None),
    ("trio_durable.sidecar.hub", "import trio_durable_proto as pb", "trio_durable_proto"),
    ("trio_durable.sidecar.service", "from .engine import Engine", None),
    ("trio_durable.testing.pair", "from trio_durable._cli import main", "trio_durable._cli"),
    ("trio_durable._cli", "from trio_durable.sidecar import open_sidecar\nfrom trio_durable import Client", None),
    ("trio_durable._cli", "from trio_durable._client import Client", "trio_durable._client"),
    ("trio_durable._cli", "from trio_durable.sidecar._hub import Hub", "trio_durable.sidecar._hub"),
    ("examples.survey", "from trio_durable._worker.serve import Worker", "trio_durable._worker"),
    ("examples.survey", "from trio_durable import Worker\nfrom examples.survey import survey", None),
]


@pytest.mark.parametrize(("module", "source", "named"), PLANTED)
def test_the_reader_notices_what_is_planted(module: str, source: str, named: str | None) -> None:
    found = violations(module, source, package=module == "trio_durable._core")
    if named is None:
        assert found == []
    else:
        assert len(found) >= 1
        assert all(named in line and line.startswith(module) for line in found)

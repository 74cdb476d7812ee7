"""`docs/migrating.md` tells the truth: its names are here, its tests exist, and no name of theirs is missing."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

import trio_durable
from trio_durable import (
    Client,
    FailureDetails,
    OrchestrationContext,
    OrchestrationFailedError,
    PropagatedHistory,
    Worker,
)

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "migrating.md"
SDKS = {"durabletask": "durabletask 1.12.0", "durabletask-dapr": "durabletask-dapr 0.17.4", "dapr": "dapr 1.19.0"}

NONE = "-"

#: Their functions that compute what a context gives here: who calls them passes what the context knows.
DRAWN_ELSEWHERE = {"OrchestrationContext.random", "DurableFuture.cancel"}


def rows(sdk: str) -> list[tuple[str, str, str, str]]:
    """(there, here, shown by, what to know) of each row of an SDK's table."""
    section = PAGE.read_text().split(f"\n## {SDKS[sdk]}", 1)[1].split("\n## ", 1)[0]
    found = []
    for line in section.splitlines():
        if line.startswith("| `"):
            there, here, shown, why = (cell.strip() for cell in line.strip("|").split("|"))
            found.append((there.strip("`"), here.strip("`"), shown, why))
    return found


def thing_here(name: str) -> object:
    """What a dotted name, below `trio_durable` unless it says where, means; None for an attribute of instances."""
    path = name.split(".")
    thing = trio_durable
    if path[0] == "trio_durable":
        thing, path = importlib.import_module(".".join(path[:2])), path[2:]
    for part in path:
        thing = getattr(thing, part, None)
    return thing


def is_here(name: str) -> bool:
    """Whether a dotted name, below `trio_durable` unless it says where, is something of ours."""
    path = name.split(".")
    thing = trio_durable
    if path[0] == "trio_durable":
        thing = importlib.import_module(".".join(path[:2]))
        path = path[2:]
    for part in path:
        annotated = any(part in getattr(cls, "__annotations__", {}) for cls in getattr(thing, "__mro__", ()))
        if not hasattr(thing, part):
            return annotated and part is path[-1]
        thing = getattr(thing, part)
    return True


@cache
def known_tests(path: str) -> frozenset[str]:
    return frozenset(re.findall(r"^(?:async )?def (test_\w+)", (ROOT / path).read_text(), re.MULTILINE))


@pytest.mark.parametrize("sdk", SDKS)
def test_each_row_has_a_name_and_a_test_or_a_reason(sdk):
    table = rows(sdk)
    assert len(table) > 100
    names = [there for there, *_ in table]
    assert names == sorted(set(names))
    for there, here, shown, why in table:
        if here == NONE:
            assert shown == NONE, there
            assert len(why) > 20, f"{there} has neither a name here nor a reason"
            continue
        assert is_here(here), f"{there}: there is no {here}"
        path, _, test = shown.partition("::")
        assert test in known_tests(path), f"{there}: there is no test {shown}"


@cache
def shown_by(path: str, test: str) -> str:
    """What a test says: its decorators, its body, and the flows that it names."""
    functions: dict[str, str] = {}
    for file in (ROOT / path, (ROOT / path).parent / "flows.py"):
        if file.is_file():
            source = file.read_text()
            for node in ast.parse(source).body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                    functions[node.name] = "\n".join(source.splitlines()[first - 1 : node.end_lineno])
    text = functions[test]
    for _ in range(3):
        text += "".join(functions.get(word, "") for word in set(re.findall(r"\w+", text)) - {test})
    return text


@pytest.mark.parametrize("sdk", SDKS)
def test_each_test_that_is_named_shows_the_member(sdk):
    unshown = []
    for there, here, shown, _ in rows(sdk):
        path, _, test = shown.partition("::")
        if "." in here and not re.search(rf"\b{here.rpartition('.')[2]}\b", shown_by(path, test)):
            unshown.append((there, here, shown))
    assert unshown == []


@pytest.fixture
def peers(peer_python):
    """The folder of the environments that the three SDKs are in."""
    (folder,) = {peer_python(peer).parents[2] for peer in ("durabletask", "durabletask-dapr", "dapr-1.19")}
    return folder


@cache
def reader():
    """`docs/public_names.py`, which reads the packages without importing them."""
    spec = importlib.util.spec_from_file_location("public_names", ROOT / "docs" / "public_names.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("sdk", SDKS)
def test_no_name_is_missing(sdk, peers):
    theirs = sorted(name for where, name in reader().names(peers) if where == sdk)
    assert [there for there, *_ in rows(sdk)] == theirs


def arguments() -> dict[str, str]:
    """The table of arguments: each name there, and what is said about it here."""
    section = PAGE.read_text().split("\n## Arguments", 1)[1].split("\n## ", 1)[0]
    cells = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {name: here for there, here in cells for name in re.findall(r"`(\w+)`", there.partition(" of ")[0])}


def parameters_here(name: str) -> set[str] | None:
    """What the thing of this name takes; None where it is no callable, but an attribute."""
    thing = thing_here(name)
    return set(inspect.signature(thing).parameters) if callable(thing) else None


@pytest.mark.parametrize("sdk", SDKS)
def test_every_argument_is_spelled_the_same_or_explained(sdk, peers):
    theirs = {name: given for where, name, given in reader().parameters(peers) if where == sdk}
    explained = arguments()
    for there, here, *_ in rows(sdk):
        if here == NONE or there not in theirs or here in DRAWN_ELSEWHERE:
            continue
        ours = parameters_here(here)
        if ours is None:
            continue
        missing = {each.strip("_") for each in theirs[there]} - ours - {"self", "cls"}
        assert missing <= set(explained), f"{there} -> {here}"


def test_the_arguments_that_are_named_here_are_here():
    takers = (
        Client.__init__, Worker.__init__, Client.schedule_new_orchestration, Client.rerun_orchestration_from_event,
        Client.wait_for_orchestration_completion, OrchestrationContext.call_activity, FailureDetails,
        OrchestrationFailedError, PropagatedHistory, Worker.orchestrator,
    )  # fmt: skip
    known = {name for taker in takers for name in inspect.signature(taker).parameters}
    assert {name for here in arguments().values() for name in re.findall(r"`(\w+)=", here)} <= known


def test_the_checks_can_fail():
    assert not is_here("Client.no_such_method")
    assert not is_here("NoSuchClass")
    assert is_here("OrchestrationFailedError.details")
    assert "test_no_such_test" not in known_tests("tests/authoring/test_migrating.py")

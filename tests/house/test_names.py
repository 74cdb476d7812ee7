"""The public names: they say where users find them, and each explains itself."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
from pathlib import Path

import pytest

import trio_durable.abc
from tests.house.layers import PUBLIC

ROOT = Path(__file__).resolve().parents[2]


def public_names() -> list[tuple[str, str]]:
    return [
        (module, name)
        for module in sorted(PUBLIC)
        for name in getattr(importlib.import_module(module), "__all__", ())
    ]


#: What the protocols of `trio_durable.abc` explain, for all who keep them.
PROMISED = {
    attribute
    for thing in map(vars(trio_durable.abc).get, trio_durable.abc.__all__)
    if inspect.isclass(thing)
    for attribute, value in vars(thing).items()
    if inspect.isfunction(value) and value.__doc__
}


def test_there_are_public_names() -> None:
    names = {name for module, name in public_names() if module == "trio_durable"}
    assert names >= {"Worker", "Client", "OrchestrationContext", "when_all"}


@pytest.mark.parametrize(("module", "name"), public_names())
def test_a_public_name_is_true_and_explained(module: str, name: str) -> None:
    thing = getattr(importlib.import_module(module), name)
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return  # constants are explained by the comment above them
    where = thing.__module__
    assert not any(part.startswith("_") for part in where.split(".")), f"{name} says that it lives in {where}"
    assert (thing.__doc__ or "").strip(), f"{module}.{name} has no docstring"
    if inspect.isclass(thing):
        for attribute, value in vars(thing).items():
            function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            if attribute in PROMISED:
                continue
            if not attribute.startswith("_") and inspect.isfunction(function):
                assert inspect.getdoc(getattr(thing, attribute)), f"{module}.{name}.{attribute} has no docstring"


def committed() -> list[Path]:
    """The files of the checkout, as git knows them; without git, all that are no build output."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]
    skipped = {"build", "__pycache__", ".hypothesis", ".pytest_cache"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.parts)]


# Folders of somebody's machine; a package index or module proxy by host name.
MACHINE = re.compile(
    r"(?<![\w.])/(?:home|Users|root|work)/[\w.-]+|\bproxy\.golang\.org\b|\b(?:index-url|find-links)\s*[=:]"
)


def test_no_machine_is_named() -> None:
    own = Path(__file__).name
    found = []
    for path in committed():
        if path.name == own:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if MACHINE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found, "\n".join(found)


def test_the_pattern_finds_machines() -> None:
    assert MACHINE.search("see " + "/home/" + "someone/x")
    assert MACHINE.search("pip install --index-url=x".replace("=x", " = x"))
    assert not MACHINE.search("https://example.org/home/page and TaskHub/root")


def test_every_environment_variable_is_documented() -> None:
    used: set[str] = set()
    for path in committed():
        if path.suffix in {".py", ""} and path.name != Path(__file__).name:
            used.update(re.findall(r"\bTRIO_DURABLE_[A-Z_]+\b", path.read_text(encoding="utf-8", errors="replace")))
    documented = (ROOT / "CONTRIBUTING.md").read_text() + (ROOT / "README.md").read_text()
    assert [name for name in sorted(used) if name not in documented] == []


def test_no_other_environment_variable_is_read() -> None:
    # What the package reads from the environment carries its prefix or belongs to the protocol.
    folder = Path(os.path.dirname(trio_durable.__file__))
    read = re.compile(r"""environ(?:\.get\(|\[)\s*["']([A-Z_]+)["']|getenv\(\s*["']([A-Z_]+)["']""")
    names = {a or b for path in folder.rglob("*.py") for a, b in read.findall(path.read_text(encoding="utf-8"))}
    assert {name for name in names if not name.startswith(("TRIO_DURABLE_", "DAPR_", "DURABLETASK_"))} == set()

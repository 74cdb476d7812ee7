"""Which names of trio, asyncio and anyio orchestrations get, as a table: `python -m trio_durable._durable.names`.

The table is made from the facades themselves and from what the sandbox answers for every other name of the real
module, so it cannot say what is not so; `docs/structured-concurrency.md` holds it between two marker lines, and a test
compares the two.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import trio
from trio_durable_sandbox import Sandbox, SandboxViolationError

from trio_durable._durable import anyio_facade, asyncio_facade, trio_facade
from trio_durable._durable.facades import FACADES
from trio_durable._durable.vocabulary import TRIO_LOWLEVEL

__all__ = ["BEGIN", "END", "Name", "markdown", "names_of"]

BEGIN = "<!-- names: made by python -m trio_durable._durable.names; do not edit -->"
#: What the sandbox says to names of an event loop's machinery.
_OTHERWISE = "write `async def` and await; the orchestration is already running on a scheduler of its own"

END = "<!-- end of names -->"


@dataclass(frozen=True, slots=True)
class Name:
    """One public name of a real module.  status: "durable", "passed through" or "refused"; remedy: for the refused."""

    name: str
    status: str
    remedy: str = ""


def _public(module: Any) -> list[str]:
    listed = getattr(module, "__all__", None) or dir(module)
    # Submodules count only where the module itself imports them: what else was imported here is not its own.
    return sorted(
        name
        for name in set(listed)
        if not name.startswith("_") and name not in ("annotations", "testing")
    )


def names_of(module: str) -> list[Name]:
    """Every public name of `trio`, `trio.lowlevel` or `asyncio` as installed here, and what becomes of it."""
    real, durable, passed = {
        "trio": (trio, trio_facade.DURABLE | {"lowlevel": None}, trio_facade.PASSED),
        "trio.lowlevel": (TRIO_LOWLEVEL, trio_facade.LOWLEVEL_DURABLE, trio_facade.LOWLEVEL_PASSED),
        "asyncio": (asyncio, asyncio_facade.DURABLE, asyncio_facade.PASSED),
    }[module]
    found = []
    for name, remedy in _refusals(module, [name for name in _public(real) if name not in {**durable, **passed}]):
        found.append(Name(name, "refused" if remedy else "passed through", remedy))
    found += [Name(name, "durable") for name in durable if module == "asyncio" or hasattr(real, name)]
    found += [Name(name, "passed through") for name in passed if not name.startswith("_")]
    return sorted(found, key=lambda each: each.name)


def _refusals(module: str, names: Iterable[str]) -> Iterable[tuple[str, str]]:
    """What the sandbox says to each name that the facade lacks; "" where it has nothing against it."""
    sandbox = Sandbox(audit=False)
    for facade, factory in FACADES.items():
        sandbox.replace_module(facade, factory, shared=True)
    run = sandbox.new_run(instance_id="names", seed="names", now_ns=lambda: 0)
    root, _, tail = module.partition(".")
    with run.active():
        seen = sandbox.importer.load(run, root)
        if tail:
            seen = getattr(seen, tail)
        for name in names:
            yield name, _refusal(seen, name)
    run.close()


def _refusal(module: Any, name: str) -> str:
    try:
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            # A submodule is refused by what it holds.
            remedies = {_refusal(value, each) for each in _public(importlib.import_module(value.__name__))} - {""}
            return sorted(remedies)[0] if remedies else ""
        if isinstance(value, type) and issubclass(value, BaseException | tuple):
            return ""
        if callable(value):
            made = value()
            if hasattr(made, "close"):
                made.close()
    except SandboxViolationError as refused:
        return refused.remedy
    except Exception:
        pass  # it was called, only not as it wants to be
    return ""


def markdown() -> str:
    """The table, between its markers."""
    lines = [BEGIN]
    for module in ("trio", "trio.lowlevel", "asyncio"):
        by_status: dict[tuple[str, str], list[str]] = {}
        for each in names_of(module):
            by_status.setdefault((each.status, each.remedy), []).append(f"`{each.name}`")
        lines += ["", f"### `{module}`", "", "| status | names | instead |", "|---|---|---|"]
        if module == "asyncio":
            # Which others there are depends on the version of Python.
            by_status = {
                key: [name for name in names if key[0] != "passed through" or name.strip("`") in asyncio_facade.PASSED]
                for key, names in by_status.items()
                if key[1] != _OTHERWISE
            }
            by_status["refused", _OTHERWISE] = ["every other name"]
        order = {"durable": 0, "passed through": 1, "refused": 2}
        for (status, remedy), names in sorted(by_status.items(), key=lambda item: (order[item[0][0]], item[0][1])):
            lines.append(f"| {status} | {' '.join(names)} | {remedy} |")
    others = [*sorted(anyio_facade.DURABLE), *(f"lowlevel.{name}" for name in sorted(anyio_facade.LOWLEVEL))]
    lines += ["", "### `anyio`", "", f"Durable: {' '.join(f'`{name}`' for name in others)}.", "", END]
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())

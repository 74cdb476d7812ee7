"""Who may import whom: the layer table as data, and the reader that holds a module against it.

Each row says what a room may touch; whatever a row does not list is forbidden to it. Imports under `TYPE_CHECKING`
count too, for a name that is only needed in annotations still ties its user to the room it comes from; the one that
is allowed is in the column `annotations`, with its reason.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PUBLIC", "ROOMS", "Room", "module_name", "room_of", "violations"]

#: What users import from. Everything else under trio_durable is private.
PUBLIC = frozenset({"trio_durable", "trio_durable.abc", "trio_durable.sidecar", "trio_durable.testing"})


@dataclass(frozen=True)
class Room:
    """One row of the table. `ours` and `third` list what may be imported; `never` narrows what is otherwise free.

    An entry of `never` is a module of the standard library ("socket"), a name inside a module ("trio.run"), or a
    builtin ("open"). `but` lists names inside such a module that are allowed after all. `annotations` may be imported
    under `TYPE_CHECKING` only.
    """

    ours: frozenset[str] = frozenset()
    third: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()
    but: frozenset[str] = frozenset()
    annotations: frozenset[str] = frozenset()
    public_only: bool = False


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Trio's doors to its run loop. Its types (exceptions, sentinels, abstract classes) are free.
_RUN_LOOP = _set(
    "trio.run trio.open_nursery trio.from_thread trio.to_thread trio.sleep trio.sleep_forever trio.current_time "
    "trio.lowlevel.start_guest_run trio.lowlevel.spawn_system_task trio.lowlevel.checkpoint "
    "trio.lowlevel.wait_task_rescheduled trio.lowlevel.reschedule trio.lowlevel.current_task "
    "trio.lowlevel.current_trio_token trio.lowlevel.start_thread_soon"
)

#: The rows. A room's name is the module prefix it governs; the longest prefix that fits wins.
ROOMS: dict[str, Room] = {
    "trio_durable_sandbox": Room(),
    "trio_durable_proto": Room(third=_set("betterproto grpclib")),
    # The errors carry failure details, which are the core's: said in annotations, never imported.
    "trio_durable._errors": Room(annotations=_set("trio_durable._core.failures")),
    # The names that functions were registered under: for those who register, and for those who call.
    "trio_durable._naming": Room(),
    "trio_durable.abc": Room(ours=_set("trio_durable._errors")),
    "trio_durable._core": Room(
        ours=_set("trio_durable._errors"),
        never=_set("time random socket threading asyncio logging os open"),
        but=_set("random.Random"),
    ),
    "trio_durable._durable": Room(
        ours=_set("trio_durable._core trio_durable._errors trio_durable_sandbox"),
        third=_set("trio"),
        never=_RUN_LOOP,
    ),
    # The one pinned seam: `trio.Cancelled` is made here, and Trio's sentinels and abstract classes are taken from here.
    "trio_durable._durable.vocabulary": Room(
        ours=_set("trio_durable._core"),
        third=_set("trio"),
        never=_RUN_LOOP - _set("trio.lowlevel trio.abc"),
    ),
    "trio_durable._wire": Room(
        ours=_set("trio_durable._core trio_durable._errors trio_durable_proto"),
        never=_set("socket ssl os pathlib subprocess threading asyncio selectors open"),
    ),
    "trio_durable._rpc": Room(
        ours=_set("trio_durable._errors trio_durable_proto"),
        # grpclib's metadata are a multidict, h2's frames hyperframe's and its headers hpack's: parts of the two, no
        # parties of their own.
        third=_set("trio grpclib h2 multidict hyperframe hpack"),
    ),
    "trio_durable._converter": Room(
        ours=_set("trio_durable._errors trio_durable.abc"),
        third=_set("msgspec"),
    ),
    "trio_durable._worker": Room(
        ours=_set(
            "trio_durable._core trio_durable._durable trio_durable._wire trio_durable._rpc trio_durable._converter "
            "trio_durable.abc trio_durable._errors trio_durable._naming trio_durable._portal trio_durable_sandbox"
        ),
        third=_set("trio"),
    ),
    # A Trio run in a thread, and on it the synchronous door.
    "trio_durable._portal": Room(third=_set("trio")),
    "trio_durable._blocking": Room(
        ours=_set("trio_durable._client trio_durable._portal trio_durable.abc trio_durable_sandbox")
    ),
    # The sandbox, so that a client used inside an orchestration is refused by name.
    "trio_durable._client": Room(
        ours=_set(
            "trio_durable._core trio_durable._wire trio_durable._rpc trio_durable._converter trio_durable._errors "
            "trio_durable._naming trio_durable.abc trio_durable_sandbox"
        ),
        third=_set("trio"),
    ),
    "trio_durable.sidecar": Room(
        ours=_set("trio_durable._core trio_durable._wire trio_durable._rpc trio_durable.abc trio_durable._errors"),
        third=_set("trio apsw"),
    ),
    "trio_durable.testing": Room(
        ours=_set(
            "trio_durable._core trio_durable._durable trio_durable._wire trio_durable._rpc trio_durable._converter "
            "trio_durable._worker trio_durable._client trio_durable._errors trio_durable.abc trio_durable.sidecar "
            "trio_durable_sandbox trio_durable_proto"
        ),
        third=_set("trio hypothesis"),
    ),
    "trio_durable_pytest": Room(third=_set("pytest"), public_only=True),
    "trio_durable._cli": Room(third=_set("trio"), public_only=True),
    "trio_durable.__main__": Room(ours=_set("trio_durable._cli")),
    "trio_durable": Room(  # __init__, which re-exports
        ours=_set(
            "trio_durable._core trio_durable._durable trio_durable._worker trio_durable._client "
            "trio_durable._blocking trio_durable._converter trio_durable._errors trio_durable_sandbox"
        ),
    ),
    # Scripts in one folder import each other by their bare names: demo.py drives survey.py.
    "examples": Room(third=_set("trio survey cryptography"), public_only=True),
}

_OURS = ("trio_durable", "trio_durable_pytest", "trio_durable_sandbox", "trio_durable_proto", "examples")


def room_of(module: str) -> str:
    """The room that governs `module`: the longest row name that is the module or a package around it."""
    while module not in ROOMS:
        module = module.rpartition(".")[0]
        if not module:
            raise LookupError(module)
    return module


def violations(module: str, source: str, *, package: bool = False) -> list[str]:
    """Everything in `source` that the row of `module` forbids, as lines that name the place, the thing and the rule."""
    own = room_of(module)
    room = ROOMS[own]
    found = []
    tree = ast.parse(source)
    annotation_lines = _annotation_lines(tree)
    for line, name, is_import in _uses(tree, module, package):
        if line in annotation_lines and _within(name, room.annotations):
            continue
        reason = _refuse(own, room, name, is_import=is_import)
        if reason is not None:
            found.append(f"{module}:{line}: {reason}")
    return found


def _refuse(own: str, room: Room, name: str, *, is_import: bool) -> str | None:
    """Why `own` must not touch `name` (a module or a name in it), or None where it may."""
    if _within(name, room.never) and not _within(name, room.but):
        return f"{own} must never use {name}"
    if not is_import:
        return None
    top = name.partition(".")[0]
    if top in _OURS:
        if _belongs(name, own) or _within(name, room.ours):
            return None
        if room.public_only:
            return None if _is_public(name) else f"{own} may use public names only, and {name} is none"
        return f"{own} may not import {name}; it may import {', '.join(sorted(room.ours)) or 'no room of ours'}"
    if top not in sys.stdlib_module_names and top not in room.third:
        return f"{own} may not import {top}; its third parties are {', '.join(sorted(room.third)) or 'none'}"
    return None


def _is_public(name: str) -> bool:
    """Whether `name` is a public module, or a public name in one."""
    around = max((door for door in PUBLIC if name == door or name.startswith(door + ".")), key=len, default=None)
    return around is not None and not any(part.startswith("_") for part in name[len(around) :].split(".") if part)


def _belongs(name: str, prefix: str) -> bool:
    """Whether `name` is `prefix` or inside it; the bare package holds only itself, for every room is inside it."""
    return name == prefix or (prefix != "trio_durable" and name.startswith(prefix + "."))


def _within(name: str, entries: frozenset[str]) -> bool:
    return any(name == entry or name.startswith(entry + ".") for entry in entries)


def _uses(tree: ast.AST, module: str, package: bool) -> Iterator[tuple[int, str, bool]]:
    """What the code reaches for: line, dotted name, and whether it is an import (else an attribute or a builtin)."""
    imported: dict[str, str] = {}  # the local name of each `import x` -> what it stands for
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    imported[alias.asname or top] = alias.name if alias.asname else top
                    yield node.lineno, alias.name, True
            case ast.ImportFrom():
                base = _base(node, module, package)
                for alias in node.names:
                    yield node.lineno, f"{base}.{alias.name}", True
            case ast.Call(func=ast.Name(id="__import__") | ast.Attribute(attr="import_module"), args=[first, *_]):
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield node.lineno, first.value, True
            case ast.Call(func=ast.Name(id="open")):
                yield node.lineno, "open", False
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := _dotted(node, imported)) is not None:
            yield node.lineno, name, False


def _dotted(node: ast.expr, imported: dict[str, str]) -> str | None:
    """The full name of `a.b.c` where `a` was imported, else None."""
    match node:
        case ast.Name():
            return imported.get(node.id)
        case ast.Attribute():
            around = _dotted(node.value, imported)
            return None if around is None else f"{around}.{node.attr}"
    return None


def _annotation_lines(tree: ast.AST) -> set[int]:
    """The lines inside `if TYPE_CHECKING:`, its else-branch not among them."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            lines.update(range(node.body[0].lineno, (node.body[-1].end_lineno or 0) + 1))
    return lines


def _base(node: ast.ImportFrom, module: str, package: bool) -> str:
    """The absolute name of the module that a `from` statement reads."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + (1 if package else 0)]
    return ".".join([*parts, *([node.module] if node.module else [])])


def module_name(path: Path, root: Path) -> tuple[str, bool]:
    """The dotted name of the file `path` below `root`, and whether it is a package."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    if parts[-1] == "__init__":
        return ".".join(parts[:-1]), True
    return ".".join(parts), False

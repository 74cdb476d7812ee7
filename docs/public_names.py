"""Lists the public names of the earlier Python SDKs, read from what their wheels install, without importing it.

    make peers
    python docs/public_names.py build/peers

One line per name: the SDK, then the name, a class's members after a dot.  `docs/migrating.md` has a row for each of
them, which a test holds it to wherever the packages are at hand.  A name is public if no part of it begins with an
underscore, it is not in an `internal` package, and it is a function, a class, or a constant; type variables are not.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

#: The SDK's name here, the environment of tests/peers that has it, and its package that is about orchestrations.
SDKS = {
    "durabletask": ("durabletask", "durabletask"),
    "durabletask-dapr": ("durabletask-dapr", "durabletask"),
    "dapr": ("dapr-1.19", "dapr/ext/workflow"),
}


def names(peers: Path) -> Iterator[tuple[str, str]]:
    """(SDK, name) of everything public in the environments in `peers`."""
    found: dict[str, set[str]] = {sdk: set() for sdk in SDKS}
    for sdk, path in _modules(peers):
        found[sdk].update(_public(ast.parse(path.read_bytes())))
    for sdk, theirs in found.items():
        yield from ((sdk, name) for name in sorted(theirs))


def parameters(peers: Path) -> Iterator[tuple[str, str, list[str]]]:
    """(SDK, name, parameters) of every public function, method and class (of its `__init__`) in `peers`."""
    for sdk, path in _modules(peers):
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.ClassDef):
                for member in node.body:
                    if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                        name = node.name if member.name == "__init__" else f"{node.name}.{member.name}"
                        yield sdk, name, _parameters(member)[1:]
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield sdk, node.name, _parameters(node)


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = node.args
    return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def _modules(peers: Path) -> Iterator[tuple[str, Path]]:
    for sdk, (peer, package) in SDKS.items():
        (root,) = (peers / peer).glob(f"lib/python*/site-packages/{package}")
        for path in root.rglob("*.py"):
            parts = path.relative_to(root).with_suffix("").parts
            if not any(part == "internal" or (part.startswith("_") and part != "__init__") for part in parts):
                yield sdk, path


def _public(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if not node.name.startswith("_"):
                yield node.name
            case ast.ClassDef() if not node.name.startswith("_"):
                yield node.name
                yield from (f"{node.name}.{member}" for member in _members(node))
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if not name.startswith("_") and not _is_type_variable(node.value):
                    yield name


def _members(node: ast.ClassDef) -> Iterator[str]:
    for member in node.body:
        match member:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if not name.startswith("_"):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if not name.startswith("_") and not _is_type_variable(member.value):
                    yield name


def _is_type_variable(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in ("TypeVar", "ParamSpec")


if __name__ == "__main__":
    for sdk, name in names(Path(sys.argv[1])):
        print(sdk, name)

"""Lists the public names of the earlier Python SDKs, read from their wheels without importing them.

    pip download --no-deps -d build/wheels/dl durabletask==1.12.0 durabletask-dapr==0.17.4 dapr==1.19.0
    python docs/public_names.py build/wheels/dl

One line per name: the SDK, then the name, a class's members after a dot.  `docs/migrating.md` has a row for each of
them, which a test holds it to wherever the wheels are at hand.  A name is public if no part of it begins with an
underscore, it is not in an `internal` package, and it is a function, a class, or a constant; type variables are not.
"""

from __future__ import annotations

import ast
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

#: The SDK's name here, the wheel's beginning, and the packages of it that are about orchestrations.
SDKS = {
    "durabletask": ("durabletask-1.12.0-", ("durabletask/",)),
    "durabletask-dapr": ("durabletask_dapr-0.17.4-", ("durabletask/",)),
    "dapr": ("dapr-1.19.0-", ("dapr/ext/workflow/",)),
}


def names(folder: Path) -> Iterator[tuple[str, str]]:
    """(SDK, name) of everything public in the wheels in `folder`."""
    for sdk, (beginning, packages) in SDKS.items():
        (wheel,) = folder.glob(f"{beginning}*.whl")
        found: set[str] = set()
        with zipfile.ZipFile(wheel) as archive:
            for path in archive.namelist():
                parts = path.removesuffix(".py").split("/")
                if not path.endswith(".py") or not path.startswith(packages):
                    continue
                if any(part == "internal" or (part.startswith("_") and part != "__init__") for part in parts):
                    continue
                found.update(_public(ast.parse(archive.read(path))))
        yield from ((sdk, name) for name in sorted(found))


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

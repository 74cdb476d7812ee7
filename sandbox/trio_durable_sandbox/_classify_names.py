"""What names of a module stand for, and the small questions about its tree that `_classify` asks."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Import:
    """One import that is executed with the module. No `names`: `import module`, which binds its first part."""

    module: str
    names: tuple[str, ...]
    line: int


class State(Exception):
    """This module has state: the line and why."""


def no(node: ast.AST, why: str) -> State:
    return State(f"line {getattr(node, 'lineno', 0)}: {why}")


class Names:
    """The names of one module."""

    def __init__(self, tree: ast.Module, package: str) -> None:
        self.package = package
        self.tree = tree
        self.imported: dict[str, str] = {}  # name -> what it stands for, dotted
        self.ambiguous: set[str] = set()
        self.imports: list[Import] = []
        self.own: set[str] = set()  # classes of this module
        self.enums: set[str] = set()
        self.derived: dict[str, tuple[str, ...]] = {}
        self.models: list[tuple[str, str]] = []
        self.binds: set[str] = set()
        for node in ast.walk(tree):
            for name, dotted, _ in bindings(node, package):
                if self.imported.setdefault(name, dotted) != dotted:
                    self.ambiguous.add(name)
        for node in ast.walk(tree):  # an import or builtin that is also something else is no longer known
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                self.ambiguous.add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.ambiguous.add(node.name)
        self.binds.update(bound(tree.body))

    def dotted(self, node: ast.AST) -> str | None:
        """What a name or attribute stands for: `dataclasses.field`, `builtins.str`, `own.Order`."""
        if isinstance(node, ast.Attribute):
            above = self.dotted(node.value)
            return None if above is None else f"{above}.{node.attr}"
        if not isinstance(node, ast.Name):
            return None
        if node.id in self.own:
            return f"own.{node.id}"
        if node.id in self.imported:
            return None if node.id in self.ambiguous else self.imported[node.id]
        known = hasattr(builtins, node.id) and node.id not in self.binds | self.ambiguous
        return f"builtins.{node.id}" if known else None


def is_name_list(node: ast.stmt) -> bool:
    """`__all__ = [...]` or `__slots__ = [...]` of constants: compiled as a tuple, in a module without state."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.value, ast.List):
        return False
    target = node.targets[0]
    named = isinstance(target, ast.Name) and target.id in ("__all__", "__slots__", "__match_args__")
    return named and all(isinstance(item, ast.Constant) for item in node.value.elts)


def stores(node: ast.Name | ast.Attribute | ast.Subscript) -> bool:
    return not isinstance(node.ctx, ast.Load)


def root_and_class(node: ast.AST) -> tuple[str | None, bool]:
    """The name that an expression starts from, and whether it goes through a class (`type(x)`, `x.__class__`)."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute) and node.attr in ("__class__", "__dict__", "__globals__"):
            return None, True
        node = node.value
    if isinstance(node, ast.Call):
        return None, isinstance(node.func, ast.Name) and node.func.id == "type"
    return (node.id, False) if isinstance(node, ast.Name) else (None, False)


def arguments_of(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args)
    if arguments.vararg is not None:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg is not None:
        yield arguments.kwarg


def bound(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The names that statements bind in their own scope."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0]
        else:
            for child in ast.walk(node):
                if isinstance(child, ast.Name) and stores(child):
                    yield child.id
                elif isinstance(child, ast.stmt) and child is not node:
                    yield from bound([child])


def absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    base = ".".join(parts[: len(parts) - node.level + 1])
    return ".".join(part for part in (base, node.module or "") if part)


def bindings(node: ast.AST, package: str) -> Iterator[tuple[str, str, str]]:
    """(name, what it stands for, module) of an import statement."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.asname:
                yield alias.asname, alias.name, alias.name
            else:
                yield alias.name.partition(".")[0], alias.name.partition(".")[0], alias.name
    elif isinstance(node, ast.ImportFrom):
        home = absolute(node, package)
        for alias in node.names:
            yield alias.asname or alias.name, f"{home}.{alias.name}", home


def executed(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[Import]:
    if isinstance(node, ast.ImportFrom):
        if node.module == "__future__" and not node.level:
            return
        if any(alias.name == "*" for alias in node.names):
            raise no(node, "`import *`, which binds names that are not known")
        yield Import(absolute(node, package), tuple(alias.name for alias in node.names), node.lineno)
        return
    for alias in node.names:
        head, _, tail = alias.name.rpartition(".")
        if alias.asname and head:
            yield Import(head, (tail,), node.lineno)  # as the rewriter compiles it
        else:
            yield Import(alias.name, (), node.lineno)
            if head:
                yield Import(alias.name.partition(".")[0], (), node.lineno)  # which is the name that it binds

"""The names of one module as its source tells them: what is imported, what is its own, what a name stands for."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Import:
    """One import that is executed with the module. No `names`: `import module`, which binds its first part.

    A name `*`: all that the module binds. A name `?Name`: the class of that name is a base class; `!Name`: likewise,
    and its subclasses rely on it to copy what their fields start with, as pydantic and msgspec do.
    """

    module: str
    names: tuple[str, ...]
    line: int


class State(Exception):
    """This module has state: the line and why."""


def no(node: ast.AST, why: str) -> State:
    return State(f"line {getattr(node, 'lineno', 0)}: {why}")


class Scope:
    """The names of a module. `own` and `enums` grow as its classes are looked at, from top to bottom."""

    def __init__(self, tree: ast.Module, package: str) -> None:
        self.package = package
        self.imported: dict[str, str] = {}  # name -> what it stands for, dotted
        self.ambiguous: set[str] = set()
        self.own: set[str] = set()  # classes of this module
        self.enums: set[str] = set()
        self.binds: set[str] = set(bound(tree.body))
        self.star = False
        for node in ast.walk(tree):
            for name, dotted, _ in bindings(node, package):
                if name == "*":
                    self.star = True
                elif self.imported.setdefault(name, dotted) != dotted:
                    self.ambiguous.add(name)
        for node in ast.walk(tree):  # an import or builtin that is also something else is no longer known
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                self.ambiguous.add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.ambiguous.add(node.name)

    def dotted(self, node: ast.AST) -> str | None:
        """What a name or attribute stands for: `dataclasses.field`, `builtins.str`, `own.Order`."""
        if isinstance(node, ast.Attribute):
            above = self.dotted(node.value)
            return None if above is None else f"{above}.{node.attr}"
        if not isinstance(node, ast.Name) or self.star:  # `import *` may have bound any name
            return None
        if node.id in self.own:
            return f"own.{node.id}"
        if node.id in self.imported:
            return None if node.id in self.ambiguous else self.imported[node.id]
        known = hasattr(builtins, node.id) and node.id not in self.binds | self.ambiguous
        return f"builtins.{node.id}" if known else None


def stores(node: ast.Name | ast.Attribute | ast.Subscript) -> bool:
    return not isinstance(node.ctx, ast.Load)


def root_of(node: ast.AST) -> tuple[str | None, bool]:
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
    """What this statement imports when the module is executed."""
    if isinstance(node, ast.ImportFrom):
        if node.module == "__future__" and not node.level:
            return
        yield Import(absolute(node, package), tuple(alias.name for alias in node.names), node.lineno)
        return
    for alias in node.names:
        head, _, tail = alias.name.rpartition(".")
        if alias.asname and head:
            yield Import(head, (tail,), node.lineno)  # as the rewriter compiles it
        else:
            yield Import(alias.name, (), node.lineno)

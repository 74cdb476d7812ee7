"""What the functions of a module do when they are called in turns: whether any of it outlives the call."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from ._classify_names import Scope, arguments_of, bindings, no, root_of, stores
from ._harmless import CLASS_METHODS, ENUM_CREATION, ESCAPES

_NAMING = (ast.ExceptHandler, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def leave_nothing(scope: Scope, node: ast.AST, owner: ast.ClassDef | None = None) -> None:
    """Look into every function below this node; raises `State`."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        _body(scope, node, owner)
        return
    if isinstance(node, ast.Lambda):
        _body(scope, node, owner)
        return
    for child in ast.iter_child_nodes(node):
        leave_nothing(scope, child, node if isinstance(node, ast.ClassDef) else owner)


def _body(scope: Scope, function: Any, owner: ast.ClassDef | None) -> None:
    local = {name.id for name in ast.walk(function) if isinstance(name, ast.Name) and stores(name)}
    for node in ast.walk(function):
        if isinstance(node, ast.arguments):
            local.update(argument.arg for argument in arguments_of(node))
        elif isinstance(node, _NAMING) and node is not function and node.name:
            local.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            local.update(name for name, _, _ in bindings(node, scope.package))
    first = next((argument.arg for argument in arguments_of(function.args)), None)
    decorators = {scope.dotted(node) for node in getattr(function, "decorator_list", ())}
    of_class = owner is not None and (
        "builtins.classmethod" in decorators or getattr(function, "name", "") in CLASS_METHODS
    )
    member = owner is not None and owner.name in scope.enums and getattr(function, "name", "") not in ENUM_CREATION
    for node in ast.walk(function):
        if isinstance(node, ast.Global):
            raise no(node, f"`global {', '.join(node.names)}`")
        if isinstance(node, ast.Name) and node.id in ESCAPES:
            raise no(node, f"the use of {node.id}")
        if isinstance(node, ast.Attribute | ast.Subscript) and stores(node):
            root, through = root_of(node)
            target = ast.unparse(node)
            if through:
                raise no(node, f"an assignment to {target}, which reaches a class")
            if root is not None and root not in local:
                raise no(node, f"an assignment to {target}, which outlives the call")
            if root == first and (of_class or member) and isinstance(node, ast.Attribute):
                raise no(node, f"an assignment to {target}, which outlives the call")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in (
            "setattr", "delattr"
        ):
            root, through = root_of(node.args[0]) if node.args else (None, True)
            if through or root is None or root not in local or (root == first and of_class):
                raise no(node, f"{ast.unparse(node)}, which outlives the call")


def changes(scope: Scope, tree: ast.AST) -> Iterator[str]:
    """The dotted names of other modules' objects that this module assigns into."""
    for node in ast.walk(tree):
        target: ast.AST | None = None
        if isinstance(node, ast.Attribute | ast.Subscript) and stores(node):
            target = node.value
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr") and node.args:
                target = node.args[0]
            elif isinstance(node.func, ast.Attribute) and node.func.attr == "register":
                target = node.func.value
        if target is None:
            continue
        while isinstance(target, ast.Subscript | ast.Call):
            target = target.value if isinstance(target, ast.Subscript) else target.func
        parts: list[str] = []
        while isinstance(target, ast.Attribute):
            parts.append(target.attr)
            target = target.value
        if isinstance(target, ast.Name) and target.id in scope.imported:
            yield ".".join([scope.imported[target.id], *reversed(parts)])


def assigns(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(class, where) for classes with a method that assigns to attributes of its instance: state, if it is an enum."""
    for kind in ast.walk(tree):
        if not isinstance(kind, ast.ClassDef):
            continue
        for function in kind.body:
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or function.name in ENUM_CREATION:
                continue
            first = next((argument.arg for argument in arguments_of(function.args)), None)
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and stores(node) and root_of(node)[0] == first:
                    yield kind.name, f"line {node.lineno}: an assignment to {ast.unparse(node)} in an enum"

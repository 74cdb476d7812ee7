"""Functions: they run in turns, and must leave nothing behind. And what a module does to other modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from ._classify_names import Names, arguments_of, bindings, no, root_and_class, stores
from ._harmless import CLASS_METHODS, ENUM_CREATION, ESCAPES


class Bodies(Names):
    """Looks into the functions of a module."""

    def functions(self, node: ast.AST, owner: ast.ClassDef | None = None) -> None:
        """Look into every function below this node."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.body(node, owner)
            return
        if isinstance(node, ast.Lambda):
            self.body(node, owner)
            return
        for child in ast.iter_child_nodes(node):
            self.functions(child, node if isinstance(node, ast.ClassDef) else owner)

    def body(self, function: Any, owner: ast.ClassDef | None) -> None:
        local = {name.id for name in ast.walk(function) if isinstance(name, ast.Name) and stores(name)}
        for node in ast.walk(function):
            if isinstance(node, ast.arguments):
                local.update(argument.arg for argument in arguments_of(node))
            elif isinstance(node, _NAMING) and node is not function and node.name:
                local.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                local.update(name for name, _, _ in bindings(node, self.package))
        first = next((argument.arg for argument in arguments_of(function.args)), None)
        decorators = {self.dotted(node) for node in getattr(function, "decorator_list", ())}
        of_class = owner is not None and (
            "builtins.classmethod" in decorators or getattr(function, "name", "") in CLASS_METHODS
        )
        member = owner is not None and owner.name in self.enums and getattr(function, "name", "") not in ENUM_CREATION
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                raise no(node, f"`global {', '.join(node.names)}`")
            if isinstance(node, ast.Name) and node.id in ESCAPES:
                raise no(node, f"the use of {node.id}")
            if isinstance(node, ast.Attribute | ast.Subscript) and stores(node):
                root, through = root_and_class(node)
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
                root, through = root_and_class(node.args[0]) if node.args else (None, True)
                if through or root is None or root not in local or (root == first and of_class):
                    raise no(node, f"{ast.unparse(node)}, which outlives the call")

    # -- what it does to other modules

    def changes(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
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
            if isinstance(target, ast.Name) and target.id in self.imported:
                yield ".".join([self.imported[target.id], *reversed(parts)])


_NAMING = (ast.ExceptHandler, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

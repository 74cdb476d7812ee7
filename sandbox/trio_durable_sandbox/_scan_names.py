"""What names stand for in one function, as far as its text tells: `m.f` after `import m`, paths, what is bound once."""

from __future__ import annotations

import ast
from typing import Final

from ._policy import words
from ._policy_members import BUILTINS_REFUSED, MEMBERS
from ._scan_model import Source

PATHS: Final = frozenset(
    name for kind, _, members in MEMBERS if kind == "pathlib.Path" for name in words(members)
) - {"absolute"}
_MAKES_PATHS: Final = frozenset(words("joinpath with_suffix with_name with_stem parent resolve absolute relative_to"))


class Names:
    """The names of one function, or of one module-level value."""

    def __init__(self, source: Source, root: ast.AST) -> None:
        self.source = source
        self.root = root
        self.local = _stored(root)
        self.once = _stored_once(root)
        self.known: dict[str, str] = {}
        self.paths: set[str] = set()
        self.sets: dict[str, ast.Set] = {}
        self._learn()

    def _learn(self) -> None:
        self.paths.update(
            name for name, value in self.source.values.items() if name not in self.local and self.is_path(value)
        )
        for node in ast.walk(self.root):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                dotted = self.dotted(node.value)
                if dotted is not None and node.targets[0].id in self.once:
                    self.known[node.targets[0].id] = dotted
                if self.is_path(node.value):
                    self.paths.add(node.targets[0].id)
                if isinstance(node.value, ast.Set) and node.targets[0].id in self.once:
                    self.sets[node.targets[0].id] = node.value
            elif isinstance(node, ast.arg) and node.annotation is not None:
                if ast.unparse(node.annotation) in ("Path", "pathlib.Path"):
                    self.paths.add(node.arg)
            elif isinstance(node, ast.For) and isinstance(node.target, ast.Name) and self.is_path(node.iter):
                self.paths.add(node.target.id)

    def dotted(self, node: ast.expr) -> str | None:
        """The dotted name that an expression stands for, if that can be told from the text."""
        if isinstance(node, ast.Name):
            if node.id in self.known:
                return self.known[node.id]
            if node.id in self.local:
                return None
            of_builtins = f"builtins.{node.id}" if node.id in BUILTINS_REFUSED and self.is_builtin(node.id) else None
            return self.source.imports.get(node.id, of_builtins)
        if isinstance(node, ast.Attribute):
            base = self.dotted(node.value)
            return None if base is None else f"{base}.{node.attr}"
        if isinstance(node, ast.Call) and node.args:
            function = self.dotted(node.func) or getattr(node.func, "id", "")
            if function in ("importlib.import_module", "__import__"):
                return text_of(node.args[0])
            if function == "getattr" and len(node.args) > 1:
                base, name = self.dotted(node.args[0]), text_of(node.args[1])
                return f"{base}.{name}" if base and name else None
        return None

    def is_path(self, node: ast.expr) -> bool:
        """Whether an expression is plainly a `pathlib.Path`, or gives several of them."""
        if isinstance(node, ast.Name):
            return node.id in self.paths
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self.is_path(node.left)
        if isinstance(node, ast.Attribute):
            return node.attr in _MAKES_PATHS and self.is_path(node.value)
        if isinstance(node, ast.Call):
            if self.dotted(node.func) in ("pathlib.Path", "pathlib.PosixPath"):
                return True
            function = node.func
            made = isinstance(function, ast.Attribute) and function.attr in _MAKES_PATHS | {"iterdir", "glob", "rglob"}
            return made and isinstance(function, ast.Attribute) and self.is_path(function.value)
        return False

    def is_builtin(self, name: str) -> bool:
        source = self.source
        bound = (self.local, source.imports, source.functions, source.classes, source.values)
        return not any(name in names for names in bound)


def text_of(node: ast.expr | None) -> str | None:
    """The text of a constant expression."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = text_of(node.left), text_of(node.right)
        return None if left is None or right is None else left + right
    return None


def _stored(root: ast.AST) -> set[str]:
    """The names that a function binds itself."""
    names = {node.id for node in ast.walk(root) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.arg for node in ast.walk(root) if isinstance(node, ast.arg)}


def _stored_once(root: ast.AST) -> set[str]:
    stored = [node.id for node in ast.walk(root) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return {name for name in stored if stored.count(name) == 1}

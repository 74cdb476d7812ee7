"""The compile-time half of the guard: a few expressions of user code go through functions of ours.

Types must stay identical inside the sandbox (a `datetime` subclass or a `Path` proxy breaks pydantic, `match` and
`isinstance`), so what they do is intercepted where user code reads the attribute. Line and column numbers are
those of the source. What is rewritten:

- `X.name`, where the policy knows `name`         -> `_td_attr(X, 'name')`
- `X.name = ...` on an imported X, also `del`     -> `_td_mutable(X).name = ...`
- `import a.b as c`                               -> `from a import b as c`, so that the hook sees the binding
- `__name__`, outside `module=__name__`           -> the name as a plain string (see `_names`)
"""

from __future__ import annotations

import ast
from typing import Any, cast

from ._policy import FRAMES, INTERNALS, MEMBERS, RULES, UNGUARDED, words

ATTRIBUTE, MUTABLE = "_td_attr", "_td_mutable"


def _guarded() -> frozenset[str]:
    names: set[str] = set()
    for rule in RULES:
        if rule.refuse != "*":
            names.update(words(rule.refuse))
        names.update(words(rule.replaced), rule.remedies)
        names.update(rule.module.split("."))
    names -= UNGUARDED | {"*"}
    for _, _, members in MEMBERS:
        names.update(words(members))
    names.update(words(FRAMES), words(INTERNALS))
    return frozenset(names)


GUARDED = _guarded()
"""Attribute names that the guard looks at; an attribute of any other name costs nothing."""


class _Rewriter(ast.NodeTransformer):
    def __init__(self, module: str | None, imported: frozenset[str]) -> None:
        self.module = module
        self.imported = imported

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.ctx, ast.Load):
            self.generic_visit(node)
            if node.attr not in GUARDED:
                return node
            return _at(node, _call(node, ATTRIBUTE, node.value, ast.Constant(node.attr)))
        if _root(node) in self.imported:
            self.generic_visit(node)
            node.value = _call(node.value, MUTABLE, node.value)
            return node
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        shared = not isinstance(node.ctx, ast.Load) and _root(node) in self.imported
        self.generic_visit(node)
        if shared and isinstance(node.value, ast.Attribute | ast.Call):
            node.value = _call(node.value, MUTABLE, node.value)
        return node

    def visit_Import(self, node: ast.Import) -> Any:
        if not any(alias.asname and "." in alias.name for alias in node.names):
            return node
        statements: list[ast.stmt] = []
        for alias in node.names:
            head, _, tail = alias.name.rpartition(".")
            if alias.asname and head:
                bound = ast.copy_location(ast.alias(tail, alias.asname), alias)
                statements.append(ast.copy_location(ast.ImportFrom(head, [bound], 0), node))
            else:
                statements.append(ast.copy_location(ast.Import([alias]), node))
        return statements

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.AST:
        return node  # the grammar of patterns allows dotted names only

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.AST:
        node.patterns = [self.visit(pattern) for pattern in node.patterns]
        node.kwd_patterns = [self.visit(pattern) for pattern in node.kwd_patterns]
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node  # annotations stay as written: they may be turned into text again

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.target = self.visit(node.target)
        node.value = self.visit(node.value) if node.value is not None else None
        return node

    def _function(self, node: Any) -> ast.AST:
        returns, node.returns = node.returns, None
        self.generic_visit(node)
        node.returns = returns
        return cast(ast.AST, node)

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        if node.arg == "module" and isinstance(node.value, ast.Name):
            return node
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == "__name__" and self.module is not None and isinstance(node.ctx, ast.Load):
            return _at(node, ast.Constant(self.module))
        return node


def _root(node: ast.expr) -> str | None:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _at(node: ast.expr, new: ast.expr) -> ast.expr:
    return ast.copy_location(new, node)


def _call(node: ast.expr, name: str, *args: ast.expr) -> ast.expr:
    call = ast.Call(ast.Name(name, ast.Load()), list(args), [])
    ast.copy_location(call, node)
    ast.copy_location(call.func, node)
    for arg in args:
        if isinstance(arg, ast.Constant) and not hasattr(arg, "lineno"):
            ast.copy_location(arg, node)
    return call


def imports_of(tree: ast.AST) -> tuple[frozenset[str], list[tuple[str, tuple[str, ...], int]]]:
    """The names that import statements bind, and what they import: (module, names, level)."""
    bound: set[str] = set()
    found: list[tuple[str, tuple[str, ...], int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound.add(alias.asname or alias.name.partition(".")[0])
                found.append((alias.name, (), 0))
        elif isinstance(node, ast.ImportFrom):
            bound.update(alias.asname or alias.name for alias in node.names)
            found.append((node.module or "", tuple(alias.name for alias in node.names), node.level))
    return frozenset(bound), found


def rewrite(tree: Any, module: str | None) -> Any:
    """Rewrite a parsed module, or the argument of `eval` and `exec` (then `module` is None)."""
    bound, _ = imports_of(tree)
    return ast.fix_missing_locations(_Rewriter(module, bound).visit(tree))

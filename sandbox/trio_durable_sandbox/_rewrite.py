"""The compile-time half of the guard: a few expressions of user code go through functions of ours.

Types must stay identical inside the sandbox (a `datetime` subclass or a `Path` proxy breaks pydantic, `match` and
`isinstance`), so what they do is intercepted where user code reads the attribute. Line and column numbers are
those of the source. `_rewrite_order` has the part about sets and text; what else is rewritten:

- `X.name`, where the policy knows `name`         -> `_td_attr(X, 'name')`
- `X.name = ...`, also `del`; not `self.name`     -> `_td_mutable(X, 'name').name = ...`
- `X.append(...)` and other methods that change X, `X[...] = ...`, where X starts from a name that is imported from
  `m` -> `_td_changed(X, 'm.X')`
- `import a.b as c`                               -> `from a import b as c`, so that the hook sees the binding
- `__file__`, `X.__file__`                        -> a path made from the module's name, the same on every host
- `__name__`, outside `module=__name__`           -> the name as a plain string (see `_names`)
"""

from __future__ import annotations

import ast
import importlib
from typing import Any, cast

from ._classify_names import bindings
from ._policy import RULES, words
from ._policy_members import CHANGING, FRAMES, INTERNALS, MEMBERS, UNGUARDED
from ._rewrite_order import HASH, HASH_WITHIN, ITERATING_MODULES, MEMBER, UNCALLED, OrderRewriter, call, root_of
from ._rewrite_order import MEMBERS as MEMBERS_IN_ORDER

ATTRIBUTE, MUTABLE, CHANGED, NAMES = "_td_attr", "_td_mutable", "_td_changed", "_td_names"
FILE, FILE_OF, BUILTINS_OF = "_td_file", "_td_file_of", "_td_builtins"

_NO_INSTANCE = frozenset(words("staticmethod classmethod"))
_OF_CLASS = frozenset(words("__new__ __init_subclass__ __class_getitem__"))


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


class _Rewriter(OrderRewriter):
    def __init__(self, module: str | None, tree: ast.AST, package: str) -> None:
        self.module = module
        self.in_class = self.in_method = self.in_hash = False
        self.package = package
        self.imported, found = imports_of(tree)
        self.contexts = any(module == "contextvars" for module, _, _ in found)
        self.own = set()  # names that the module binds itself: a `list` of its own is not the builtin
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.own.add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.own.add(node.name)
            elif isinstance(node, ast.arg):
                self.own.add(node.arg)
        self.stands = {name: dotted for node in ast.walk(tree) for name, dotted, _ in bindings(node, package)}
        self.iterating = {
            name for module, names, level in found if module in ITERATING_MODULES and not level
            for name in (dir(importlib.import_module(module)) if names == ("*",) else names)
        }  # fmt: skip

    # -- calls

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return self.rewrite_call(node)

    def owner_of_call(self, function: ast.Attribute) -> ast.expr:
        found = self._imported(function.value) if function.attr in CHANGING else None
        owner = self.visit(function.value)
        return owner if found is None else self._changed(owner, found, f".{function.attr}")

    def attribute_of_call(self, function: ast.Attribute) -> ast.expr:
        return self._read(function, MEMBERS_IN_ORDER)

    # -- attributes, imports, names

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.ctx, ast.Load):
            inner = node.value
            of_import = isinstance(inner, ast.Attribute) and self._imported(inner) is not None
            self.generic_visit(node)
            if of_import and isinstance(node.value, ast.Attribute):  # a module under a name of a library's
                node.value = call(inner, ATTRIBUTE, node.value.value, ast.Constant(node.value.attr))
            return self._read(node, UNCALLED)
        own = self.in_method and isinstance(node.value, ast.Name) and node.value.id == "self"
        self.generic_visit(node)
        if not own:
            node.value = call(node.value, MUTABLE, node.value, ast.Constant(node.attr))
        return node

    def _read(self, node: ast.Attribute, in_order: frozenset[str]) -> ast.expr:
        if node.attr == "__file__":
            return call(node, FILE_OF, node.value)
        if node.attr in GUARDED:
            return call(node, ATTRIBUTE, node.value, ast.Constant(node.attr))
        if node.attr not in in_order:
            return node
        within = self.in_hash and node.attr == "__hash__"
        return call(node, HASH_WITHIN if within else MEMBER, node.value, ast.Constant(node.attr))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        found = None if isinstance(node.ctx, ast.Load) else self._imported(node.value)
        self.generic_visit(node)
        if found is not None:
            node.value = self._changed(node.value, found, "")
        return node

    def _imported(self, node: ast.expr) -> str | None:
        """The dotted path of an expression that starts from an imported name."""
        root = root_of(node)
        stands = None if root is None or root in self.own else self.stands.get(root)
        return None if root is None or stands is None else stands + ast.unparse(node)[len(root) :]

    def _changed(self, node: ast.expr, path: str, method: str) -> ast.expr:
        return call(node, CHANGED, node, ast.Constant(path + method))

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
        before = self.in_class, self.in_method, self.in_hash
        if self.in_class:
            self.in_hash = node.name == "__hash__"
            first = [*node.args.posonlyargs, *node.args.args][:1]
            plain = not any(isinstance(each, ast.Name) and each.id in _NO_INSTANCE for each in node.decorator_list)
            self.in_method = plain and node.name not in _OF_CLASS and bool(first) and first[0].arg == "self"
        self.in_class = False
        returns, node.returns = node.returns, None
        self.generic_visit(node)
        node.returns = returns
        self.in_class, self.in_method, self.in_hash = before
        return cast(ast.AST, node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        before = self.in_class, self.in_method
        self.in_class, self.in_method = True, False
        self.generic_visit(node)
        self.in_class, self.in_method = before
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        if node.arg == "module" and isinstance(node.value, ast.Name):
            return node
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == "__name__" and self.module is not None and isinstance(node.ctx, ast.Load):
            return ast.copy_location(ast.Constant(self.module), node)
        if node.id == "hash" and self.in_hash and "hash" not in self.own and isinstance(node.ctx, ast.Load):
            return ast.copy_location(ast.Name(HASH, ast.Load()), node)
        if node.id == "__builtins__" and isinstance(node.ctx, ast.Load):
            return call(node, BUILTINS_OF)
        if node.id == "__file__" and self.module is not None and isinstance(node.ctx, ast.Load):
            return call(node, FILE, node, ast.Constant(path_of(self.module, self.module == self.package)))
        return node


def path_of(module: str, is_package: bool) -> str:
    """What `__file__` is inside. Deep, because files take `Path(__file__).parents[n]` when they are loaded."""
    name = module.replace(".", "/") + ("/__init__.py" if is_package else ".py")
    return f"/in/an/orchestration/there/is/no/folder/{name}"


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


def rewrite(tree: Any, module: str | None, package: str = "") -> Any:
    """Rewrite a parsed module, or the argument of `eval` and `exec` (then `module` is None)."""
    return ast.fix_missing_locations(_Rewriter(module, tree, package).visit(tree))

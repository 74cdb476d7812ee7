"""The compile-time half of the guard: a few expressions of user code go through functions of ours.

Types must stay identical inside the sandbox (a `datetime` subclass or a `Path` proxy breaks pydantic, `match` and
`isinstance`), so what they do is intercepted where user code reads the attribute. Line and column numbers are
those of the source. What is rewritten:

- `X.name`, where the policy knows `name`         -> `_td_attr(X, 'name')`
- `X.name = ...`, also `del`; not `self.name`     -> `_td_mutable(X).name = ...`
- `X.append(...)` and other methods that change X, `X[...] = ...`, where X starts from a name that is imported from
  `m` -> `_td_changed(X, 'm', 'm.X')`
- `import a.b as c`                               -> `from a import b as c`, so that the hook sees the binding
- `for x in X`, `*X`, `a, b = X`, `list(X)` ...     -> `_td_ordered(X)` in place of X (see `_order`); `X.pop()` ->
  `_td_pop(X)`; `f"{X}"`, `str(X)`, `print(X)`     -> `_td_shown(X)`; not where X is plainly no set
- `"..." % X` -> `"..." % _td_shown_all(X)`
- `__file__`, `X.__file__`                        -> a path made from the module's name, the same on every host
- `__name__`, outside `module=__name__`           -> the name as a plain string (see `_names`)
"""

from __future__ import annotations

import ast
from typing import Any, cast

from ._classify import bindings
from ._policy import FRAMES, INTERNALS, MEMBERS, RULES, UNGUARDED, words

ATTRIBUTE, MUTABLE, CHANGED = "_td_attr", "_td_mutable", "_td_changed"
ORDERED, POP, SHOWN, SHOWN_ALL = "_td_ordered", "_td_pop", "_td_shown", "_td_shown_all"
FILE, FILE_OF, BUILTINS_OF = "_td_file", "_td_file_of", "_td_builtins"

_ITERATING = frozenset(words("list tuple iter enumerate zip map filter sum min max any all dict sorted"))
_SHOWING = frozenset(words("str repr print format ascii"))
_ITERATING_METHODS = frozenset(words("join extend extendleft fromkeys writelines update"))
_CHANGING = frozenset(words(
    "append appendleft extend extendleft insert remove add discard update clear pop popleft popitem setdefault sort "
    "reverse rotate subtract intersection_update difference_update symmetric_difference_update __setitem__ "
    "__delitem__"
))  # fmt: skip
_ITERATING_MODULES = frozenset(words("itertools collections functools heapq statistics math more_itertools"))
_NO_SET = (
    ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.ListComp, ast.DictComp, ast.GeneratorExp,
    ast.Lambda, ast.Compare, ast.Await,
)  # fmt: skip

_PLAIN = (ast.Constant, ast.JoinedStr, ast.Compare)
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


class _Rewriter(ast.NodeTransformer):
    def __init__(self, module: str | None, tree: ast.AST, package: str) -> None:
        self.module = module
        self.in_class = self.in_method = False
        self.package = package
        self.own: set[str]
        self.imported, found = imports_of(tree)
        self.own = set()  # names that the module binds itself: a `list` of its own is not the builtin
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.own.add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.own.add(node.name)
            elif isinstance(node, ast.arg):
                self.own.add(node.arg)
        self.homes = {name: home for node in ast.walk(tree) for name, _, home in bindings(node, package)}
        self.iterating = {name for module, names, _ in found if module in _ITERATING_MODULES for name in names}

    # -- sets that become sequences or text

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.iter = _ordered(node.iter)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        if not node.is_async:
            node.iter = _ordered(node.iter)
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            node.value = _ordered(node.value)
        return node

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.AST:
        self.generic_visit(node)
        node.value = _ordered(node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Tuple | ast.List):
            node.value = _ordered(node.value)
        return node

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        self.generic_visit(node)
        node.value = _wrapped(node.value, SHOWN)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        text = isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
        self.generic_visit(node)
        if text and isinstance(node.op, ast.Mod):
            node.right = _call(node.right, SHOWN_ALL, node.right)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = node.func
        wrapper = None
        if isinstance(function, ast.Name) and function.id not in self.own:
            if function.id in _ITERATING or function.id in self.iterating:
                wrapper = ORDERED
            elif function.id in _SHOWING:
                wrapper = SHOWN
        elif isinstance(function, ast.Attribute):
            if function.attr == "pop" and not node.args and not node.keywords:
                found = self._imported(function.value)
                self.generic_visit(node)
                owner = function.value if found is None else self._changed(function.value, found, ".pop")
                return _at(node, _call(node, POP, owner))
            if function.attr in _ITERATING_METHODS or _root(function) in _ITERATING_MODULES:
                wrapper = ORDERED
            if function.attr in _CHANGING:
                found = self._imported(function.value)
                if found is not None:
                    self.generic_visit(node)
                    function.value = self._changed(function.value, found, f".{function.attr}")
                    if wrapper is not None:
                        node.args = [_wrapped(arg, wrapper) for arg in node.args]
                    return node
            elif function.attr == "format" and isinstance(function.value, ast.Constant):
                wrapper = SHOWN
        self.generic_visit(node)
        if wrapper is not None:
            node.args = [_wrapped(arg, wrapper) for arg in node.args]
        return node

    # -- attributes, imports, names

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.ctx, ast.Load):
            self.generic_visit(node)
            if node.attr == "__file__":
                return _at(node, _call(node, FILE_OF, node.value))
            if node.attr not in GUARDED:
                return node
            return _at(node, _call(node, ATTRIBUTE, node.value, ast.Constant(node.attr)))
        own = self.in_method and isinstance(node.value, ast.Name) and node.value.id == "self"
        self.generic_visit(node)
        if not own:
            node.value = _call(node.value, MUTABLE, node.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        found = None if isinstance(node.ctx, ast.Load) else self._imported(node.value)
        self.generic_visit(node)
        if found is not None:
            node.value = self._changed(node.value, found, "")
        return node

    def _imported(self, node: ast.expr) -> tuple[str, str] | None:
        """(module, dotted path) of an expression that starts from an imported name."""
        root = _root(node)
        home = None if root is None or root in self.own else self.homes.get(root)
        return None if home is None else (home, ast.unparse(node))

    def _changed(self, node: ast.expr, found: tuple[str, str], method: str) -> ast.expr:
        module, path = found
        if not path.startswith(module):
            path = f"{module}.{path}"
        return _call(node, CHANGED, node, ast.Constant(module), ast.Constant(path + method))

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
        before = self.in_class, self.in_method
        if self.in_class:
            first = [*node.args.posonlyargs, *node.args.args][:1]
            plain = not any(isinstance(each, ast.Name) and each.id in _NO_INSTANCE for each in node.decorator_list)
            self.in_method = plain and node.name not in _OF_CLASS and bool(first) and first[0].arg == "self"
        self.in_class = False
        returns, node.returns = node.returns, None
        self.generic_visit(node)
        node.returns = returns
        self.in_class, self.in_method = before
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
            return _at(node, ast.Constant(self.module))
        if node.id == "__builtins__" and isinstance(node.ctx, ast.Load):
            return _at(node, _call(node, BUILTINS_OF))
        if node.id == "__file__" and self.module is not None and isinstance(node.ctx, ast.Load):
            return _at(node, _call(node, FILE, node, ast.Constant(path_of(self.module, self.module == self.package))))
        return node


def path_of(module: str, is_package: bool) -> str:
    """What `__file__` is inside. Deep, because files take `Path(__file__).parents[n]` when they are loaded."""
    name = module.replace(".", "/") + ("/__init__.py" if is_package else ".py")
    return f"/in/an/orchestration/there/is/no/folder/{name}"


def _ordered(node: ast.expr) -> ast.expr:
    return _wrapped(node, ORDERED)


def _wrapped(node: ast.expr, wrapper: str) -> ast.expr:
    """`wrapper(node)`, unless the expression can be no set, or can have no text that depends on the host."""
    if isinstance(node, (*(_NO_SET if wrapper == ORDERED else _PLAIN), ast.Starred)):
        return node
    if wrapper == ORDERED and isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        name = node.func.id
        if name in _NO_SET_CALLS:
            return node
    return _call(node, wrapper, node)


_NO_SET_CALLS = frozenset(words("range enumerate zip map filter sorted list tuple dict reversed len str int repr open"))


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


def rewrite(tree: Any, module: str | None, package: str = "") -> Any:
    """Rewrite a parsed module, or the argument of `eval` and `exec` (then `module` is None)."""
    return ast.fix_missing_locations(_Rewriter(module, tree, package).visit(tree))

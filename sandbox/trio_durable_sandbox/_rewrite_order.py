"""What the compiler of user code does about order and text: see `_order` and `_text` for what the calls do.

- `for x in X`, `*X`, `a, b = X`, `list(X)` ...  -> `_td_ordered(X)` in place of X; not where X is plainly no set
- `for a, b in X`, `(a, b), c = X`                -> `_td_unpacked(X)`: the elements are unpacked as well
- `X.update(Y)`, `X += Y`, `X[:] = Y`             -> Y iterates in order, if it is iterated at all; methods of the
  user's get Y itself
- `chain.from_iterable(X)`, `zip(*X)`             -> `_td_each(X)`: what it contains is iterated
- `X.pop()`                                       -> `_td_pop(X)`
- `map(f, ...)`, `key=f`, `dumps(default=f)`      -> `_td_orderly(f)`, should f be `list` or `",".join`
- `pickle.dumps(X)`, `M.model_dump_json()` ...     -> `_td_dumping(pickle.dumps)(X)`: see `_dumping`
- `datetime64(...)`, `Timestamp(...)`             -> `_td_dated(datetime64)(...)`, which refuses the text "now"
- `hash(X)` in a `__hash__` method                 -> `_td_hash(X)`; `X.__hash__` -> `_td_hash_within(X, ...)`
- `f"{X}"`, `str(X)`, `T % X`                     -> `_td_shown(X)`
- `T.format`, `X.__iter__`, `X.__repr__` ...       -> `_td_member(T, "format")`

`{f(x) for x in X}` and `sorted(x.name for x in X)` do not depend on the order where nothing is called, and are left
alone.
"""

from __future__ import annotations

import ast
import copy

from ._policy import words
from ._policy_members import DATED as DATED_NAMES

ORDERED, IN_ORDER, EACH, UNPACKED = "_td_ordered", "_td_in_order", "_td_each", "_td_unpacked"
ADDED, DATED = "_td_added", "_td_dated"
TAKING, POP, ORDERLY, MEMBER, DUMPING = "_td_taking", "_td_pop", "_td_orderly", "_td_member", "_td_dumping"
SHOWN, SHOWN_ALL, MOD = "_td_shown", "_td_shown_all", "_td_mod"
HASH, HASH_WITHIN = "_td_hash", "_td_hash_within"
_VALUE = "_td_value"
_OF_SETS = (ORDERED, IN_ORDER, ADDED)

ITERATING_MODULES = frozenset(words("itertools collections functools heapq statistics math more_itertools"))
MEMBERS = frozenset(words("format format_map substitute safe_substitute __iter__ __hash__ __repr__ __str__"))
"""Methods of builtin types whose answer depends on order, addresses or the hash seed."""
UNCALLED = MEMBERS | {"pop", "join"}
"""Likewise; where these are called, the call is rewritten."""

_ITERATING = frozenset(words("list tuple enumerate zip map filter bytes bytearray"))
_UNPACKING_CALLS = frozenset(words("zip map chain product zip_longest"))
_CALLING = frozenset(words("map filter partial starmap reduce"))
_DATED = frozenset(name.rpartition(".")[2] for name in words(DATED_NAMES))
_SORTING = frozenset(words("sorted min max sort groupby nsmallest nlargest merge"))
_TAKING = frozenset(words("join extend extendleft fromkeys writelines writerow update"))
_KEEPING = frozenset(words("partial partialmethod repeat defaultdict"))
"""Functions of those modules that hand on what they are given as it is."""
_EACH = frozenset(words("from_iterable writerows urlencode TopologicalSorter"))
_DUMPING = frozenset(words(
    "dumps dump encode to_builtins to_json to_jsonable_python dump_json dump_python model_dump model_dump_json"
))  # fmt: skip
_WITH_DEFAULT = frozenset(words("dumps dump JSONEncoder"))
_BLIND = frozenset(words("sorted min max any all set frozenset"))
_NO_SET = (
    ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.ListComp, ast.DictComp, ast.GeneratorExp,
    ast.Lambda, ast.Compare, ast.Await,
)  # fmt: skip
_NO_SET_CALLS = frozenset(words("range enumerate zip map filter sorted list tuple dict reversed len str int repr open"))
_PLAIN = (ast.Constant, ast.JoinedStr, ast.Compare)
_COMPUTING = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
_UNPACKED_TARGETS = (ast.Tuple, ast.List)
_READING = (ast.Attribute, ast.Subscript, ast.Name, ast.Constant, ast.UnaryOp, ast.expr_context, ast.unaryop)


class OrderRewriter(ast.NodeTransformer):
    """The part of the rewriter that is about order and text."""

    contexts: bool  # whether `X.items()` may be that of a contextvars.Context
    in_class: bool  # whether this is the body of a class
    own: set[str]  # names that the module binds itself: a `list` of its own is not the builtin
    iterating: set[str]  # functions that were imported from modules that iterate what they are given

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.iter = self._iterated(node.iter, node.target)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        if not node.is_async:
            node.iter = self._iterated(node.iter, node.target)
        return node

    def _iterated(self, node: ast.expr, target: ast.expr) -> ast.expr:
        if not isinstance(target, _UNPACKED_TARGETS):
            return _wrapped(node, ORDERED)
        made = _wrapped(node, UNPACKED, _PLAIN)
        return call(node, ORDERED, node) if made is node and self.contexts and isinstance(node, ast.Call) else made

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        return self._order_blind(node) if _computes_nothing(node) else self.generic_visit(node)

    def _order_blind(self, node: ast.SetComp | ast.GeneratorExp) -> ast.AST:
        self.generic_visit(node)
        for generator in node.generators:
            made = generator.iter
            if isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id == ORDERED:
                generator.iter = made.args[0]
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            node.value = _wrapped(node.value, ORDERED)
        return node

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.AST:
        self.generic_visit(node)
        node.value = _wrapped(node.value, ORDERED)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if len(node.targets) == 1:
            node.value = _assigned(node.value, node.targets[0])
            return node
        if not any(isinstance(target, _UNPACKED_TARGETS) or _is_slice(target) for target in node.targets):
            return node
        # `x = [a, b] = s`: x is the set itself.
        statements: list[ast.stmt] = [ast.Assign([ast.Name(_VALUE, ast.Store())], node.value)]
        for target in node.targets:
            statements.append(ast.Assign([target], _assigned(ast.Name(_VALUE, ast.Load()), target)))
        statements.append(ast.Delete([ast.Name(_VALUE, ast.Del())]))
        return [_placed(statement, node) for statement in statements]

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        again = _read_again(node.target, self.in_class)
        self.generic_visit(node)
        if isinstance(node.op, ast.Add | ast.BitOr):
            node.value = _added(node.value, again)
        return node

    def visit_With(self, node: ast.With | ast.AsyncWith) -> ast.AST:
        self.generic_visit(node)
        for number, item in enumerate(node.items):
            target = item.optional_vars
            if isinstance(target, _UNPACKED_TARGETS) and number == len(node.items) - 1:
                item.optional_vars = ast.copy_location(ast.Name(_VALUE, ast.Store()), target)
                value = ast.copy_location(ast.Name(_VALUE, ast.Load()), target)
                unpacking = ast.Assign([target], _assigned(value, target))
                forgetting = ast.Delete([ast.Name(_VALUE, ast.Del())])
                node.body[:0] = [_placed(unpacking, target), _placed(forgetting, target)]
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        return self.visit_With(node)

    # -- text

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        self.generic_visit(node)
        node.value = _wrapped(node.value, SHOWN)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        left = node.left
        self.generic_visit(node)
        if not isinstance(node.op, ast.Mod) or isinstance(node.right, _PLAIN):
            return node
        if isinstance(left, ast.Constant | ast.JoinedStr):
            if isinstance(left, ast.JoinedStr) or isinstance(left.value, str):
                node.right = call(node.right, SHOWN_ALL, node.right)
            return node
        return call(node, MOD, node.left, node.right)

    # -- calls

    def rewrite_call(self, node: ast.Call) -> ast.AST:
        """A call whose parts have not been visited yet."""
        function = node.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        builtin = isinstance(function, ast.Name) and name not in self.own
        if builtin and name in _BLIND and not node.keywords:
            node.args = [self._blind(arg) for arg in node.args]
        if isinstance(function, ast.Attribute):
            if name == "pop" and (not node.args or _is_set(function.value)) and not node.keywords:
                owner = self.owner_of_call(function)
                return call(node, POP, owner, *[self.visit(arg) for arg in node.args])
            self._method(node, function)
        else:
            self.generic_visit(node)
            if name in _DUMPING:
                node.func = call(function, DUMPING, node.func)
        self._arguments(node, name, builtin, root_of(function) in ITERATING_MODULES)
        if name in _DATED:
            node.func = call(function, DATED, node.func)
        return node

    def _method(self, node: ast.Call, function: ast.Attribute) -> None:
        name, of_constant = function.attr, isinstance(function.value, ast.Constant)
        function.value = self.owner_of_call(function)
        formats = name == "format" and of_constant and all(keyword.arg for keyword in node.keywords)
        if not formats:
            node.func = self.attribute_of_call(function)
        node.args = [self.visit(arg) for arg in node.args]
        node.keywords = [self.visit(keyword) for keyword in node.keywords]
        if formats:
            node.args = [_wrapped(arg, SHOWN) for arg in node.args]
            for keyword in node.keywords:
                keyword.value = _wrapped(keyword.value, SHOWN)
        elif name in _TAKING and of_constant:
            node.args = [_wrapped(arg, ORDERED) for arg in node.args]
        elif name in _TAKING and not all(isinstance(arg, _NO_SET) for arg in node.args):
            node.func = call(function, TAKING, node.func)
        elif name in _DUMPING and not of_constant:
            node.func = call(function, DUMPING, node.func)

    def _arguments(self, node: ast.Call, name: str, builtin: bool, of_module: bool) -> None:
        if builtin and name == "str":
            node.args = [_wrapped(arg, SHOWN) for arg in node.args]
            return
        if name in _CALLING and node.args:
            node.args[0] = _wrapped(node.args[0], ORDERLY)
        if name == "dumps" and len(node.args) > 1:  # orjson.dumps(value, default)
            node.args[1] = _wrapped(node.args[1], ORDERLY)
        if name in _SORTING or name in _WITH_DEFAULT:
            for keyword in node.keywords:
                if keyword.arg in ("key", "default"):
                    keyword.value = _wrapped(keyword.value, ORDERLY)
        if name in _EACH:
            node.args = [_wrapped(arg, EACH) for arg in node.args]
        elif builtin and name == "dict":
            node.args = [_wrapped(arg, UNPACKED) for arg in node.args]
        elif name not in _KEEPING and (of_module or (builtin and (name in _ITERATING or name in self.iterating))):
            for number, arg in enumerate(node.args):
                if isinstance(arg, ast.Starred) and name in _UNPACKING_CALLS:
                    arg.value = _wrapped(arg.value, EACH)
                elif number or name not in _CALLING:
                    if name == "reduce" and number == 2:
                        break  # what it starts from
                    node.args[number] = _wrapped(arg, ORDERED)

    def _blind(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.GeneratorExp) and _computes_nothing(node):
            node._td_blind = True  # type: ignore[attr-defined]
        return node

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        return self._order_blind(node) if hasattr(node, "_td_blind") else self.generic_visit(node)

    def owner_of_call(self, function: ast.Attribute) -> ast.expr:
        """What the method is called on, rewritten."""
        raise NotImplementedError

    def attribute_of_call(self, function: ast.Attribute) -> ast.expr:
        """The method, whose owner has been rewritten."""
        raise NotImplementedError


def _computes_nothing(node: ast.SetComp | ast.GeneratorExp) -> bool:
    """Whether evaluating its parts in another order makes no difference."""
    parts = [node.elt, *(test for generator in node.generators for test in generator.ifs)]
    return not any(isinstance(child, _COMPUTING) for part in parts for child in ast.walk(part))


def _assigned(node: ast.expr, target: ast.expr) -> ast.expr:
    if _is_slice(target):
        return _wrapped(node, IN_ORDER)
    if not isinstance(target, _UNPACKED_TARGETS):
        return node
    nested = [isinstance(item, _UNPACKED_TARGETS) for item in target.elts]
    if isinstance(node, ast.Tuple | ast.List) and len(node.elts) == len(nested):
        node.elts = [_assigned(value, item) for value, item in zip(node.elts, target.elts, strict=True)]
        return node
    return _wrapped(node, UNPACKED, _PLAIN) if any(nested) else _wrapped(node, ORDERED)


def _added(node: ast.expr, again: list[ast.expr]) -> ast.expr:
    """The right side of `target += node`: a class of the user's gets the set itself."""
    made = _wrapped(node, ADDED if again else IN_ORDER)
    if made is not node and isinstance(made, ast.Call):
        made.args += again
    return made


def _read_again(target: ast.expr, in_class: bool) -> list[ast.expr]:
    """How to find out what the target is now: a name; or a function that is called where it matters. Nothing where
    reading it again might do something, and in the body of a class, whose names functions do not see.
    """
    if isinstance(target, ast.Name):
        return [ast.copy_location(ast.Name(target.id, ast.Load()), target)]
    if in_class or not all(isinstance(child, _READING) for child in ast.walk(target)):
        return []
    again = copy.deepcopy(target)
    again.ctx = ast.Load()  # type: ignore[attr-defined]
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return [ast.copy_location(ast.Constant(None), target), ast.copy_location(ast.Lambda(nothing, again), target)]


def _is_slice(target: ast.expr) -> bool:
    return isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice)


def _is_set(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "set"


def _wrapped(node: ast.expr, wrapper: str, never: tuple[type[ast.expr], ...] | None = None) -> ast.expr:
    """`wrapper(node)`, unless the expression can be no set, or can have no text that depends on the host."""
    if never is None:
        never = _NO_SET if wrapper in _OF_SETS else _PLAIN
    if isinstance(node, (*never, ast.Starred)):
        return node
    if wrapper == ORDERLY and isinstance(node, ast.Lambda):
        return node
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
        if wrapper == UNPACKED and name in ("items", "enumerate", "zip"):
            return node
        if wrapper in _OF_SETS and isinstance(node.func, ast.Name) and name in _NO_SET_CALLS:
            return node
    return call(node, wrapper, node)


def root_of(node: ast.expr) -> str | None:
    """The name that an expression such as `a.b[c].d` starts from."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _placed(node: ast.stmt, like: ast.AST) -> ast.stmt:
    for child in ast.walk(node):
        if not hasattr(child, "lineno") and "lineno" in child._attributes:
            ast.copy_location(child, like)
    return node


def call(node: ast.expr, name: str, *args: ast.expr) -> ast.expr:
    """`name(*args)`, at the place of node."""
    made = ast.Call(ast.Name(name, ast.Load()), list(args), [])
    ast.copy_location(made, node)
    ast.copy_location(made.func, node)
    for arg in args:
        if isinstance(arg, ast.Constant) and not hasattr(arg, "lineno"):
            ast.copy_location(arg, node)
    return made

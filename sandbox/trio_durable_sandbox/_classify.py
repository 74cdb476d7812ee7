"""Which of the user's modules hold no state, read from their source: those are executed once and shared by all runs.

A module is shared only if nobody can tell. So everything it executes when it is imported must be one of: an import, a
definition, or a name for a value that cannot change and is the same in every run; and none of its functions may assign
to anything that outlives a call. The rules are white lists: what is not known to be harmless makes the module one that
is executed per instance, which is always right and only slower. `Facts.reason` says which line decided.

Two things are left to the importer, because they need other modules: a module that imports one with state has state,
and so has one that another module assigns into (`Facts.changes`).
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ._harmless import (
    BASES,
    CALLS,
    CLASS_METHODS,
    CREATION,
    DECORATORS,
    ENUM_CREATION,
    ENUMS,
    ESCAPES,
    LITERALS,
    PLAIN_CALLS,
    QUIET_CALLS,
    TEXT_METHODS,
    TYPE_HOMES,
    under,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Import:
    """One import that is executed with the module. No `names`: `import module`, which binds its first part."""

    module: str
    names: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the source of one module says."""

    reason: str | None  # why it has state of its own, with the line; None: it has none
    imports: tuple[Import, ...]
    changes: frozenset[str]  # dotted names of other modules' objects that it assigns into
    binds: frozenset[str]  # names that it binds itself


class _State(Exception):
    """This module has state: the line and why."""


def _no(node: ast.AST, why: str) -> _State:
    return _State(f"line {getattr(node, 'lineno', 0)}: {why}")


class _Classifier:
    def __init__(self, tree: ast.Module, package: str) -> None:
        self.package = package
        self.tree = tree
        self.imported: dict[str, str] = {}  # name -> what it stands for, dotted
        self.ambiguous: set[str] = set()
        self.imports: list[Import] = []
        self.own: set[str] = set()  # classes of this module
        self.enums: set[str] = set()
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
        self.binds.update(_bound(tree.body))

    def facts(self) -> Facts:
        reason = None
        try:
            self.block(self.tree.body)
            for node in self.tree.body:
                self.functions(node)
        except _State as state:
            reason = str(state)
        except RecursionError:
            reason = "line 1: expressions nested too deeply to be looked at"
        return Facts(reason, tuple(self.imports), frozenset(self.changes()), frozenset(self.binds))

    # -- names

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

    # -- statements that are executed with the module

    def block(self, body: list[ast.stmt], owner: ast.ClassDef | None = None) -> None:
        for node in body:
            self.statement(node, owner)

    def statement(self, node: ast.stmt, owner: ast.ClassDef | None) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.imports.extend(_executed(node, self.package))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.definition(node, owner)
        elif isinstance(node, ast.ClassDef):
            self.class_(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            self.assignment(node, owner)
        elif isinstance(node, ast.If):
            self.condition(node, owner)
        elif isinstance(node, ast.Try):
            for part in (node.body, *(handler.body for handler in node.handlers), node.orelse, node.finalbody):
                self.block(part, owner)
        elif isinstance(node, ast.Expr):
            if not isinstance(node.value, ast.Constant):
                raise _no(node, "a call that is made when the module is executed")
        elif isinstance(node, ast.Delete):
            if not all(isinstance(target, ast.Name) for target in node.targets):
                raise _no(node, "`del` of something that is not a name")
        elif not isinstance(node, ast.Pass) and type(node).__name__ != "TypeAlias":
            raise _no(node, f"a statement ({type(node).__name__.lower()}) that is executed with the module")

    def condition(self, node: ast.If, owner: ast.ClassDef | None) -> None:
        test = ast.unparse(node.test)
        if test in ("TYPE_CHECKING", "typing.TYPE_CHECKING") or test.startswith("__name__ =="):
            self.block(node.orelse, owner)  # the body is never executed inside
            return
        self.fixed(node.test)
        self.block(node.body, owner)
        self.block(node.orelse, owner)

    def assignment(self, node: ast.Assign | ast.AnnAssign, owner: ast.ClassDef | None) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node, ast.AnnAssign):
            self.annotation(node.annotation)
        for target in targets:
            names = target.elts if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) else [target]
            if not all(isinstance(name, ast.Name) for name in names):
                raise _no(node, f"an assignment to {ast.unparse(target)}")
        if node.value is None or is_name_list(node):
            return
        if owner is not None and isinstance(targets[0], ast.Name) and targets[0].id == "model_config":
            self.configuration(node.value)
            return
        self.fixed(node.value)

    def configuration(self, value: ast.expr) -> None:
        """pydantic's `model_config`: a dict, which the guard hands out in a form that cannot be changed."""
        parts: list[ast.expr] = []
        if isinstance(value, ast.Dict):
            parts = value.values
        elif isinstance(value, ast.Call) and self.dotted(value.func) == "pydantic.ConfigDict" and not value.args:
            parts = [keyword.value for keyword in value.keywords]
        elif not isinstance(value, ast.Dict | ast.Call):
            raise _no(value, "a model_config that is no literal")
        for part in parts:
            if not isinstance(part, ast.Constant) and not (self.dotted(part) or "").startswith("pydantic."):
                raise _no(part, "a model_config with something that is not a constant")
        if isinstance(value, ast.Call) and not parts:
            raise _no(value, "a model_config made by a call that is not known")

    def definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef, owner: ast.ClassDef | None) -> None:
        for decorator in node.decorator_list:
            self.decorator(decorator, owner)
        for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
            self.fixed(default)
        for argument in _arguments(node.args):
            self.annotation(argument.annotation)
        self.annotation(node.returns)
        in_enum = owner is not None and owner.name in self.enums
        if in_enum and any(self.dotted(each) == "functools.cached_property" for each in node.decorator_list):
            raise _no(node, "a cached_property of an enum, whose members would keep it")
        if owner is not None and (node.name in CREATION or (in_enum and node.name in ENUM_CREATION)):
            self.quiet(node)

    def decorator(self, node: ast.expr, owner: ast.ClassDef | None = None) -> None:
        function = node.func if isinstance(node, ast.Call) else node
        accessor = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and (
            owner is not None and function.attr in ("setter", "getter", "deleter", "validator", "default")
        )
        if not accessor and self.dotted(function) not in DECORATORS:
            raise _no(node, f"the decorator {ast.unparse(function)}, which may keep something")
        if isinstance(node, ast.Call):
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                self.fixed(argument)
                if isinstance(argument, ast.Name | ast.Attribute | ast.Lambda) and owner is None:
                    raise _no(node, "a decorator that is given a function")

    def class_(self, node: ast.ClassDef) -> None:
        bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
        dotted = [self.dotted(base) for base in bases]
        for base, known in zip(bases, dotted, strict=True):
            if known is None:
                raise _no(base, f"the base class {ast.unparse(base)}, which is not known")
            if known not in BASES and not known.startswith("own."):
                # Perhaps a class of another module of the user's: the importer has the last word.
                self.imports.append(Import(known.rpartition(".")[0], ("?" + known.rpartition(".")[2],), node.lineno))
        if any(base in ENUMS or (base or "").removeprefix("own.") in self.enums for base in dotted):
            self.enums.add(node.name)
        for keyword in node.keywords:
            metaclass = keyword.arg == "metaclass" and self.dotted(keyword.value) in ("abc.ABCMeta", "enum.EnumMeta")
            if not metaclass and not isinstance(keyword.value, ast.Constant):
                raise _no(node, f"the class keyword {keyword.arg}")
        for decorator in node.decorator_list:
            self.decorator(decorator)
        self.own.add(node.name)
        self.block(node.body, node)

    def quiet(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A method that is executed while its class is made: no calls but harmless ones."""
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                called = node.func
                known = isinstance(called, ast.Name) and called.id in QUIET_CALLS and called.id not in self.binds
                known = known or (isinstance(called, ast.Attribute) and called.attr in (
                    "__new__", "__init__", "__init_subclass__", *TEXT_METHODS))
                if not known:
                    raise _no(node, f"a call in {function.name}, which is executed when a class is made")

    # -- expressions that are evaluated with the module

    def fixed(self, node: ast.expr) -> None:
        """Its value cannot change, and is the same whenever the module is executed."""
        if isinstance(node, ast.Name) and node.id in ESCAPES:
            raise _no(node, f"the use of {node.id}")
        if isinstance(node, ast.Constant | ast.Name):
            return  # names stand for what has been looked at, or for what all runs share anyway
        if isinstance(node, ast.Attribute):
            if node.attr.startswith("__") and node.attr not in ("__name__", "__doc__", "__qualname__"):
                raise _no(node, f"the value of {node.attr}")
            self.fixed(node.value)
        elif isinstance(node, ast.Tuple):
            for item in node.elts:
                self.fixed(item)
        elif isinstance(node, ast.Lambda):
            for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
                self.fixed(default)
        elif isinstance(node, ast.Subscript):
            self.alias(node)
        elif isinstance(node, ast.UnaryOp):
            self.plain(node.operand) if not isinstance(node.op, ast.Not) else self.fixed(node.operand)
        elif isinstance(node, ast.BinOp):
            check = self.fixed if isinstance(node.op, ast.BitOr) else self.plain
            check(node.left)
            check(node.right)
        elif isinstance(node, ast.BoolOp | ast.Compare | ast.IfExp):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.fixed(child)
        elif isinstance(node, ast.JoinedStr):
            for value in node.values:
                self.plain(value.value if isinstance(value, ast.FormattedValue) else value)
        elif isinstance(node, ast.Call):
            self.call(node)
        else:
            raise _no(node, _WHY.get(type(node), f"an expression ({type(node).__name__}) that is not known"))

    def plain(self, node: ast.expr) -> None:
        """A literal or computed from literals: no object from elsewhere whose operators could do anything."""
        if isinstance(node, ast.Name) and (node.id in self.imported or node.id not in self.binds):
            raise _no(node, f"a value computed from {node.id}, which is not this module's")
        if isinstance(node, ast.Attribute):
            known = self.dotted(node)
            if known is None or not known.startswith(("own.", "datetime.", "sys.version_info", "math.")):
                raise _no(node, f"a value computed from {ast.unparse(node)}")
        self.fixed(node)

    def alias(self, node: ast.Subscript) -> None:
        """`list[int]`, `Generic[T]`, `Color["RED"]`: types and enums; anything else may give a new object."""
        known = self.dotted(node.value) or ""
        home, _, name = known.rpartition(".")
        named = name[:1].isupper() and (known.startswith("own.") or home.partition(".")[0] in TYPE_HOMES)
        if not named and known not in under("builtins", names="list dict set tuple frozenset type"):
            raise _no(node, f"the value of {ast.unparse(node)}")
        self.annotation(node.slice)

    def annotation(self, node: ast.expr | None) -> None:
        """Evaluated unless annotations are postponed; types, strings and constants, and calls as anywhere else."""
        if node is None:
            return
        for child in ast.walk(node):
            if isinstance(child, ast.Call):
                self.call(child)
            elif isinstance(child, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom | ast.Lambda):
                raise _no(child, "an annotation that computes something")

    def call(self, node: ast.Call) -> None:
        function = node.func
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Constant):
            if function.attr not in TEXT_METHODS:
                raise _no(node, f"the call of .{function.attr}()")
            check: Any = self.plain
        else:
            known = self.dotted(function)
            if known not in CALLS and known not in PLAIN_CALLS:
                raise _no(node, f"the call of {ast.unparse(function)}, whose result may change or differ")
            check = self.plain if known in PLAIN_CALLS else self.fixed
            if known in LITERALS:
                check = self.literal
        for argument in arguments:
            check(argument)

    def literal(self, node: ast.expr) -> None:
        if isinstance(node, ast.List | ast.Set | ast.Tuple):
            for item in node.elts:
                self.literal(item) if isinstance(item, ast.Tuple) else self.fixed(item)
        elif isinstance(node, ast.Dict):
            for item in (*(key for key in node.keys if key is not None), *node.values):
                self.fixed(item)
            if None in node.keys:
                raise _no(node, "a dict made from another one")
        else:
            self.plain(node)

    # -- functions: they run in turns, and must leave nothing behind

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
        local = {name.id for name in ast.walk(function) if isinstance(name, ast.Name) and _stores(name)}
        for node in ast.walk(function):
            if isinstance(node, ast.arguments):
                local.update(argument.arg for argument in _arguments(node))
            elif isinstance(node, _NAMING) and node is not function and node.name:
                local.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                local.update(name for name, _, _ in bindings(node, self.package))
        first = next((argument.arg for argument in _arguments(function.args)), None)
        decorators = {self.dotted(node) for node in getattr(function, "decorator_list", ())}
        of_class = owner is not None and (
            "builtins.classmethod" in decorators or getattr(function, "name", "") in CLASS_METHODS
        )
        member = owner is not None and owner.name in self.enums and getattr(function, "name", "") not in ENUM_CREATION
        for node in ast.walk(function):
            if isinstance(node, ast.Global):
                raise _no(node, f"`global {', '.join(node.names)}`")
            if isinstance(node, ast.Name) and node.id in ESCAPES:
                raise _no(node, f"the use of {node.id}")
            if isinstance(node, ast.Attribute | ast.Subscript) and _stores(node):
                root, through = _root(node)
                target = ast.unparse(node)
                if through:
                    raise _no(node, f"an assignment to {target}, which reaches a class")
                if root is not None and root not in local:
                    raise _no(node, f"an assignment to {target}, which outlives the call")
                if root == first and (of_class or member) and isinstance(node, ast.Attribute):
                    raise _no(node, f"an assignment to {target}, which outlives the call")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in (
                "setattr", "delattr"
            ):
                root, through = _root(node.args[0]) if node.args else (None, True)
                if through or root is None or root not in local or (root == first and of_class):
                    raise _no(node, f"{ast.unparse(node)}, which outlives the call")

    # -- what it does to other modules

    def changes(self) -> Iterator[str]:
        for node in ast.walk(self.tree):
            target: ast.AST | None = None
            if isinstance(node, ast.Attribute | ast.Subscript) and _stores(node):
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


_WHY: dict[type, str] = {
    ast.List: "a list, which can be changed", ast.Dict: "a dict, which can be changed",
    ast.Set: "a set, which can be changed", ast.ListComp: "a list, which can be changed",
    ast.DictComp: "a dict, which can be changed", ast.SetComp: "a set, which can be changed",
    ast.GeneratorExp: "a generator, which is used up", ast.NamedExpr: "an assignment within an expression",
    ast.Starred: "a value that is unpacked",
}  # fmt: skip


_NAMING = (ast.ExceptHandler, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def is_name_list(node: ast.stmt) -> bool:
    """`__all__ = [...]` or `__slots__ = [...]` of constants: compiled as a tuple, in a module without state."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.value, ast.List):
        return False
    target = node.targets[0]
    named = isinstance(target, ast.Name) and target.id in ("__all__", "__slots__", "__match_args__")
    return named and all(isinstance(item, ast.Constant) for item in node.value.elts)


def _stores(node: ast.Name | ast.Attribute | ast.Subscript) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _root(node: ast.AST) -> tuple[str | None, bool]:
    """The name that an expression starts from, and whether it goes through a class (`type(x)`, `x.__class__`)."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Attribute) and node.attr in ("__class__", "__dict__", "__globals__"):
            return None, True
        node = node.value
    if isinstance(node, ast.Call):
        return None, isinstance(node.func, ast.Name) and node.func.id == "type"
    return (node.id, False) if isinstance(node, ast.Name) else (None, False)


def _arguments(arguments: ast.arguments) -> Iterator[ast.arg]:
    yield from (*arguments.posonlyargs, *arguments.args)
    if arguments.vararg is not None:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg is not None:
        yield arguments.kwarg


def _bound(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The names that statements bind in their own scope."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0]
        else:
            for child in ast.walk(node):
                if isinstance(child, ast.Name) and _stores(child):
                    yield child.id
                elif isinstance(child, ast.stmt) and child is not node:
                    yield from _bound([child])


def _absolute(node: ast.ImportFrom, package: str) -> str:
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
        home = _absolute(node, package)
        for alias in node.names:
            yield alias.asname or alias.name, f"{home}.{alias.name}", home


def _executed(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[Import]:
    if isinstance(node, ast.ImportFrom):
        if node.module == "__future__" and not node.level:
            return
        if any(alias.name == "*" for alias in node.names):
            raise _no(node, "`import *`, which binds names that are not known")
        yield Import(_absolute(node, package), tuple(alias.name for alias in node.names), node.lineno)
        return
    for alias in node.names:
        head, _, tail = alias.name.rpartition(".")
        if alias.asname and head:
            yield Import(head, (tail,), node.lineno)  # as the rewriter compiles it
        else:
            yield Import(alias.name, (), node.lineno)


def classify(tree: ast.Module, package: str) -> Facts:
    """Read one module. `package` is what its relative imports start from."""
    return _Classifier(tree, package).facts()

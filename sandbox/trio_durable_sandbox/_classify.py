"""Which of the user's modules hold no state, read from their source: those are executed once and shared by all runs.

A module is shared only if nobody can tell. So everything it executes when it is imported must be one of: an import, a
definition, or a name for a value that cannot change and is the same in every run; and none of its functions may assign
to anything that outlives a call. The rules are white lists: what is not known to be harmless makes the module one that
is executed per instance, which is always right and only slower. `Facts.reason` says which line decided.

Here are statements and classes; `_classify_values` has the expressions, `_classify_functions` what functions do later,
`_classify_names` what a name stands for. What needs other modules is left to `_tiers`: a module that imports one with
state has state, and so has one that another module assigns into (`Facts.changes`).
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from ._classify_functions import assigns, changes, leave_nothing
from ._classify_names import Import, Scope, State, arguments_of, executed, no
from ._classify_values import Expressions
from ._harmless import BASES, COPYING_BASES, CREATION, DECORATORS, ENUM_CREATION, ENUMS, QUIET_CALLS, TEXT_METHODS


@dataclass(frozen=True, slots=True)
class Facts:
    """What the source of one module says."""

    reason: str | None  # why it has state of its own, with the line; None: it has none
    imports: tuple[Import, ...] = ()
    changes: frozenset[str] = frozenset()  # dotted names of other modules' objects that it assigns into
    binds: frozenset[str] = frozenset()  # names that it binds itself
    reads: tuple[tuple[str, int], ...] = ()  # what it reads through imports while it is executed, with the line
    sources: Mapping[str, str] = field(default_factory=dict)  # imported name -> what it stands for
    bases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # class -> its bases
    assigns: Mapping[str, str] = field(default_factory=dict)  # class -> where a method assigns to its instances


_CONTAINERS = (ast.List, ast.Dict, ast.Set)


class _Classifier:
    def __init__(self, tree: ast.Module, package: str) -> None:
        self.tree = tree
        self.scope = Scope(tree, package)
        self.values = Expressions(self.scope)
        self.imports: list[Import] = []
        self.bases: dict[str, tuple[str, ...]] = {}
        self.copying: dict[str, tuple[str, ...]] = {}  # class -> imported bases on which its copying of defaults rests

    def facts(self) -> Facts:
        reason = None
        try:
            self.block(self.tree.body)
            leave_nothing(self.scope, self.tree)
        except State as state:
            reason = str(state)
        except RecursionError:
            reason = "line 1: expressions nested too deeply to be looked at"
        scope = self.scope
        return Facts(
            reason, tuple(self.imports), frozenset(changes(scope, self.tree)), frozenset(scope.binds),
            tuple(self.values.reads), {k: v for k, v in scope.imported.items() if k not in scope.ambiguous}, self.bases,
            dict(assigns(self.tree)),
        )  # fmt: skip

    # -- statements that are executed with the module

    def block(self, body: list[ast.stmt], owner: ast.ClassDef | None = None) -> None:
        for node in body:
            self.statement(node, owner)

    def statement(self, node: ast.stmt, owner: ast.ClassDef | None) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.imports.extend(executed(node, self.scope.package))
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
                raise no(node, "a call that is made when the module is executed")
        elif isinstance(node, ast.Delete):
            if not all(isinstance(target, ast.Name) for target in node.targets):
                raise no(node, "`del` of something that is not a name")
        elif not isinstance(node, ast.Pass) and type(node).__name__ != "TypeAlias":
            raise no(node, f"a statement ({type(node).__name__.lower()}) that is executed with the module")

    def condition(self, node: ast.If, owner: ast.ClassDef | None) -> None:
        test = ast.unparse(node.test)
        if test in ("TYPE_CHECKING", "typing.TYPE_CHECKING") or test.startswith("__name__ =="):
            self.block(node.orelse, owner)  # the body is never executed inside
            return
        self.values.fixed(node.test)
        self.block(node.body, owner)
        self.block(node.orelse, owner)

    def assignment(self, node: ast.Assign | ast.AnnAssign, owner: ast.ClassDef | None) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node, ast.AnnAssign):
            self.values.annotation(node.annotation)
        for target in targets:
            names = target.elts if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) else [target]
            if not all(isinstance(name, ast.Name) for name in names):
                raise no(node, f"an assignment to {ast.unparse(target)}")
        if node.value is None or is_name_list(node):
            return
        if owner is not None and isinstance(targets[0], ast.Name) and targets[0].id == "model_config":
            self.configuration(node.value)
        elif isinstance(node, ast.AnnAssign) and owner is not None and self.is_container(node.value):
            self.default(node, node.value, owner)
        else:
            self.values.fixed(node.value)

    def is_container(self, node: ast.expr) -> bool:
        return isinstance(node, _CONTAINERS) or self.values.is_empty(node)

    def default(self, node: ast.AnnAssign, value: ast.expr, owner: ast.ClassDef) -> None:
        """`items: list[int] = []`: pydantic and msgspec give each instance a copy, other classes do not."""
        if owner.name not in self.copying or "ClassVar" in ast.unparse(node.annotation):
            self.values.fixed(value)
            return
        self.values.fields(value)
        for base in self.copying[owner.name]:
            module, _, name = base.rpartition(".")
            self.imports.append(Import(module, ("!" + name,), node.lineno))

    def configuration(self, value: ast.expr) -> None:
        """pydantic's `model_config`: a dict, which the guard hands out in a form that cannot be changed."""
        parts: list[ast.expr] = []
        if isinstance(value, ast.Dict):
            parts = value.values
        elif isinstance(value, ast.Call) and self.scope.dotted(value.func) == "pydantic.ConfigDict" and not value.args:
            parts = [keyword.value for keyword in value.keywords]
        elif not isinstance(value, ast.Dict | ast.Call):
            raise no(value, "a model_config that is no literal")
        for part in parts:
            if not isinstance(part, ast.Constant) and not (self.scope.dotted(part) or "").startswith("pydantic."):
                raise no(part, "a model_config with something that is not a constant")
        if isinstance(value, ast.Call) and not parts:
            raise no(value, "a model_config made by a call that is not known")

    def definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef, owner: ast.ClassDef | None) -> None:
        for decorator in node.decorator_list:
            self.decorator(decorator, owner)
        for default in (*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)):
            self.values.fixed(default)
        for argument in arguments_of(node.args):
            self.values.annotation(argument.annotation)
        self.values.annotation(node.returns)
        in_enum = owner is not None and owner.name in self.scope.enums
        if in_enum and any(self.scope.dotted(each) == "functools.cached_property" for each in node.decorator_list):
            raise no(node, "a cached_property of an enum, whose members would keep it")
        if owner is not None and (node.name in CREATION or (in_enum and node.name in ENUM_CREATION)):
            self.quiet(node)

    def decorator(self, node: ast.expr, owner: ast.ClassDef | None = None) -> None:
        function = node.func if isinstance(node, ast.Call) else node
        accessor = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and (
            owner is not None and function.attr in ("setter", "getter", "deleter", "validator", "default")
        )
        if not accessor and self.scope.dotted(function) not in DECORATORS:
            raise no(node, f"the decorator {ast.unparse(function)}, which may keep something")
        if isinstance(node, ast.Call):
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                self.values.fixed(argument)
                if isinstance(argument, ast.Name | ast.Attribute | ast.Lambda) and owner is None:
                    raise no(node, "a decorator that is given a function")

    def class_(self, node: ast.ClassDef) -> None:
        bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
        dotted = [self.scope.dotted(base) for base in bases]
        for base, name in zip(bases, dotted, strict=True):
            if name is None:
                raise no(base, f"the base class {ast.unparse(base)}, which is not known")
            if name not in BASES and not name.startswith("own."):
                # Perhaps a class of another module of the user's: `_tiers` has the last word.
                self.imports.append(Import(name.rpartition(".")[0], ("?" + name.rpartition(".")[2],), node.lineno))
        self.bases[node.name] = tuple(known or "" for known in dotted)
        copying = [self.copies(known or "") for known in dotted]
        if any(found is not None for found in copying):
            self.copying[node.name] = tuple(base for found in copying for base in found or ())
        if any(base in ENUMS or (base or "").removeprefix("own.") in self.scope.enums for base in dotted):
            self.scope.enums.add(node.name)
        for keyword in node.keywords:
            known = self.scope.dotted(keyword.value) if keyword.arg == "metaclass" else None
            if known not in ("abc.ABCMeta", "enum.EnumMeta") and not isinstance(keyword.value, ast.Constant):
                raise no(node, f"the class keyword {keyword.arg}")
        for decorator in node.decorator_list:
            self.decorator(decorator)
        self.scope.own.add(node.name)
        self.block(node.body, node)

    def copies(self, base: str) -> tuple[str, ...] | None:
        """Whether classes of this base copy what fields start with: the imported bases that this rests on, or None."""
        if base in COPYING_BASES:
            return ()
        if base.startswith("own."):
            return self.copying.get(base.removeprefix("own."))
        return None if base in BASES else (base,)

    def quiet(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A method that is executed while its class is made: no calls but harmless ones."""
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                called = node.func
                known = isinstance(called, ast.Name) and called.id in QUIET_CALLS and called.id not in self.scope.binds
                known = known or (isinstance(called, ast.Attribute) and called.attr in (
                    "__new__", "__init__", "__init_subclass__", *TEXT_METHODS))
                if not known:
                    raise no(node, f"a call in {function.name}, which is executed when a class is made")


def is_name_list(node: ast.stmt) -> bool:
    """`__all__ = [...]` or `__slots__ = [...]` of constants: made unchangeable, in a module without state."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.value, ast.List):
        return False
    target = node.targets[0]
    named = isinstance(target, ast.Name) and target.id in ("__all__", "__slots__", "__match_args__")
    return named and all(isinstance(item, ast.Constant) for item in node.value.elts)


def classify(tree: ast.Module, package: str) -> Facts:
    """Read one module. `package` is what its relative imports start from."""
    return _Classifier(tree, package).facts()

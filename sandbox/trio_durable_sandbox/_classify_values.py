"""Expressions that are evaluated with a module: whether their value can change, or differ from run to run."""

from __future__ import annotations

import ast
from typing import Any

from ._classify_names import Scope, no
from ._harmless import CALLS, ESCAPES, LITERALS, PLAIN_CALLS, TEXT_METHODS, TYPE_HOMES, under


class Expressions:
    """Looks at expressions; each method raises `State` where it finds some.

    Attributes:
        reads: what was read through an import, dotted, with the line. Another module may make that the run's own.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.reads: list[tuple[str, int]] = []
        homes = {dotted.partition(".")[0] for dotted in scope.imported.values()}
        self.in_decimals = not homes.isdisjoint({"decimal", "_decimal"})

    def fixed(self, node: ast.expr) -> None:
        """Its value cannot change, and is the same whenever the module is executed."""
        if isinstance(node, ast.Name) and node.id in ESCAPES:
            raise no(node, f"the use of {node.id}")
        if isinstance(node, ast.Constant | ast.Name):
            return  # names stand for what has been looked at, or for what all runs share anyway
        if isinstance(node, ast.Attribute):
            if node.attr.startswith("__") and node.attr not in ("__name__", "__doc__", "__qualname__"):
                raise no(node, f"the value of {node.attr}")
            self.read(node)
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
            self.exact(node, node.operand)
        elif isinstance(node, ast.BinOp):
            check = self.fixed if isinstance(node.op, ast.BitOr) else self.plain
            check(node.left)
            check(node.right)
            self.exact(node, node.left, node.right)
        elif isinstance(node, ast.BoolOp | ast.Compare | ast.IfExp):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.fixed(child)
        elif isinstance(node, ast.JoinedStr):
            for value in node.values:
                self.plain(value.value if isinstance(value, ast.FormattedValue) else value)
                self.exact(node, value.value if isinstance(value, ast.FormattedValue) else value)
        elif isinstance(node, ast.Call):
            self.call(node)
        else:
            raise no(node, _WHY.get(type(node), f"an expression ({type(node).__name__}) that is not known"))

    def read(self, node: ast.Attribute) -> None:
        """Note what is read through an import: what it leads to is for the importer to say."""
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and root.id in self.scope.imported:
            tail = ast.unparse(node)[len(root.id) :]
            self.reads.append((self.scope.imported[root.id] + tail, node.lineno))

    def fields(self, node: ast.expr) -> None:
        """A list, dict or set of such values as these, which the class copies for each of its instances."""
        parts: list[ast.expr | None] = []
        if isinstance(node, ast.List | ast.Set):
            parts = [*node.elts]
        elif isinstance(node, ast.Dict):
            parts = [*node.keys, *node.values]
        elif not self.is_empty(node):
            self.fixed(node)
        for part in parts:
            if part is None or isinstance(part, ast.Starred):
                raise no(node, "a container made from another one")
            self.fields(part)

    def is_empty(self, node: ast.expr | None) -> bool:
        """`set()`, `list()`, `dict()`."""
        if not isinstance(node, ast.Call) or node.args or node.keywords:
            return False
        return self.scope.dotted(node.func) in under("builtins", names="list dict set")

    def plain(self, node: ast.expr) -> None:
        """A literal or computed from literals: no object from elsewhere whose operators could do anything."""
        if isinstance(node, ast.Name) and (node.id in self.scope.imported or node.id not in self.scope.binds):
            raise no(node, f"a value computed from {node.id}, which is not this module's")
        if isinstance(node, ast.Attribute):
            known = self.scope.dotted(node)
            if known is None or not known.startswith(("own.", "datetime.", "sys.version_info", "math.")):
                raise no(node, f"a value computed from {ast.unparse(node)}")
        self.fixed(node)

    def exact(self, node: ast.expr, *operands: ast.expr) -> None:
        """Arithmetic with decimals reads the context, and each run has one of its own."""
        if self.in_decimals and not all(_is_literal(operand) for operand in operands):
            raise no(node, "a value computed in a module that imports decimal, whose context is the run's own")

    def alias(self, node: ast.Subscript) -> None:
        """`list[int]`, `Generic[T]`, `Color["RED"]`: types and enums; anything else may give a new object."""
        known = self.scope.dotted(node.value) or ""
        home, _, name = known.rpartition(".")
        named = name[:1].isupper() and (known.startswith("own.") or home.partition(".")[0] in TYPE_HOMES)
        if not named and known not in under("builtins", names="list dict set tuple frozenset type"):
            raise no(node, f"the value of {ast.unparse(node)}")
        self.annotation(node.slice)

    def annotation(self, node: ast.expr | None) -> None:
        """Evaluated unless annotations are postponed; types, strings and constants, and calls as anywhere else."""
        if node is None:
            return
        for child in ast.walk(node):
            if isinstance(child, ast.Call):
                self.call(child)
            elif isinstance(child, ast.Attribute):
                self.read(child)
            elif isinstance(child, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom | ast.Lambda):
                raise no(child, "an annotation that computes something")

    def call(self, node: ast.Call) -> None:
        function = node.func
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Constant):
            if function.attr not in TEXT_METHODS:
                raise no(node, f"the call of .{function.attr}()")
            check: Any = self.plain
        else:
            known = self.scope.dotted(function)
            if known not in CALLS and known not in PLAIN_CALLS:
                raise no(node, f"the call of {ast.unparse(function)}, whose result may change or differ")
            check = self.plain if known in PLAIN_CALLS else self.fixed
            if known in LITERALS:
                check = self.literal
            elif known == "pydantic.Field":  # it keeps them where the guard does not lead, and copies defaults
                check = self.fields
            if known in PLAIN_CALLS:
                self.exact(node, *arguments)
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
                raise no(node, "a dict made from another one")
        else:
            self.plain(node)


_WHY: dict[type, str] = {
    ast.List: "a list, which can be changed", ast.Dict: "a dict, which can be changed",
    ast.Set: "a set, which can be changed", ast.ListComp: "a list, which can be changed",
    ast.DictComp: "a dict, which can be changed", ast.SetComp: "a set, which can be changed",
    ast.GeneratorExp: "a generator, which is used up", ast.NamedExpr: "an assignment within an expression",
    ast.Starred: "a value that is unpacked",
}  # fmt: skip


def _is_literal(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_literal(node.left) and _is_literal(node.right)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return all(_is_literal(item) for item in node.elts)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and _is_literal(node.operand))

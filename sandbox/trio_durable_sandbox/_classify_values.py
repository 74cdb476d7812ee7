"""Expressions that are evaluated with the module: do they give a value that cannot change, the same in every run?
"""

from __future__ import annotations

import ast
from typing import Any

from ._classify_names import Names, no
from ._harmless import CALLS, ESCAPES, LITERALS, PLAIN_CALLS, TEXT_METHODS, TYPE_HOMES, under


class Values(Names):
    """Each method raises `State` where the answer is no, or not known."""

    def fixed(self, node: ast.expr) -> None:
        """Its value cannot change, and is the same whenever the module is executed."""
        if isinstance(node, ast.Name) and node.id in ESCAPES:
            raise no(node, f"the use of {node.id}")
        if isinstance(node, ast.Constant | ast.Name):
            return  # names stand for what has been looked at, or for what all runs share anyway
        if isinstance(node, ast.Attribute):
            if node.attr.startswith("__") and node.attr not in ("__name__", "__doc__", "__qualname__"):
                raise no(node, f"the value of {node.attr}")
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
            raise no(node, WHY.get(type(node), f"an expression ({type(node).__name__}) that is not known"))

    def plain(self, node: ast.expr) -> None:
        """A literal or computed from literals: no object from elsewhere whose operators could do anything."""
        if isinstance(node, ast.Name) and (node.id in self.imported or node.id not in self.binds):
            raise no(node, f"a value computed from {node.id}, which is not this module's")
        if isinstance(node, ast.Attribute):
            known = self.dotted(node)
            if known is None or not known.startswith(("own.", "datetime.", "sys.version_info", "math.")):
                raise no(node, f"a value computed from {ast.unparse(node)}")
        self.fixed(node)

    def alias(self, node: ast.Subscript) -> None:
        """`list[int]`, `Generic[T]`, `Color["RED"]`: types and enums; anything else may give a new object."""
        known = self.dotted(node.value) or ""
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
            known = self.dotted(function)
            if known not in CALLS and known not in PLAIN_CALLS:
                raise no(node, f"the call of {ast.unparse(function)}, whose result may change or differ")
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
                raise no(node, "a dict made from another one")
        else:
            self.plain(node)


WHY: dict[type, str] = {
    ast.List: "a list, which can be changed", ast.Dict: "a dict, which can be changed",
    ast.Set: "a set, which can be changed", ast.ListComp: "a list, which can be changed",
    ast.DictComp: "a dict, which can be changed", ast.SetComp: "a set, which can be changed",
    ast.GeneratorExp: "a generator, which is used up", ast.NamedExpr: "an assignment within an expression",
    ast.Starred: "a value that is unpacked",
}  # fmt: skip

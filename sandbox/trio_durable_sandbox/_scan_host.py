"""Rules of shape about the set-up of the host: what is asked for must not depend on it.

Another worker may log more, run with -O, or lack a package; then it asks for something else than history has.  The code
decides on such a thing only where the branch waits: what is merely logged, or computed faster, is nobody's business.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ._scan_model import Finding, Function, Source, finding
from ._scan_shape import own_nodes, waits

__all__ = ["host_findings"]

_TELLS_LEVEL = frozenset({"isEnabledFor", "getEffectiveLevel"})
_MISSING = frozenset({"ImportError", "ModuleNotFoundError"})
_REMEDY = "ask for the same on every host; let an activity find out, and decide by its result"


def host_findings(source: Source, function: Function) -> Iterator[Finding]:
    """Asserts that wait, and branches that wait and are taken on some hosts only."""
    optional = _optional(source)
    for node in own_nodes(function, ast.Assert, ast.If, ast.IfExp, ast.While):
        match node:
            case ast.Assert() if waits([node]):
                message = "an assert waits for what a worker that runs with -O does not ask for"
                remedy = "wait first, and assert what came of it"
                yield finding(source, node, "TD10", "host switch", message, remedy)
            case ast.If(test=test, body=body, orelse=orelse) if waits([*body, *orelse]) or _leaves(body):
                yield from _switch(source, test, optional)
            case ast.While(test=test, body=body) if waits(body):
                yield from _switch(source, test, optional)
            case ast.IfExp(test=test, body=first, orelse=second) if waits([first, second]):
                yield from _switch(source, test, optional)


def _switch(source: Source, test: ast.expr, optional: frozenset[str]) -> Iterator[Finding]:
    for node in (test, *own_nodes(test)):
        what = None
        if isinstance(node, ast.Name) and node.id == "__debug__":
            what = "whether the worker runs with -O"
        elif isinstance(node, ast.Name) and node.id in optional:
            what = f"whether the host has the package behind {node.id!r}"
        elif isinstance(node, ast.Attribute) and node.attr in _TELLS_LEVEL:
            what = "what the host logs"
        if what is not None:
            yield finding(source, test, "TD10", "host switch", f"what is asked for depends on {what}", _REMEDY)
            return


def _leaves(body: list[ast.stmt]) -> bool:
    """Whether the branch skips what comes after it."""
    return any(isinstance(each, ast.Return | ast.Break | ast.Continue) for each in body)


def _optional(source: Source) -> frozenset[str]:
    """The names that a module gives a plain value where an import fails."""
    found: set[str] = set()
    for statement in source.tree.body:
        if not isinstance(statement, ast.Try) or not any(
            isinstance(each, ast.Import | ast.ImportFrom) for each in statement.body
        ):
            continue
        for handler in statement.handlers:
            caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            if not any(isinstance(each, ast.Name) and each.id in _MISSING for each in caught):
                continue
            for each in handler.body:
                if isinstance(each, ast.Assign) and isinstance(each.value, ast.Constant):
                    found.update(target.id for target in each.targets if isinstance(target, ast.Name))
    return frozenset(found)

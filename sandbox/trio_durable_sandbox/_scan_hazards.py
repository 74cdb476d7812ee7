"""Hazards that the source shows and no refused name does: what is changed, has no order, or depends on arguments.

Each rule takes the reader of a function and one of its nodes, and gives (node, API, key of the remedy) where the
sandbox would refuse it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from ._policy import words
from ._policy_members import CHANGING, DATED, FRAMES, OPENS
from ._scan_names import PATHS, text_of

if TYPE_CHECKING:
    from ._scan_calls import Reader

Hazard = tuple[ast.expr, str, str]
_FRAMES: Final = frozenset(words(FRAMES)) - {"__globals__", "__builtins__"}
_OF_LIBRARIES: Final = {"__globals__": "frames", "__loader__": "modules", "__spec__": "modules"}
_DATED: Final = frozenset(words(DATED))
_ITERATE: Final = frozenset(words("list tuple iter enumerate dict.fromkeys"))
_ORDERS: Final = frozenset({"__lt__", "__sandbox_order__"})


def hazards(reader: Reader, node: ast.AST) -> Iterator[Hazard]:
    """What the rules find at this very node."""
    for kinds, rule in _RULES:
        if isinstance(node, kinds):
            yield from rule(reader, node)


# -- frames, modules, what is changed ------------------------------------------------------------------------------


def _attributes(reader: Reader, node: ast.Attribute) -> Iterator[Hazard]:
    if not isinstance(node.ctx, ast.Load):
        yield from _changed(reader, node, node)
    elif node.attr in _FRAMES:
        yield node, node.attr, "frames"
    elif node.attr == "__subclasses__":
        yield node, f"{ast.unparse(node.value)}.__subclasses__", "memory"
    elif node.attr in _OF_LIBRARIES and _of_library(reader, node.value):
        yield node, f"{ast.unparse(node.value)}.{node.attr}", _OF_LIBRARIES[node.attr]


def _subscripts(reader: Reader, node: ast.Subscript) -> Iterator[Hazard]:
    if not isinstance(node.ctx, ast.Load):
        yield from _changed(reader, node.value, node)
    elif reader.dotted(node.value) == "sys.modules" and _is_library(text_of(node.slice)):
        yield node.value, "sys.modules", "modules"


def _compared(reader: Reader, node: ast.Compare) -> Iterator[Hazard]:
    for operator, right in zip(node.ops, node.comparators, strict=True):
        within = isinstance(operator, ast.In | ast.NotIn) and reader.dotted(right) == "sys.modules"
        if within and _is_library(text_of(node.left)):
            yield right, "sys.modules", "modules"


def _changed(reader: Reader, node: ast.expr, at: ast.expr) -> Iterator[Hazard]:
    """`json.dumps = f`, `json.TABLE[x] = y`: what the standard library has, all instances have."""
    if _of_library(reader, node):
        yield at, f"assignment to {reader.dotted(node)}", "shared"


def _of_library(reader: Reader, node: ast.expr) -> bool:
    return _is_library(reader.dotted(node))


def _is_library(dotted: str | None) -> bool:
    """Of the standard library, that is: an installed one cannot be told from the user's own by its name."""
    return dotted is not None and dotted.partition(".")[0] in sys.stdlib_module_names


# -- calls ---------------------------------------------------------------------------------------------------------


def _calls(reader: Reader, node: ast.Call) -> Iterator[Hazard]:
    function = node.func
    dotted = reader.dotted(function) or ""
    first = node.args[0] if node.args else None
    if isinstance(function, ast.Name) and reader.is_builtin(function.id):
        yield from _builtins(reader, node, function, first)
    if isinstance(function, ast.Attribute) and _of_library(reader, function.value):
        owner = reader.dotted(function.value) or ""
        if function.attr in CHANGING and "." in owner and not owner.endswith(("logger", "log")):
            yield function, f"a change of {owner}.{function.attr}", "shared"
        elif function.attr == "register" and owner.startswith(("collections.abc.", "numbers.")):
            yield function, f"{owner}.register", "shared"
    if isinstance(function, ast.Call) and first is None:
        yield from _path_by_getattr(reader, function)
    if dotted in words(OPENS) and first is not None and (_is_text(first) or reader.is_path(first)):
        yield function, dotted, "file"
    elif dotted == "tarfile.open" and (text_of(_keyword(node, "mode")) or "").endswith("gz"):
        yield function, dotted, "gzip"
    elif dotted in ("os.path.abspath", "os.path.relpath") and (text_of(first) or "/")[:1] != "/":
        yield function, f"{dotted} of a relative path", "file"
    elif dotted in _DATED and (text_of(first) or "").strip().lower() in ("now", "today"):
        yield function, f"{dotted} of {text_of(first)!r}", "clock"
    elif dotted == "dateutil.tz.gettz" and first is None:
        yield function, "dateutil.tz.gettz without a name", "zone"


def _builtins(reader: Reader, node: ast.Call, function: ast.Name, first: ast.expr | None) -> Iterator[Hazard]:
    if function.id == "id" and not reader.off:
        yield function, "id", "identity"
    elif function.id in ("setattr", "delattr") and first is not None and len(node.args) > 1:
        if _of_library(reader, first):
            yield function, f"assignment to {reader.dotted(first)}.{text_of(node.args[1]) or '...'}", "shared"
    elif function.id in _ITERATE and first is not None:
        yield from _unordered(reader, first)
    elif function.id in ("map", "filter") and first is not None:
        of_paths, _, name = (reader.dotted(first) or "").rpartition(".")
        if of_paths == "pathlib.Path" and name in PATHS:
            yield first, f"pathlib.Path.{name}", "file"


def _path_by_getattr(reader: Reader, node: ast.Call) -> Iterator[Hazard]:
    """`getattr(path, "read_text")()`."""
    if getattr(node.func, "id", "") == "getattr" and len(node.args) > 1 and reader.is_path(node.args[0]):
        name = text_of(node.args[1])
        if name in PATHS:
            yield node, f"pathlib.Path.{name}", "file"


def _is_text(node: ast.expr) -> bool:
    return text_of(node) is not None or isinstance(node, ast.JoinedStr)


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in node.keywords if each.arg == name), None)


# -- sets of objects that have no order ----------------------------------------------------------------------------


def _loops(reader: Reader, node: ast.For | ast.comprehension) -> Iterator[Hazard]:
    yield from _unordered(reader, node.iter)


def _starred(reader: Reader, node: ast.Starred) -> Iterator[Hazard]:
    yield from _unordered(reader, node.value)


def _unordered(reader: Reader, node: ast.expr) -> Iterator[Hazard]:
    """`{Task(), Task()}`, where nothing says which comes first."""
    given = reader.sets.get(node.id) if isinstance(node, ast.Name) else node
    if not isinstance(given, ast.Set) or len(given.elts) < 2:
        return
    kinds = [element.func for element in given.elts if isinstance(element, ast.Call)]
    names = [kind.id for kind in kinds if isinstance(kind, ast.Name)]
    if len(names) == len(given.elts) and all(_is_plain(reader, name) for name in names):
        yield node, f"iterating a set of {names[0] if len(set(names)) == 1 else 'several kinds'}", "order"


def _is_plain(reader: Reader, name: str) -> bool:
    """A class of the file that nothing gives an order."""
    if name == "object":
        return reader.is_builtin(name)
    found = reader.source.classes.get(name)
    if found is None or found.bases or found.keywords or found.decorator_list:
        return False
    return not any(getattr(each, "name", "") in _ORDERS for each in found.body)


def _popped(reader: Reader, node: ast.Call) -> Iterator[Hazard]:
    if isinstance(node.func, ast.Attribute) and node.func.attr == "pop" and not node.args:
        yield from _unordered(reader, node.func.value)


_RULES: tuple[tuple[type[ast.AST] | tuple[type[ast.AST], ...], Callable[..., Iterator[Hazard]]], ...] = (
    (ast.Attribute, _attributes),
    (ast.Subscript, _subscripts),
    (ast.Compare, _compared),
    (ast.Call, _calls),
    (ast.Call, _popped),
    ((ast.For, ast.comprehension), _loops),
    (ast.Starred, _starred),
)

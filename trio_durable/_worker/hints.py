"""What a function's annotations say of its input and of its result.

An orchestration's functions belong to its own namespace, where `Order` may be a class that no other instance has; so
annotations mean what they mean there.  To resolve them takes a tenth of a millisecond, for each instance and each call.
Most mean the same everywhere (`int`, `list[str]`, classes that instances share), and are resolved twice and not again.
"""

from __future__ import annotations

import inspect
import types
import typing
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Hints"]

#: Functions that one worker may remember; what is beyond costs time and nothing else.
_MOST = 10_000


@dataclass(slots=True)
class _Meant:
    """What a function's annotations, all of them text, mean.

    everywhere: True when they mean `hints` in whatever namespace the code runs, False when they do not, None as long as
    only one has been seen.  code: held, so that nothing else gets its id.  namespace: the id of the globals that were
    seen; that one is used again later only delays the conclusion.  function: whose they are, while it is the only one.
    """

    code: types.CodeType
    annotations: dict[str, str]
    namespace: int
    function: weakref.ref[Callable[..., Any]]
    hints: dict[str, Any]
    everywhere: bool | None = None


class Hints:
    """The annotations of one worker's functions: which modules its instances share is the worker's affair."""

    def __init__(self) -> None:
        self._meant: dict[int, _Meant] = {}  # by the id of the code

    def of_parameter(self, function: Callable[..., Any], name: str) -> Any:
        """The annotation of one parameter; None if there is none or it cannot be resolved."""
        return self._of(function).get(name)

    def of_result(self, function: Callable[..., Any] | str) -> Any:
        """The annotation of what `function` returns (for a generator, of its `return`); None if there is none."""
        if isinstance(function, str):
            return None
        hint = self._of(function).get("return")
        if inspect.isgeneratorfunction(function):
            arguments = typing.get_args(hint)
            return arguments[2] if len(arguments) == 3 else None
        return None if hint is type(None) else hint

    def _of(self, function: Callable[..., Any]) -> dict[str, Any]:
        annotations = getattr(function, "__annotations__", None)
        plain = type(function) is types.FunctionType and not function.__dict__ and type(annotations) is dict
        if not plain or not annotations or not all(type(each) is str for each in annotations.values()):
            return _resolve(function)
        assert isinstance(function, types.FunctionType)
        code, namespace = function.__code__, id(function.__globals__)
        meant = self._meant.get(id(code))
        if meant is None or meant.annotations != annotations:
            hints = _resolve(function)
            if len(self._meant) >= _MOST:
                self._meant.clear()
            self._meant[id(code)] = _Meant(code, dict(annotations), namespace, weakref.ref(function), hints)
            return hints
        if meant.everywhere or (meant.everywhere is None and meant.function() is function):
            return meant.hints
        hints = _resolve(function)
        if meant.everywhere is None:
            if hints != meant.hints:
                meant.everywhere = False
                meant.hints = {}  # an instance's own classes, which need not live longer than it
            elif meant.namespace != namespace:
                meant.everywhere = bool(hints)
        return hints


def _resolve(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:
        # A hint that names something importable only for the type checker: decode without it.
        return {}

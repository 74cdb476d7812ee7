"""What a function makes of its input: whether it takes one, as what, and what an absent one means.

None is the absent payload.  A function whose hint admits None gets it; one whose hint does not gets the parameter's
default; one that has none is not called: an input that is missing is a mistake of the caller's.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from trio_durable import _converter
from trio_durable._errors import PayloadError
from trio_durable._worker.hints import Hints
from trio_durable._worker.registry import has_input
from trio_durable.abc import Converter

__all__ = ["Input", "admits_none"]


#: What `type X = ...` makes, from Python 3.12 on.
_ALIAS: Any = getattr(typing, "TypeAliasType", ())


@dataclass(frozen=True, slots=True)
class Input:
    """The parameter after the context.

    taken: whether there is one.  hint: its annotation, or None.  has_default: whether it may be left out.
    """

    taken: bool
    hint: Any = None
    has_default: bool = False

    @classmethod
    def of(cls, function: Callable[..., Any], hints: Hints) -> Input:
        """What `function` takes."""
        try:
            parameters = list(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            return cls(True)
        if not has_input(parameters):
            return cls(False)
        if len(parameters) < 2:
            return cls(True)
        has_default = parameters[1].default is not inspect.Parameter.empty
        return cls(True, hints.of_parameter(function, parameters[1].name), has_default)

    def arguments(self, context: object, payload: str | None, converter: Converter, whose: str) -> tuple[Any, ...]:
        """What to call the function with; raises PayloadError that names `whose` input it was."""
        if not self.taken:
            return (context,)
        try:
            if not payload and not admits_none(self.hint):
                if self.has_default:
                    return (context,)
                name = self.hint.__qualname__ if isinstance(self.hint, type) else str(self.hint)
                raise PayloadError(
                    f"expected {name}, and none was given. Give an input, or let the parameter be `{name} | None` or"
                    " have a default"
                )
            return (context, _converter.decode(converter, payload, self.hint))
        except PayloadError as error:
            raise PayloadError(f"the input of {whose}: {error}") from error


def admits_none(hint: Any) -> bool:
    """Whether a value with this hint may be None; True where the hint does not tell."""
    while True:
        if isinstance(hint, _ALIAS):
            hint = typing.cast(Any, hint).__value__
        elif typing.get_origin(hint) is typing.Annotated:
            hint = typing.get_args(hint)[0]
        elif isinstance(hint, typing.NewType):
            hint = hint.__supertype__
        else:
            break
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(admits_none(each) for each in typing.get_args(hint))
    if origin is Literal:
        return None in typing.get_args(hint)
    if origin is not None:
        return False
    return not isinstance(hint, type) or hint in (Any, object, type(None))

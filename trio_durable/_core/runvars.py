"""Variables with one value per orchestration instance."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from trio_durable._core.tasks import current_scheduler

__all__ = ["RunVar", "RunVarToken"]

T = TypeVar("T")

_MISSING: Any = object()


class RunVarToken(Generic[T]):
    """What `RunVar.set` returns, for `RunVar.reset`."""

    __slots__ = ("_previous", "_used", "_var")

    def __init__(self, var: RunVar[T], previous: T) -> None:
        self._var = var
        self._previous = previous
        self._used = False


class RunVar(Generic[T]):
    """A variable that all tasks of an instance share, and no two instances do."""

    __slots__ = ("_default", "_name")

    def __init__(self, name: str, default: T = _MISSING) -> None:
        self._name = name
        self._default = default

    def __repr__(self) -> str:
        return f"<RunVar name={self._name!r}>"

    def get(self, default: T = _MISSING) -> T:
        """The value, else `default`, else the variable's own default; LookupError if there is none of them."""
        for value in (current_scheduler().variables.get(self, _MISSING), default, self._default):
            if value is not _MISSING:
                return value
        raise LookupError(self)

    def set(self, value: T) -> RunVarToken[T]:
        """Give it a value for the rest of the instance's life."""
        variables = current_scheduler().variables
        token = RunVarToken(self, variables.get(self, _MISSING))
        variables[self] = value
        return token

    def reset(self, token: RunVarToken[T]) -> None:
        """Give it back what it had before the `set` that made `token`; ValueError if that was another or is undone."""
        if token._var is not self:
            raise ValueError("token is not for us")
        if token._used:
            raise ValueError("token has already been used")
        token._used = True
        variables = current_scheduler().variables
        if token._previous is _MISSING:
            variables.pop(self, None)
        else:
            variables[self] = token._previous

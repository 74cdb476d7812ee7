"""Variables with one value per orchestration instance."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from trio_durable._core.tasks import current_scheduler

__all__ = ["RunVar", "RunVarToken"]

T = TypeVar("T")

_MISSING: Any = object()


class RunVarToken(Generic[T]):
    """What `RunVar.set` returns, for `RunVar.reset`."""

    __slots__ = ("_var", "previous_value", "redeemed")

    def __init__(self, var: RunVar[T], previous: T) -> None:
        self._var = var
        #: what it had before; a sentinel if it had no value
        self.previous_value = previous
        #: whether it was used
        self.redeemed = False

    def __repr__(self) -> str:
        return f"<RunVarToken of {self._var!r}{', used' if self.redeemed else ''}>"


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
        if token.redeemed:
            raise ValueError("token has already been used")
        token.redeemed = True
        variables = current_scheduler().variables
        if token.previous_value is _MISSING:
            variables.pop(self, None)
        else:
            variables[self] = token.previous_value

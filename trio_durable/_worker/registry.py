"""Which names the worker knows."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from trio_durable._errors import RegistrationError
from trio_durable._naming import called_by, note, noted
from trio_durable._worker.hints import Hints

__all__ = ["Registered", "Registry", "has_input", "takes_input"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Registered(Generic[F]):
    """A function under the name by which history knows it."""

    name: str
    function: F
    #: what the sandbox compiled for an orchestrator; None for an activity and with the sandbox off
    program: Any = None


class Registry:
    """Orchestrators and activities by name; a name is taken once."""

    def __init__(self) -> None:
        self.orchestrators: dict[str, Registered[Callable[..., Any]]] = {}
        #: name -> version -> function, and the version that new instances of a name get
        self.versions: dict[str, dict[str, Registered[Callable[..., Any]]]] = {}
        self.latest: dict[str, str] = {}
        self.activities: dict[str, Registered[Callable[..., Any]]] = {}
        self.hints = Hints()
        self._names: dict[tuple[str, str], list[str]] = {}
        self._activity_keys: set[tuple[str, str]] = set()

    def add_orchestrator(self, function: Callable[..., Any], name: str | None, program: Any) -> str:
        """Register `function`, raises RegistrationError where it cannot be replayed or its name is taken."""
        self._refuse_async_generator(function)
        _refuse_signature("orchestrator", function)
        return self._add("orchestrator", self.orchestrators, function, name, program)

    def add_version(
        self, function: Callable[..., Any], name: str, version: str, program: Any, *, is_latest: bool
    ) -> None:
        """Register `function` as one version of the orchestrator `name`; RegistrationError where that is taken."""
        self._refuse_async_generator(function)
        _refuse_signature("orchestrator", function)
        if not name or not version:
            raise RegistrationError(f"a version has a name and a version, got {name!r} and {version!r}")
        versions = self.versions.setdefault(name, {})
        if version in versions:
            raise RegistrationError(
                f"version {version!r} of orchestrator {name!r} is registered already, as "
                f"{_describe(versions[version].function)}; give {_describe(function)} another `version=`"
            )
        versions[version] = Registered(name, function, program)
        self._remember(function, name)
        if is_latest:
            self.latest[name] = version

    def orchestrator_names(self) -> list[str]:
        """Every name an instance can be started under."""
        return sorted({*self.orchestrators, *self.versions})

    def is_activity(self, function: Callable[..., Any]) -> bool:
        """Whether `function`, or the sandbox's copy of it, is registered as an activity."""
        return _key(function) in self._activity_keys

    def _refuse_async_generator(self, function: Callable[..., Any]) -> None:
        if inspect.isasyncgenfunction(function):
            raise RegistrationError(
                f"orchestrator {_describe(function)} is an async generator; write `async def` without `yield`, or a "
                "plain generator that yields what the context returns"
            )

    def add_activity(self, function: Callable[..., Any], name: str | None) -> str:
        """Register `function`, plain or `async def`; raises RegistrationError where its name is taken."""
        if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise RegistrationError(
                f"activity {_describe(function)} is a generator; an activity returns one result: use `return`"
            )
        _refuse_signature("activity", function)
        known = self._add("activity", self.activities, function, name, None)
        self._activity_keys.add(_key(function))
        return known

    def _add(
        self,
        kind: str,
        table: dict[str, Registered[Callable[..., Any]]],
        function: Callable[..., Any],
        name: str | None,
        program: Any,
    ) -> str:
        if not callable(function):
            raise RegistrationError(f"an {kind} must be a function, got {function!r}")
        known = name or getattr(function, "__name__", "")
        if not known or known == "<lambda>":
            raise RegistrationError(
                f"{_describe(function)} has no name that history could record: define it with `def`, or give `name=`"
            )
        taken = table.get(known)
        if taken is not None:
            raise RegistrationError(
                f"{kind} {known!r} is registered already, as {_describe(taken.function)}; "
                f"give {_describe(function)} another `name=`"
            )
        table[known] = Registered(known, function, program)
        self._remember(function, known)
        return known

    def _remember(self, function: Callable[..., Any], name: str) -> None:
        note(function, name)
        names = self._names.setdefault(_key(function), [])
        if name not in names:
            names.append(name)

    def name_of(self, function: Callable[..., Any] | str) -> str:
        """The name under which `function` is registered here, else with another worker of this process, else its own.

        The sandbox's copy of a function counts as the same.  Raises TypeError where that is no one name.
        """
        if isinstance(function, str):
            return function
        elsewhere = noted(function)
        here = self._names.get(_key(function), [])
        # Functions that one line of code made, in a loop for instance, share their key: then the object tells.
        exactly = [name for name in here if name in elsewhere]
        return called_by(function, exactly or here or elsewhere)


def _refuse_signature(kind: str, function: Callable[..., Any]) -> None:
    """Raise RegistrationError where `function` cannot be called with the context and, if it takes one, an input."""
    if not callable(function):
        return  # which `_add` says better
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*(None,) * (2 if takes_input(function) else 1))
    except TypeError:
        name = getattr(function, "__name__", "function")
        raise RegistrationError(
            f"{kind} {_describe(function)} has the parameters {signature}; it is called with the context and at most "
            f"one input: `def {name}(ctx)` or `def {name}(ctx, value)`. Put several values into one, a dataclass for "
            "instance."
        ) from None


def takes_input(function: Callable[..., Any]) -> bool:
    """Whether `function` has a second parameter, after the context, for the input."""
    try:
        return has_input(list(inspect.signature(function).parameters.values()))
    except (TypeError, ValueError):
        return True


def has_input(parameters: Sequence[inspect.Parameter]) -> bool:
    """Whether a function with these parameters takes an input."""
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)]
    return len(positional) > 1 or any(p.kind is p.VAR_POSITIONAL for p in positional)


def _key(function: Callable[..., Any]) -> tuple[str, str]:
    return str(getattr(function, "__module__", "")), str(getattr(function, "__qualname__", repr(function)))


def _describe(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', repr(function))}"

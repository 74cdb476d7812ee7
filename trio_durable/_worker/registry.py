"""Which names the worker knows, and what each function takes and gives."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from trio_durable._errors import RegistrationError
from trio_durable._naming import called_by, note, noted

__all__ = ["Registered", "Registry", "has_input", "hint_of", "result_hint", "takes_input"]

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


def hint_of(function: Callable[..., Any], name: str) -> Any:
    """The annotation of one parameter; None if there is none or it cannot be resolved."""
    return _hints(function).get(name)


def result_hint(function: Callable[..., Any] | str) -> Any:
    """The annotation of what `function` returns (for a generator, of its `return`); None if there is none."""
    if isinstance(function, str):
        return None
    hint = _hints(function).get("return")
    if inspect.isgeneratorfunction(function):
        arguments = typing.get_args(hint)
        return arguments[2] if len(arguments) == 3 else None
    return None if hint is type(None) else hint


@dataclass(slots=True)
class _Meant:
    """What a function's annotations, all of them text, mean.

    everywhere: True when they mean `hints` in whatever namespace the code runs, False when they do not, None as long as
    only one has been seen.  code: held, so that nothing else gets its id.  namespace: the id of the globals that were
    seen; that one is used again later only delays the conclusion.
    """

    code: types.CodeType
    annotations: dict[str, str]
    namespace: int
    hints: dict[str, Any]
    everywhere: bool | None = None


_MEANT: dict[int, _Meant] = {}  # by the id of the code
_MOST_MEANT = 10_000


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """What the annotations mean; {} if they cannot be resolved.

    To resolve them takes a tenth of a millisecond, and each instance has a namespace and so a function of its own.
    Text that meant the same in two namespaces names nothing that instances have of their own, and is not asked about
    again.
    """
    annotations = getattr(function, "__annotations__", None)
    plain = type(function) is types.FunctionType and not function.__dict__ and type(annotations) is dict
    if not plain or not annotations or not all(type(each) is str for each in annotations.values()):
        return _resolve(function)
    assert isinstance(function, types.FunctionType)
    code, namespace = function.__code__, function.__globals__
    meant = _MEANT.get(id(code))
    if meant is None or meant.annotations != annotations:
        if len(_MEANT) >= _MOST_MEANT:
            _MEANT.clear()
        meant = _MEANT[id(code)] = _Meant(code, dict(annotations), id(namespace), _resolve(function))
        if getattr(sys.modules.get(function.__module__), "__dict__", None) is namespace:
            meant.everywhere = True  # the host's own, of which there is one
        return meant.hints
    if meant.everywhere:
        return meant.hints
    hints = _resolve(function)
    if meant.everywhere is None:
        if hints != meant.hints:
            meant.everywhere = False
            meant.hints = {}  # an instance's own classes, which need not live longer than it
        elif meant.namespace != id(namespace):
            meant.everywhere = bool(hints)
    return hints


def _resolve(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:
        # A hint that names something importable only for the type checker: decode without it.
        return {}


def _key(function: Callable[..., Any]) -> tuple[str, str]:
    return str(getattr(function, "__module__", "")), str(getattr(function, "__qualname__", repr(function)))


def _describe(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', repr(function))}"

"""`pickle` of orchestrations: sets are written in order, and names resolve to the run's own classes.

The pickler in C writes a set as it iterates. It is fast, so it goes first; where it met a set, the pickler in Python,
which can be told how to write one, does it again.
"""

from __future__ import annotations

import _compat_pickle
import io
import pickle
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from ._guards import guarded_getattr
from ._order import in_order, is_unordered
from ._standins import REPLACEMENTS
from ._state import active_run

if TYPE_CHECKING:
    from ._run import Run

_SETS = (set, frozenset)
_SET_REDUCES: tuple[Any, ...] = (set.__reduce__, frozenset.__reduce__)
_MARKS = (b"\x8f", b"\x91", b"set\n")
"""How sets begin: EMPTY_SET, FROZENSET and, before protocol 4, the name of the type. Text may look like it, too."""


_InPython: Any = pickle._Pickler


class Pickler(_InPython):  # type: ignore[misc]
    """`pickle.Pickler` that writes sets in order."""

    dispatch: ClassVar[dict[Any, Any]] = dict(_InPython.dispatch)

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        kind = type(obj)
        if isinstance(obj, _SETS) and kind not in _SETS and kind.__reduce__ in _SET_REDUCES and is_unordered(obj):
            persistent = self.persistent_id(obj) if save_persistent_id else None
            if persistent is None and id(obj) not in self.memo:
                made: Any = obj.__reduce_ex__(self.proto)
                make, _, *rest = made
                self.save_reduce(make, (in_order(obj),), *rest, obj=obj)
                return
        super().save(obj, save_persistent_id)

    def _save_set(self, obj: Any) -> None:
        # Objects that refer back to the set meet it again before it is known: save_reduce takes care of that.
        self.save_reduce(type(obj), (in_order(obj) if is_unordered(obj) else list(obj),), obj=obj)

    dispatch[set] = dispatch[frozenset] = _save_set


class _Seeing(pickle.Pickler):
    """The fast one, which finds out whether it met a set of a class of its own."""

    met = False

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, _SETS):
            self.met = True
        return NotImplemented


def _dumps(obj: Any, protocol: int | None = None, *, fix_imports: bool = True, buffer_callback: Any = None) -> bytes:
    made = io.BytesIO()
    if buffer_callback is None:  # it would be called twice
        first = _Seeing(made, protocol, fix_imports=fix_imports)
        first.dump(obj)
        data = made.getvalue()
        if not first.met and not any(mark in data for mark in _MARKS):
            return data
    made = io.BytesIO()
    Pickler(made, protocol, fix_imports=fix_imports, buffer_callback=buffer_callback).dump(obj)
    return made.getvalue()


def _dump(obj: Any, file: Any, protocol: int | None = None, **options: Any) -> None:
    file.write(_dumps(obj, protocol, **options))


class Unpickler(pickle.Unpickler):
    """`pickle.Unpickler` that finds classes as sandboxed code would import them."""

    def find_class(self, module: str, name: str) -> Any:
        run = active_run("pickle.loads")
        try:
            return _named(run, module, name)
        except (ModuleNotFoundError, AttributeError):
            # Protocols 0 to 2 write the names of Python 2.
            module, name = _compat_pickle.NAME_MAPPING.get((module, name), (module, name))
            return _named(run, _compat_pickle.IMPORT_MAPPING.get(module, module), name)


def _named(run: Run, module: str, name: str) -> Any:
    found = run.sandbox.importer.load(run, module)
    for part in name.split("."):
        found = guarded_getattr(found, part)
    return found


def _load(file: Any, **options: Any) -> Any:
    return Unpickler(file, **options).load()


def _loads(data: Any, /, **options: Any) -> Any:
    return Unpickler(io.BytesIO(data), **options).load()


def _in_pickle(real: ModuleType) -> dict[str, Any]:
    made = {
        "load": _load, "loads": _loads, "Unpickler": Unpickler, "dump": _dump, "dumps": _dumps, "Pickler": Pickler,
    }  # fmt: skip
    return {**made, **{f"_{name}": value for name, value in made.items()}}


for _name, _made in (("load", _load), ("loads", _loads), ("dump", _dump), ("dumps", _dumps)):
    _made.__name__ = _made.__qualname__ = _name
    _made.__module__ = "pickle"
Pickler.__module__ = Unpickler.__module__ = "pickle"
REPLACEMENTS["pickle"] = REPLACEMENTS["_pickle"] = _in_pickle

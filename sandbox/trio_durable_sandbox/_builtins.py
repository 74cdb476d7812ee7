"""The `__builtins__` of sandboxed modules: one dictionary per process, nothing in the real one is touched."""

from __future__ import annotations

import ast
import builtins
import os
import sys
from types import CodeType, MappingProxyType, ModuleType
from typing import Any

from ._dumping import dumping
from ._guards import file, file_of, guard, guarded_getattr
from ._hash import hash_, hash_within
from ._iterating import FUNCTIONS, orderly
from ._members import member, member_within
from ._order import added, each, lazily, ordered, pop, taking, unpacked
from ._ownership import SharedList, changed, mutable
from ._policy_members import BUILTINS_REFUSED
from ._remedies import REMEDIES
from ._replace_dates import dated
from ._replace_modules import debug
from ._rewrite import ATTRIBUTE, BUILTINS_OF, CHANGED, FILE, FILE_OF, MUTABLE, NAMES, rewrite
from ._rewrite_order import (
    ADDED,
    DATED,
    DUMPING,
    EACH,
    HASH,
    HASH_WITHIN,
    IN_ORDER,
    MEMBER,
    MOD,
    ORDERED,
    ORDERLY,
    POP,
    SHOWN,
    SHOWN_ALL,
    TAKING,
    UNPACKED,
)  # fmt: skip
from ._standins import BY_VALUE, REPLACEMENTS, refused
from ._state import MARK, SHARED, active_run, get_run, refuse
from ._text import mod, shown, shown_all

BUILTINS: dict[str, Any] = dict(vars(builtins))


def _import(
    name: str, globals: dict[str, Any] | None = None, locals: Any = None, fromlist: Any = (), level: int = 0
) -> Any:
    run = active_run("__import__")
    return run.sandbox.importer.import_(run, name, globals, fromlist, level)


def _print(*args: Any, **kwargs: Any) -> None:
    run = get_run()
    file = kwargs.get("file")
    silent = run is not None and run.replaying and (file is None or file is sys.stdout or file is sys.stderr)
    if not silent:  # what is written to a buffer of the user's is the orchestration's own affair
        print(*map(shown, args), **kwargs)


def _compile(
    source: Any, filename: Any, mode: str, flags: int = 0, dont_inherit: bool = False, optimize: int = -1, **extra: Any
) -> Any:
    if not flags & ast.PyCF_ONLY_AST:
        if not isinstance(source, ast.AST):
            source = compile(source, filename, mode, flags | ast.PyCF_ONLY_AST, True, optimize, **extra)
        source = rewrite(source, None)
    return compile(source, filename, mode, flags, True, optimize, **extra)


def _scope(globals: Any, locals: Any, depth: int) -> tuple[Any, Any]:
    frame = sys._getframe(depth)
    if globals is None:
        return frame.f_globals, frame.f_locals if locals is None else locals
    given = globals.get("__builtins__", BUILTINS)
    if MARK not in (given if isinstance(given, dict) else ()):  # the module, or what the user wants to be seen
        inside = {key: value for key, value in BUILTINS.items() if key.startswith("_td_") or key == MARK}
        given = BUILTINS if isinstance(given, ModuleType) else {**given, **inside}
    globals["__builtins__"] = given
    return globals, globals if locals is None else locals


def _eval(source: Any, globals: Any = None, locals: Any = None) -> Any:
    code = source if isinstance(source, CodeType) else _compile(_stripped(source), "<string>", "eval")
    return eval(code, *_scope(globals, locals, 2))


def _exec(source: Any, globals: Any = None, locals: Any = None, **extra: Any) -> None:
    code = source if isinstance(source, CodeType) else _compile(source, "<string>", "exec")
    exec(code, *_scope(globals, locals, 2), **extra)


def _stripped(source: Any) -> Any:
    return source.lstrip(" \t") if isinstance(source, str) else source


def _setattr(obj: Any, name: str, value: Any, /) -> None:
    mutable(obj, name)
    setattr(obj, name, value)


def _delattr(obj: Any, name: str, /) -> None:
    mutable(obj, name)
    delattr(obj, name)


def _vars(*args: Any) -> Any:
    return guarded_getattr(args[0], "__dict__") if args else sys._getframe(1).f_locals


def _id(obj: Any, /) -> int:
    if sys._getframe(1).f_code.co_filename.startswith("<"):
        return id(obj)  # generated methods (attrs) guard a recursion with it
    return refuse("id", REMEDIES["identity"], id, obj)  # type: ignore[no-any-return]


def _breakpoint(*args: Any, **kwargs: Any) -> None:
    """The builtin imports the debugger with the `__import__` of its caller, which would be ours."""
    if sys.breakpointhook is sys.__breakpointhook__ and os.environ.get("PYTHONBREAKPOINT", "") in ("", "pdb.set_trace"):
        debug(sys._getframe(1))
    else:
        sys.breakpointhook(*args, **kwargs)


BUILTINS.update(FUNCTIONS)
for _function, _name in (
    (_import, "__import__"), (_print, "print"), (_compile, "compile"), (_eval, "eval"), (_exec, "exec"),
    (guarded_getattr, "getattr"), (_setattr, "setattr"), (_delattr, "delattr"), (hash_, "hash"),
    (_id, "id"), (_vars, "vars"), (_breakpoint, "breakpoint"),
):  # fmt: skip
    BUILTINS[_name] = _function
for _name, _key in BUILTINS_REFUSED.items():
    if _name in BUILTINS:
        real = BUILTINS[_name]
        # One name for one function: the message says what the user wrote, `open`, not `io.open`.
        BUILTINS[_name] = refused(_name, REMEDIES[_key], real if callable(real) else None)
        if isinstance(real, type(len)):
            BY_VALUE.setdefault(real, ("builtins", BUILTINS[_name]))
REPLACEMENTS["builtins"] = lambda real: {key: value for key, value in BUILTINS.items() if not key.startswith("_td_")}
BUILTINS[ATTRIBUTE] = guard
BUILTINS[MUTABLE] = mutable
BUILTINS[CHANGED] = changed
BUILTINS[NAMES] = SharedList
BUILTINS.update({
    ORDERED: ordered, IN_ORDER: lazily, ADDED: added, EACH: each, UNPACKED: unpacked, TAKING: taking, POP: pop,
    ORDERLY: orderly, DUMPING: dumping, DATED: dated, HASH: hash_within, HASH_WITHIN: member_within, MEMBER: member,
    SHOWN: shown, SHOWN_ALL: shown_all, MOD: mod,
})  # fmt: skip
BUILTINS[FILE] = file
BUILTINS[FILE_OF] = file_of
BUILTINS[BUILTINS_OF] = lambda: MappingProxyType(BUILTINS)  # one dictionary for all instances: not to be written to
BUILTINS[MARK] = True
SHARED_BUILTINS: dict[str, Any] = {**BUILTINS, SHARED: True}
"""The same for the modules that all runs share: what they hold must not be changed."""

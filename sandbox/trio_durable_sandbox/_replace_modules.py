"""Replacements of names in `sys`, `os.path`, `importlib`, `operator`, `pdb` and `logging`."""

from __future__ import annotations

import importlib.util
import logging
import operator
import posixpath
import sys
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

from ._guards import guarded_getattr
from ._policy import words
from ._remedies import REMEDIES
from ._replace_library import LOGGING
from ._standins import REPLACEMENTS, RefusedObject, contains, replacement, touch
from ._state import active_run, get_run, refuse

if TYPE_CHECKING:
    from ._run import Run


# -- sys: the standard streams are silent while a run replays -----------------------------------------------------


class Stream:
    """`sys.stdout` or `sys.stderr` of orchestrations."""

    def __init__(self, name: str) -> None:
        self._stream = name

    def write(self, text: str) -> int:
        run = get_run()
        if run is not None and run.replaying:
            return len(text)
        return int(getattr(sys, self._stream).write(text))

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        getattr(sys, self._stream).flush()

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True


class Modules(RefusedObject):
    """`sys.modules` of orchestrations: `sys.modules[__name__]` and the like work, all else is refused."""

    __slots__ = ()

    def __getitem__(self, name: str) -> Any:
        run = active_run("sys.modules")
        found = None if run.unsafe_depth else run.modules.get(str(name))
        return touch(self, operator.getitem, name) if found is None else found

    def get(self, name: str, default: Any = None) -> Any:
        run = active_run("sys.modules")
        found = None if run.unsafe_depth else run.modules.get(str(name))
        return touch(self, dict.get, name, default) if found is None else found

    def __contains__(self, name: str) -> bool:
        run = active_run("sys.modules")
        return str(name) in run.modules or bool(touch(self, contains, name))


def _in_sys(real: ModuleType) -> dict[str, Any]:
    modules = Modules("sys.modules", REMEDIES["modules"], real.modules)
    return {"stdout": Stream("stdout"), "stderr": Stream("stderr"), "modules": modules}


REPLACEMENTS["sys"] = _in_sys


# -- os.path: absolute paths need no working folder ---------------------------------------------------------------


def _in_path(real: ModuleType) -> dict[str, Any]:
    def abspath(run: Run, path: Any) -> Any:
        if real.isabs(path):
            return real.normpath(path)
        return refuse("os.path.abspath of a relative path", REMEDIES["file"], real.abspath, path)

    def relpath(run: Run, path: Any, start: Any = None) -> Any:
        if start is not None and real.isabs(path) and real.isabs(start):
            return real.relpath(path, start)
        return refuse("os.path.relpath from the working folder", REMEDIES["file"], real.relpath, path, start)

    return {
        "abspath": replacement("os.path.abspath", real.abspath)(abspath),
        "relpath": replacement("os.path.relpath", real.relpath)(relpath),
    }


REPLACEMENTS[posixpath.__name__] = _in_path


# -- importlib, operator ------------------------------------------------------------------------------------------


def _in_importlib(real: ModuleType) -> dict[str, Any]:
    def import_module(run: Run, name: str, package: str | None = None) -> Any:
        if name.startswith("."):
            if not package:
                raise TypeError(f"the 'package' argument is required to perform a relative import for {name!r}")
            name = importlib.util.resolve_name(name, package)
        return run.sandbox.importer.load(run, name)

    return {"import_module": replacement("importlib.import_module", real.import_module)(import_module)}


def _in_operator(real: ModuleType) -> dict[str, Any]:
    def attrgetter(*names: str) -> Any:
        def read(obj: Any, path: str) -> Any:
            for name in path.split("."):
                obj = guarded_getattr(obj, name)
            return obj

        real_getter = operator.attrgetter(*names)  # checks the arguments
        del real_getter
        if len(names) == 1:
            return lambda obj: read(obj, names[0])
        return lambda obj: tuple(read(obj, name) for name in names)

    def methodcaller(name: str, /, *args: Any, **kwargs: Any) -> Any:
        operator.methodcaller(name)
        return lambda obj: guarded_getattr(obj, name)(*args, **kwargs)

    return {"attrgetter": attrgetter, "methodcaller": methodcaller}


REPLACEMENTS["importlib"] = _in_importlib
REPLACEMENTS["operator"] = _in_operator


# -- pdb: breakpoints in orchestration code ------------------------------------------------------------------------


def debug(frame: FrameType) -> None:
    """Stop in the user's frame. What is typed at the prompt runs in the orchestration: it may draw from its streams."""
    import pdb

    pdb.Pdb().set_trace(frame)


def _in_pdb(real: ModuleType) -> dict[str, Any]:
    def set_trace(*, header: str | None = None) -> None:
        debug(sys._getframe(1))

    return {"set_trace": set_trace}


REPLACEMENTS["pdb"] = _in_pdb


# -- logging: silent while a run replays --------------------------------------------------------------------------


class Logger(logging.Logger):
    """A logger of the host as orchestrations see it: same name, level and handlers, silent while replaying."""

    def __init__(self, real: logging.Logger) -> None:
        # No call of the base: everything it would set up is read from the real logger.
        self.__dict__["_real"] = real
        self.__dict__["name"] = real.name

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_real"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._configure(f"assignment to Logger.{name}", lambda: setattr(self.__dict__["_real"], name, value))

    def _configure(self, what: str, change: Any) -> None:
        run = get_run()
        if run is None or (run.loading and not run.unsafe_depth):
            return  # the host has executed the same line for real
        refuse(what, REMEDIES["logging"], change)

    level = logging.NOTSET

    def isEnabledFor(self, level: int) -> bool:
        return True  # code that asks must go the same way on every host, and while it replays

    def getEffectiveLevel(self) -> int:
        return logging.NOTSET

    def _log(self, level: int, *args: Any, **kwargs: Any) -> None:
        run = get_run()
        if (run is None or not run.replaying) and self.__dict__["_real"].isEnabledFor(level):
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
            super()._log(level, *args, **kwargs)

    def handle(self, record: logging.LogRecord) -> None:
        run = get_run()
        if run is None:
            self.__dict__["_real"].handle(record)
            return
        if run.replaying:
            return
        run.unsafe_depth += 1  # handlers are the host's: they may open files and look at the clock
        try:
            self.__dict__["_real"].handle(record)
        finally:
            run.unsafe_depth -= 1

    def getChild(self, suffix: str) -> Logger:
        return _logger(self.__dict__["_real"].getChild(suffix).name)

    def setLevel(self, level: int | str) -> None:
        self._configure("Logger.setLevel", lambda: self.__dict__["_real"].setLevel(level))

    def addHandler(self, hdlr: logging.Handler) -> None:
        self._configure("Logger.addHandler", lambda: self.__dict__["_real"].addHandler(hdlr))

    def removeHandler(self, hdlr: logging.Handler) -> None:
        self._configure("Logger.removeHandler", lambda: self.__dict__["_real"].removeHandler(hdlr))

    def addFilter(self, filter: Any) -> None:
        self._configure("Logger.addFilter", lambda: self.__dict__["_real"].addFilter(filter))

    def removeFilter(self, filter: Any) -> None:
        self._configure("Logger.removeFilter", lambda: self.__dict__["_real"].removeFilter(filter))

    def __reduce__(self) -> Any:
        return logging.getLogger, (self.__dict__["name"],)


_loggers: dict[str, Logger] = {}


def _logger(name: str | None = None) -> Logger:
    key = "root" if name is None else str(name)
    made = _loggers.get(key)
    if made is None:
        made = _loggers[key] = Logger(logging.getLogger(key if name is not None else None))
    return made


def _in_logging(real: ModuleType) -> dict[str, Any]:
    def level_function(name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> None:
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
            getattr(_logger(), name)(*args, **kwargs)

        call.__name__ = call.__qualname__ = name
        call.__module__ = "logging"
        return call

    made = {name: level_function(name) for name in words("debug info warning error exception critical log")}
    return {**made, **LOGGING, "warn": made["warning"], "fatal": made["critical"], "getLogger": _logger}


Logger.__module__ = "logging"
REPLACEMENTS["logging"] = _in_logging

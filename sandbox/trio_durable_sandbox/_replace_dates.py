"""Clocks of libraries for dates: `pandas.Timestamp.now()`, `numpy.datetime64("now")`, `dateutil.parser.parse("10:30")`.

Those that start from the present are refused, as their types must stay what they are; `dateutil` is told today's date.
"""

from __future__ import annotations

import datetime as _datetime
import functools
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._policy import words
from ._policy_members import DATED, PRESENT
from ._remedies import REMEDIES
from ._standins import REPLACEMENTS, replacement
from ._state import get_run, is_users, refuse

if TYPE_CHECKING:
    from ._run import Run

_PRESENT = frozenset(words(PRESENT))
_DATED = {name.partition(".")[0] for name in words(DATED)}
_BUILTIN = (_datetime.datetime, _datetime.date)
_EPOCH = _datetime.datetime(1970, 1, 1)


def present(obj: Any, name: str, value: Any) -> Any:
    """`Timestamp.now` and the like, of a library's class of dates; None where it is none or may be called."""
    kind = obj if isinstance(obj, type) else type(obj)
    if name not in _PRESENT or kind in _BUILTIN or not issubclass(kind, _datetime.date):
        return None
    function = getattr(value, "__func__", value)
    run = get_run()
    if run is None or run.unsafe_depth or not callable(value) or is_users(function):
        return None
    if getattr(function, "__module__", None) == __name__.replace("_dates", "_values"):
        return None  # our own, found through a subclass that does not override it
    home = kind.__module__.partition(".")[0]
    if run.sandbox.passes(home):
        return None
    return functools.partial(refuse, f"{home}.{kind.__qualname__}.{name}", REMEDIES["clock"], value)


def dated(function: Any, /) -> Any:
    """`datetime64` or `Timestamp` about to be called; refused where it is given the text "now" or "today"."""
    home = getattr(function, "__module__", None)
    if not isinstance(home, str) or home.partition(".")[0] not in _DATED:
        return function

    def call(*args: Any, **options: Any) -> Any:
        given = args[0] if args else next(iter(options.values()), None)
        if isinstance(given, str) and given.strip().lower() in ("now", "today"):
            api = f"{home.partition('.')[0]}.{function.__name__} of {given!r}"
            return refuse(api, REMEDIES["clock"], function, *args, **options)
        return function(*args, **options)

    return call


def _in_parser(real: ModuleType) -> dict[str, Any]:
    def parse(run: Run, timestr: Any, parserinfo: Any = None, **options: Any) -> Any:
        if options.get("default") is None:
            at = _EPOCH + _datetime.timedelta(microseconds=run.values.now_ns() // 1000)
            options["default"] = at.replace(hour=0, minute=0, second=0, microsecond=0)
        made = real.parse(timestr, parserinfo, **options)
        found = made[0] if isinstance(made, tuple) else made
        if type(found.tzinfo).__name__ != "tzlocal":
            return made
        found = found.replace(tzinfo=None)  # the text names the host's own zone, which elsewhere is an unknown one
        return (found, *made[1:]) if isinstance(made, tuple) else found

    return {"parse": replacement("dateutil.parser.parse", real.parse)(parse)}


def _in_tz(real: ModuleType) -> dict[str, Any]:
    def gettz(run: Run, name: Any = None) -> Any:
        if not name:
            return refuse("dateutil.tz.gettz without a name", REMEDIES["zone"], real.gettz)
        return real.gettz(name)

    made: Callable[..., Any] = replacement("dateutil.tz.gettz", real.gettz)(gettz)
    return {"gettz": made}


REPLACEMENTS["dateutil.parser"] = _in_parser
REPLACEMENTS["dateutil.tz"] = _in_tz

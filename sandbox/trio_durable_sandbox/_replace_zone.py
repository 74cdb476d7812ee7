"""The local time zone is UTC: reading and writing of times, where the C library asks the host for its zone."""

from __future__ import annotations

import calendar
import datetime as _datetime
import functools
import importlib.util
import re
import time as _time
from types import ModuleType
from typing import Any

_DIRECTIVE = re.compile(r"%([-_0^#]*)([0-9]*)[EO]?([sZz%])")


def in_utc(format: str, seconds: Any, *, zone: bool) -> str:
    """A format of `strftime` with the answers for the epoch (`%s`), and the zone if so wanted, put in."""

    def answer(found: re.Match[str]) -> str:
        directive = found[3]
        if directive == "s":
            return str(seconds())
        return {"Z": "UTC", "z": "+0000"}[directive] if zone and directive != "%" else found[0]

    return _DIRECTIVE.sub(answer, format)


def _epoch(value: _datetime.date | _datetime.time) -> int:
    if isinstance(value, _datetime.time):
        value = _datetime.datetime.combine(_datetime.date(1900, 1, 1), value)
    return calendar.timegm(value.timetuple())


def strftime(self: Any, format: str) -> str:
    """`strftime` of dates, datetimes and times: they tell their zone themselves, but not what `%s` means."""
    return self.strftime(in_utc(format, lambda: _epoch(self), zone=False))  # type: ignore[no-any-return]


_OWN_FORMAT = (_datetime.date.__format__, _datetime.datetime.__format__, _datetime.time.__format__)


def formatted(value: Any, spec: str = "", /) -> str:
    """The builtin `format`."""
    if "s" in spec and isinstance(value, _datetime.date | _datetime.time) and type(value).__format__ in _OWN_FORMAT:
        spec = in_utc(spec, lambda: _epoch(value), zone=False)
    return format(value, spec)


@functools.cache
def _strptime() -> ModuleType:
    """The library's own parser, once more, in a world where the local time zone is UTC."""
    spec = importlib.util.find_spec("_strptime")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    clock = ModuleType("time")
    clock.__dict__.update(vars(_time), tzname=("UTC", "UTC"), daylight=0, timezone=0, altzone=0, tzset=lambda: None)
    world: dict[str, Any] = made.__dict__
    world["time"] = clock
    world["_TimeRE_cache"] = made.TimeRE()
    world["_regex_cache"] = {}
    return made


def struct_time_of(text: str, format: str) -> _time.struct_time:
    return _strptime()._strptime_time(text, format)  # type: ignore[no-any-return]


def datetime_of(cls: Any, text: str, format: str) -> Any:
    module = _strptime()
    make = getattr(module, "_strptime_datetime", None) or module._strptime_datetime_datetime
    return make(cls, text, format)

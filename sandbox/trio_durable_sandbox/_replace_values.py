"""Deterministic `time`, `random`, `uuid` and `datetime`: the values of `_values`, in the shapes of the library."""

from __future__ import annotations

import calendar
import datetime as _datetime
import random as _random
import time as _time
import uuid as _uuid
from collections.abc import Callable
from types import MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ._policy import words
from ._remedies import REMEDIES
from ._replace_zone import datetime_of, in_utc, strftime, struct_time_of
from ._standins import REPLACEMENTS, replacement
from ._state import active_run, get_run, violation

if TYPE_CHECKING:
    from ._run import Run

_UTC = _datetime.UTC
_EPOCH = _datetime.datetime(1970, 1, 1)


def _in_time(real: ModuleType) -> dict[str, Any]:
    made: dict[str, Any] = {"timezone": 0, "altzone": 0, "daylight": 0, "tzname": ("UTC", "UTC")}
    for clock in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        made[clock] = replacement(f"time.{clock}", getattr(real, clock, None))(_seconds)
        made[f"{clock}_ns"] = replacement(f"time.{clock}_ns", getattr(real, f"{clock}_ns", None))(_nanoseconds)

    def define(function: Any) -> None:
        name = function.__name__
        made[name] = replacement(f"time.{name}", getattr(real, name, None))(function)

    @define
    def clock_gettime(run: Run, clk_id: int, /) -> float:
        return _seconds(run)

    @define
    def clock_gettime_ns(run: Run, clk_id: int, /) -> int:
        return _nanoseconds(run)

    @define
    def clock_getres(run: Run, clk_id: int, /) -> float:
        return 1e-09

    @define
    def gmtime(run: Run, secs: float | None = None, /) -> _time.struct_time:
        return _time.gmtime(run.values.now_ns() // 1_000_000_000 if secs is None else secs)

    @define
    def localtime(run: Run, secs: float | None = None, /) -> _time.struct_time:
        return _time.gmtime(run.values.now_ns() // 1_000_000_000 if secs is None else secs)

    @define
    def mktime(run: Run, time_tuple: Any, /) -> float:
        return float(calendar.timegm(tuple(time_tuple)))

    @define
    def ctime(run: Run, secs: float | None = None, /) -> str:
        return _time.asctime(_time.gmtime(run.values.now_ns() // 1_000_000_000 if secs is None else secs))

    @define
    def asctime(run: Run, time_tuple: Any = None, /) -> str:
        return _time.asctime(_time.gmtime(run.values.now_ns() // 1_000_000_000) if time_tuple is None else time_tuple)

    @define
    def strftime(run: Run, format: str, time_tuple: Any = None, /) -> str:
        now = _time.gmtime(run.values.now_ns() // 1_000_000_000) if time_tuple is None else time_tuple
        return _time.strftime(in_utc(format, lambda: calendar.timegm(tuple(now)), zone=True), now)

    @define
    def strptime(run: Run, data_string: str, format: str = "%a %b %d %H:%M:%S %Y", /) -> _time.struct_time:
        return struct_time_of(data_string, format)

    return made


def _seconds(run: Run) -> float:
    return run.values.now_ns() / 1_000_000_000


def _nanoseconds(run: Run) -> int:
    return run.values.now_ns()


class Random(_random.Random):
    """`random.Random` whose missing seed comes from the run."""

    def __init__(self, x: Any = None) -> None:
        super().__init__(x)

    def __new__(cls, *args: Any, **kwargs: Any) -> Random:
        # The C constructor seeds from the system when it is given nothing; `seed` below then decides.
        return super().__new__(cls, 0)  # type: ignore[call-arg]

    def seed(self, a: Any = None, version: int = 2) -> None:
        if a is None:
            run = active_run("random.Random")
            a = run.values.entropy() if not run.unsafe_depth else None
        super().seed(a, version)

    def __reduce__(self) -> Any:
        return _restore, (self.getstate(),)


Random.__module__, Random.__qualname__ = "random", "Random"


def _restore(state: Any) -> Random:
    made = Random(0)
    made.setstate(state)
    return made


def _in_random(real: ModuleType) -> dict[str, Any]:
    made: dict[str, Any] = {"Random": Random}
    for name in words(
        "random uniform triangular randint choice randrange sample shuffle choices normalvariate lognormvariate "
        "expovariate vonmisesvariate gammavariate gauss betavariate binomialvariate paretovariate weibullvariate "
        "getstate setstate getrandbits randbytes"
    ):
        if hasattr(real, name):
            made[name] = _stream_method(name, getattr(real, name))

    def seed(run: Run, a: Any = None, version: int = 2) -> None:
        run.values.stream.seed(run.values.entropy() if a is None else a, version)

    made["seed"] = replacement("random.seed", real.seed)(seed)
    return made


def _stream_method(name: str, real: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        run = active_run("random." + name)
        if run.unsafe_depth:
            return real(*args, **kwargs)
        return getattr(run.values.stream, name)(*args, **kwargs)

    call.__name__ = call.__qualname__ = name
    call.__module__, call.__doc__ = "random", real.__doc__
    return call


def _in_uuid(real: ModuleType) -> dict[str, Any]:
    return {
        "uuid1": replacement("uuid.uuid1", _uuid.uuid1)(
            lambda run, node=None, clock_seq=None: run.values.uuid1(node, clock_seq)
        ),
        "uuid4": replacement("uuid.uuid4", _uuid.uuid4)(lambda run: run.values.uuid4()),
        "uuid6": replacement("uuid.uuid6", getattr(real, "uuid6", None))(
            lambda run, node=None, clock_seq=None: run.values.uuid6(node, clock_seq)
        ),
        "uuid7": replacement("uuid.uuid7", getattr(real, "uuid7", None))(lambda run: run.values.uuid7()),
    }


REPLACEMENTS["time"] = _in_time
REPLACEMENTS["random"] = _in_random
REPLACEMENTS["uuid"] = _in_uuid


# -- locks that are never contended -------------------------------------------------------------------------------


class Lock:
    """A lock that orchestration code may take and release; waiting for it would never end."""

    _reentrant = False

    def __init__(self) -> None:
        self._held = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if self._held and not self._reentrant:
            if not blocking:
                return False
            raise violation("threading.Lock.acquire of a lock that is held", REMEDIES["lock"])
        self._held += 1
        return True

    def release(self) -> None:
        if not self._held:
            raise RuntimeError("release unlocked lock")
        self._held -= 1

    def locked(self) -> bool:
        return bool(self._held)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc: object) -> None:
        self.release()


class RLock(Lock):
    _reentrant = True


for _lock in (Lock, RLock):
    _lock.__module__, _lock.__qualname__ = "threading", _lock.__name__
REPLACEMENTS["threading"] = lambda real: {"Lock": Lock, "RLock": RLock}
REPLACEMENTS["_thread"] = lambda real: {"allocate_lock": Lock, "RLock": RLock}


# -- members of datetime's types: called by the attribute guard ---------------------------------------------------


def _unsafe() -> bool:
    run = get_run()
    return run is not None and run.unsafe_depth > 0


def now(cls: Any, tz: Any = None) -> Any:
    run = active_run("datetime.now")
    at = _EPOCH + _datetime.timedelta(microseconds=run.values.now_ns() // 1000)
    made = cls(at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, tz)
    return made if tz is None else tz.fromutc(made)


def _datetime_fromtimestamp(cls: Any, timestamp: Any, tz: Any = None) -> Any:
    if tz is not None:
        return cls.fromtimestamp(timestamp, tz)
    return cls.fromtimestamp(timestamp, _UTC).replace(tzinfo=None)


def _date_today(cls: Any) -> Any:
    at = _EPOCH + _datetime.timedelta(microseconds=active_run("date.today").values.now_ns() // 1000)
    return cls(at.year, at.month, at.day)


def _date_fromtimestamp(cls: Any, timestamp: Any) -> Any:
    at = _datetime.datetime.fromtimestamp(timestamp, _UTC)
    return cls(at.year, at.month, at.day)


def _astimezone(self: _datetime.datetime, tz: Any = None) -> Any:
    if self.utcoffset() is None:
        self = self.replace(tzinfo=_UTC)
    return self.astimezone(_UTC if tz is None else tz)


def _timestamp(self: _datetime.datetime) -> float:
    return (self if self.utcoffset() is not None else self.replace(tzinfo=_UTC)).timestamp()


DATETIME_CLASS_METHODS: dict[tuple[str, str], Callable[..., Any]] = {
    ("datetime", "now"): now,
    ("datetime", "utcnow"): lambda cls: now(cls),
    ("datetime", "today"): lambda cls: now(cls),
    ("datetime", "fromtimestamp"): _datetime_fromtimestamp,
    ("datetime", "strptime"): datetime_of,
    ("date", "today"): _date_today,
    ("date", "fromtimestamp"): _date_fromtimestamp,
}
DATETIME_METHODS: dict[str, Callable[..., Any]] = {
    "astimezone": _astimezone, "timestamp": _timestamp, "strftime": strftime,
}  # fmt: skip
_TIMES = (_datetime.datetime, _datetime.date, _datetime.time)


def datetime_member(value: Any) -> Any:
    """The replacement of a bound or unbound C method of datetime's types, or None.

    `value` is what attribute access gave: it tells the definer even behind instances, subclasses and `super()`.
    """
    self = value.__self__
    if isinstance(self, type):
        if issubclass(self, _datetime.date):
            kind = "datetime" if issubclass(self, _datetime.datetime) else "date"
            made = DATETIME_CLASS_METHODS.get((kind, value.__name__))
            if made is not None and not _unsafe():
                return MethodType(made, self)
    elif isinstance(self, _TIMES) and value.__name__ in DATETIME_METHODS and not _unsafe():
        return MethodType(DATETIME_METHODS[value.__name__], self)
    return None


def datetime_descriptor(value: Any) -> Any:
    """The replacement of `datetime.timestamp`, `astimezone` and `strftime` read from the class, or None."""
    if value.__objclass__ in _TIMES and value.__name__ in DATETIME_METHODS:
        return DATETIME_METHODS[value.__name__]
    return None

"""Clocks and entropy that functions of the standard library read on the side: archives, e-mail, cookies, log records.

Functions and classes are replaced where the module is imported (`REPLACEMENTS`). Methods of types that stay what they
are, such as `ZipFile.writestr`, are replaced where user code reads them: the guard asks `library_method`.
"""

from __future__ import annotations

import calendar
import io
import logging
import time as _time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ._remedies import REMEDIES
from ._standins import REPLACEMENTS, replacement
from ._state import active_run, get_run, refuse

if TYPE_CHECKING:
    from ._run import Run

Method = Callable[..., Any]


def _now(run: Run) -> int:
    return run.values.now_ns() // 1_000_000_000


def _in_place_of(real: type, body: dict[str, Any]) -> Any:
    """A subclass for `real`; what others have made of `real` is an instance of it as well."""

    def __instancecheck__(cls: type, instance: object) -> bool:
        return isinstance(instance, real) if cls is made else type.__instancecheck__(cls, instance)

    meta = type("type", (type(real),), {"__instancecheck__": __instancecheck__})
    made: Any = meta(real.__name__, (real,), {"__module__": real.__module__, "__qualname__": real.__qualname__, **body})
    return made


# -- gzip: the time in the header ----------------------------------------------------------------------------------


def _in_gzip(real: ModuleType) -> dict[str, Any]:
    def compress(run: Run, data: Any, compresslevel: int = 9, *, mtime: float | None = None) -> bytes:
        return real.compress(data, compresslevel, mtime=_now(run) if mtime is None else mtime)  # type: ignore[no-any-return]

    def init(
        self: Any, filename: Any = None, mode: Any = None, compresslevel: int = 9, fileobj: Any = None,
        mtime: float | None = None,
    ) -> None:  # fmt: skip
        run = active_run("gzip.GzipFile")
        if fileobj is None:
            refuse("gzip.GzipFile", REMEDIES["file"], lambda: None)
        if mtime is None and not run.unsafe_depth:
            mtime = _now(run)
        real.GzipFile.__init__(self, filename, mode, compresslevel, fileobj, mtime)

    GzipFile = _in_place_of(real.GzipFile, {"__init__": init})

    def open_(run: Run, filename: Any, mode: str = "rb", compresslevel: int = 9, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(filename, "read") and not hasattr(filename, "write"):
            return refuse("gzip.open", REMEDIES["file"], real.open, filename, mode, compresslevel, *args, **kwargs)
        if "r" in mode:
            return real.open(filename, mode, compresslevel, *args, **kwargs)
        made = GzipFile(None, mode.replace("t", ""), compresslevel, filename)
        return io.TextIOWrapper(made, *args, **kwargs) if "t" in mode else made

    return {
        "compress": replacement("gzip.compress", real.compress)(compress),
        "open": replacement("gzip.open", real.open)(open_),
        "GzipFile": GzipFile,
    }


# -- logging: records and their formatting -------------------------------------------------------------------------


def _of_the_run(self: logging.LogRecord, *args: Any, **kwargs: Any) -> None:
    logging.LogRecord.__init__(self, *args, **kwargs)
    run = get_run()
    if run is not None and not run.unsafe_depth:
        now = run.values.now_ns()
        self.created, self.msecs, self.relativeCreated = now / 1e9, float(now // 1_000_000 % 1000), 0.0
        for name in ("thread", "threadName", "process", "processName", "taskName"):
            if name in self.__dict__:
                self.__dict__[name] = None


LogRecord = _in_place_of(logging.LogRecord, {"__init__": _of_the_run})
Formatter = _in_place_of(logging.Formatter, {"converter": staticmethod(_time.gmtime)})


def make_log_record(attributes: dict[str, Any]) -> Any:
    made = LogRecord(None, None, "", 0, "", (), None, None)
    made.__dict__.update(attributes)
    return made


make_log_record.__name__ = make_log_record.__qualname__ = "makeLogRecord"
make_log_record.__module__ = "logging"
LOGGING: dict[str, Any] = {"LogRecord": LogRecord, "Formatter": Formatter, "makeLogRecord": make_log_record}


# -- e-mail ----------------------------------------------------------------------------------------------------------


def _in_email(real: ModuleType) -> dict[str, Any]:
    def formatdate(run: Run, timeval: float | None = None, localtime: bool = False, usegmt: bool = False) -> Any:
        return real.formatdate(_now(run) if timeval is None else timeval, False, usegmt)

    def mktime_tz(run: Run, data: Any) -> int:
        return calendar.timegm((*data[:8], 0)) - (data[9] or 0)

    return {
        "formatdate": replacement("email.utils.formatdate", real.formatdate)(formatdate),
        "mktime_tz": replacement("email.utils.mktime_tz", real.mktime_tz)(mktime_tz),
    }


@contextmanager
def _complete(run: Run, message: Any, unixfrom: bool) -> Iterator[None]:
    """Give every part that needs a boundary one, which the generator would draw; and the envelope a time."""
    for part in message.walk():
        several = part.get_content_maintype() == "multipart" and isinstance(part.get_payload(), list | None)
        if several and part.get_boundary() is None:
            number = int.from_bytes(run.values.next_block("boundary")[:8], "big")
            part.set_boundary(f"{'=' * 15}{number % (2**63 - 1):019d}==")
    before = message.get_unixfrom()
    if unixfrom and not before:
        message.set_unixfrom("From nobody " + _time.asctime(_time.gmtime(_now(run))))
    try:
        yield
    finally:
        message.set_unixfrom(before)


def _message_text(run: Run, real: Method, self: Any, unixfrom: bool = False, *args: Any, **kwargs: Any) -> Any:
    with _complete(run, self, unixfrom):
        return real(self, unixfrom, *args, **kwargs)


def _message_shown(run: Run, real: Method, self: Any) -> Any:
    with _complete(run, self, False):
        return real(self)


def _flatten(run: Run, real: Method, self: Any, msg: Any, unixfrom: bool = False, *args: Any, **kwargs: Any) -> Any:
    with _complete(run, msg, unixfrom):
        return real(self, msg, unixfrom, *args, **kwargs)


# -- others ----------------------------------------------------------------------------------------------------------


def _cookie_text(run: Run, real: Method, self: Any, *args: Any, **kwargs: Any) -> Any:
    """`expires` may be a number of seconds from now."""
    from email.utils import formatdate

    morsels = [self] if "Morsel" in [kind.__name__ for kind in type(self).__mro__] else list(self.values())
    relative = [(morsel, morsel["expires"]) for morsel in morsels if isinstance(morsel["expires"], int)]
    try:
        for morsel, seconds in relative:
            dict.__setitem__(morsel, "expires", formatdate(_now(run) + seconds, usegmt=True))
        return real(self, *args, **kwargs)
    finally:
        for morsel, seconds in relative:
            dict.__setitem__(morsel, "expires", seconds)


def _writestr(run: Run, real: Method, self: Any, zinfo_or_arcname: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
    import zipfile

    if not isinstance(zinfo_or_arcname, zipfile.ZipInfo):
        at = _time.gmtime(max(_now(run), 315_532_800))[:6]  # the format begins in 1980
        made = zipfile.ZipInfo(zinfo_or_arcname, at)
        made.compress_type = self.compression
        for name in ("_compresslevel", "compress_level"):  # the second one since 3.13
            if hasattr(made, name):
                setattr(made, name, self.compresslevel)
        folder = made.filename.endswith("/")
        made.external_attr = 0o40775 << 16 | 0x10 if folder else 0o600 << 16
        zinfo_or_arcname = made
    return real(self, zinfo_or_arcname, data, *args, **kwargs)


def _samples(run: Run, real: Method, self: Any, n: int, *, seed: Any = None) -> list[float]:
    if seed is not None:
        return real(self, n, seed=seed)  # type: ignore[no-any-return]
    standard, mean, deviation = type(self)(), self.mean, self.stdev
    drawn = (run.values.stream.random() or 0.5 for _ in range(n))  # 0 has no place in the distribution
    return [mean + deviation * standard.inv_cdf(part) for part in drawn]


def _open_tar(run: Run, real: Method, cls: Any, name: Any = None, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
    if not args and kwargs.get("fileobj") is None:
        return refuse("tarfile.open", REMEDIES["file"], real, cls, name, mode, *args, **kwargs)
    if mode[:1] in ("w", "x") and mode.endswith("gz"):
        return refuse("tarfile.open", REMEDIES["gzip"], real, cls, name, mode, *args, **kwargs)
    return real(cls, name, mode, *args, **kwargs)


_METHODS: dict[str, tuple[str, str, Method]] = {
    # Qualified name -> module, what it is called in errors, what takes its place
    "ZipFile.writestr": ("zipfile", "zipfile.ZipFile.writestr", _writestr),
    "NormalDist.samples": ("statistics", "statistics.NormalDist.samples", _samples),
    "TarFile.open": ("tarfile", "tarfile.open", _open_tar),
    "Generator.flatten": ("email.generator", "email.generator.Generator.flatten", _flatten),
    **{f"{kind}.{name}": ("email.message", f"email.message.Message.{name}", _message_text)
       for kind, names in (("Message", "as_string as_bytes"), ("MIMEPart", "as_string"))
       for name in names.split()},
    **{f"{kind}.__str__": ("email.message", "str of an e-mail", _message_shown) for kind in ("Message", "MIMEPart")},
    **{f"{kind}.{name}": ("http.cookies", f"http.cookies.{kind}.{name}", _cookie_text)
       for kind, names in (("Morsel", "output OutputString js_output"), ("BaseCookie", "output js_output"))
       for name in names.split()},
}  # fmt: skip


def library_method(value: Any) -> Any:
    """What takes the place of a function or bound method of the standard library, or None."""
    function = value.__func__ if type(value) is MethodType else value
    found = _METHODS.get(function.__qualname__) if type(function) is FunctionType else None
    if found is None or not function.__module__.startswith(found[0]):  # zipfile is a package since 3.12
        return None
    _, api, made = found
    bound = () if value is function else (value.__self__,)

    def call(*args: Any, **kwargs: Any) -> Any:
        run = active_run(api)
        return value(*args, **kwargs) if run.unsafe_depth else made(run, function, *bound, *args, **kwargs)

    call.__name__, call.__qualname__ = function.__name__, function.__qualname__
    call.__module__, call.__doc__ = function.__module__, function.__doc__
    return call


def library_text(value: Any) -> Callable[[], str] | None:
    """What takes the place of `value.__str__`, where the library's own reads a clock or draws; or None."""
    return library_method(MethodType(type(value).__str__, value))  # type: ignore[no-any-return]


def has_library_text(kind: type) -> bool:
    """Whether objects of this type may be such."""
    method: Any = kind.__str__
    return type(method) is FunctionType and method.__qualname__ in _METHODS


# -- pprint: sets in order, no addresses; silent while a run replays ------------------------------------------------


def _in_pprint(real: ModuleType) -> dict[str, Any]:
    from ._replace_modules import Stream
    from ._text import text

    def init(self: Any, *args: Any, **options: Any) -> None:
        if len(args) < 4 and options.get("stream") is None:
            options["stream"] = Stream("stdout")
        real.PrettyPrinter.__init__(self, *args, **options)

    def format_(self: Any, object: Any, context: Any, maxlevels: int, level: int) -> Any:
        made, *rest = real.PrettyPrinter.format(self, object, context, maxlevels, level)
        nested = type(object) in (dict, list, tuple)  # whose items come here one by one
        return made if nested else text(object) if made == repr(object) else made, *rest

    Printer: Any = _in_place_of(real.PrettyPrinter, {"__init__": init, "format": format_})

    def pformat(object: Any, *args: Any, **options: Any) -> str:
        return Printer(*args, **options).pformat(object)  # type: ignore[no-any-return]

    def pprint(object: Any, stream: Any = None, *args: Any, **options: Any) -> None:
        Printer(*args, stream=stream, **options).pprint(object)

    def pp(object: Any, *args: Any, sort_dicts: bool = False, **options: Any) -> None:
        pprint(object, *args, sort_dicts=sort_dicts, **options)

    def saferepr(object: Any) -> str:
        return Printer().format(object, {}, 0, 0)[0]  # type: ignore[no-any-return]

    made = {"pprint": pprint, "pp": pp, "pformat": pformat, "saferepr": saferepr}
    for name, function in made.items():
        function.__name__ = function.__qualname__ = name
        function.__module__ = "pprint"
    return {**made, "PrettyPrinter": Printer}


REPLACEMENTS["pprint"] = _in_pprint
REPLACEMENTS["gzip"] = _in_gzip
REPLACEMENTS["email.utils"] = _in_email

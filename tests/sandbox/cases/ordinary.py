"""Ordinary Python: all of this works inside as it does outside."""
from __future__ import annotations

import abc
import collections
import contextlib
import copy
import dataclasses
import decimal
import enum
import functools
import inspect
import itertools
import json
import logging
import pickle
import re
import string
import textwrap
import traceback
import typing
import warnings
import zoneinfo
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from typing import ClassVar, Generic, NamedTuple, Protocol, TypedDict, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)
Functional = enum.Enum("Functional", "A B")


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Flags(enum.IntFlag):
    A = enum.auto()
    B = enum.auto()


class Point(NamedTuple):
    x: int
    y: int = 0


class Options(TypedDict, total=False):
    name: str
    at: datetime


@typing.runtime_checkable
class Speaks(Protocol):
    def speak(self) -> str: ...


class Base(abc.ABC):
    @abc.abstractmethod
    def speak(self) -> str: ...


class Dog(Base):
    def speak(self) -> str:
        return "wuff"


@dataclass(frozen=True, order=True, slots=True)
class Money:
    amount: int
    currency: str = "EUR"
    kinds: ClassVar[int] = 3


@dataclass
class Cart:
    items: list[Money] = field(default_factory=list)
    owner: typing.Optional[Point] = None


class Box(Generic[T]):
    def __init__(self, item: T) -> None:
        self.item = item


@functools.cache
def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def annotated(cart: Cart, at: datetime, *, color: Color = Color.RED) -> Money: ...


@functools.singledispatch
def show(value):
    return "any"


@show.register
def _(value: int):
    return "int"


def case_dataclasses():  # works
    a = Cart([Money(1)], Point(1))
    assert a == copy.deepcopy(a) and dataclasses.replace(Money(1), amount=2) > Money(1)
    assert Money.__module__ == __name__ and hash(Money(1)) == hash(Money(1))
    return dataclasses.asdict(a), Money(3), [f.name for f in dataclasses.fields(Money)]


def case_enums():  # works
    return Color.RED, Color(2), Color["BLUE"], Flags.A | Flags.B, list(Color), Functional.B


def case_named_tuple():  # works
    return Point(1)._replace(y=5), Point(1)._asdict(), collections.namedtuple("N", "a b")(1, 2)


def case_protocol():  # works
    return isinstance(Dog(), Speaks), isinstance(Dog(), Base), isinstance(3, Speaks)


def case_abc():  # works
    try:
        Base()
    except TypeError as e:
        return "abstract" in str(e)


def case_type_hints():  # works
    hints = typing.get_type_hints(annotated)
    assert hints["cart"] is Cart and hints["return"] is Money
    assert typing.get_type_hints(Cart)["owner"] == typing.Optional[Point]
    assert typing.get_type_hints(Options)["at"] is datetime
    return sorted(hints)


def case_signature():  # works
    return str(inspect.signature(annotated)), inspect.iscoroutinefunction(annotated)


def case_pickle():  # works
    cart = Cart([Money(1, "USD")], Point(1, 2))
    back = [pickle.loads(pickle.dumps(cart, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    assert all(b == cart and type(b) is Cart and type(b.items[0]) is Money for b in back)
    return pickle.loads(pickle.dumps([Color.RED, Flags.A, Dog().speak(), fib, Functional.A]))[:2]


def case_pickle_refuses():  # works
    data = b"\x80\x04\x8c\x02os\x8c\x06getcwd\x93."
    return callable(pickle.loads(data))


def case_match():  # works
    def kind(x):
        match x:
            case Color.RED:
                return "red"
            case Money(amount=a, currency="EUR") if a > 1:
                return f"eur{a}"
            case datetime(year=y):
                return y
            case {"now": n, **rest}:
                return n, rest
            case [first, *_]:
                return first
            case Point(x, y):
                return x
        return None
    return [kind(v) for v in (Color.RED, Money(5), datetime(2020, 1, 1), {"now": 1, "b": 2}, [7, 8], 3)]


def case_json():  # works
    return json.dumps({"a": [1, None, 2.5], "b": "ü"}, sort_keys=True), json.loads('{"x": [1]}')


def case_regex():  # works
    return re.sub(r"(\w)-(\w)", r"\2-\1", "a-b"), re.compile("x+").findall("axxbx")


def case_decimal():  # works
    with decimal.localcontext() as c:
        c.prec = 5
        third = decimal.Decimal(1) / 3
    return third, Fraction(1, 3) + 1


def case_cache():  # works
    return fib(50), fib.cache_info().misses


def case_zoneinfo():  # works
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    return datetime(2024, 7, 1, 12, tzinfo=berlin), datetime.now(berlin), datetime(2024, 7, 1, tzinfo=timezone.utc).astimezone(berlin)


def case_logging():  # works
    log.info("to %s", "the log")
    logging.getLogger("other").debug("x")
    log.setLevel
    return isinstance(log, logging.Logger), log.name, logging.INFO, log.isEnabledFor(logging.CRITICAL)


def case_print():  # works
    print("printed", end="", file=None)
    return print.__name__ is not None


def case_traceback():  # works
    try:
        raise ValueError("with source")  # the line
    except ValueError:
        text = traceback.format_exc()
    assert 'raise ValueError("with source")  # the line' in text, text
    return "ordinary.py" in text


def case_generic():  # works
    return Box[int](3).item, Box.__parameters__ == (T,)


def case_singledispatch():  # works
    return show(3), show("x")


def case_itertools():  # works
    return list(itertools.accumulate([1, 2, 3])), list(itertools.pairwise("abc")), collections.Counter("aab").most_common()


def case_contextlib():  # works
    @contextlib.contextmanager
    def manager():
        yield 5
    with manager() as five, contextlib.suppress(KeyError):
        {}[0]
    with contextlib.ExitStack() as stack:
        stack.enter_context(manager())
    return five


def case_closures_and_classes():  # works
    class Inner:
        def __init__(self):
            self.__private = 1

        now = 3

        def now_of(self):
            return self.now, self.__private
    made = Inner()
    made.now += 1
    del made.now
    return made.now_of(), Inner.__qualname__


def case_generators():  # works
    def count():
        got = yield 1
        yield got
    g = count()
    return next(g), g.send(5), list(x * x for x in range(3))


def case_exceptions():  # works
    try:
        raise ExceptionGroup("g", [ValueError(1), KeyError(2)])
    except* ValueError as group:
        found = group.exceptions
    except* KeyError as group:
        found += group.exceptions
    return repr(found)


def case_super_and_properties():  # works
    class A:
        @property
        def time(self):
            return "own time"

        def __getattribute__(self, name):
            return super().__getattribute__(name)

        def __getattr__(self, name):
            return name
    return A().time, A().random, A().now, vars(A())


def case_formatting():  # works
    return f"{3.14159:.2f} {'a'!r:>5}", string.Template("$x").substitute(x=1), textwrap.dedent("  a"), "%05d" % 3


def case_warnings():  # works
    with warnings.catch_warnings(record=True) as seen:
        warnings.warn("x", UserWarning)
    return len(seen) <= 1


def case_walrus_and_comprehensions():  # works
    return [y for x in range(5) if (y := x * 2) > 2], {k: v for k, v in zip("ab", [1, 2])}


def case_getattr_default():  # works
    return getattr(Point(1), "z", None), hasattr(Point(1), "x"), getattr(Color.RED, "name")


def case_setattr():  # works
    box = Box(1)
    setattr(box, "now", 5)
    Box.extra = 3
    delattr(box, "now")
    return box.item, Box.extra


def case_timedelta():  # works
    return timedelta(hours=1) + datetime(2024, 1, 1), timedelta(1) / timedelta(hours=1)


def case_name_is_plain():  # works
    assert type(__name__) is str and type(Money.__module__) is str and {__name__: 1}["ordinary"]
    return __name__


async def case_coroutine():  # works
    async def inner():
        return 5

    async def agen():
        yield 1
        yield 2
    return await inner(), [x async for x in agen()]


def case_pickle_of_sets():  # works
    words = {"pear", "apple", "fig", "plum"}
    data = pickle.dumps({"words": words, "frozen": (frozenset(words), 1)})
    back = pickle.loads(data)
    assert back == {"words": words, "frozen": (frozenset(words), 1)} and type(back["words"]) is set and type(words) is set
    return data


def case_old_pickle_protocols():  # works
    value = [{"a": 1}, frozenset("b"), Point(1, 2), range(3), collections.OrderedDict(a=1)]
    return [pickle.loads(pickle.dumps(value, protocol)) == value for protocol in range(6)]

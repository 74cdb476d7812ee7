# ruff: noqa: E501 (user modules on one line)
"""The shared tier: modules that hold no state are executed once, and nobody can tell."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import re
import sys
import threading
import types
from typing import Any

import pytest
from trio_durable_sandbox import Sandbox, SandboxLoadError, SandboxViolationError
from trio_durable_sandbox._state import get_run

MODELS = {
    "dataclass": "from dataclasses import dataclass, field\nfrom uuid import uuid4\n@dataclass\nclass M:\n    x: int = 1\n    tags: list[str] = field(default_factory=list)\n    id: object = field(default_factory=uuid4)\n",
    "slots": "from dataclasses import dataclass\n@dataclass(frozen=True, slots=True, order=True)\nclass M:\n    x: int = 1\n",
    "enum": "import enum\nclass M(enum.Enum):\n    A = 1\n    B = 'b'\n    @property\n    def label(self): return self.name.lower()\n",
    "flags": "from enum import IntFlag, auto\nclass M(IntFlag):\n    A = auto()\n    B = auto()\nBOTH = M.A | M.B\n",
    "enum with __init__": "import enum\nclass M(enum.Enum):\n    A = (1, 'one')\n    def __init__(self, n, label):\n        self.n = n\n        self.label = label\n",
    "NamedTuple": "from typing import NamedTuple\nclass M(NamedTuple):\n    x: int\n    y: str = ''\n",
    "namedtuple": "from collections import namedtuple\nM = namedtuple('M', ['x', 'y'])\n",
    "TypedDict": "from typing import TypedDict\nclass M(TypedDict, total=False):\n    x: int\n",
    "Protocol": "from typing import Protocol, runtime_checkable\n@runtime_checkable\nclass M(Protocol):\n    def f(self) -> int: ...\n",
    "ABC": "import abc\nclass M(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\nclass N(M):\n    def f(self): return 1\n",
    "generic": "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass M(Generic[T]):\n    def __init__(self, x: T) -> None:\n        self.x = x\n",
    "errors": "class M(Exception):\n    def __init__(self, code):\n        super().__init__(code)\n        self.code = code\n",
    "functions": "import math\nfrom functools import wraps\nLIMIT = 3\nNAMES = ('a', 'b')\nKNOWN = frozenset({'x', 'y'})\n__all__ = ['M', 'LIMIT']\ndef M(x: int = LIMIT, *, y: str = 'a') -> float:\n    total = {}\n    total[x] = 1\n    return math.sqrt(x)\ndef twice(f):\n    @wraps(f)\n    def call(*a): return f(*a), f(*a)\n    call.count = 0\n    return call\n",
    "constants": "import re\nimport datetime as dt\nfrom typing import TYPE_CHECKING, Final\nif TYPE_CHECKING:\n    import trio\nM: Final = re.compile('x+')\nWEEK = dt.timedelta(days=7)\nTEXT = ', '.join(('a', 'b')) + '!'\nSECONDS = 24 * 60 * 60\ntry:\n    import tomllib\nexcept ImportError:\n    tomllib = None\n",
    "logger": "import logging\nM = logging.getLogger(__name__)\ndef f(): M.info('x')\n",
    "property and class methods": "class M:\n    kind = 'm'\n    def __init__(self, x):\n        self._x = x\n    @property\n    def x(self): return self._x\n    @x.setter\n    def x(self, value): self._x = value\n    @classmethod\n    def make(cls, x): return cls(x)\n    @staticmethod\n    def f(): return 1\n",
    "context managers": "from contextlib import contextmanager\n@contextmanager\ndef M():\n    yield 1\n",
    "main block": "def M(): pass\nif __name__ == '__main__':\n    state = []\n    M()\n",
    "frozen dataclass with __post_init__": "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass M:\n    x: int\n    def __post_init__(self):\n        object.__setattr__(self, 'x', self.x + 1)\n",
    "pydantic": "from pydantic import BaseModel, ConfigDict, Field, field_validator\nclass M(BaseModel):\n    model_config = ConfigDict(frozen=True)\n    x: int = Field(default=1, gt=0)\n    tags: tuple[str, ...] = ()\n    names: list[str] = Field(default_factory=list)\n    @field_validator('x')\n    @classmethod\n    def even(cls, v): return v\n",
    "models with lists": "from pydantic import BaseModel\nclass Base(BaseModel): ...\nclass M(Base):\n    x: list[int] = []\n    y: dict[str, int] = {'a': 1}\n    z: set[str] = set()\n",
    "msgspec with a list": "import msgspec\nclass M(msgspec.Struct):\n    x: list = []\n    y: dict = {}\n",
    "nested defaults of models": "from pydantic import BaseModel, Field\nclass M(BaseModel):\n    more: dict[str, list[int]] = {'a': [1]}\n    last: list = Field(default=[], examples=[[1]])\n",
    "decimals": "from decimal import Decimal\nM = Decimal('0.19')\nWEEK = 7 * 24\nKINDS = frozenset({'a', 'b'})\n",
    "attrs": "import attrs\n@attrs.define\nclass M:\n    x: int = attrs.field(default=1, validator=attrs.validators.instance_of(int))\n    tags: list = attrs.field(factory=list)\n",
    "msgspec": "import msgspec\nclass M(msgspec.Struct, frozen=True):\n    x: int = 1\n",
    "annotated": "from typing import Annotated\nfrom pydantic import Field\nPositive = Annotated[int, 'positive']\nclass M:\n    x: Positive\n",
}  # fmt: skip

STATE = {
    "a list": ("M = []\n", "line 1: a list"),
    "a dict": ("import re\nM = {'a': 1}\n", "line 2: a dict"),
    "a set": ("M = {1, 2}\n", "a set"),
    "a list in a tuple": ("M = (1, [])\n", "a list"),
    "a comprehension": ("M = [x for x in (1, 2)]\n", "a list"),
    "a generator": ("M = (x for x in (1, 2))\n", "generator"),
    "global": ("n = 0\ndef M():\n    global n\n    n += 1\n    return n\n", "line 3: `global n`"),
    "lru_cache": ("from functools import lru_cache\n@lru_cache\ndef M(x): return object()\n", "decorator lru_cache"),
    "cache on a method": ("import functools\nclass M:\n    @functools.cache\n    def f(self): return []\n", "functools.cache"),
    "singledispatch": ("from functools import singledispatch\n@singledispatch\ndef M(x): ...\n", "singledispatch"),
    "class attribute list": ("class M:\n    items = []\n", "line 2: a list"),
    "class counter": ("class M:\n    count = 0\n    def __init__(self):\n        M.count += 1\n", "line 4: an assignment to M.count"),
    "class counter by type": ("class M:\n    count = 0\n    def __init__(self):\n        type(self).count += 1\n", "reaches a class"),
    "class counter by __class__": ("class M:\n    count = 0\n    def __init__(self):\n        self.__class__.count += 1\n", "reaches a class"),
    "class method": ("class M:\n    last = None\n    @classmethod\n    def f(cls, x): cls.last = x\n", "cls.last"),
    "setattr": ("class M: pass\ndef f(x): setattr(M, 'x', x)\n", "setattr"),
    "mutable default": ("def M(x, seen=[]):\n    seen.append(x)\n    return seen\n", "line 1: a list"),
    "mutable default of a lambda": ("M = lambda x, seen=[]: seen.append(x)\n", "a list"),
    "keyword default": ("def M(*, seen={}): return seen\n", "a dict"),
    "function attribute": ("def M():\n    M.calls = 1\n", "M.calls"),
    "function attribute at once": ("def M(): ...\nM.calls = 0\n", "assignment to M.calls"),
    "a registry": ("REGISTRY = dict()\ndef M(c): REGISTRY[c.__name__] = c\n", "the call of dict"),
    "a registry in a base class": ("class M:\n    kinds = ()\n    def __init_subclass__(cls): M.kinds += (cls,)\n", "M.kinds"),
    "__init_subclass__ with a call": ("def note(c): ...\nclass M:\n    def __init_subclass__(cls): note(cls)\n", "executed when a class is made"),
    "a metaclass": ("class Meta(type): ...\nclass M(metaclass=Meta): ...\n", "builtins.type|base class type|class keyword metaclass"),
    "a counter": ("import itertools\nM = itertools.count()\n", r"itertools\.count"),
    "a context variable": ("from contextvars import ContextVar\nM = ContextVar('M')\n", "ContextVar"),
    "thread local": ("import threading\nM = threading.local()\n", r"threading\.local"),
    "an instance": ("class C:\n    pass\nM = C()\n", "the call of C"),
    "a closure": ("def make():\n    n = 0\n    def f():\n        nonlocal n\n        n += 1\n        return n\n    return f\nM = make()\n", "the call of make"),
    "an exception instance": ("M = ValueError('x')\n", "the call of ValueError"),
    "a clock read at import": ("import time\nM = time.time()\n", r"time\.time"),
    "a clock read in a default": ("import time\ndef M(now=time.time()): return now\n", r"line 2: the call of time\.time"),
    "a clock read in an enum": ("import enum, time\nclass M(enum.Enum):\n    A = 1\n    def __init__(self, n):\n        self.at = time.time()\n", "executed when a class is made"),
    "random in a class body": ("import random\nclass M:\n    x: float = random.random()\n", r"random\.random"),
    "random in a dataclass default": ("import random\nfrom dataclasses import dataclass, field\n@dataclass\nclass M:\n    x: float = field(default=random.random())\n", r"random\.random"),
    "globals": ("def M(): globals()['x'] = 1\n", "globals"),
    "exec": ("def M(): exec('global x; x = 1')\n", "exec"),
    "a loop": ("for M in (1, 2): pass\n", "statement .for."),
    "a call": ("print('executed')\nM = 1\n", "a call that is made"),
    "a decorator of its own": ("def note(f): return f\n@note\ndef M(): ...\n", "decorator note"),
    "an enum member with a memory": ("import enum\nclass M(enum.Enum):\n    A = 1\n    def f(self): self.seen = 1\n", "self.seen"),
    "import *": ("from json import *\nM = 1\n", "import \\*"),
    "a library's base class": ("import vendored_base\nclass M(vendored_base.Base): ...\n", "base class vendored_base.Base"),
    "a shadowed builtin": ("def tuple(x): return [x]\nM = tuple(1)\n", "the call of tuple"),
    "a shadowed import": ("from dataclasses import dataclass\ndef dataclass(c): return c\n@dataclass\nclass M: ...\n", "decorator dataclass"),
    "a library's list, copied": ("import string\nM = sorted(string.digits)\n", "the call of sorted"),
    "walrus": ("if (M := 3): pass\n", "assignment within"),
    "a class list of a model": ("from typing import ClassVar\nfrom pydantic import BaseModel\nclass M(BaseModel):\n    x: ClassVar[list] = []\n", "a list"),
    "an attrs class with a list": ("import attrs\n@attrs.define\nclass M:\n    x: list = []\n", "a list"),
    "arithmetic with decimals": ("from decimal import Decimal\nTHIRD = Decimal(1) / 3\n", "context is the run's own"),
    "rounded decimals": ("from decimal import Decimal\nM = round(Decimal('1.25'), 1)\n", "context is the run's own"),
    "a list in a class that is no model": ("class Base: ...\nclass M(Base):\n    x: list = []\n", "a list"),
    "pydantic with a hook": ("from pydantic import BaseModel\nimport time\nclass M(BaseModel):\n    @classmethod\n    def __pydantic_init_subclass__(cls, **k): time.time()\n", "executed when a class is made"),
    "nested class with state": ("class M:\n    class N:\n        items = []\n", "a list"),
    "a cached property of an enum": ("import enum, functools\nclass M(enum.Enum):\n    A = 1\n    @functools.cached_property\n    def f(self): return []\n", "cached_property"),
    "the builtins": ("M = __builtins__\n", "the use of __builtins__"),
    "del of an attribute": ("class M: x = 1\ndef f():\n    del M.x\n", "M.x"),
    "with as": ("class M: x = 1\ndef f(c):\n    with c as M.x: pass\n", "M.x"),
    "for into an attribute": ("class M: x = 1\ndef f():\n    for M.x in (1, 2): pass\n", "M.x"),
}  # fmt: skip


def skip_without(source: str) -> None:
    for library in ("pydantic", "attrs", "msgspec"):
        if library in source and importlib.util.find_spec(library) is None:
            pytest.skip(f"no {library}")


def orchestrator(workshop: Any, name: str, body: str) -> Any:
    """A module with state of its own that imports the one under test."""
    lines = "\n".join("    " + line for line in body.splitlines())
    return workshop.module(f"import {name}\nSTATE = []\ndef f(*args):\n{lines}\n")


@pytest.mark.parametrize("kind", MODELS)
def test_modules_without_state_are_shared(workshop: Any, kind: str) -> None:
    skip_without(MODELS[kind])
    name = workshop.write(MODELS[kind])
    main = orchestrator(workshop, name, f"return {name}.M, {name}")
    sandbox = Sandbox()
    seen = []
    for instance in ("one", "two"):
        run, f = workshop.start(main.f, sandbox, instance)
        with run.active():
            seen.append(f())
    assert sandbox.tiers()[name] == "shared"
    assert seen[0] == seen[1]
    assert seen[0][1] is seen[1][1]
    assert seen[0][1] is not sys.modules[name]
    run, f = workshop.start(main.f, isolate=[name])
    with run.active():
        assert f()[1] is not seen[0][1]


@pytest.mark.parametrize("kind", STATE)
def test_modules_with_state_are_executed_per_instance(workshop: Any, kind: str) -> None:
    source, why = STATE[kind]
    skip_without(source)
    (workshop.folder / "site-packages").mkdir()
    workshop.write("class Base: ...\n", "site-packages.vendored_base")
    sys.path.insert(0, str(workshop.folder / "site-packages"))
    try:
        name = workshop.write(source)
        main = orchestrator(workshop, name, f"return {name}")
        sandbox = Sandbox()
        modules = []
        for instance in ("one", "two"):
            run, f = workshop.start(main.f, sandbox, instance)
            with run.active():
                modules.append(f())
    finally:
        sys.path.remove(str(workshop.folder / "site-packages"))
    assert re.search(why, sandbox.tiers()[name]), sandbox.tiers()[name]
    assert modules[0] is not modules[1]


TELL = {
    "annotations": ("dataclass", "m.M.__annotations__['extra'] = int\nreturn sorted(m.M.__annotations__)"),
    "class attribute": ("dataclass", "m.M.x = 5\nreturn m.M().x"),
    "alias of a class": ("dataclass", "c = m.M\nc.extra = 1\nreturn c.extra"),
    "setattr": ("dataclass", "setattr(m.M, 'extra', 1)\nreturn m.M.extra"),
    "setattr by name": ("dataclass", "name = 'setattr'\nimport builtins\ngetattr(builtins, name)(m.M, 'extra', 1)\nreturn m.M.extra"),
    "type.__setattr__": ("dataclass", "type.__setattr__(m.M, 'extra', 1)\nreturn m.M.extra"),
    "object.__setattr__ of the module": ("dataclass", "object.__setattr__(m, 'extra', 1)\nreturn m.extra"),
    "delattr": ("property and class methods", "delattr(m.M, 'kind')\nreturn m.M.kind"),
    "del": ("property and class methods", "k = m.M\ndel k.kind\nreturn hasattr(m.M, 'kind')"),
    "instance to class": ("dataclass", "i = m.M()\ntype(i).extra = 1\nreturn m.M.extra"),
    "__class__": ("dataclass", "i = m.M()\ni.__class__.extra = 1\nreturn m.M.extra"),
    "module attribute": ("functions", "m.LIMIT = 9\nreturn m.LIMIT"),
    "module alias": ("functions", "n = m\nn.LIMIT = 9\nreturn n.LIMIT"),
    "module vars": ("functions", "vars(m)['LIMIT'] = 9\nreturn m.LIMIT"),
    "module __dict__": ("functions", "m.__dict__['LIMIT'] = 9\nreturn m.LIMIT"),
    "function attribute": ("functions", "m.M.calls = getattr(m.M, 'calls', 0) + 1\nreturn m.M.calls"),
    "function defaults": ("functions", "m.M.__defaults__ = (9,)\nreturn m.M()"),
    "function keyword defaults": ("functions", "m.M.__kwdefaults__['y'] = 'z'\nreturn m.M.__kwdefaults__['y']"),
    "function code": ("functions", "m.M.__code__ = (lambda: 3).__code__\nreturn m.M()"),
    "function globals": ("functions", "m.M.__globals__['LIMIT'] = 9\nreturn m.LIMIT"),
    "function __dict__": ("functions", "m.M.__dict__['x'] = 1\nreturn m.M.x"),
    "__all__": ("functions", "m.__all__.append('x')\nreturn len(m.__all__)"),
    "__all__ in a sum": ("functions", "return m.__all__ + ['x'], ['x'] + m.__all__, isinstance(m.__all__, list), len(m.__all__)"),
    "an enum member": ("enum", "m.M.A.extra = 1\nreturn m.M.A.extra"),
    "an alias of an enum member": ("enum", "a = m.M.A\na.extra = 1\nreturn a.extra"),
    "enum maps": ("enum", "m.M._member_map_['C'] = m.M.A\nreturn len(m.M)"),
    "dataclass fields": ("dataclass", "m.M.__dataclass_fields__.clear()\nreturn len(m.M.__dataclass_fields__)"),
    "vars of a class": ("dataclass", "vars(m.M)['__dataclass_fields__'].clear()\nreturn 0"),
    "subclasses": ("ABC", "class Sub(m.M): ...\nreturn len(m.M.__subclasses__())"),
    "abc registry": ("ABC", "before = isinstance(3, m.M)\nm.M.register(int)\nreturn before"),
    "abc registry by alias": ("ABC", "r = m.M.register\nbefore = issubclass(str, m.M)\nr(str)\nreturn before"),
    "pydantic config": ("pydantic", "m.M.model_config['frozen'] = False\nreturn m.M.model_config['frozen']"),
    "pydantic fields": ("pydantic", "m.M.model_fields.pop('x')\nreturn len(m.M.model_fields)"),
    "identity over a turn": ("dataclass", "args[0].append(m.M)\nreturn all(c is m.M for c in args[0])"),
    "instances": ("dataclass", "STATE.append(m.M())\nSTATE[-1].tags.append('x')\nreturn len(STATE), m.M().tags, STATE[-1].id"),
    "ids in order": ("dataclass", "return [m.M().id for _ in range(3)]"),
    "pickle": ("dataclass", "import pickle\nreturn type(pickle.loads(pickle.dumps(m.M()))) is m.M"),
    "a subclass": ("dataclass", "class Sub(m.M):\n    extra = 1\nSub.extra += 1\nreturn Sub.extra, Sub().id"),
    "hints": ("generic", "import typing\nreturn typing.get_type_hints(m.M.__init__), m.M[int], m.M.__module__, m.M.__name__"),
    "sys.modules": ("dataclass", "import sys\nreturn sys.modules[m.M.__module__] is m, m.__name__, sys.modules[m.__name__] is m"),
    "error": ("errors", "try:\n    raise m.M(3)\nexcept m.M as e:\n    e.seen = 1\n    return e.code, e.args, e.seen"),
    "closures": ("functions", "g = m.twice(len)\ng.count += 1\nreturn g.count, g('ab')"),
    "logger": ("logger", "m.f()\nreturn m.M.name"),
    "dir": ("constants", "return sorted(n for n in dir(m) if not n.startswith('__')), m.TEXT, m.SECONDS"),
    "flags": ("flags", "return m.BOTH, m.M(3), m.M.A | m.M.B is m.BOTH, list(m.M)"),
    "monkeypatching a method": ("property and class methods", "m.M.f = lambda: 2\nreturn m.M.f()"),
    "builtins": ("functions", "__builtins__['LIMIT'] = 9\nreturn 0"),
    "enum names": ("enum", "m.M._member_names_.append('C')\nreturn len(m.M)"),
    "a function that calls its argument self": ("dataclass", "def change(self): self.extra = 1\nchange(m.M)\nreturn m.M.extra"),
    "a method that is given a class": ("dataclass", "class C:\n    @staticmethod\n    def change(self): self.extra = 1\nC.change(m.M)\nreturn m.M.extra"),
    "a cached property": ("property and class methods", "import functools\ni = m.M(1)\ni.seen = 2\nreturn i.seen, i.x"),
    "globals of a method": ("dataclass", "m.M.__init__.__globals__['extra'] = 1\nreturn m.extra"),
    "operator.setitem": ("functions", "import operator\noperator.setitem(vars(m), 'extra', 1)\nreturn m.extra"),
    "in-place addition": ("functions", "m.NAMES += ('x',)\nreturn m.NAMES"),
    "__doc__": ("dataclass", "m.M.__doc__ = 'x'\nreturn m.M.__doc__"),
    "update of annotations": ("functions", "m.M.__annotations__.update(x=str)\nreturn m.M.__annotations__"),
    "field defaults": ("NamedTuple", "m.M._field_defaults['y'] = 'z'\nreturn m.M(1)"),
    "bases": ("ABC", "class Other: ...\nm.N.__bases__ = (Other,)\nreturn m.N.__mro__"),
}  # fmt: skip


def snapshot(module: Any) -> dict[str, str]:
    """Everything that an instance could have left in a module, its classes and its functions."""
    found: dict[str, str] = {}

    def look(path: str, names: Any) -> None:
        for name, value in sorted(names.items()):
            if name not in ("__builtins__", "__weakref__", "_abc_impl", "__subclasshook__", "__slotnames__"):
                found[f"{path}.{name}"] = repr(value)
                for part in ("__dict__", "__kwdefaults__", "__annotations__", "__defaults__", "__code__"):
                    if callable(value) and isinstance(getattr(value, "__module__", None), str) and (
                        value.__module__ == module.__name__
                    ):
                        kept = vars(type(value)).get(part) if isinstance(value, type) else getattr(value, part, None)
                        found[f"{path}.{name}.{part}"] = repr(kept)
                if isinstance(value, type) and value.__module__ == module.__name__ and path.count(".") < 3:
                    look(f"{path}.{name}", vars(value))

    look(module.__name__, vars(module))
    return found


def outcome(workshop: Any, sandbox: Sandbox, function: Any, instance: str) -> Any:
    run, f = workshop.start(function, sandbox, instance)
    with run.active():
        try:
            return "value", repr(f([]))
        except SandboxViolationError as error:
            assert run.violations == [error]
            return ("violation",)
        except (AttributeError, TypeError) as error:
            return "error", type(error).__name__


@pytest.mark.parametrize("attempt", TELL)
def test_nobody_can_tell(workshop: Any, attempt: str) -> None:
    """What three instances see one after the other is what they see when each executes the module itself.

    Where an instance would change what is shared, it is told so; the next one sees nothing of it.
    """
    kind, body = TELL[attempt]
    skip_without(MODELS[kind])
    name = workshop.write(MODELS[kind])
    # The function that makes the change finds the module by a computed name: the classifier is not warned.
    main = workshop.module(
        f"import importlib\nSTATE = []\ndef f(*args):\n    m = importlib.import_module('{name}')\n"
        + "\n".join("    " + line for line in body.splitlines()) + "\n"
    )  # fmt: skip
    instances = ("one", "two", "one")
    shared = Sandbox()
    fresh = workshop.module(f"import {name}\ndef f(*args): return {name}\n")
    run, f = workshop.start(fresh.f, shared)
    with run.active():
        module = f()
    before = snapshot(module)
    ours = [outcome(workshop, shared, main.f, instance) for instance in instances]
    assert snapshot(module) == before
    if "register" in body:
        assert not issubclass(int, module.M)
    assert shared.tiers()[name] == "shared"
    isolated = Sandbox(isolate=[name])
    theirs = [outcome(workshop, isolated, main.f, instance) for instance in instances]
    assert ours[0] == ours[2]
    if ours[0] != ("violation",) and ours[0][0] != "error":
        assert ours == theirs
    else:
        assert len(set(ours)) == 1


def test_a_module_that_another_one_changes_is_not_shared(workshop: Any) -> None:
    """So the change is the instance's own affair, as it is without sharing."""
    name = workshop.write(MODELS["dataclass"])
    main = orchestrator(workshop, name, f"{name}.M.x += 1\nreturn {name}.M.x")
    sandbox = Sandbox()
    for instance in ("one", "two"):
        run, f = workshop.start(main.f, sandbox, instance)
        with run.active():
            assert f() == 2
    assert f"{main.__name__} assigns into {name}.M" in sandbox.tiers()[name]


def test_state_is_contagious(workshop: Any) -> None:
    state = workshop.write("SEEN = []\ndef note(x):\n    SEEN.append(x)\n    return len(SEEN)\n")
    between = workshop.write(f"from {state} import note\ndef twice(x):\n    note(x)\n    return note(x)\n")
    lazy = workshop.write(f"def once(x):\n    from {state} import note\n    return note(x)\n")
    main = workshop.module(f"import {between}, {lazy}\ndef f(): return {between}.twice(1), {lazy}.once(1)\n")
    sandbox = Sandbox()
    for instance in ("one", "two"):
        run, f = workshop.start(main.f, sandbox, instance)
        with run.active():
            assert f() == (2, 3)
    tiers = sandbox.tiers()
    assert tiers[lazy] == "shared"
    assert tiers[between] == f"line 1: {state} has state (line 1: a list, which can be changed)"


def test_cycles_of_imports(workshop: Any) -> None:
    workshop.write("import cycle_b\nclass A: ...\ndef other(): return cycle_b.B\n", "cycle_a")
    workshop.write("import cycle_a\nclass B: ...\ndef other(): return cycle_a.A\n", "cycle_b")
    workshop.write("import cycle_d\nX = 1\n", "cycle_c")
    workshop.write("import cycle_c\nSTATE = []\n", "cycle_d")
    main = workshop.module("import cycle_a, cycle_c\ndef f(): return cycle_a.other(), cycle_a.cycle_b.other(), cycle_c\n")
    sandbox = Sandbox()
    seen = []
    for instance in ("one", "two"):
        run, f = workshop.start(main.f, sandbox, instance)
        with run.active():
            seen.append(f())
            assert {"cycle_a", "cycle_b", "cycle_c", "cycle_d"} <= set(run.modules)
    assert seen[0][:2] == seen[1][:2]
    assert seen[0][2] is not seen[1][2]


def test_modules_of_packages(workshop: Any) -> None:
    """A package is executed per instance, what it holds need not be; each instance binds its own submodules."""
    workshop.write("from .models import Order\nSTATE = []\n", "boxes.__init__")
    workshop.write("from . import units\nfrom .units import Unit\nclass Order:\n    unit = Unit\n", "boxes.models")
    workshop.write("class Unit: ...\n", "boxes.units")
    workshop.write("SEEN = []\n", "boxes.state")
    main = workshop.module(
        "import boxes\nimport boxes.state\nfrom boxes import Order, models\n"
        "def f(x):\n    boxes.STATE.append(x); boxes.state.SEEN.append(x)\n"
        "    return boxes.STATE, boxes.state.SEEN, Order, models is boxes.models, models.units\n"
    )
    sandbox = Sandbox()
    seen = []
    for instance in ("one", "two"):
        run, f = workshop.start(main.f, sandbox, instance)
        with run.active():
            seen.append(f(instance))
    assert [s[:2] for s in seen] == [(["one"], ["one"]), (["two"], ["two"])]
    assert seen[0][2] is seen[1][2]
    assert seen[0][3] is seen[1][3] is True
    tiers = sandbox.tiers()
    assert (tiers["boxes.models"], tiers["boxes.units"]) == ("shared", "shared")
    assert tiers["boxes"].startswith("line 2: a list")


def test_a_shared_import_of_decimal_isolates_its_context(workshop: Any) -> None:
    import decimal

    name = workshop.write("from decimal import Decimal, getcontext\ndef third(prec):\n    getcontext().prec = prec\n    return Decimal(1) / 3\n")
    main = orchestrator(workshop, name, f"return str({name}.third(*args))")
    sandbox = Sandbox()
    before = decimal.getcontext().prec
    for prec in (3, 5):
        run, f = workshop.start(main.f, sandbox, str(prec))
        with run.active():
            assert f(prec) == "0." + "3" * prec
        assert decimal.getcontext().prec == before
    assert sandbox.tiers()[name] == "shared"


def test_replaced_modules_are_the_runs_own(workshop: Any) -> None:
    name = workshop.write("import asyncio\nclass M: ...\n")
    main = orchestrator(workshop, name, f"return {name}")
    sandbox = Sandbox()
    sandbox.replace_module("asyncio", lambda run: sys)
    workshop.start(main.f, sandbox)
    assert sandbox.tiers()[name] == "line 1: each run gets its own asyncio"


def test_modules_that_import_what_all_runs_have_the_same_of_are_shared(workshop: Any) -> None:
    """A flow and its models in one file: made once, for the facade asks which run is active."""
    name = workshop.write(
        "from __future__ import annotations\nimport asyncio\nimport dataclasses\nfrom asyncio import sleep\n"
        "@dataclasses.dataclass\nclass Order:\n    id: int = 0\n"
        "def f():\n    return Order, asyncio.sleep(2), sleep(3), asyncio.CancelledError\n"
        "def g(): asyncio.create_task(None)\n"
    )
    main = importlib.import_module(name)
    change = workshop.module("import asyncio\ndef f(): asyncio.sleep = None\ndef g(): asyncio.tasks.more = 1\n")
    made: list[Any] = []

    def factory(run: Any) -> Any:
        made.append(run)
        inner = types.SimpleNamespace(marker=1)
        return types.SimpleNamespace(sleep=lambda seconds: (get_run().instance_id, seconds), tasks=inner)

    sandbox = Sandbox()
    sandbox.replace_module("asyncio", factory, shared=True)
    found = []
    for instance in ("one", "two"):
        run, f = workshop.start(main.f, sandbox, instance)
        with run.active():
            found.append(f())
            names = run.modules[name]
            with pytest.raises(SandboxViolationError, match=r"asyncio\.create_task.*TaskGroup"):
                names.g()
    assert sandbox.tiers() == {name: "shared"}
    run, f = workshop.start(change.f, sandbox)
    with run.active():
        with pytest.raises(SandboxViolationError, match=r"assignment to asyncio\.sleep"):
            f()
        with pytest.raises(SandboxViolationError, match=r"assignment to asyncio\.tasks\.more"):
            run.modules[change.__name__].g()
    assert len(made) == 1
    assert [each[1:3] for each in found] == [(("one", 2), ("one", 3)), (("two", 2), ("two", 3))]
    assert found[0][0] is found[1][0]
    assert found[0][3] is asyncio.CancelledError


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("from contextvars import ContextVar\nCURRENT = ContextVar('current')\ndef f(x):\n    before = CURRENT.get(None)\n    CURRENT.set(x)\n    return before\n", "ContextVar"),
        ("class Order:\n    seen = []\ndef f(x):\n    Order.seen.append(x)\n    return len(Order.seen) - 1 or None\n", "a list"),
        ("class Order: ...\ndef f(x):\n    before = getattr(Order, 'x', None)\n    Order.x = x\n    return before\n", "Order.x"),
        ("LOCK = asyncio.Lock()\ndef f(x):\n    before = getattr(LOCK, 'x', None)\n    LOCK.x = x\n    return before\n", "asyncio.Lock"),
        ("def f(x, box=[]):\n    box.append(x)\n    return len(box) - 1 or None\n", "a list"),
        ("from functools import cache\n@cache\ndef made(): return []\ndef f(x):\n    made().append(x)\n    return len(made()) - 1 or None\n", "cache"),
        ("def f(x):\n    before = getattr(f, 'x', None)\n    f.x = x\n    return before\n", "f.x"),
    ],
)  # fmt: skip
def test_a_flow_that_holds_something_is_not_shared_because_it_imports_asyncio(workshop: Any, body: str, says: str) -> None:
    """What one instance leaves, the next one does not find."""
    main = workshop.module(f"import asyncio\n{body}")
    sandbox = Sandbox()
    sandbox.replace_module("asyncio", lambda run: types.SimpleNamespace(Lock=types.SimpleNamespace), shared=True)
    for instance in ("one", "two"):
        run, f = workshop.start(main.f, sandbox, instance)
        with run.active():
            assert f(1) is None
    assert says in sandbox.tiers()[main.__name__]


def test_shared_is_a_promise_of_the_user(workshop: Any) -> None:
    name = workshop.write("TABLE = {'a': 1}\n")
    main = orchestrator(workshop, name, f"return {name}")
    sandbox = Sandbox(shared=[name])
    modules = []
    for instance in ("one", "two"):
        run, f = workshop.start(main.f, sandbox, instance)
        with run.active():
            modules.append(f())
    assert modules[0] is modules[1]
    change = orchestrator(workshop, name, f"{name}.TABLE['b'] = 2")
    run, f = workshop.start(change.f, sandbox)
    with run.active(), pytest.raises(SandboxViolationError, match=r"a change of .*TABLE"):
        f()


def test_a_shared_module_cannot_hold_one_with_state(workshop: Any) -> None:
    state = workshop.write("SEEN = []\n")
    name = workshop.write(f"import {state}\nTABLE = {{}}\n")
    main = orchestrator(workshop, name, f"return {name}")
    with pytest.raises(SandboxLoadError, match=rf"shared= lists {name}, but in line 1 it imports {state}"):
        workshop.start(main.f, shared=[name])


def test_errors_of_shared_modules_are_the_users_each_time(workshop: Any) -> None:
    inner = workshop.write("from no_such_module_at_all import x\n")
    outer = workshop.write(f"import {inner}\nclass M: ...\n")
    main = workshop.module(f"STATE = []\ndef f():\n    import {outer}\n    return {outer}.M\n")
    sandbox = Sandbox()
    for _ in range(2):
        run, f = workshop.start(main.f, sandbox)
        with run.active():
            for _ in range(2):
                with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all"):
                    f()
        assert set(run.modules) == {main.__name__}


def test_a_broken_module_concerns_those_who_import_it(workshop: Any) -> None:
    broken = workshop.write("def f(:\n")
    name = workshop.write(f"try:\n    import {broken}\nexcept SyntaxError:\n    BROKEN = True\nfrom json import dumps\n")
    lonely = workshop.write("def g():\n    from . import x\n")
    main = orchestrator(workshop, name, f"import {lonely}\nreturn {name}.BROKEN")
    sandbox = Sandbox()
    for instance in ("one", "two"):
        run, f = workshop.start(main.f, sandbox, instance)
        with run.active():
            assert f() is True


def test_violations_in_shared_code_belong_to_the_run_that_is_active(workshop: Any) -> None:
    name = workshop.write("import time\ndef nap():\n    time.sleep(1)\ndef now(): return time.time_ns()\n")
    main = orchestrator(workshop, name, f"return {name}.nap() if args else {name}.now()")
    sandbox = Sandbox()
    (one, f), (two, g) = (workshop.start(main.f, sandbox, i) for i in ("one", "two"))
    with one.active(), pytest.raises(SandboxViolationError, match=rf"time\.sleep .*{name}\.py:3"):
        f(True)
    with two.active():
        assert g() == 1_700_000_000_123_456_789
    assert (len(one.violations), len(two.violations)) == (1, 0)


def test_threads_execute_it_once(workshop: Any) -> None:
    name = workshop.write(MODELS["dataclass"])
    main = orchestrator(workshop, name, f"return {name}.M")
    sandbox = Sandbox()
    program = sandbox.load(main.f)
    seen: set[Any] = set()
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait()
        run = sandbox.new_run(str(number), "s", lambda: 0)
        function = program.instantiate(run)
        with run.active():
            seen.add(function())
        run.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 1


def test_a_sandbox_that_is_gone_leaves_no_module(workshop: Any) -> None:
    name = workshop.write(MODELS["dataclass"])
    main = orchestrator(workshop, name, f"return {name}.M")
    gc.collect()
    before = len(sys.modules)
    run, f = workshop.start(main.f)
    with run.active():
        assert f().__module__ == name
    assert len(sys.modules) > before
    run.close()
    workshop.runs.clear()
    del run, f
    gc.collect()
    assert len(sys.modules) == before

"""What a module without state may use: the white lists of `_classify`, as data.

Adding a name here is a claim: it keeps nothing between calls that user code could see, and gives the same whenever it
is executed.
"""

from __future__ import annotations

import builtins
import sys
from typing import Final

from ._policy import words


def under(*homes: str, names: str) -> list[str]:
    return [f"{home}.{name}" for home in homes for name in words(names)]


_EXCEPTIONS = " ".join(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)

ENUMS: Final = frozenset(under("enum", names="Enum IntEnum StrEnum Flag IntFlag ReprEnum"))
BASES: Final = ENUMS | frozenset([
    *under("builtins", names=f"object int str float bytes tuple dict list set frozenset {_EXCEPTIONS}"),
    *under("typing", "typing_extensions", names="Generic Protocol NamedTuple TypedDict"),
    *under("collections.abc", "typing",
            names="Mapping MutableMapping Sequence MutableSequence Set MutableSet Iterable Iterator Awaitable Callable "
                  "Sized Container Collection Hashable AsyncIterator AsyncIterable Generator Coroutine Reversible"),
    *under("collections", names="UserDict UserList UserString OrderedDict Counter defaultdict deque"),
    *words("abc.ABC pydantic.BaseModel pydantic.RootModel msgspec.Struct json.JSONEncoder"),
    *under("contextlib", names="AbstractContextManager AbstractAsyncContextManager ContextDecorator"),
    *under("trio_durable", names="DurableError NonRetryableError OrchestrationFailedError TaskFailedError"),
])  # fmt: skip
"""Classes that may be subclassed: none has a metaclass or a hook that remembers its subclasses where users see it."""

COPYING_BASES: Final = frozenset(words("pydantic.BaseModel pydantic.RootModel msgspec.Struct"))
"""Those of them whose subclasses copy the list, dict or set that a field starts with, for each instance."""

DECORATORS: Final = frozenset([
    *under("builtins", names="staticmethod classmethod property"),
    *under("dataclasses", "pydantic.dataclasses", names="dataclass"),
    *under("abc", names="abstractmethod abstractproperty"),
    *under("contextlib", names="contextmanager asynccontextmanager"),
    *under("functools", names="total_ordering cached_property wraps"),
    *under("enum", names="unique verify member nonmember property global_enum"),
    *under("typing", "typing_extensions",
            names="final overload override runtime_checkable no_type_check dataclass_transform deprecated"),
    *under("attrs", "attr", names="define frozen mutable s attrs dataclass"),
    *under("pydantic", names="field_validator model_validator field_serializer model_serializer computed_field "
                              "validator root_validator validate_call"),
])  # fmt: skip
"""Decorators that keep nothing between calls. `lru_cache`, `cache` and `singledispatch` do."""

PLAIN_CALLS: Final = frozenset([
    *under("builtins", names="int str float bytes bool complex len min max sum round abs ord chr range tuple "
                              "frozenset"),
])  # fmt: skip
"""Calls that may compute from literals and the module's own constants."""

CALLS: Final = frozenset([
    *under("builtins", names="object slice property staticmethod classmethod"),
    *under("dataclasses", "attrs", "attr", "msgspec", names="field"),
    *under("attr", names="ib attrib Factory"), *under("attrs", names="Factory"), "msgspec.Meta",
    *under("attrs.validators", "attr.validators", names="instance_of optional ge gt le lt max_len min_len and_"),
    *under("typing", "typing_extensions", names="TypeVar ParamSpec TypeVarTuple NewType NamedTuple TypedDict cast"),
    *under("collections", names="namedtuple"), *under("types", names="MappingProxyType"),
    *under("re", names="compile"), *under("uuid", names="UUID"),
    *under("datetime", names="timedelta datetime date time timezone"), *under("zoneinfo", names="ZoneInfo"),
    *under("decimal", names="Decimal"), *under("fractions", names="Fraction"),
    *under("pathlib", names="PurePath PurePosixPath PureWindowsPath"),
    *under("logging", names="getLogger"), *under("enum", names="auto"), *ENUMS,
    *under("pydantic", names="Field PrivateAttr StringConstraints"),
    *under("trio_durable", names="RetryPolicy"),
])  # fmt: skip
"""Calls whose result cannot be changed, given arguments that cannot."""

LITERALS: Final = frozenset([
    *under("builtins", names="tuple frozenset len min max sum"), "types.MappingProxyType", "collections.namedtuple",
    *under("typing", "typing_extensions", names="NamedTuple TypedDict"), *ENUMS,
])  # fmt: skip
"""Those of them that take a list, set or dict literal, which nobody else can reach afterwards."""

TEXT_METHODS = frozenset(words("join encode decode upper lower strip lstrip rstrip title replace zfill center"))
CREATION = frozenset(words(
    "__init_subclass__ __set_name__ __class_getitem__ __prepare__ __mro_entries__ __pydantic_init_subclass__ "
    "__pydantic_on_complete__ __get_pydantic_core_schema__ __attrs_init_subclass__"
))  # fmt: skip
"""Methods that Python or a library calls while a class is being made."""
ENUM_CREATION = frozenset(words("__init__ __new__ _generate_next_value_ _missing_"))
CLASS_METHODS = frozenset(words("__new__ __init_subclass__ __class_getitem__"))
ESCAPES = frozenset(words("globals exec eval __builtins__ __import__ __loader__ __spec__"))
QUIET_CALLS = frozenset(words("super int str float bytes tuple len isinstance max min sum round abs repr"))
TYPE_HOMES = frozenset(sys.stdlib_module_names)

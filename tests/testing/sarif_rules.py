"""What SARIF 2.1.0 demands of a log file, as far as our reports use the format: required properties, types, limits.

From sections 3.13 to 3.54 of the standard (OASIS SARIF 2.1.0).  A property that is not named here is said to
be unknown, so that a report which gains one has to gain its rule, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

#: RFC 3986: what a URI reference may contain; a percent sign only before two hexadecimal digits.
URI = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+")

Check = Callable[[Any, str], Iterator[str]]


def problems(log: Any) -> list[str]:
    """What the log violates, as path and rule; empty if it is valid."""
    found = list(LOG(log, "log"))
    return found or list(_references(log))


def _references(log: Any) -> Iterator[str]:
    """3.49.3: ids of rules differ; 3.27.5: what is said by a result's ruleId is there (as all our rules are)."""
    for number, run in enumerate(log["runs"]):
        ids = [rule["id"] for rule in run["tool"]["driver"].get("rules", ())]
        if len(ids) != len(set(ids)):
            yield f"log.runs[{number}]: rules of the same id"
        for place, result in enumerate(run.get("results") or ()):
            if result["ruleId"] not in ids:
                yield f"log.runs[{number}].results[{place}].ruleId: {result['ruleId']!r} is no rule of the driver"


def text(value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str) or not value:
        yield f"{path}: a text that is not empty, got {value!r}"


def uri(value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str) or not URI.fullmatch(value):
        yield f"{path}: a URI reference (RFC 3986), got {value!r}"


def positive(value: Any, path: str) -> Iterator[str]:
    if type(value) is not int or value < 1:
        yield f"{path}: an integer from 1 on, got {value!r}"


def one_of(*allowed: str) -> Check:
    def check(value: Any, path: str) -> Iterator[str]:
        if value not in allowed:
            yield f"{path}: one of {allowed}, got {value!r}"

    return check


def many(each: Check, *, unique: bool = False) -> Check:
    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{path}: an array, got {value!r}"
            return
        for number, item in enumerate(value):
            yield from each(item, f"{path}[{number}]")
            if unique and item in value[:number]:
                yield f"{path}[{number}]: the same as one before it"

    return check


def thing(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    known = required | (optional or {})

    def check(value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path}: an object, got {value!r}"
            return
        for name in required.keys() - value.keys():
            yield f"{path}: {name!r} is missing"
        for name, member in value.items():
            if name not in known:
                yield f"{path}: {name!r} is unknown"
            else:
                yield from known[name](member, f"{path}.{name}")

    return check


def region(value: Any, path: str) -> Iterator[str]:
    """3.30: from startLine on; an end is not before its start."""
    numbers = dict.fromkeys(("startColumn", "endLine", "endColumn"), positive)
    wrong = list(thing({"startLine": positive}, numbers)(value, path))
    yield from wrong
    if not wrong:
        start = (value["startLine"], value.get("startColumn", 1))
        end_line = value.get("endLine", value["startLine"])
        if (end_line, value.get("endColumn", start[1])) < start:
            yield f"{path}: it ends before it starts"


MESSAGE = thing({"text": text})
LOCATION = thing({"physicalLocation": thing({"artifactLocation": thing({"uri": uri})}, {"region": region})})
RESULT = thing(
    {"message": MESSAGE},
    {"ruleId": text, "level": one_of("none", "note", "warning", "error"), "locations": many(LOCATION)},
)
RULE = thing({"id": text}, {"name": text, "shortDescription": MESSAGE})
DRIVER = thing({"name": text}, {"rules": many(RULE, unique=True)})
RUN = thing(
    {"tool": thing({"driver": DRIVER})},
    {"columnKind": one_of("utf16CodeUnits", "unicodeCodePoints"), "results": many(RESULT)},
)
LOG = thing({"version": one_of("2.1.0"), "runs": many(RUN)}, {"$schema": uri})

"""Recorded histories: one file of JSON each, made once and replayed for ever.

    {"format": "trio-durable history 1", "instance_id": ..., "name": ..., "events": [{"type": "TaskScheduled", ...}]}

An event holds its class's fields under their own names; a field that has its default value is left out.  Times are
RFC 3339 text with nine digits of a second, so that nothing is lost and a person can read them.  Payloads stay what they
are in history: JSON text inside of a string.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import types
import typing
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from enum import Enum, IntEnum
from functools import cache
from pathlib import Path
from typing import Any

from trio_durable._client import Client
from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.events import Event
from trio_durable._core.failures import FailureDetails
from trio_durable._errors import DurableError, NonDeterminismError, NotRegisteredError
from trio_durable._worker.serve import Worker
from trio_durable.testing.pair import check_history

__all__ = ["FORMAT", "History", "fetch_history", "load_history", "replay_history"]

FORMAT = "trio-durable history 1"

_TIMES = frozenset({"timestamp", "fire_at", "scheduled_start"})
_EVENTS: dict[str, type[Event]] = {
    name: kind for name in ev.__all__ if isinstance(kind := getattr(ev, name), type) and issubclass(kind, Event)
}
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


class HistoryFormatError(DurableError, ValueError):
    """A file is no recorded history."""


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """One instance's recorded history.

    instance_id: the instance.  name: the orchestrator it was started with.  events: what happened, in order.
    """

    instance_id: str
    name: str
    events: Sequence[Event]

    @classmethod
    def of(cls, events: Sequence[Event], instance_id: str = "") -> History:
        """The history that consists of `events`; the name is that of its ExecutionStarted."""
        started = next((event for event in events if isinstance(event, ev.ExecutionStarted)), None)
        if started is None:
            raise HistoryFormatError("these events are no history: there is no ExecutionStarted among them")
        return cls(instance_id or started.instance_id, started.name, list(events))

    def to_json(self) -> str:
        """The history as JSON text, one event to a line."""
        head = {"format": FORMAT, "instance_id": self.instance_id, "name": self.name}
        lines = ",\n    ".join(json.dumps(_dump(event), ensure_ascii=False) for event in self.events)
        opening = ",\n  ".join(f'"{key}": {json.dumps(value, ensure_ascii=False)}' for key, value in head.items())
        return f'{{\n  {opening},\n  "events": [\n    {lines}\n  ]\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> History:
        """The history that `to_json` wrote; raises HistoryFormatError (a ValueError) for anything else."""
        try:
            data = json.loads(text)
        except ValueError as error:
            raise HistoryFormatError(f"this is no recorded history, not even JSON: {error}") from error
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, dict) else type(data).__name__
            raise HistoryFormatError(
                f"this is no recorded history: expected an object with \"format\": {FORMAT!r}, got {found!r}. "
                "`trio-durable history ID --json` writes one."
            )
        try:
            events = [_load_event(each) for each in data["events"]]
            return cls(str(data["instance_id"]), str(data["name"]), events)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise HistoryFormatError(f"this recorded history is damaged: {type(error).__name__}: {error}") from error

    def without_stack_traces(self) -> History:
        """The same without the stacks of failures, whose paths belong to the machine that recorded them.

        A replay needs them only if the orchestration reads them.
        """
        return History(self.instance_id, self.name, [_without_stack(event) for event in self.events])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the history to a file."""
        target = Path(path)
        target.write_text(self.to_json(), encoding="utf-8")
        return target


def load_history(path: str | os.PathLike[str]) -> History:
    """Read a recorded history from a file; raises HistoryFormatError naming the file, OSError if there is none."""
    try:
        return History.from_json(Path(path).read_text(encoding="utf-8"))
    except HistoryFormatError as error:
        raise HistoryFormatError(f"{os.fspath(path)}: {error}") from error


async def fetch_history(client: Client, instance_id: str) -> History:
    """The history of an instance of any sidecar, for `save`; raises what the client's methods raise."""
    return History.of(await client._events(instance_id), instance_id)


def replay_history(
    history: History | str | os.PathLike[str],
    *orchestrators: Callable[..., Any],
    worker: Worker | None = None,
    lenient: bool = False,
    exact: bool = False,
) -> None:
    """Replay a recorded history with today's code.  Returns if they agree.

    history: a `History`, or the path of a file that holds one.
    orchestrators: the functions that may be needed, each under its own name; or a `worker` that has them.
    lenient: let the result differ, as long as the code asks for the same.
    exact: the inputs of what it asks for, the times of its timers and the ids of its children have to be the same, too.
    Changed code may change these for running instances; unchanged code may not, in whatever process it runs.

    Raises NonDeterminismError with the difference, NotRegisteredError where the orchestrator is not among those given;
    the file's name is in the message.
    """
    where = "" if isinstance(history, History) else f"{os.fspath(history)}: "
    recorded = history if isinstance(history, History) else load_history(history)
    if worker is None:
        worker = Worker("nowhere")
        for orchestrator in orchestrators:
            worker.add_orchestrator(orchestrator)
    elif orchestrators:
        raise TypeError("give either orchestrators or a worker, not both")
    try:
        check_history(worker, recorded.events, recorded.instance_id, lenient=lenient, exact=exact)
    except (NonDeterminismError, NotRegisteredError) as error:
        if where:
            raise type(error)(f"{where}{error}") from None
        raise


# -- values <-> JSON ---------------------------------------------------------------------------------------------------


def _dump(event: Event) -> dict[str, Any]:
    return {"type": type(event).__name__, **_dump_fields(event)}


def _dump_fields(thing: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in dataclasses.fields(thing):
        value = getattr(thing, field.name)
        default = field.default_factory() if callable(field.default_factory) else field.default
        if value == default and field.name not in ("event_id", "timestamp"):
            continue
        found[field.name] = _dump_value(field.name, value)
    return found


def _dump_value(name: str, value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name if isinstance(value, IntEnum) else value.value
    if name in _TIMES and isinstance(value, int):
        return _moment(value)
    if dataclasses.is_dataclass(value):
        return _dump_fields(value)
    if isinstance(value, tuple):
        return list(value)
    return value


def _load_event(data: dict[str, Any]) -> Event:
    kind = _EVENTS.get(data["type"])
    if kind is None:
        raise ValueError(f"there is no event of the type {data['type']!r}")
    fields = {key: value for key, value in data.items() if key != "type"}
    event = _load_fields(kind, fields)
    assert isinstance(event, Event)
    return event


def _load_fields(kind: type[Any], data: dict[str, Any]) -> Any:
    types_of = _types(typing.cast(Hashable, kind))
    unknown = data.keys() - types_of.keys()
    if unknown:
        raise ValueError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
    return kind(**{name: _load_value(name, types_of[name], value) for name, value in data.items()})


def _load_value(name: str, wanted: Any, value: Any) -> Any:
    if value is None:
        return None
    if name in _TIMES:
        return _nanoseconds(value)
    for option in typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,):
        if isinstance(option, type) and issubclass(option, IntEnum):
            return option[value]
        if isinstance(option, type) and issubclass(option, Enum):
            return option(value)
        if dataclasses.is_dataclass(option) and isinstance(option, type):
            return _load_fields(option, value)
        if typing.get_origin(option) is tuple:
            return tuple(value)
    return value


def _without_stack(event: Event) -> Event:
    if isinstance(event, ev.TaskFailed | ev.ChildFailed | ev.ExecutionCompleted) and event.failure is not None:
        return dataclasses.replace(event, failure=_bare(event.failure))
    return event


def _bare(failure: FailureDetails) -> FailureDetails:
    inner = failure.inner
    return dataclasses.replace(failure, stack_trace=None, inner=None if inner is None else _bare(inner))


@cache
def _types(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _moment(ns: int) -> str:
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{clock.to_datetime(seconds * 1_000_000_000):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _nanoseconds(text: str) -> int:
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"expected a time such as 2024-01-01T00:00:00.000000000Z, got {text!r}")
    whole = clock.from_datetime(datetime.fromisoformat(found[1]))
    return whole + int((found[2] or "0").ljust(9, "0"))

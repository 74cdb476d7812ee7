"""The conformance checks pass what is ours, and notice each broken promise."""

from __future__ import annotations

import copy
import dataclasses
import json
import threading
import unicodedata
from typing import Any

import pytest
import trio

from tests.loopback import held_port
from tests.patience import PATIENCE
from trio_durable import OrchestrationStatus, UnavailableError, abc
from trio_durable._converter import JsonConverter
from trio_durable.sidecar import MemoryStore, SQLiteStore, open_sidecar
from trio_durable.sidecar.dispatch import Dispatcher
from trio_durable.sidecar.hub import Hub
from trio_durable.sidecar.service import SidecarService
from trio_durable.testing import ConformanceError, check_converter, check_sidecar, check_store


def test_our_stores(tmp_path):
    check_store(MemoryStore, persistent=False)
    check_store(lambda: SQLiteStore(tmp_path / "x.db"), steps=100)


def test_a_store_that_forgets():
    with pytest.raises(ConformanceError, match="instances: expected"):
        check_store(MemoryStore)


@pytest.mark.parametrize(
    ("method", "broken", "said"),
    [
        ("instance_ids", lambda self, *, after, limit: [], "instance_ids"),
        ("children", lambda self, instance_id: [], "children"),
        ("history", lambda self, instance_id: [], "history"),
        ("instance", lambda self, instance_id: None, "instance"),
    ],
)
def test_broken_stores(method, broken, said):
    store = type("Broken", (MemoryStore,), {method: broken})
    with pytest.raises(ConformanceError, match=said):
        check_store(store, persistent=False)


def test_a_store_whose_commits_are_not_whole():
    class Half(MemoryStore):
        def commit(self, changes):
            super().commit(changes[:1])

    with pytest.raises(ConformanceError, match="commits, the last one"):
        check_store(Half, persistent=False)


def test_a_store_that_raises():
    class Full(MemoryStore):
        def commit(self, changes):
            raise OSError("disk full")

    with pytest.raises(ConformanceError, match="OSError: disk full"):
        check_store(Full, persistent=False)


def test_a_store_that_keeps_timers():
    class Keeps(MemoryStore):
        def commit(self, changes):
            super().commit([each for each in changes if not isinstance(each, abc.RemoveTimer)])

    with pytest.raises(ConformanceError, match=r"recover\(\).timers"):
        check_store(Keeps, persistent=False)


def cut(length):
    def change(each):
        return dataclasses.replace(each, data=each.data[:length]) if hasattr(each, "data") else each

    return change


def renamed(rename):
    def change(each):
        return dataclasses.replace(each, instance_id=rename(each.instance_id)) if hasattr(each, "instance_id") else each

    return change


def shorter_text(each):
    text = getattr(each, "input", None)
    return dataclasses.replace(each, input=text[:4000]) if text else each


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cut(65_535), "inbox"),
        (shorter_text, "instance"),
        (renamed(str.rstrip), "instance"),
        (renamed(lambda name: name[:255]), "instance"),
        (renamed(lambda name: unicodedata.normalize("NFC", name)), "instance"),
    ],
    ids=["64 KiB", "4,000 characters", "spaces", "255 characters", "accents"],
)
def test_a_store_that_changes_what_it_is_given(change, said):
    class Changes(MemoryStore):
        def commit(self, changes):
            super().commit([change(each) for each in changes])

    with pytest.raises(ConformanceError, match=said) as caught:
        check_store(Changes, persistent=False)
    assert len(str(caught.value)) < 2000  # long values are shortened


def test_a_store_with_one_timer_of_each_number():
    class Global(MemoryStore):
        def _make(self, change):
            if isinstance(change, abc.AddTimer | abc.RemoveTimer):
                for kept in self._kept.values():
                    kept.timers.pop(change.timer_id, None)
            super()._make(change)

    with pytest.raises(ConformanceError, match=r"recover\(\).timers"):
        check_store(Global, persistent=False)


def test_a_store_of_one_thread():
    class Bound(MemoryStore):
        blocking = True

        def __init__(self):
            super().__init__()
            self._thread = threading.get_ident()

        def commit(self, changes):
            if threading.get_ident() != self._thread:
                raise RuntimeError("opened in another thread")
            super().commit(changes)

    with pytest.raises(ConformanceError, match="RuntimeError: opened in another thread"):
        check_store(Bound, persistent=False)


def test_a_store_that_saves_when_it_is_closed():
    saved = {}

    class AtTheEnd(MemoryStore):
        def __init__(self):
            super().__init__()
            self._kept, self._activities = copy.deepcopy(saved.get("all", ({}, {})))

        def close(self):
            saved["all"] = self._kept, self._activities

    with pytest.raises(ConformanceError, match="opening the store again without closing it"):
        check_store(AtTheEnd)


def test_a_converter_may_write_a_value_in_many_ways():
    class Spaces(JsonConverter):
        count = 0

        def to_json(self, value):
            Spaces.count += 1
            return super().to_json(value) + " " * (Spaces.count % 3)

    check_converter(Spaces())


def test_our_converter():
    check_converter(JsonConverter(), [{"a": 1}, (1, 2)])


class Plain:
    """A converter as somebody would write it first."""

    def to_json(self, value: Any) -> str:
        return json.dumps(value)

    def from_json(self, text: str, wanted: Any = None) -> Any:
        return json.loads(text)


class Keeps(JsonConverter):
    """Gives the same object again for the same text."""

    def __init__(self):
        self._known = {}

    def from_json(self, text, wanted=None):
        if (text, wanted) not in self._known:
            self._known[text, wanted] = super().from_json(text, wanted)
        return self._known[text, wanted]


def write_nan(self, value):
    return json.dumps(value) if isinstance(value, float) else JsonConverter.to_json(self, value)


def floats(self, text, wanted=None):
    value = JsonConverter.from_json(self, text, wanted)
    return int(float(value)) if type(value) is int else value


def untyped(self, text, wanted=None):
    return JsonConverter.from_json(self, text, wanted if isinstance(wanted, type) else None)


@pytest.mark.parametrize(
    ("converter", "said"),
    [
        (Plain(), "_Point"),
        (type("Text", (JsonConverter,), {"to_json": lambda self, value: str(value)})(), "to_json"),
        (type("Bytes", (JsonConverter,), {"to_json": lambda self, value: b"1"})(), "to_json gives"),
        (type("Lax", (JsonConverter,), {"from_json": lambda *arguments: None})(), "comes back"),
        (Keeps(), "a value that was changed after it was decoded"),
        (type("NoJson", (JsonConverter,), {"to_json": lambda self, value: "'" + repr(value)})(), "what is no JSON"),
        (type("Nan", (JsonConverter,), {"to_json": write_nan})(), "for which JSON has no word"),
        (type("Floats", (JsonConverter,), {"from_json": floats})(), "9007199254740993"),
        (type("Untyped", (JsonConverter,), {"from_json": untyped})(), "decoded as list"),
    ],
)
def test_broken_converters(converter, said):
    with pytest.raises(ConformanceError, match=said):
        check_converter(converter)


@pytest.mark.parametrize("transport", ["memory", "grpc"])
async def test_our_sidecar(transport):
    async with open_sidecar() as sidecar:
        await check_sidecar(sidecar.channel() if transport == "memory" else await sidecar.serve(), patience=PATIENCE)


async def test_a_sidecar_that_is_not_there():
    with held_port() as port, pytest.raises(UnavailableError):
        await check_sidecar(f"127.0.0.1:{port}")


async def _no_history(self, instance_id):
    return []


def _says_so_at_once(real):
    async def wait_started(self, instance_id):
        return await self.get(instance_id)

    return wait_started


def _not_recursive(real):
    async def terminate(self, instance_id, output, *, recursive):
        return await real(self, instance_id, output, recursive=False)

    return terminate


@pytest.mark.parametrize(
    ("method", "broken", "said"),
    [
        ("history", lambda real: _no_history, "these events are no history"),
        ("terminate", _not_recursive, "A recursive terminate ends the children, too"),
        ("wait_started", _says_so_at_once, "Whoever waits for a start is told when the code has begun"),
    ],
)
async def test_broken_sidecars(method, broken, said, monkeypatch, autojump_clock):
    monkeypatch.setattr(SidecarService, method, broken(getattr(SidecarService, method)))
    with pytest.raises(ConformanceError, match=said):
        async with open_sidecar(now_ns=lambda: 10**18 + int(trio.current_time() * 1e9)) as sidecar:
            await check_sidecar(sidecar.channel())


async def test_a_sidecar_that_forgets_what_a_dead_worker_had(monkeypatch, autojump_clock):
    monkeypatch.setattr(Dispatcher, "disconnect", lambda self, stream: self.streams.pop(stream.number))
    with pytest.raises(ConformanceError, match="What a worker had when it died is given to the next one: nothing came"):
        async with open_sidecar(now_ns=lambda: 10**18 + int(trio.current_time() * 1e9)) as sidecar:
            await check_sidecar(sidecar.channel())


async def test_a_sidecar_that_loses_answers_to_the_suspended(monkeypatch, autojump_clock):
    real = Hub.complete_activity

    def complete(self, result):
        record = self.records[result.instance_id]
        return "" if record.instance.status is OrchestrationStatus.SUSPENDED else real(self, result)

    monkeypatch.setattr(Hub, "complete_activity", complete)
    with pytest.raises(ConformanceError, match="An activity that is answered while its instance is suspended"):
        async with open_sidecar(now_ns=lambda: 10**18 + int(trio.current_time() * 1e9)) as sidecar:
            await check_sidecar(sidecar.channel())


async def test_a_sidecar_that_loses_events(monkeypatch, autojump_clock):
    real = Hub.send

    def loses(self, instance_id, event):
        return True if type(event).__name__ == "EventRaised" else real(self, instance_id, event)

    monkeypatch.setattr(Hub, "send", loses)
    with pytest.raises(ConformanceError, match="External events"):
        async with open_sidecar(now_ns=lambda: 10**18 + int(trio.current_time() * 1e9)) as sidecar:
            await check_sidecar(sidecar.channel())

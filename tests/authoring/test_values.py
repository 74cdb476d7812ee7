"""Values keep their types through the client, the orchestration, the activity and back; on every sidecar."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
import trio

from tests.authoring import models
from tests.patience import PATIENCE
from trio_durable import Client, JsonConverter, OrchestrationStatus, PayloadError, Worker
from trio_durable.sidecar import open_sidecar

VALUE = models.Everything(
    models.Colour.RED,
    models.Point(1, 2),
    {"size": 3},
    datetime(2024, 2, 29, 12, 30, tzinfo=UTC),
    timedelta(hours=1, microseconds=5),
    UUID(int=7),
    Decimal("1.10"),
    models.Price(5),
    b"\x00\xff",
    "b",
    "text",
)
EVERYTHING = (
    [models.hands_on, models.hands_on_generator, models.reads_old_objects],
    [models.passes, models.old_objects],
)


@pytest.mark.parametrize("flow", [models.hands_on, models.hands_on_generator])
async def test_values_keep_their_types(road, flow):
    await road.open(*EVERYTHING)
    state = await road.end(flow, VALUE)
    state.raise_if_failed()
    assert state.get_output(models.Everything) == VALUE
    assert state.get_input(models.Everything) == VALUE
    assert "__" not in state.serialized_output, "no marker fields"


@pytest.mark.parametrize("flow", [models.asks_for_a_decision, models.asks_for_a_decision_generator])
@pytest.mark.parametrize(("price", "decision"), [(5, models.Receipt(5, "today")), (500, models.Refusal("too dear"))])
async def test_unions_keep_their_types(road, flow, price, decision):
    await road.open([flow], [models.decide])
    state = await road.end(flow, price)
    state.raise_if_failed()
    assert state.get_output(list[models.Receipt | models.Refusal]) == [decision]


async def test_objects_that_earlier_sdks_marked_are_still_read(road):
    await road.open(*EVERYTHING)
    marked = {"__durabletask_autoobject__": True}
    old = {"name": "tea", "inner": {"count": 2, **marked}, **marked}
    state = await road.end(models.reads_old_objects, old)
    assert state.get_output() == ["tea", 2]


def test_marked_objects_become_what_is_asked_for():
    converter = JsonConverter()
    text = json.dumps({"x": 1, "y": 2, "__durabletask_autoobject__": True})
    assert converter.from_json(text, models.Point) == models.Point(1, 2)
    assert converter.from_json(text, dict[str, int]) == {"x": 1, "y": 2}
    assert converter.from_json(text).y == 2
    assert json.loads(converter.to_json(converter.from_json(text))) == {"x": 1, "y": 2}


async def test_pydantic_models(road):
    pytest.importorskip("pydantic")
    from tests.authoring import pydantic_models as shop

    await road.open([shop.doubles], [shop.double])
    order = shop.Order(lines=[shop.Line(product="tea", count=2)])
    state = await road.end(shop.doubles, order)
    state.raise_if_failed()
    assert state.get_output(shop.Order) == shop.Order(lines=[shop.Line(product="tea", count=4)])
    refused = await road.end(shop.doubles, {"lines": [{"product": "tea", "count": 0}]})
    assert refused.runtime_status is OrchestrationStatus.FAILED
    assert refused.failure_details.error_type == "trio_durable.PayloadError"


class Rot13:
    """The smallest converter that stores something else than it was given."""

    def __init__(self) -> None:
        self._inner = JsonConverter()

    def to_json(self, value: object) -> str:
        return json.dumps(self._inner.to_json(value)[::-1])

    def from_json(self, text: str, wanted: object = None) -> object:
        return self._inner.from_json(json.loads(text)[::-1], wanted)


async def test_a_converter_of_the_users_own_sees_every_payload():
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery:
        worker = Worker(sidecar.channel(), converter=Rot13())
        worker.add_orchestrator(models.hands_on)
        worker.add_activity(models.passes)
        await nursery.start(worker.serve)
        async with Client(sidecar.channel(), converter=Rot13()) as client:
            # Metadata beside it, so that the envelope is around a payload that is not what it seems.
            instance_id = await client.schedule_new_orchestration(models.hands_on, input=VALUE, metadata={"a": "b"})
            state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
            state.raise_if_failed()
            assert state.get_output(models.Everything) == VALUE
            assert state.get_input(models.Everything) == VALUE
            for event in await client.get_orchestration_history(instance_id):
                assert "colour" not in f"{event.input} {event.result}"
        async with Client(sidecar.channel()) as another:
            state = await another.get_orchestration_state(instance_id)
            with pytest.raises(PayloadError):
                state.get_output(models.Everything)
        nursery.cancel_scope.cancel()

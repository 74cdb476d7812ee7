"""A worker made of a script, and sidecars under it: what the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio
import trio_durable_proto as pb

from trio_durable._core import actions as ac
from trio_durable._core import events as ev
from trio_durable._core.events import Status
from trio_durable._rpc import Stub
from trio_durable._wire.requests import (
    Activity,
    ActivityResult,
    Turn,
    TurnResult,
    activity_result_to_pb,
    turn_result_to_pb,
    work_from_pb,
)
from trio_durable._wire.states import InstanceState, state_from_response

#: An orchestrator here is a plain function of everything that has happened so far: all its actions, every turn.
Script = Callable[[list[ev.Event]], Sequence[ac.Action]]


class ScriptedWorker:
    """A worker that replays like a real one: it sends those of the script's actions that history does not hold yet."""

    def __init__(self, channel: Any, scripts: dict[str, Script], *, capabilities: Sequence[int] = ()) -> None:
        self.stub = Stub(channel)
        self.scripts = scripts
        self.capabilities = list(capabilities)
        self.turns: list[Turn] = []
        self.activities: list[Activity] = []
        self.run_activity: Callable[[Activity], ActivityResult] | None = None
        self.custom_status: str | None = None

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take items until cancelled."""
        async with trio.open_nursery() as nursery:
            request = pb.GetWorkItemsRequest(capabilities=[pb.WorkerCapability(c) for c in self.capabilities])
            started = False
            async for item in self.stub.get_work_items(request):
                if not started:
                    started = True
                nursery.start_soon(self._answer, item)

    async def _answer(self, item: pb.WorkItem) -> None:
        work = work_from_pb(item)
        if isinstance(work, Turn):
            await self.answer_turn(work, item.completion_token)
        elif isinstance(work, Activity):
            await self.answer_activity(work, item.completion_token)

    async def answer_turn(self, turn: Turn, token: str) -> None:
        self.turns.append(turn)
        events = turn.past + turn.new
        name = next(event.name for event in events if isinstance(event, ev.ExecutionStarted))
        done = {event.event_id for event in events}
        actions = [action for action in self.scripts[name](events) if action.id not in done]
        result = TurnResult(turn.instance_id, actions, self.custom_status, token)
        await self.stub.complete_workflow_task(turn_result_to_pb(result))

    async def answer_activity(self, activity: Activity, token: str) -> None:
        self.activities.append(activity)
        if self.run_activity is not None:
            result = self.run_activity(activity)
        else:
            result = ActivityResult(activity.instance_id, activity.task_id, activity.input)
        result.completion_token = token
        await self.stub.complete_activity_task(activity_result_to_pb(result))


class Client:
    """The calls of a client, with the messages unpacked."""

    def __init__(self, channel: Any) -> None:
        self.stub = Stub(channel)

    async def start(self, name: str, instance_id: str = "", payload: str | None = None, **more: Any) -> str:
        request = pb.CreateInstanceRequest(instance_id=instance_id, name=name, input=payload, **more)
        return (await self.stub.start_instance(request)).instance_id

    async def state(self, instance_id: str) -> InstanceState | None:
        request = pb.GetInstanceRequest(instance_id=instance_id, get_inputs_and_outputs=True)
        return state_from_response(await self.stub.get_instance(request))

    async def ended(self, instance_id: str) -> InstanceState:
        request = pb.GetInstanceRequest(instance_id=instance_id, get_inputs_and_outputs=True)
        with trio.fail_after(10_000):
            state = state_from_response(await self.stub.wait_for_instance_completion(request))
        assert state is not None
        return state

    async def raise_event(self, instance_id: str, name: str, payload: str | None = None) -> None:
        await self.stub.raise_event(pb.RaiseEventRequest(instance_id=instance_id, name=name, input=payload))

    async def history(self, instance_id: str) -> list[pb.HistoryEvent]:
        response = await self.stub.get_instance_history(pb.GetInstanceHistoryRequest(instance_id=instance_id))
        return response.events


def results(events: list[ev.Event]) -> dict[int, ev.Event]:
    """Answers by the id of the action they answer."""
    found: dict[int, ev.Event] = {}
    for event in events:
        if isinstance(event, ev.TaskCompleted | ev.TaskFailed | ev.ChildCompleted | ev.ChildFailed):
            found[event.task_scheduled_id] = event
        elif isinstance(event, ev.TimerFired):
            found[event.timer_id] = event
    return found


def chain(length: int) -> Script:
    """`length` activities one after the other, each given the one before's result; then the last result."""

    def script(events: list[ev.Event]) -> list[ac.Action]:
        answers = results(events)
        payload = next(event.input for event in events if isinstance(event, ev.ExecutionStarted))
        actions: list[ac.Action] = []
        for number in range(1, length + 1):
            actions.append(ac.ScheduleTask(number, "step", payload))
            answer = answers.get(number)
            if answer is None:
                return actions
            assert isinstance(answer, ev.TaskCompleted)
            payload = answer.result
        return [*actions, ac.CompleteOrchestration(length + 1, Status.COMPLETED, payload)]

    return script


@pytest.fixture
def worker_class() -> type[ScriptedWorker]:
    return ScriptedWorker


@pytest.fixture
def client_class() -> type[Client]:
    return Client


@pytest.fixture
def scripts() -> dict[str, Script]:
    return {"chain": chain(3)}


@pytest.fixture
def answers() -> Callable[[list[ev.Event]], dict[int, ev.Event]]:
    return results

"""Handing history down: what a call asks for, and what an activity is shown of it.

Neither the embedded sidecar nor the standalone Go one hands histories down (Dapr's does), so the two ends are tested
against the protocol's messages.
"""

from __future__ import annotations

import pytest
import trio_durable_proto as pb

from tests.authoring.test_core import Script, context
from trio_durable import ActivityContext, PropagationScope, Worker
from trio_durable._converter import JsonConverter
from trio_durable._core import events as ev
from trio_durable._wire.actions import action_to_pb
from trio_durable._wire.events import event_to_bytes
from trio_durable._wire.requests import activity_from_pb
from trio_durable._worker.activity import ActivityRunner


@pytest.mark.parametrize("generator", [False, True])
def test_a_call_asks_for_its_scope(generator):
    async def main(replay):
        ctx = context(replay)
        return await ctx.gather(
            ctx.call_activity("one"),
            ctx.call_activity("two", propagation=PropagationScope.OWN_HISTORY),
            ctx.call_child_workflow("three", propagation=PropagationScope.LINEAGE),
        )

    one, two, three = (action_to_pb(action) for action in Script(main, crash=generator).start().actions)
    assert one.schedule_task.history_propagation_scope is None
    assert two.schedule_task.history_propagation_scope == pb.HistoryPropagationScope.OWN_HISTORY
    assert three.create_child_workflow.history_propagation_scope == pb.HistoryPropagationScope.LINEAGE


async def test_an_activity_sees_what_was_handed_down():
    seen: list[ActivityContext] = []

    def look(ctx: ActivityContext) -> None:
        seen.append(ctx)

    worker = Worker("127.0.0.1:1")
    worker.add_activity(look)
    events = [ev.OrchestratorStarted(-1, 5), ev.TaskScheduled(1, 5, "look")]
    chunk = pb.PropagatedHistoryChunk(
        raw_events=[event_to_bytes(event) for event in events], app_id="shop", instance_id="i", workflow_name="flow"
    )
    request = pb.ActivityRequest(
        name="look",
        workflow_instance=pb.WorkflowInstance(instance_id="i"),
        task_id=1,
        propagated_history=pb.PropagatedHistory(scope=pb.HistoryPropagationScope.OWN_HISTORY, chunks=[chunk]),
    )
    runner = ActivityRunner(worker._registry, JsonConverter(), 1)
    result = await runner.run(activity_from_pb(request))
    assert result.failure is None
    (history,) = seen[0].propagated_history
    assert (history.app_id, history.instance_id, history.name) == ("shop", "i", "flow")
    assert [event.kind for event in history.events] == ["OrchestratorStarted", "TaskScheduled"]
    assert history.events[1].name == "look"

"""What it takes to make Temporal's sandbox run a workflow without a server. Imported in the peer's environment only."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import temporalio.api.common.v1
import temporalio.common
import temporalio.converter
import temporalio.workflow
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.worker import UnsandboxedWorkflowRunner
from temporalio.worker._workflow_instance import WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.worker.workflow_sandbox._runner import _fake_info

SECONDS = 1_700_000_000


def runners(passthrough: list[str]) -> tuple[Any, Any]:
    """Temporal's sandbox, with pydantic and these modules passed through as its documentation advises; and none."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules("pydantic", *passthrough)
    return SandboxedWorkflowRunner(restrictions=restrictions), UnsandboxedWorkflowRunner()


def details(workflow: type, instance: str = "instance") -> Any:
    """What a worker hands to the runner."""
    definition = temporalio.workflow._Definition.must_from_class(workflow)
    at = datetime.fromtimestamp(SECONDS, UTC)
    info = dataclasses.replace(
        _fake_info, workflow_id=instance, run_id=f"run-{instance}", start_time=at, workflow_start_time=at,
        task_timeout=timedelta(seconds=10), workflow_type=definition.name or "",
    )  # fmt: skip
    return WorkflowInstanceDetails(
        payload_converter_factory=temporalio.converter.DataConverter.default._new_payload_converter,
        failure_converter_class=temporalio.converter.DataConverter.default.failure_converter_class,
        interceptor_classes=[],
        defn=definition,
        info=info,
        randomness_seed=17,
        extern_functions={},
        disable_eager_activity_execution=False,
        worker_level_failure_exception_types=[],
        patch_activation_callback=None,
        last_completion_result=temporalio.api.common.v1.Payloads(),
        last_failure=None,
    )


def create(runner: Any, made: Any) -> Any:
    """An instance, made as the worker makes it: on an event loop."""
    asyncio._set_running_loop(_loop)
    try:
        return runner.create_instance(made)
    finally:
        asyncio._set_running_loop(None)


_loop = asyncio.new_event_loop()


def _activation(instance: str) -> Any:
    act = WorkflowActivation(run_id=f"run-{instance}", is_replaying=False)
    act.timestamp.seconds = SECONDS
    return act


def first_turn(name: str, instance: str = "instance") -> Any:
    """The activation that starts a workflow."""
    act = _activation(instance)
    job = act.jobs.add()
    job.initialize_workflow.workflow_type = name
    job.initialize_workflow.workflow_id = instance
    job.initialize_workflow.randomness_seed = 17
    return act


def next_turn(instance: str = "instance") -> Any:
    """An activation that needs no history: the workflow's conditions are looked at again."""
    act = _activation(instance)
    act.jobs.add().update_random_seed.randomness_seed = 18
    return act

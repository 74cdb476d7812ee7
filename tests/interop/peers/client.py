"""Run by the peer's interpreter: durabletask-dapr as the client of our sidecar. One JSON line per finding on stdout."""

import json
import sys

from durabletask.client import OrchestrationStatus, TaskHubGrpcClient


def found(**what):
    print(json.dumps(what), flush=True)


def main(address):
    client = TaskHubGrpcClient(host_address=address)

    instance_id = client.schedule_new_orchestration("chain")
    state = client.wait_for_orchestration_completion(instance_id, timeout=100)
    found(step="chain", status=state.runtime_status.name, output=json.loads(state.serialized_output))

    instance_id = client.schedule_new_orchestration("fan_out", input=100, instance_id="peer-chosen")
    state = client.wait_for_orchestration_completion(instance_id, timeout=100)
    found(step="fan_out", id=instance_id, status=state.runtime_status.name, output=json.loads(state.serialized_output))

    instance_id = client.schedule_new_orchestration("waits")
    started = client.wait_for_orchestration_start(instance_id, timeout=100)
    client.raise_orchestration_event(instance_id, "GO", data={"from": "peer", "zero": 0})
    state = client.wait_for_orchestration_completion(instance_id, timeout=100)
    found(step="event", started=started.runtime_status.name, output=json.loads(state.serialized_output))

    instance_id = client.schedule_new_orchestration("waits")
    client.wait_for_orchestration_start(instance_id, timeout=100)
    client.suspend_orchestration(instance_id)
    suspended = client.get_orchestration_state(instance_id).runtime_status
    client.raise_orchestration_event(instance_id, "go", data="while suspended")
    client.resume_orchestration(instance_id)
    state = client.wait_for_orchestration_completion(instance_id, timeout=100)
    found(step="suspend", suspended=suspended.name, output=json.loads(state.serialized_output))

    instance_id = client.schedule_new_orchestration("waits")
    client.wait_for_orchestration_start(instance_id, timeout=100)
    client.terminate_orchestration(instance_id, output=["stopped", 0])
    state = client.wait_for_orchestration_completion(instance_id, timeout=100)
    found(step="terminate", status=state.runtime_status.name, output=json.loads(state.serialized_output))

    instance_id = client.schedule_new_orchestration("fails")
    state = client.wait_for_orchestration_completion(instance_id, timeout=100)
    assert state.runtime_status is OrchestrationStatus.FAILED
    found(step="failure", status=state.runtime_status.name, message=state.failure_details.message)

    client.purge_orchestration(instance_id)
    found(step="purge", gone=client.get_orchestration_state(instance_id) is None)
    client.close()


main(sys.argv[1])

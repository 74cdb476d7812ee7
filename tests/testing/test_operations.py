"""`ClientOperations` passes the embedded sidecar, and notices one that does not keep its word."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.patience import PATIENCE
from tests.testing.conftest import EXAMPLES
from trio_durable.sidecar import open_sidecar
from trio_durable.sidecar.hub import Hub
from trio_durable.sidecar.service import SidecarService
from trio_durable.testing import ClientOperations, ConformanceError


class Patient(ClientOperations):
    """As long as an instance needs on any machine; a sidecar that keeps its word takes no longer for that."""

    patience = PATIENCE


class OverGrpc(Patient):
    @asynccontextmanager
    async def open_sidecar(self):
        async with open_sidecar() as sidecar:
            yield await sidecar.serve()


class Hasty(ClientOperations):
    patience = 1.0


def run(machine, examples):
    few = settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=few)


def test_another_sidecar_may_be_given():
    run(OverGrpc, 5)


def test_what_it_cannot_do_is_left_out(monkeypatch):
    async def cannot(self, *arguments, **options):
        raise AssertionError("this was left out")

    for method in ("purge", "rerun", "instance_ids"):
        monkeypatch.setattr(SidecarService, method, cannot)
    run(type("Lesser", (Patient,), {"without": frozenset({"purge", "rerun", "list", "cancel", "reuse"})}), 5)


def test_a_sidecar_that_cannot_be_opened():
    class Closed(Patient):
        @asynccontextmanager
        async def open_sidecar(self):
            raise OSError("no sidecar today")
            yield

    with pytest.raises(OSError, match="no sidecar today"):
        run(Closed, 1)


def loses(real, kind):
    return lambda self, instance_id, event: type(event).__name__ == kind or real(self, instance_id, event)


def twice(real, kind):
    def send(self, instance_id, event):
        if type(event).__name__ == kind:
            real(self, instance_id, event)
        return real(self, instance_id, event)

    return send


def none_deleted(real):
    async def purge(self, instance_id, *, recursive, force):
        return 1

    return purge


def no_output(real):
    async def terminate(self, instance_id, output, *, recursive):
        return await real(self, instance_id, None, recursive=recursive)

    return terminate


def first_only(real):
    async def instance_ids(self, after, size):
        ids, _ = await real(self, after, size)
        return ids[:1], None

    return instance_ids


def same_input(real):
    async def rerun(self, source, event_id, new, payload, *, overwrite, **more):
        return await real(self, source, event_id, new, payload, overwrite=False, **more)

    return rerun


@pytest.mark.parametrize(
    ("owner", "method", "broken"),
    [
        (Hub, "send", lambda real: loses(real, "EventRaised")),
        (Hub, "send", lambda real: twice(real, "EventRaised")),
        (Hub, "send", lambda real: loses(real, "ExecutionResumed")),
        (SidecarService, "purge", none_deleted),
        (SidecarService, "terminate", no_output),
        (SidecarService, "instance_ids", first_only),
        (SidecarService, "rerun", same_input),
    ],
    ids=["loses events", "doubles events", "does not resume", "does not purge", "forgets the output",
         "lists one page", "ignores the input"],
)  # fmt: skip
def test_a_sidecar_that_does_not_keep_its_word(owner, method, broken, monkeypatch):
    monkeypatch.setattr(owner, method, broken(getattr(owner, method)))
    with pytest.raises(ConformanceError, match="expected"):
        run(Hasty, 60)


class Counted(Patient):
    def teardown(self):
        EXAMPLES["client operations"] += 1
        super().teardown()


# Each example opens a sidecar, so `make fuzz` makes fewer of them than of the others.
TestClientOperations = Counted.TestCase
TestClientOperations.settings = settings(
    max_examples=max(settings().max_examples // 10, 20), deadline=None, suppress_health_check=list(HealthCheck)
)

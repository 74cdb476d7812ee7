"""What can be registered, how, and what is said about what cannot."""

from __future__ import annotations

import pytest

from trio_durable import RegistrationError, Worker


async def flow(ctx):
    return await ctx.call_activity("greet", input="Ann")


def flow_generator(ctx):
    return (yield ctx.call_activity("greet", input="Ann"))


def hello(ctx, name: str) -> str:
    return f"Hello {name}"


async def test_decorators(embedded):
    worker = Worker(embedded.target)
    assert worker.orchestrator(name="async flow")(flow) is flow
    assert worker.orchestrator(flow_generator) is flow_generator
    assert worker.activity(name="greet")(hello) is hello
    assert worker.activity(hello) is hello
    assert worker.orchestrator(name="versioned", version="1")(flow) is flow
    assert worker.orchestrator()(flow) is flow
    await embedded.nursery.start(worker.serve)
    for name in ("async flow", "flow_generator", "versioned", "flow"):
        assert await embedded.output(name) == "Hello Ann"


def test_what_cannot_be_registered_says_what_to_do():
    worker = Worker("127.0.0.1:1")

    async def nested(ctx):
        pass

    with pytest.raises(RegistrationError, match="sandbox"):
        worker.add_orchestrator(nested)
    with pytest.raises(RegistrationError, match="lambda"):
        worker.add_orchestrator(lambda ctx: None)
    with pytest.raises(RegistrationError, match="name="):
        worker.add_activity(lambda ctx: None)
    worker.add_activity(hello)
    with pytest.raises(RegistrationError, match="registered already"):
        worker.add_activity(hello)
    worker.add_orchestrator(flow)
    with pytest.raises(RegistrationError, match="registered already"):
        worker.add_orchestrator(flow)
    off = Worker("127.0.0.1:1", sandbox="off")
    off.add_orchestrator(nested)
    off.add_orchestrator(lambda ctx: None, name="lambda")

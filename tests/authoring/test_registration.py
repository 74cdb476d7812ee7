"""What can be registered, how, and what is said about what cannot."""

from __future__ import annotations

import pytest

from trio_durable import RegistrationError, Worker
from trio_durable._client.arguments import name_of


async def flow(ctx):
    return await ctx.call_activity("greet", input="Ann")


def flow_generator(ctx):
    return (yield ctx.call_activity("greet", input="Ann"))


def hello(ctx, name: str) -> str:
    return f"Hello {name}"


def takes_nothing(): ...


def takes_three(ctx, one, two): ...


def takes_a_keyword(ctx, *, one): ...


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


async def test_a_function_is_known_by_the_name_it_was_registered_under(embedded):
    worker = Worker(embedded.target)
    worker.add_activity(hello, name="greet")
    worker.add_orchestrator(named, name="another name")
    worker.add_versioned_orchestrator(named_generator, name="a third name", version="1")
    await embedded.nursery.start(worker.serve)
    for function, name in ((named, "another name"), (named_generator, "a third name")):
        state = await embedded.end(function)
        assert (state.name, state.get_output()) == (name, "Hello Ann")


async def named(ctx):
    return await ctx.call_activity(hello, input="Ann")


def named_generator(ctx):
    return (yield ctx.call_activity(hello, input="Ann"))


def test_a_function_of_several_names_is_called_by_its_own_or_by_none():
    def twice(ctx): ...

    worker = Worker("127.0.0.1:1", sandbox="off")
    worker.add_activity(twice, name="one")
    assert name_of(twice) == worker._registry.name_of(twice) == "one"
    worker.add_activity(twice, name="two")
    for names in (name_of, worker._registry.name_of):
        with pytest.raises(TypeError, match="registered as 'one', 'two': give the name"):
            names(twice)
    other = Worker("127.0.0.1:1", sandbox="off")
    other.add_activity(twice, name="three")
    assert other._registry.name_of(twice) == "three"
    worker.add_activity(twice)
    assert name_of(twice) == worker._registry.name_of(twice) == "twice"


def test_functions_that_one_line_made_keep_their_names_apart():
    def made(n):
        def step(ctx):
            return n

        return step

    worker = Worker("127.0.0.1:1")
    steps = [worker.add_activity(made(n), name=f"step {n}") for n in range(3)]
    assert [worker._registry.name_of(step) for step in steps] == ["step 0", "step 1", "step 2"]
    assert [name_of(step) for step in steps] == ["step 0", "step 1", "step 2"]


def test_what_was_called_already_is_no_function():
    async def act(ctx): ...

    def steps(ctx):
        yield

    registry = Worker("127.0.0.1:1")._registry
    for called in (act(None), steps(None)):
        for names in (name_of, registry.name_of):
            with pytest.raises(TypeError, match="without calling it"):
                names(called)


@pytest.mark.parametrize("add", ["add_orchestrator", "add_activity", "add_versioned_orchestrator"])
@pytest.mark.parametrize("function", [takes_nothing, takes_three, takes_a_keyword])
def test_what_could_never_be_called_is_refused(add, function):
    options = {"version": "1"} if add == "add_versioned_orchestrator" else {}
    with pytest.raises(RegistrationError, match=r"has the parameters \(.*one input: `def \w+\(ctx\)` or `def"):
        getattr(Worker("127.0.0.1:1"), add)(function, **options)


@pytest.mark.parametrize(
    "function", [lambda ctx: 1, lambda ctx, value=1: 1, lambda *args: 1, lambda ctx, value, third=3: 1, print]
)
def test_what_can_be_called_is_taken(function):
    Worker("127.0.0.1:1").add_activity(function, name="f")


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

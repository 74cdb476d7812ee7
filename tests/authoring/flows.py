"""Orchestrations of the authoring tests, most of them twice: as `async def` and as a generator."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from trio_durable import NonRetryableError, NotRegisteredError, RetryPolicy, TaskFailedError

MOMENT = timedelta(milliseconds=5)


def echo(ctx, value):
    return value


async def echo_async(ctx, value):
    return value


def sees(ctx, value):
    return [value, ctx.metadata, ctx.trace_state, ctx.attempt]


CALLS: list[str] = []


def note(ctx, text: str | None) -> str | None:
    CALLS.append(text)
    return text


def refuses(ctx, text: str):
    CALLS.append(text)
    raise ValueError(f"refused {text}")


def flaky(ctx, times: int):
    CALLS.append(f"{ctx.attempt}")
    if ctx.attempt <= times:
        raise ConnectionError("not yet")
    return ctx.attempt


def forgets(ctx):
    CALLS.append(str(ctx.attempt))
    if ctx.attempt < 3:
        raise ConnectionError("not yet")
    return ctx.attempt


def hopeless(ctx):
    CALLS.append("hopeless")
    raise NonRetryableError("never")


# -- who and when ---------------------------------------------------------------------------------------------------


async def tells_itself(ctx):
    before = ctx.info
    await ctx.call_activity(echo, input=1)
    return looks_at(ctx, before)


def tells_itself_generator(ctx):
    before = ctx.info
    yield ctx.call_activity(echo, input=1)
    return looks_at(ctx, before)


def looks_at(ctx, before):
    after = ctx.info
    assert before.history_event_sequence < after.history_event_sequence == ctx.history_event_sequence
    assert ctx.workflow_name == ctx.name == before.name
    assert ctx.workflow_span_id == ctx.orchestration_span_id
    assert before.current_utc_datetime <= after.current_utc_datetime == ctx.now()
    execution = ctx.execution_info
    assert execution.instance_id == ctx.instance_id
    assert isinstance(execution.started_at, datetime)
    debug = ctx.get_debug_info()
    assert debug["instance_id"] == ctx.instance_id
    assert debug["history_event_sequence"] == after.history_event_sequence
    try:
        before.name = "another"
    except AttributeError:
        frozen = True
    return [after.name, after.instance_id, after.parent_instance_id, after.is_suspended, after.version, frozen]


async def parent_of_teller(ctx):
    return await ctx.call_sub_orchestrator(tells_itself)


def parent_of_teller_generator(ctx):
    return (yield ctx.call_sub_orchestrator(tells_itself_generator))


# -- values ---------------------------------------------------------------------------------------------------------


async def draws(ctx):
    first = [str(ctx.new_guid()), str(ctx.uuid4()), str(ctx.new_uuid()), ctx.random().random(), ctx.random().random()]
    await ctx.call_activity(echo, input=1)
    word = ctx.random_string(12)
    number = ctx.random_int(5, 7)
    choice = ctx.random_choice(["a", "b", "c"])
    times = [ctx.now_with_sequence(), ctx.current_utc_datetime_with_sequence()]
    assert times[0] < times[1]
    binary = ctx.random_string(8, alphabet="01")
    await ctx.call_activity(echo, input=2)
    return [*first, word, number, choice, binary, ctx.random().random()]


def draws_generator(ctx):
    first = [str(ctx.new_guid()), str(ctx.uuid4()), str(ctx.new_uuid()), ctx.random().random(), ctx.random().random()]
    yield ctx.call_activity(echo, input=1)
    drawn = [ctx.random_string(12), ctx.random_int(5, 7), ctx.random_choice(["a", "b", "c"])]
    drawn.append(ctx.random_string(8, alphabet="01"))
    yield ctx.call_activity(echo, input=2)
    return [*first, *drawn, ctx.random().random()]


# -- logging --------------------------------------------------------------------------------------------------------


async def logs(ctx):
    mine = ctx.create_replay_safe_logger(logging.getLogger("tests.authoring"))
    ctx.logger.warning("before")
    await ctx.call_activity(echo, input=1)
    mine.warning("between %s", 1)
    await ctx.call_activity(echo, input=1)
    ctx.logger.warning("after")


def logs_generator(ctx):
    ctx.logger.warning("before")
    yield ctx.call_activity(echo, input=1)
    ctx.create_replay_safe_logger(logging.getLogger("tests.authoring")).warning("between %s", 1)
    yield ctx.call_activity(echo, input=1)
    ctx.logger.warning("after")


# -- metadata -------------------------------------------------------------------------------------------------------


async def passes_metadata(ctx):
    plain = await ctx.call_activity(sees, input={"a": 0})
    ctx.set_metadata({"tenant": "blue"})
    ctx.append_trace_state("acme", "1")
    got = await ctx.call_activity(sees, input=0)
    more = await ctx.call_activity(sees, input=None, metadata={"user": "ann"})
    child = await ctx.call_sub_orchestrator(reads_metadata, input="in")
    return [plain, got, more, child, ctx.get_headers()]


def passes_metadata_generator(ctx):
    plain = yield ctx.call_activity(sees, input={"a": 0})
    ctx.set_headers({"tenant": "blue"})
    ctx.append_trace_state("acme", "1")
    got = yield ctx.call_activity(sees, input=0)
    more = yield ctx.call_activity(sees, input=None, metadata={"user": "ann"})
    child = yield ctx.call_sub_orchestrator(reads_metadata, input="in")
    return [plain, got, more, child, ctx.get_metadata()]


async def reads_metadata(ctx, value):
    return [value, ctx.get_metadata()["tenant"], (await ctx.call_activity(sees, input=1))[1]["tenant"]]


def reads_metadata_generator(ctx, value):
    seen = yield ctx.call_activity(sees, input=1)
    return [value, ctx.get_metadata()["tenant"], seen[1]["tenant"]]


def metadata_over_generations_generator(ctx, n: int):
    yield ctx.sleep(0)
    if n == 0:
        ctx.set_metadata({"kept": "yes"})
        ctx.continue_as_new(1, save_metadata=True)
    elif n == 1:
        assert ctx.get_metadata() == {"kept": "yes"}
        ctx.continue_as_new(2)
    else:
        return ctx.get_metadata()


async def values_over_generations(ctx, seen: list):
    draws = [str(ctx.uuid4()), ctx.random().random(), ctx.history_event_sequence]
    if len(seen) < 2:
        ctx.continue_as_new([*seen, draws])
    return [*seen, draws]


def values_over_generations_generator(ctx, seen: list):
    yield ctx.sleep(0)
    draws = [str(ctx.uuid4()), ctx.random().random(), ctx.history_event_sequence]
    if len(seen) < 2:
        ctx.continue_as_new([*seen, draws])
    return [*seen, draws]


async def metadata_over_generations(ctx, n: int):
    if n == 0:
        ctx.set_metadata({"kept": "yes"})
        ctx.continue_as_new(1, save_metadata=True)
    elif n == 1:
        assert ctx.get_metadata() == {"kept": "yes"}
        ctx.continue_as_new(2)
    else:
        return ctx.get_metadata()


async def looks_like_an_envelope(ctx, value):
    return [value, await ctx.call_activity(echo, input=value), ctx.get_metadata()]


def looks_like_an_envelope_generator(ctx, value):
    echoed = yield ctx.call_activity(echo, input=value)
    return [value, echoed, ctx.get_metadata()]


# -- cleanups and sagas ---------------------------------------------------------------------------------------------


async def cleans_up(ctx, fails: bool):
    async def tidy(text):
        await ctx.call_activity(note, input=text)

    def breaks():
        raise RuntimeError("a broken cleanup")

    async with ctx:
        ctx.add_cleanup(tidy, "first added")
        ctx.add_cleanup(breaks)
        ctx.add_cleanup(ctx.call_activity, note)
        ctx.add_cleanup(tidy, "last added")
        if fails:
            raise KeyError("the body")


def cleans_up_generator(ctx, fails: bool):
    def breaks():
        raise RuntimeError("a broken cleanup")

    ctx.add_cleanup(lambda: ctx.call_activity(note, input="first added"))
    ctx.add_cleanup(breaks)
    ctx.add_cleanup(ctx.call_activity, note)
    ctx.add_cleanup(lambda: ctx.call_activity(note, input="last added"))
    try:
        if fails:
            raise KeyError("the body")
        yield ctx.call_activity(echo, input=1)
    finally:
        yield ctx.run_cleanups()


async def books(ctx, fails_at: str):
    async def by_hand(what):
        await ctx.call_activity(note, input=f"undo {what}")

    async with ctx.saga() as saga:
        await ctx.call_activity(note, input="hotel")
        saga.compensate(note, input="undo hotel")
        await ctx.call_activity(note, input="car")
        saga.compensate(by_hand, "car")
        if fails_at == "undo":
            saga.compensate(refuses, input="undo flight")
        if fails_at:
            await ctx.call_activity(refuses, input="flight")
    return "booked"


def books_generator(ctx, fails_at: str):
    saga = ctx.saga()
    try:
        yield ctx.call_activity(note, input="hotel")
        saga.compensate(note, input="undo hotel")
        yield ctx.call_activity(note, input="car")
        saga.compensate("note", input="undo car")
        if fails_at == "undo":
            saga.compensate(refuses, input="undo flight")
        if fails_at:
            yield ctx.call_activity(refuses, input="flight")
    except TaskFailedError:
        yield saga.undo()
        raise
    return "booked"


async def waits_in_a_saga(ctx):
    async with ctx.saga() as saga:
        saga.compensate(note, input="undo first")
        saga.compensate(note, input="undo last")
        ctx.set_custom_status("listening")
        await ctx.wait_for_external_event("never")


def waits_in_a_saga_generator(ctx):
    saga = ctx.saga()
    saga.compensate(note, input="undo first")
    saga.compensate(note, input="undo last")
    try:
        ctx.set_custom_status("listening")
        yield ctx.wait_for_external_event("never")
    except BaseException:
        yield saga.undo()
        raise


async def saga_in_a_timeout(ctx):
    import trio

    with trio.move_on_after(0.05) as scope:
        async with ctx.saga() as saga:
            saga.compensate(note, input="undone")
            await ctx.wait_for_external_event("never")
    return scope.cancelled_caught


# -- events and instances -------------------------------------------------------------------------------------------


async def sends(ctx, to: str):
    await ctx.send_event(to, "Hello", data={"n": 0})
    try:
        await ctx.send_event("no such instance", "Hello")
    except TaskFailedError as error:
        return error.details.error_type


def sends_generator(ctx, to: str):
    yield ctx.send_event(to, "Hello", data={"n": 0})
    try:
        yield ctx.send_event("no such instance", "Hello")
    except TaskFailedError as error:
        return error.details.error_type


async def listens(ctx):
    return await ctx.wait_for_external_event("hello", data_type=dict)


async def detaches(ctx):
    ctx.set_metadata({"from": "above"})
    instance_id = ctx.schedule_new_orchestration(detached, input=[1])
    assert instance_id == await ctx.call_activity(echo, input=instance_id)
    return instance_id


def detaches_generator(ctx):
    ctx.set_metadata({"from": "above"})
    instance_id = ctx.schedule_new_orchestration(detached, input=[1])
    yield ctx.call_activity(echo, input=1)
    return instance_id


async def detached(ctx, value):
    return [value, ctx.parent_instance_id, ctx.get_metadata()]


# -- retries --------------------------------------------------------------------------------------------------------

RETRY = RetryPolicy(first_retry_interval=MOMENT, max_number_of_attempts=4, backoff_coefficient=2, jitter=0.5)


async def retries(ctx):
    return await ctx.call_activity(flaky, input=2, retry_policy=RETRY)


def retries_generator(ctx):
    return (yield ctx.call_activity(flaky, input=2, retry_policy=RETRY))


POLICIES = {
    "type": RetryPolicy(
        first_retry_interval=MOMENT, max_number_of_attempts=9, non_retryable_error_types=(ConnectionError,)
    ),
    "handle": RetryPolicy(
        first_retry_interval=MOMENT,
        max_number_of_attempts=9,
        handle=lambda failure: "not yet" not in failure.error_message,
    ),
    "registered": RetryPolicy(
        first_retry_interval=MOMENT, max_number_of_attempts=3, non_retryable_error_types=(NotRegisteredError,)
    ),
    "attempts": RetryPolicy(first_retry_interval=MOMENT, max_number_of_attempts=3),
}


#: Long enough for a worker to be replaced between two attempts.
PATIENT = RetryPolicy(first_retry_interval=timedelta(seconds=0.25), max_number_of_attempts=4)


async def tries_patiently(ctx):
    return await ctx.call_activity(forgets, retry_policy=PATIENT)


def tries_patiently_generator(ctx):
    return (yield ctx.call_activity(forgets, retry_policy=PATIENT))


async def gives_up(ctx, how: str):
    await ctx.call_activity(flaky, input=9, retry_policy=POLICIES[how])


def gives_up_generator(ctx, how: str):
    yield ctx.call_activity(flaky, input=9, retry_policy=POLICIES[how])


async def calls_nobody(ctx, how: str):
    await ctx.call_activity("nobody", retry_policy=POLICIES[how])


def calls_nobody_generator(ctx, how: str):
    yield ctx.call_activity("nobody", retry_policy=POLICIES[how])


async def retries_once(ctx, name: str):
    await ctx.call_activity(name, retry_policy=RETRY)


def retries_once_generator(ctx, name: str):
    yield ctx.call_activity(name, retry_policy=RETRY)


# -- failures -------------------------------------------------------------------------------------------------------


def exits(ctx):
    CALLS.append("exits")
    raise SystemExit("wrong usage")


async def fails_in_a_nursery(ctx):
    CALLS.append("nursery")
    raise ExceptionGroup("in a nursery", [KeyError("one"), ExceptionGroup("", [OSError("two")])])


async def must_not_try_again(ctx):
    CALLS.append("nursery")
    raise ExceptionGroup("in a nursery", [KeyError("one"), NonRetryableError("never")])


def needs_a_number(ctx, n: int):
    return n


def has_a_default(ctx, n: int = 7):
    return n


async def not_a_number(ctx):
    return float("nan")


async def meets_failures(ctx):
    told = []
    for name in ("exits", "fails_in_a_nursery", "needs_a_number", "not_a_number"):
        try:
            await ctx.call_activity(name)
        except TaskFailedError as error:
            causes = [cause for cause in ("KeyError", "OSError") if error.is_caused_by(cause)]
            told.append([error.details.error_type, error.details.error_message.partition(":")[0], *causes])
    return [*told, await ctx.call_activity(has_a_default)]


def meets_failures_generator(ctx):
    told = []
    for name in ("exits", "fails_in_a_nursery", "needs_a_number", "not_a_number"):
        try:
            yield ctx.call_activity(name)
        except TaskFailedError as error:
            causes = [cause for cause in ("KeyError", "OSError") if error.is_caused_by(cause)]
            told.append([error.details.error_type, error.details.error_message.partition(":")[0], *causes])
    return [*told, (yield ctx.call_activity(has_a_default))]


async def needs_an_input(ctx, n: int):
    return n


def needs_an_input_generator(ctx, n: int):
    yield ctx.sleep(0)
    return n


# -- combinations ---------------------------------------------------------------------------------------------------


async def races(ctx):
    slow = ctx.wait_for_external_event("never")
    fast = ctx.call_activity(echo, input=0)
    winner = await ctx.when_any([slow, fast])
    assert winner == fast
    assert winner.get_result() == 0
    index, result = await ctx.when_any_with_result([slow, ctx.call_activity(echo, input="")])
    assert await ctx.gather() == []
    two = ctx.call_activity(echo, input=1), ctx.call_activity(refuses, input="x")
    everything = ctx.gather(*two, return_exceptions=True)
    first, second = await everything
    assert await everything == [first, second]
    try:
        await ctx.with_timeout(slow, 0.01)
        late = False
    except TimeoutError:
        late = True
    await ctx.when_any([ctx.wait_for_external_event("mine"), ctx.call_activity(echo, input=1)], cancel_losers=True)
    ctx.set_custom_status("listening")
    # The loser no longer takes the event: this one does.
    mine = await ctx.wait_for_external_event("mine")
    return [index, result, first, type(second).__name__, late, mine]


def races_generator(ctx):
    slow = ctx.wait_for_external_event("never")
    fast = ctx.call_activity(echo, input=0)
    winner = yield ctx.when_any([slow, fast])
    assert winner == fast
    index, result = yield ctx.when_any_with_result([slow, ctx.call_activity(echo, input="")])
    assert (yield ctx.gather()) == []
    two = ctx.call_activity(echo, input=1), ctx.call_activity(refuses, input="x")
    everything = ctx.gather(*two, return_exceptions=True)
    first, second = yield everything
    try:
        yield ctx.with_timeout(slow, 0.01)
        late = False
    except TimeoutError:
        late = True
    yield ctx.when_any([ctx.wait_for_external_event("mine"), ctx.call_activity(echo, input=1)], cancel_losers=True)
    ctx.set_custom_status("listening")
    mine = yield ctx.wait_for_external_event("mine")
    return [index, result, first, type(second).__name__, late, mine]


# -- versions and patches -------------------------------------------------------------------------------------------


async def ships_v1(ctx):
    await ctx.wait_for_external_event("go")
    return ["v1", ctx.version]


def ships_v2(ctx):
    yield ctx.wait_for_external_event("go")
    return ["v2", ctx.version]


async def before_the_patch(ctx):
    await ctx.call_activity(echo, input=1)
    await ctx.wait_for_external_event("go")
    return ["old"]


async def after_the_patch(ctx):
    if ctx.is_patched("new start"):
        await ctx.call_activity(note, input="new start")
    await ctx.call_activity(echo, input=1)
    await ctx.wait_for_external_event("go")
    late = ctx.is_patched("new end")
    await ctx.call_activity(echo, input=2)
    return [ctx.is_patched("new start"), late, ctx.is_patched("new end")]


def after_the_patch_generator(ctx):
    if ctx.is_patched("new start"):
        yield ctx.call_activity(note, input="new start")
    yield ctx.call_activity(echo, input=1)
    yield ctx.wait_for_external_event("go")
    late = ctx.is_patched("new end")
    yield ctx.call_activity(echo, input=2)
    return [ctx.is_patched("new start"), late, ctx.is_patched("new end")]


async def forgets_its_patch(ctx):
    await ctx.call_activity(note, input="new start")
    await ctx.call_activity(echo, input=1)
    await ctx.wait_for_external_event("go")


ORCHESTRATORS = [
    tells_itself, tells_itself_generator, parent_of_teller, parent_of_teller_generator, draws, draws_generator, logs,
    logs_generator, passes_metadata, passes_metadata_generator, reads_metadata, reads_metadata_generator,
    metadata_over_generations, metadata_over_generations_generator, values_over_generations,
    values_over_generations_generator, looks_like_an_envelope, looks_like_an_envelope_generator, cleans_up,
    cleans_up_generator, books, books_generator, waits_in_a_saga, waits_in_a_saga_generator, saga_in_a_timeout, sends,
    sends_generator, listens, detaches, detaches_generator, detached, retries, retries_generator, gives_up,
    gives_up_generator, tries_patiently, tries_patiently_generator, calls_nobody, calls_nobody_generator, retries_once,
    retries_once_generator, meets_failures, meets_failures_generator, needs_an_input, needs_an_input_generator, races,
    races_generator,
]  # fmt: skip
ACTIVITIES = [
    echo, echo_async, sees, note, refuses, flaky, forgets, hopeless, exits, fails_in_a_nursery, must_not_try_again,
    needs_a_number, has_a_default, not_a_number,
]  # fmt: skip

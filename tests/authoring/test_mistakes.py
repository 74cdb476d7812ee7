"""The first hour's mistakes, and what is said about each: whose fault it is, and what to write instead."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from trio_durable import PayloadError


class Opaque:
    """Has no JSON form."""


def number(ctx, n: int) -> int:
    return n


def opaque(ctx):
    return Opaque()


def text(ctx) -> Any:
    return "three"


async def naps(ctx):
    await asyncio.sleep(1)  # there is no loop to sleep on


async def forgets_to_await(ctx):
    return ctx.call_activity(number, input=1)


def forgets_to_yield(ctx):
    return [ctx.call_activity(number, input=1)]
    yield


async def asks_for_truth(ctx):
    return "yes" if ctx.call_activity(number, input=0) else "no"


async def calls_a_lambda(ctx):
    await ctx.call_activity(lambda ctx: 1)


async def calls_what_it_called(ctx):
    await ctx.call_activity(naps(ctx))


async def calls_what_it_asked_for(ctx):
    await ctx.call_activity(ctx.call_activity(number, input=1))


async def calls_nobody(ctx):
    await ctx.call_activity("nubmer", input=1)


async def sends_the_wrong_type(ctx):
    await ctx.call_activity(number, input="three")


async def sends_what_is_no_json(ctx):
    await ctx.call_activity(number, input=Opaque())


async def gets_what_is_no_json(ctx):
    await ctx.call_activity(opaque)


async def gets_the_wrong_type(ctx):
    await ctx.call_activity(text, return_type=int)


def gets_the_wrong_type_generator(ctx):
    yield ctx.call_activity(text, return_type=int)


async def hears_the_wrong_type(ctx):
    ctx.send_event(ctx.instance_id, "price", data="three")
    await ctx.wait_for_external_event("price", data_type=int)


async def tells_what_is_no_json(ctx):
    await ctx.send_event(ctx.instance_id, "price", data=Opaque())


async def shows_what_is_no_json(ctx):
    ctx.set_custom_status(Opaque())


async def continues_with_what_is_no_json(ctx):
    ctx.continue_as_new(Opaque())


async def has_a_policy_of_its_own(ctx):
    await ctx.call_activity(number, input=1, retry_policy={"max_number_of_attempts": 3})


def has_a_policy_of_its_own_generator(ctx):
    yield ctx.call_sub_orchestrator("any", retry_policy=3)


async def sleeps_in_an_activity(ctx):
    await ctx.call_activity(naps)


async def sleeps_a_string(ctx):
    await ctx.sleep("5")


async def waits_for_an_int(ctx):
    await ctx.create_timer(5)


def yields_a_list(ctx):
    yield [ctx.call_activity(number, input=1)]


MISTAKES = {
    forgets_to_await: "it was not awaited; put `await` (in a generator `yield`) before it",
    forgets_to_yield: "it was not awaited; put `await` (in a generator `yield`) before it",
    asks_for_truth: "has no truth value: `await` it to get its result",
    calls_a_lambda: "expected a function or its registered name",
    calls_what_it_called: "pass the function itself, without calling it, and its input as `input=`",
    calls_what_it_asked_for: "pass the function itself, without calling it, and its input as `input=`",
    calls_nobody: "this worker has no activity 'nubmer'",
    sends_the_wrong_type: "the input of activity 'number': expected int",
    sends_what_is_no_json: "the input of activity 'number': a value of type Opaque",
    gets_what_is_no_json: "the result of activity 'opaque': a value of type Opaque",
    gets_the_wrong_type: "the result of activity 'text': expected int",
    gets_the_wrong_type_generator: "the result of activity 'text': expected int",
    hears_the_wrong_type: "the data of event 'price': expected int",
    tells_what_is_no_json: "the data of event 'price': a value of type Opaque",
    shows_what_is_no_json: "the custom status: a value of type Opaque",
    continues_with_what_is_no_json: "the input to continue with: a value of type Opaque",
    has_a_policy_of_its_own: "retry_policy is a trio_durable.RetryPolicy, got {'max_number_of_attempts': 3}",
    has_a_policy_of_its_own_generator: "retry_policy is a trio_durable.RetryPolicy, got 3",
    sleeps_in_an_activity: "async activities run on Trio",
    sleeps_a_string: "a delay is a number of seconds or a timedelta, got '5'",
    waits_for_an_int: "fire_at is a timedelta from now or a datetime, got 5",
    yields_a_list: "a generator orchestrator may yield what its context returns, not a list",
}


@pytest.mark.parametrize("flow", MISTAKES, ids=lambda flow: flow.__name__)
async def test_a_mistake_ends_the_instance_with_words_that_help(embedded, flow):
    await embedded.open([flow], [number, opaque, text, naps])
    state = await embedded.end(flow)
    assert state.failure_details is not None
    assert MISTAKES[flow] in state.failure_details.error_message


async def test_a_client_says_whose_value_it_could_not_send(embedded):
    for call, words in (
        (lambda: embedded.client.schedule_new_orchestration("f", input=Opaque()), "the input of orchestration 'f'"),
        (lambda: embedded.client.raise_orchestration_event("i", "price", data=Opaque()), "the data of event 'price'"),
        (lambda: embedded.client.terminate_orchestration("i", output=Opaque()), "the output"),
        (lambda: embedded.client.rerun_orchestration_from_event("i", 7, input=Opaque()), "the input of event 7"),
    ):
        with pytest.raises(PayloadError, match=f"{words}: a value of type Opaque"):
            await call()

"""Our own engine under the kit: random programs, run through everything that `replays` can do to them.

The default profile is small.  `make fuzz` runs the profile `fuzz`: more than 50,000 examples.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import strategies as st

from tests.testing import programs, shop
from tests.testing.conftest import EXAMPLES, shop_worker
from trio_durable import OrchestrationStatus, Worker
from trio_durable.testing import play, replays, strategies

SECONDS = st.integers(0, 3)
NAMES = st.sampled_from(["a", "A", "b"])
LEAVES = st.one_of(
    st.tuples(st.just("call"), st.integers(0, 9)),
    st.tuples(st.just("sleep"), SECONDS),
    st.tuples(st.just("wait"), NAMES, SECONDS),
    st.tuples(st.just("retry"), st.integers(0, 9), st.integers(1, 3)),
    st.tuples(st.just("guid")),
    st.tuples(st.just("now")),
    st.tuples(st.just("status"), st.integers(0, 9)),
    st.tuples(st.just("send"), NAMES, st.integers(0, 9)),
)


def larger(inner):
    several = st.lists(inner, max_size=3)
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.tuples(st.sampled_from(["seq", "all", "nursery", "lock", "saga", "channel"]), several),
        st.tuples(st.sampled_from(["any", "first wins"]), some),
        st.tuples(st.sampled_from(["try", "child"]), inner),
        st.tuples(st.sampled_from(["timeout", "move on", "shield"]), SECONDS, inner),
        st.tuples(st.just("patched"), NAMES, inner),
    )


PROGRAMS = st.recursive(LEAVES, larger, max_leaves=6)
EVENTS = [("a", st.integers(0, 9)), ("A", st.integers(0, 9)), ("b", strategies.payloads(max_leaves=2))]


def worker() -> Worker:
    made = Worker("nowhere")
    for orchestrator in (programs.run_program, programs.restarts):
        made.add_orchestrator(orchestrator)
    made.add_activity(programs.echo)
    return made


@replays("run_program", inputs=PROGRAMS, events=EVENTS, worker=worker())
def test_programs(outcome):
    EXAMPLES["programs"] += 1
    healthy(outcome)


@replays("run_program", inputs=st.tuples(st.just("all"), st.lists(LEAVES, max_size=6)), events=EVENTS, worker=worker())
def test_wide_programs(outcome):
    EXAMPLES["wide programs"] += 1
    healthy(outcome)


@replays("run_program", inputs=PROGRAMS, events=EVENTS, worker=worker(), faults=["crash", "lose", "duplicate", "early"])
def test_programs_whose_worker_dies(outcome):
    """Nothing of the orchestration's own fails here, so it may only end well."""
    EXAMPLES["programs whose worker dies"] += 1
    assert outcome.status is OrchestrationStatus.COMPLETED, outcome.failure


@replays("restarts", inputs=st.tuples(st.integers(0, 3), PROGRAMS), events=EVENTS, worker=worker())
def test_programs_that_start_over(outcome):
    EXAMPLES["programs that start over"] += 1
    healthy(outcome)


@replays(shop.fulfil, inputs=st.builds(shop.Order, st.text(), st.integers(0, 12)), events={"approve": st.booleans()},
         worker=shop_worker())
def test_the_shop(outcome):
    EXAMPLES["the shop"] += 1
    healthy(outcome)


#: What a program of ours may raise.
OWN = {
    "trio_durable.TaskFailedError", "trio_durable.CompensationError", "TimeoutError", "ExceptionGroup",
    "TaskFailedError",
}  # fmt: skip


def healthy(outcome):
    if outcome.status is OrchestrationStatus.FAILED:
        kind = outcome.failure.error_type
        assert kind in OWN or kind.endswith("TaskFailedError"), (kind, outcome.failure.error_message)
    else:
        ends = (OrchestrationStatus.COMPLETED, OrchestrationStatus.TERMINATED, OrchestrationStatus.CANCELED)
        assert outcome.status in ends


@pytest.mark.parametrize("program", [["call", 1], ["nursery", [["call", 1], ["sleep", 2]]]])
def test_a_program_runs(program):
    assert play("run_program", f"start {json.dumps(program)}", worker=worker()).status is OrchestrationStatus.COMPLETED

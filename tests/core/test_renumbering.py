"""Histories without the timers of indefinite waits, or with some too many; suspensions; why tasks are cancelled."""

from __future__ import annotations

import pytest

from tests.core.conftest import SECOND, Script, identity
from tests.durable.kit import DURABLE_TRIO as trio
from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.events import Status
from trio_durable._core.mailbox import CANCEL_EVENT
from trio_durable._core.replay import Replay
from trio_durable._durable.vocabulary import TRIO

BEGIN = [ev.OrchestratorStarted(-1, SECOND), ev.ExecutionStarted(-1, SECOND, "main", None, "i", "e1")]
PLAIN = ev.TimerOrigin(ev.TimerOriginKind.CREATE_TIMER)
ENDLESS = ev.TimerOrigin(ev.TimerOriginKind.EXTERNAL_EVENT, "go")


def replay_of(main):
    return Replay("i", lambda started, replay: main(replay), words=TRIO)


class TrioScript(Script):
    def _fresh(self):
        return replay_of(self.main)


def test_the_timer_of_a_deadline_moves_down_and_keeps_its_recorded_time():
    async def main(replay):
        replay.wait_for_event("go", identity)
        with trio.move_on_after(5):
            await replay.future("for ever")
        return str(trio.current_time())

    replay = replay_of(main)
    recorded = ev.TimerCreated(1, SECOND, 4 * SECOND, None, PLAIN)
    replay.turn([*BEGIN, recorded], [])
    fired = [ev.OrchestratorStarted(-1, 4 * SECOND), ev.TimerFired(-1, 4 * SECOND, 1, 4 * SECOND)]
    (completion,) = replay.turn([], fired).actions
    assert (completion.id, completion.result) == (2, "4.0")


def test_the_timer_of_a_deadline_moves_up_and_keeps_its_recorded_time():
    async def main(replay):
        with trio.move_on_after(5):
            await replay.future("for ever")
        return str(trio.current_time())

    replay = replay_of(main)
    endless = ev.TimerCreated(1, SECOND, clock.FOREVER, "go", ENDLESS)
    replay.turn([*BEGIN, endless, ev.TimerCreated(2, SECOND, 4 * SECOND, None, PLAIN)], [])
    fired = [ev.OrchestratorStarted(-1, 4 * SECOND), ev.TimerFired(-1, 4 * SECOND, 2, 4 * SECOND)]
    (completion,) = replay.turn([], fired).actions
    assert (completion.id, completion.result) == (3, "4.0")


@pytest.mark.parametrize("recorded", [1, 2])
def test_the_end_takes_the_next_id_of_history(recorded):
    async def main(replay):
        replay.wait_for_event("go", identity)
        replay.call_activity("a", None, identity)

    replay = replay_of(main)
    timer = [ev.TimerCreated(1, SECOND, clock.FOREVER, "go", ENDLESS)] if recorded == 2 else []
    outcome = replay.turn([*BEGIN, *timer, ev.TaskScheduled(recorded, SECOND, "a")], [])
    assert [(action.id, action.status) for action in outcome.actions] == [(recorded + 1, Status.COMPLETED)]


def test_what_was_dropped_is_no_longer_waited_for():
    async def main(replay):
        replay.wait_for_event("go", identity)
        await replay.call_activity("a", None, identity)

    replay = replay_of(main)
    replay.turn([*BEGIN, ev.TaskScheduled(1, SECOND, "a")], [])
    assert replay.debug_info()["not_answered"] == ["activity #1"]
    assert replay.debug_info()["next_id"] == 2


def test_after_a_resume_code_that_asks_for_more_than_history_holds_is_found_out_again():
    async def main(replay):
        await replay.call_activity("a", None, identity)
        replay.call_activity("b", None, identity)
        await replay.future("for ever")

    history = [
        *BEGIN,
        ev.ExecutionSuspended(-1, SECOND),
        ev.OrchestratorStarted(-1, SECOND),
        ev.ExecutionResumed(-1, SECOND),
        ev.TaskScheduled(1, SECOND, "a"),
        ev.OrchestratorStarted(-1, SECOND),
        ev.TaskCompleted(-1, SECOND, 1),
        ev.OrchestratorStarted(-1, SECOND),
    ]
    replay = replay_of(main)
    (completion,) = replay.turn(history, []).actions
    assert "nothing more in that turn" in completion.failure.error_message
    assert replay.is_suspended is False


# -- why tasks are cancelled -------------------------------------------------------------------------------------------


async def says_why(log):
    try:
        await trio.sleep(100)
    except trio.Cancelled as error:
        log.append((error.source, error.reason))
        raise


@pytest.mark.parametrize(
    ("payload", "reason"),
    [(None, None), ("null", None), ('"enough"', "enough"), ('{"a":1}', '{"a":1}'), ("[", "["), ("5", "5")],
)
def test_a_request_to_stop_may_say_why(payload, reason):
    log = []
    script = TrioScript(lambda replay: says_why(log))
    script.start()
    script.turn(script.raised(CANCEL_EVENT, payload))
    assert log == [("explicit", reason)]
    assert script.completion.status is Status.CANCELED


def test_a_task_whose_wait_is_cancelled_says_so_to_whoever_still_asks():
    log = []

    async def main(replay):
        task = replay.spawn(says_why(log), "job")
        with trio.move_on_after(1):
            await task
        await trio.lowlevel.checkpoint()
        try:
            await task
        except RuntimeError as error:
            return str(error)

    script = TrioScript(main)
    script.start()
    script.turn(script.fired(1))
    assert log == [("explicit", "the wait for this task was cancelled")]
    assert script.completion.result == (
        "task 'job' was cancelled, as the wait for it was. Await at once what is to go on, behind a shield where the "
        "scope is cancelled, or start it in a nursery that is not."
    )


def test_a_task_that_is_started_in_a_cancelled_scope_is_cancelled():
    log = []

    async def main(replay):
        with trio.CancelScope() as scope:
            scope.cancel()
            task = replay.spawn(says_why(log), "job")
        try:
            await task
        except RuntimeError as error:
            return str(error)

    script = TrioScript(main)
    script.start()
    assert log == [("explicit", "the task was started in a cancelled scope")]
    assert script.completion.result.startswith("task 'job' was cancelled, as the wait for it was. Await")


def test_interest_may_be_lost_and_found_again_and_again():
    async def main(replay):
        first = replay.wait_for_event("go", identity)
        for _ in range(3):
            with trio.move_on_after(1):
                await first
        second = replay.wait_for_event("go", identity)
        return f"{await second} {first.is_complete}"

    script = TrioScript(main)
    script.start()
    for _ in range(3):
        timers = [event.event_id for event in script.history if isinstance(event, ev.TimerCreated)]
        script.turn(script.fired(timers[-1]))
    script.turn(script.raised("go", "it"))
    assert script.completion.result == "it False"


def test_code_outside_of_every_task_that_raises_ends_the_instance():
    async def main(replay):
        def abort(_):
            raise KeyError("from the abort function")

        await trio.lowlevel.wait_task_rescheduled(abort)

    script = TrioScript(main)
    script.start()
    script.turn(script.raised(CANCEL_EVENT))
    assert script.completion.status is Status.FAILED
    assert script.completion.failure.error_message == "'from the abort function'"


def test_a_deadline_that_is_now_cancels_at_once_and_says_so():
    log = []

    async def main(replay):
        with trio.move_on_at(trio.current_time()) as scope:
            assert scope.cancel_called
            await says_why(log)
        return str(scope.cancelled_caught)

    script = TrioScript(main)
    script.start()
    assert log == [("deadline", None)]
    assert script.completion.result == "True"

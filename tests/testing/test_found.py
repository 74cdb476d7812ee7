"""What `replays` has found in the engine, as it printed it."""

from __future__ import annotations

from tests.testing import shop, test_fuzz
from trio_durable import OrchestrationStatus
from trio_durable.testing import play


def test_one_resume_ends_two_suspensions():
    """The second suspension was held back, and applied after the resume."""
    outcome = play(
        shop.waits,
        """
        start
        turn root
        suspend
        suspend
        turn root
        resume
        turn root
        raise go 0
        turn root
        """,
        drain=False,
    )
    assert outcome.result == 0


def test_a_cancel_spares_a_coroutine_that_is_awaited_in_a_shield():
    """Its task lay in the root scope, out of the shield's reach."""
    outcome = play(
        "run_program",
        """
        start ["shield", 0, ["any", [["call", 0]]]]
        cancel
        """,
        worker=test_fuzz.worker(),
    )
    assert outcome.status is OrchestrationStatus.CANCELED or outcome.result == [[0, 0]]


def test_a_failure_during_a_cancel_is_told_without_the_cancelled_beside_it():
    """The root scope left its own Cancelled in the group, and the instance failed with a BaseExceptionGroup."""
    outcome = play(
        "restarts",
        """
        start [0,["first wins",[["guid"],["call",0],["shield",0,["call",0]]]]]
        cancel
        turn root
        fail root #1 InjectedError
        """,
        worker=test_fuzz.worker(),
    )
    assert outcome.status is OrchestrationStatus.FAILED
    assert outcome.failure.error_type == "ExceptionGroup"
    assert "TaskFailedError" in outcome.failure.error_message
    assert "Cancelled" not in outcome.failure.error_message


def test_a_patch_that_is_asked_for_by_what_was_held_back():
    """The turn that resumed had the record of the patch, and its start was held back behind the answer."""
    outcome = play(
        patched_after_the_answer,
        """
        start
        turn root
        suspend
        complete root #1
        turn root
        resume
        turn root
        complete root #2
        """,
        activities={"first": lambda _: None, "second": lambda _: None},
    )
    assert outcome.result is True


async def patched_after_the_answer(ctx):
    await ctx.call_activity("first")
    if not (patched := ctx.is_patched("p")):
        return patched
    await ctx.call_activity("second")
    return patched

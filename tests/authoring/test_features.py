"""Which test shows which feature where: on the pure core, on the embedded sidecar, on the Go one, in both forms.

A row names a test of the core (of the embedded sidecar by itself, where a client asks and the core has no part in it)
and one end to end.  The latter runs on every sidecar (the fixture `road`), or the row says why not; and it has the
feature in `async def` and in a generator, or the row says what makes the form no matter.  `test_forms.py` holds the two
forms of all that an orchestration asks for together on the core.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]

#: Reasons.  What Go lacks is proved in tests/interop/test_go_limits.py, or by the test that is named beside it.
NO_RERUN = "the Go sidecar answers UNIMPLEMENTED"
NO_FILTER = "the Go sidecar answers UNIMPLEMENTED"
NO_STALLED = "the Go sidecar knows no such state"
ONE_APP = "the Go sidecar is one app"
NOT_HANDED_DOWN = "the Go sidecar leaves these fields out"
OUTSIDE = "asked by a client; the orchestration has no part in it"
SYNTAX = "`async with` and `with` are statements of async functions; a generator calls the method instead"


@dataclass(frozen=True)
class Row:
    core: str
    road: str
    not_on_go: str = ""
    one_form: str = ""


FEATURES = {
    # the context
    "identity and state": Row("core/test_asking::what_an_orchestration_can_be_asked", "test_context::knows_itself"),
    "parents": Row("core/test_asking::a_child", "test_context::a_child_knows_its_parent"),
    "replaying": Row("core/test_turns::told_when_the_past_begins", "test_names::timers_children_and_what_is_replayed"),
    "activities": Row("core/test_asking::an_activity", "test_names::an_activity_knows_the_call"),
    "children": Row("core/test_asking::a_child", "test_both_forms::failures_are_caught"),
    "terminated children": Row("core/test_replay::a_terminated_child_fails", "test_both_forms::a_child_that_is_termin"),
    "timers": Row("core/test_asking::a_timer", "test_names::timers_children_and_what_is_replayed"),
    "events": Row("core/test_replay::first_in_first_out_in_any_case", "test_both_forms::events_keep_their_order"),
    "event timeouts": Row("core/test_replay::a_real_timeout_error", "test_both_forms::events_keep_their_order"),
    "send_event": Row("core/test_asking::an_activity", "test_context::an_orchestration_sends_an_event"),
    "detached": Row("test_core::detached_orchestrations_take_ids", "test_context::a_detached_orchestration_runs"),
    "continue_as_new": Row("core/test_replay::carries_unread_events_in_order", "test_both_forms::unread_events"),
    "custom status": Row("core/test_turns::the_custom_status_is_told", "test_both_forms::unread_events"),
    "combinations": Row("core/test_replay::when_any_gives_the_very_object", "test_context::combinations"),
    "with_timeout": Row("test_core::a_timeout_gives_up_what_it_waited_for", "test_context::combinations"),
    "values": Row("test_core::the_guid_scheme_and_the_random_stream", "test_context::values_are_the_same_on_every"),
    "metadata": Row("core/test_values::whatever_is_sealed_comes_out", "test_context::metadata_reaches_activities"),
    "metadata over generations": Row("core/test_values::an_envelope_as_it_is", "test_context::metadata_survives"),
    "cleanup": Row("test_core::cleanups_run_in_reverse", "test_context::cleanups_of_a_generator", one_form=SYNTAX),
    "saga": Row("test_core::compensations_run_one_after_another", "test_context::a_saga_that_fails_is_undone"),
    "cancelled saga": Row("test_core::what_a_cancelled_generator_undoes", "test_context::a_saga_of_a_cancelled"),
    "patches": Row("test_core::patches_are_answered_once", "test_versions::a_new_instance_takes_the_patched_path"),
    "old patches": Row("test_core::a_patch_is_off_where_history", "test_versions::keeps_its_path_where_history_has"),
    "versions": Row("test_core::a_starter_that_lacks_the_version", "test_versions::an_orchestration_may_ask"),
    "stalled": Row("test_core::the_service_stalls_what", "test_versions::stalls_until_a_worker", NO_STALLED, OUTSIDE),
    "logging": Row("core/test_turns::told_when_the_past_begins", "test_context::lines_are_logged_once"),
    "propagated history": Row(
        "test_propagation::a_call_asks_for_its_scope", "test_propagation::what_is_handed_down_is_what", NOT_HANDED_DOWN
    ),
    "other apps": Row("core/test_asking::a_child", "test_apps::work_goes_to_the_app", ONE_APP),
    # activities
    "retries": Row("core/test_replay::retry_takes_new_ids", "test_context::retries_end"),
    "jitter": Row("core/test_retry::jitter_is_drawn", "test_context::retries_with_jitter"),
    "attempts": Row("test_core::each_attempt_after_the_first", "test_context::attempts_are_counted"),
    "failures": Row("core/test_replay::a_failed_activity_raises", "test_both_forms::failures_are_caught"),
    "unknown activities": Row("core/test_replay::a_failed_activity", "test_context::what_no_worker_has_is_tried"),
    # the client
    "suspend and resume": Row("core/test_replay::suspension_holds_events", "test_both_forms::a_suspended_one"),
    "terminate": Row("core/test_replay::terminate_answers_with", "test_both_forms::a_terminated_one"),
    "cancel": Row("core/test_renumbering::a_request_to_stop_may", "test_context::a_saga_of_a_cancelled"),
    "later starts": Row("sidecar/test_flows::a_terminate_waits_for", "test_client::a_start_in_the", "", OUTSIDE),
    "reuse of ids": Row("sidecar/test_flows::ids_are_taken_while_active", "test_client::reuse_policies", "", OUTSIDE),
    "unique ids": Row("sidecar/test_flows::ids_are_taken_while_active", "test_client::a_unique_id", "", OUTSIDE),
    "history": Row("core/test_values::an_event_for_people", "test_client::history"),
    "rerun": Row("core/test_rerun::the_history_up_to_the_end", "test_client::rerun_from_an_event", NO_RERUN),
    "purge by filter": Row("sidecar/test_flows::purge", "test_client::purging_by_a_filter", NO_FILTER, OUTSIDE),
    "long polls": Row("sidecar/test_flows::waiters_hear_of_a_purge", "test_client::a_long_poll_ends", "", OUTSIDE),
    # values
    "types": Row("worker/test_converter_types::what_goes_out_comes_back", "test_values::values_keep_their_types"),
    "unions": Row("worker/test_converter_types::which_member_of_a_union", "test_values::unions_keep_their_types"),
}


def source_of(path: Path, words: str) -> tuple[str, str]:
    """(arguments, text with decorators) of the one test whose name has these words, the first if there are none."""
    source = path.read_text()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and re.match(f"test_.*{words}", node.name):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            return ast.unparse(node.args), "\n".join(source.splitlines()[first - 1 : node.end_lineno])
    pytest.fail(f"{path} has no test named ...{words}...")


@pytest.mark.parametrize("feature", FEATURES)
def test_each_feature_is_shown_on_the_core_and_on_each_sidecar_in_both_forms(feature):
    row = FEATURES[feature]
    file, _, words = row.core.partition("::")
    source_of(TESTS / (f"{file}.py" if "/" in file else f"authoring/{file}.py"), words)
    file, _, words = row.road.partition("::")
    arguments, text = source_of(TESTS / "authoring" / f"{file}.py", words)
    everywhere = "road" in arguments.split(", ")
    assert everywhere is not bool(row.not_on_go), "on every sidecar, or a reason; and no reason without need"
    if not row.one_form:
        assert re.search(r"generator|FAMILIES", text), "in both forms, or a reason"

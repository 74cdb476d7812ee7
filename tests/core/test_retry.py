"""Which failures end the attempts, and how jitter is drawn."""

from __future__ import annotations

from datetime import timedelta

import pytest

from trio_durable._core.failures import FailureDetails
from trio_durable._core.retry import RetryPolicy, attempt_of_version

SECOND = 1_000_000_000


class Refused(Exception):
    pass


def policy(**options):
    return RetryPolicy(**({"first_retry_interval": timedelta(seconds=1), "max_number_of_attempts": 3} | options))


@pytest.mark.parametrize(
    ("refused", "failed", "retried"),
    [
        ("ValueError", "ValueError", False),
        ("ValueError", "TypeError", True),
        ("shop.Sold", "shop.Sold", False),
        ("Sold", "shop.Sold", False),  # a short name means the class wherever it lives
        ("Sold", "shop.things.Sold", False),
        ("shop", "shop.Sold", True),
        ("shop.Sold", "Sold", True),  # a full name means that one
        (Refused, "Refused", False),
        (Refused, f"{Refused.__module__}.Refused", False),
        (Refused, "elsewhere.Refused", False),
        (Refused, "elsewhere.Other", True),
    ],
)
def test_named_types_end_the_attempts(refused, failed, retried):
    both_places = [(refused,), ("Unheard", refused), (refused, "Unheard")]
    for types in both_places:
        delay = policy(non_retryable_error_types=types).delay(1, FailureDetails(failed, "m"), 0, 0)
        assert (delay is not None) is retried


def test_a_handler_is_asked_about_the_failure_itself():
    failure = FailureDetails("E", "m")
    asked = []

    def handle(details):
        asked.append(details)
        return answer

    for answer in (True, False):
        delay = policy(handle=handle).delay(1, failure, 0, 0)
        assert (delay is not None) is answer
    assert asked == [failure, failure]


def test_jitter_is_drawn_from_the_key_and_the_attempt_and_nothing_else():
    failure = FailureDetails("E", "m")
    half = policy(jitter=0.5, max_number_of_attempts=1000)
    draw = [half.delay(n, failure, 0, 0, key=key) for key in ("a", "b") for n in range(1, 200)]
    assert draw == [half.delay(n, failure, 5, 7, key=key) for key in ("a", "b") for n in range(1, 200)]
    assert len(set(draw)) > 390  # neither the key nor the attempt is left out
    assert min(draw) >= SECOND // 2
    assert max(draw) <= SECOND
    # Drawn once and for all: a release that draws otherwise would fail the histories that are under way.
    assert [half.delay(1, failure, 0, 0), half.delay(2, failure, 0, 0, key="i")] == [797_059_000, 956_111_000]


@pytest.mark.parametrize("jitter", [-0.1, 1.1, float("nan")])
def test_jitter_is_a_part_of_the_wait(jitter):
    with pytest.raises(ValueError, match=rf"^jitter must be between 0 and 1, got {jitter}$"):
        policy(jitter=jitter)


def test_all_of_a_wait_may_be_jittered_away_and_an_attempt_of_one_second_is_legal():
    assert policy(jitter=1.0).delay(1, FailureDetails("E", "m"), 0, 0) < SECOND
    assert policy(retry_timeout=timedelta(seconds=1), max_retry_interval=timedelta(seconds=1)).jitter == 0


@pytest.mark.parametrize(
    ("name", "wrong", "words"),
    [
        ("first_retry_interval", 5, "first_retry_interval is a timedelta, got 5"),
        ("first_retry_interval", None, "first_retry_interval is a timedelta, got None"),
        ("max_retry_interval", 5, "max_retry_interval is a timedelta, got 5"),
        ("retry_timeout", 2.5, "retry_timeout is a timedelta, got 2.5"),
        ("max_number_of_attempts", 2.5, "max_number_of_attempts is a whole number, got 2.5"),
        ("non_retryable_error_types", Refused, "non_retryable_error_types is a tuple of .*, got .*Refused.*"),
        ("non_retryable_error_types", "Refused", "non_retryable_error_types is a tuple of .*, got 'Refused'"),
        ("non_retryable_error_types", (Refused, 5), "non_retryable_error_types is a tuple of .*, 5.*"),
        ("handle", "never", "handle is a function of the failure's details, got 'never'"),
    ],
)
def test_what_is_of_another_type_is_refused_when_the_policy_is_made(name, wrong, words):
    with pytest.raises(TypeError, match=f"^{words}$"):
        policy(**{name: wrong})


def test_types_that_end_the_attempts_may_be_a_list_of_classes_and_names():
    listed = policy(non_retryable_error_types=[Refused, "Other"])
    assert [listed.delay(1, FailureDetails(name, "m"), 0, 0) for name in ("Refused", "Other")] == [None, None]


@pytest.mark.parametrize(
    ("version", "number"),
    [("attempt=3", 3), (f"attempt={'1' * 9}", 111_111_111), (f"attempt={'1' * 10}", None), ("attempt=x", None)],
)
def test_which_attempt_a_version_tells(version, number):
    assert attempt_of_version(version) == number

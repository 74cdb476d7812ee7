"""Retry arithmetic: whether to try again, and after how long.  All of it on the orchestration's own clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from trio_durable._core import clock
from trio_durable._core.failures import FailureDetails

__all__ = ["RetryPolicy", "attempt_of_version", "version_of_attempt"]

#: How the number of an attempt travels.  The protocol has no field for it; the `version` of an activity, which nothing
#: else uses, arrives with it on every sidecar, changes no input, and is left out of first attempts.
_ATTEMPT = "attempt="


def version_of_attempt(number: int) -> str | None:
    """The version of the action that asks for attempt `number`, from 1."""
    return f"{_ATTEMPT}{number}" if number > 1 else None


def attempt_of_version(version: str | None) -> int | None:
    """The number that an activity's version tells; None if it tells none."""
    if version is None or not version.startswith(_ATTEMPT):
        return None
    digits = version[len(_ATTEMPT) :]
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and when a failed activity or child orchestration is tried again.

    first_retry_interval: the wait before the second attempt; positive.
    max_number_of_attempts: attempts in all, the first included; at least 1.
    backoff_coefficient: each wait is the one before times this; at least 1.
    max_retry_interval: no wait is longer; None means no bound.
    retry_timeout: no attempt starts later than this after the first one; None means no bound.
    non_retryable_error_types: exception classes, or names as they appear in failure details, that end the attempts.
    handle: called with the failure; a false answer ends the attempts.  It must be deterministic.

    jitter: the greatest part, from 0 to 1, by which a wait is shortened, so that many instances that failed together do
    not try again together.  It is drawn from the call's identity and the attempt, so every replay draws the same.

    Before jitter, the n-th wait (n from 0) is
    `min(first_retry_interval * backoff_coefficient ** n, max_retry_interval)`.
    Raises TypeError for values of other types, ValueError for numbers that make no sense.
    """

    first_retry_interval: timedelta
    max_number_of_attempts: int
    backoff_coefficient: float = 1.0
    max_retry_interval: timedelta | None = None
    retry_timeout: timedelta | None = None
    non_retryable_error_types: tuple[type[BaseException] | str, ...] = ()
    handle: Callable[[FailureDetails], bool] | None = None
    jitter: float = 0.0

    def __post_init__(self) -> None:
        self._check_types()
        if self.first_retry_interval <= timedelta(0):
            raise ValueError(f"first_retry_interval must be positive, got {self.first_retry_interval}")
        if self.max_number_of_attempts < 1:
            raise ValueError(f"max_number_of_attempts must be at least 1, got {self.max_number_of_attempts}")
        if not self.backoff_coefficient >= 1:
            raise ValueError(f"backoff_coefficient must be at least 1, got {self.backoff_coefficient}")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"jitter must be between 0 and 1, got {self.jitter}")
        if self.max_retry_interval is not None and self.max_retry_interval < self.first_retry_interval:
            raise ValueError(
                f"max_retry_interval ({self.max_retry_interval}) must not be shorter than "
                f"first_retry_interval ({self.first_retry_interval})"
            )
        if self.retry_timeout is not None and self.retry_timeout < self.first_retry_interval:
            raise ValueError(
                f"retry_timeout ({self.retry_timeout}) must not be shorter than "
                f"first_retry_interval ({self.first_retry_interval})"
            )

    def _check_types(self) -> None:
        for name in ("first_retry_interval", "max_retry_interval", "retry_timeout"):
            value = getattr(self, name)
            if not isinstance(value, timedelta) and (value is not None or name == "first_retry_interval"):
                raise TypeError(f"{name} is a timedelta, got {value!r}")
        attempts: Any = self.max_number_of_attempts
        if not isinstance(attempts, int):
            raise TypeError(f"max_number_of_attempts is a whole number, got {attempts!r}")
        kinds: Any = self.non_retryable_error_types
        if isinstance(kinds, str | type) or not all(isinstance(each, str | type) for each in kinds):
            raise TypeError(f"non_retryable_error_types is a tuple of exception classes and names, got {kinds!r}")
        if self.handle is not None and not callable(self.handle):
            raise TypeError(f"handle is a function of the failure's details, got {self.handle!r}")

    def delay(
        self, attempt: int, failure: FailureDetails, first_attempt: int, now: int, *, key: str = ""
    ) -> int | None:
        """Nanoseconds to wait after the failure of attempt number `attempt` (from 1); None means no more attempts.

        first_attempt, now: nanoseconds on the orchestration's clock.  key: what jitter is drawn from.
        """
        if failure.non_retriable or attempt >= self.max_number_of_attempts or self._refuses(failure):
            return None
        if self.retry_timeout is not None and now > first_attempt + clock.from_timedelta(self.retry_timeout):
            return None
        first = clock.from_timedelta(self.first_retry_interval)
        longest = clock.FOREVER - now
        if self.max_retry_interval is not None:
            longest = min(longest, clock.from_timedelta(self.max_retry_interval))
        try:
            wait = first * self.backoff_coefficient ** (attempt - 1)
        except OverflowError:
            wait = longest
        if self.jitter:
            wait = min(wait, longest) * (1 - self.jitter * Random(f"{key}|{attempt}").random())
        # Whole microseconds: the finest that a datetime, and so a person's log, can show.
        return int(min(wait, longest)) // 1000 * 1000

    def _refuses(self, failure: FailureDetails) -> bool:
        for refused in self.non_retryable_error_types:
            if isinstance(refused, str):
                names = [refused]
            else:
                names = [refused.__name__, f"{refused.__module__}.{refused.__qualname__}"]
            if failure.error_type in names or failure.error_type.rpartition(".")[2] in names:
                return True
        return self.handle is not None and not self.handle(failure)

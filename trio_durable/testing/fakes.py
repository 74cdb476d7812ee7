"""Activities of a test: the real ones, or fakes that answer, fail, take their time, or never answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from trio_durable._core.failures import FailureDetails
from trio_durable._wire.requests import Activity, ActivityResult
from trio_durable._worker.activity import ActivityRunner

__all__ = ["ActivityCall", "Fake", "InlineActivities"]


class _Unset:
    def __repr__(self) -> str:
        return "<not given>"


UNSET: Any = _Unset()


@dataclass(slots=True, eq=False)
class ActivityCall:
    """One call of an activity: what it was asked, and what became of it.

    attempt: how many times this activity has been called in this environment, this call included.
    result: what it returned, None as long as it has not; failure: how it failed, None if it did not.
    """

    name: str
    input: Any
    instance_id: str
    task_id: int
    attempt: int
    at: datetime
    result: Any = None
    failure: FailureDetails | None = None
    done: bool = False


@dataclass(slots=True)
class Fake:
    """What stands in for an activity; `TestEnvironment.fake` makes it.

    function: called with the input, its result is the activity's; it may be `async def`.
    returns: the result, where there is no function.
    fails_on: which calls fail, counted from 1; True means all of them.  error: what they fail with.
    takes: how long a call takes, on the environment's clock.
    never: no call is ever answered.
    """

    function: Callable[[Any], Any] | None = None
    returns: Any = UNSET
    fails_on: Collection[int] | bool = ()
    error: BaseException = field(default_factory=lambda: RuntimeError("the fake was told to fail"))
    takes: timedelta = timedelta(0)
    never: bool = False

    @property
    def stands_alone(self) -> bool:
        """Whether the real activity is never called."""
        return self.fails_on is True or self.function is not None or self.returns is not UNSET

    def fails(self, attempt: int) -> bool:
        """Whether call number `attempt` fails."""
        return self.fails_on if isinstance(self.fails_on, bool) else attempt in self.fails_on


class InlineActivities(ActivityRunner):
    """Runs plain activities where they are called instead of in a thread: a test needs no real concurrency."""

    async def run(self, activity: Activity, completion_token: str = "") -> ActivityResult:
        """What the activity returned, or how it failed; nothing is logged, as a test looks at failures itself."""
        outcome = ActivityResult(activity.instance_id, activity.task_id, completion_token=completion_token)
        try:
            outcome.result = await self._call(activity)
        except Exception as error:
            outcome.failure = FailureDetails.from_exception(error)
        return outcome

    async def _invoke(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        result = partial(function, *arguments)()
        return await result if inspect.isawaitable(result) else result

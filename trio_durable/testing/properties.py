"""`replays`: a property test of an orchestration, in one decorator.

Each example plays a random script (see `script`) on the orchestration: inputs, the order in which activities, timers
and events happen, how they are batched into turns, crashes, answers that come early, late, twice or as failures,
suspensions, termination.  After the random part the rest happens in the plainest order.  Found along the way:

- a turn that, replayed from history, does not ask for the same actions, ids, result and custom status;
- an action that is asked for twice (the service half refuses the id);
- a violation of the sandbox; a turn that loops; an orchestration that does not end.

Choices are ordered so that Hypothesis shrinks towards the plainest script; the smallest failing one is printed as a
regression test.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from trio_durable_sandbox import in_orchestration

from trio_durable._core.events import Status
from trio_durable._errors import RegistrationError
from trio_durable._worker.serve import Worker
from trio_durable.testing.pair import OpenTask
from trio_durable.testing.script import ROOT, Outcome, Player, early_tasks, make_worker, payload_of

__all__ = ["FAULTS", "Explorer", "replays"]

#: What may go wrong in an example, besides the order of events.
FAULTS = ("fail", "crash", "lose", "duplicate", "early", "suspend", "terminate")

#: How many of the open activities, and of the answers that could come twice, an example chooses among.
_CHOICES = 6


class Explorer:
    """Chooses a script line by line, with Hypothesis, and plays it."""

    def __init__(
        self,
        player: Player,
        draw: Callable[[st.SearchStrategy[Any]], Any],
        *,
        values: Mapping[str, st.SearchStrategy[Any]],
        faults: Collection[str],
        errors: Sequence[str],
    ) -> None:
        self.player = player
        self.faults = frozenset(faults)
        self._draw = draw
        self._errors = errors
        for activity, strategy in values.items():
            player.activities[activity] = functools.partial(self._drawn, strategy)
        self._terminated = False

    def run(self, payload: str, events: Sequence[str], steps: int) -> None:
        """Play `start`, then `steps` lines of choice, then the rest."""
        waiting = list(events)
        # Each example has some of the faults only: one in which everything goes wrong hides what needs a success.
        chosen: int = self._draw(st.integers(0, 2 ** len(self.faults) - 1))
        self.faults = frozenset(fault for bit, fault in enumerate(sorted(self.faults)) if chosen >> bit & 1)
        self.player.play(f"start {payload}".rstrip())
        for _ in range(steps):
            if self.player.ended:
                break
            line = self._choose(waiting)
            if line is None:
                break
            self.player.play(line)
        self.player.drain(waiting)

    def _choose(self, waiting: list[str]) -> str | None:
        choices = self._choices(waiting)
        if not choices:
            return None
        position: int = self._draw(st.integers(0, len(choices) - 1))
        return choices[position]()

    def _drawn(self, strategy: st.SearchStrategy[Any], _: object) -> Any:
        return self._draw(strategy)

    def _choices(self, waiting: list[str]) -> list[Callable[[], str]]:
        """What may happen next, the plainest first."""
        player, pair, faults = self.player, self.player.pair, self.faults
        ready = pair.ready()
        found: list[Callable[[], str]] = [functools.partial(str, f"turn {instance_id}") for instance_id in ready]
        tasks = pair.tasks[:_CHOICES]
        found += [functools.partial(self._completed, "complete", task) for task in tasks]
        found += [functools.partial(self._take, waiting, line) for line in dict.fromkeys(waiting)]
        due = pair.next_timer()
        if due is not None:
            found.append(functools.partial(str, f"fire {due[0]} #{due[1].event_id}"))
        if "crash" in faults:
            found.append(functools.partial(str, "crash"))
        if "fail" in faults:
            found += [functools.partial(self._failed, task) for task in tasks]
        if "lose" in faults:
            found += [functools.partial(str, f"lose {instance_id}") for instance_id in ready]
        if "duplicate" in faults:
            found += [
                functools.partial(str, f"duplicate {task.instance_id} #{task.id}")
                for task, _ in player.given[-_CHOICES:]
                if task.instance_id in ready
            ]
        if "early" in faults:
            found += [functools.partial(self._early, instance_id) for instance_id in ready]
        if "suspend" in faults and pair.life(ROOT).instance.started is not None:
            suspended = player.status is Status.SUSPENDED
            found.append(functools.partial(str, "resume" if suspended else "suspend"))
        if "terminate" in faults and not self._terminated:
            found.append(self._terminate)
        return found

    def _completed(self, verb: str, task: OpenTask) -> str:
        payload, failure = self.player.value_of(task)
        if failure is not None:
            return f"fail {task.instance_id} #{task.id} {failure.error_type} {failure.error_message}".rstrip()
        return f"{verb} {task.instance_id} #{task.id} {payload or ''}".rstrip()

    def _failed(self, task: OpenTask) -> str:
        return f"fail {task.instance_id} #{task.id} {self._draw(st.sampled_from(self._errors))}"

    def _early(self, instance_id: str) -> str:
        tasks = early_tasks(self.player, instance_id)
        if not tasks:
            return f"turn {instance_id}"
        task = tasks[self._draw(st.integers(0, len(tasks) - 1))]
        payload, failure = self.player.value_of(task)
        if failure is not None:
            return f"turn {instance_id}"
        return f"early {task.instance_id} #{task.id} {payload or ''}".rstrip()

    def _take(self, waiting: list[str], line: str) -> str:
        waiting.remove(line)
        return line

    def _terminate(self) -> str:
        self._terminated = True
        return 'terminate "ended by the test"'


def replays(
    orchestrator: Callable[..., Any] | str,
    *,
    inputs: Any = None,
    events: Any = (),
    activities: Any = (),
    orchestrators: Sequence[Callable[..., Any]] = (),
    worker: Worker | None = None,
    sandbox: Any = "strict",
    faults: Collection[str] = FAULTS,
    errors: Sequence[str] = ("InjectedError",),
    max_steps: int = 30,
    settings: hypothesis.settings | None = None,
) -> Callable[[Callable[[Outcome], Any]], Callable[[], None]]:
    """Make a test function a property test of `orchestrator`.  The function is called with each example's `Outcome`.

        @replays(fulfil, inputs=st.builds(Order), events={"approve": st.booleans()}, activities=[reserve, charge])
        def test_fulfil(outcome):
            assert len(outcome.calls("charge")) <= 1

    inputs: a strategy for the input, or one value.
    events: the external events that may come, and in the end do: a mapping from names to strategies (or values), or a
    list of pairs where a name comes more than once.
    activities: a list of the functions to call, or a mapping from activities to strategies for their results (or to
    functions of the input).  What is not named is called as registered with `worker`.
    orchestrators: the others that are called as children.  worker: one with everything registered, instead of those.
    sandbox: the mode, where no worker is given.
    faults: which of FAULTS may happen.  errors: the error types that activities fail with.
    max_steps: how many lines of a script are chosen freely.
    settings: Hypothesis's; given here because an example's deadline makes no sense for these tests and is lifted.

    The test fails with NonDeterminismError, ReplayDisagreementError, TurnTooLongError, DidNotEndError, or what the
    function raises; each carries the script as a regression test.  Raises ValueError for an unknown fault.
    """
    unknown = set(faults) - set(FAULTS)
    if unknown:
        raise ValueError(f"unknown faults {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    if in_orchestration():
        # The sandbox is executing a test module for the sake of an orchestration in it: there is nothing to test here.
        return lambda test: lambda: None
    made, name, stand_ins = make_worker(orchestrator, worker, activities, orchestrators, sandbox)
    values = {key: each for key, each in stand_ins.items() if isinstance(each, st.SearchStrategy)}
    functions = {key: each for key, each in stand_ins.items() if key not in values}
    inputs_of = _strategy(inputs)
    pairs = list(events.items()) if isinstance(events, Mapping) else list(events)
    events_of = st.tuples(*(st.tuples(st.just(event), _strategy(value)) for event, value in pairs))

    def decorate(test: Callable[[Outcome], Any]) -> Callable[[], None]:
        takes_outcome = bool(inspect.signature(test).parameters)

        def example(data: st.DataObject) -> None:
            player = Player(made, name, activities=functions)
            try:
                payload = payload_of(made, data.draw(inputs_of))
                raised = [f"raise {event} {payload_of(made, value)}".rstrip() for event, value in data.draw(events_of)]
                explorer = Explorer(player, data.draw, values=values, faults=faults, errors=errors)
                explorer.run(payload, raised, data.draw(st.integers(0, max_steps)))
                outcome = player.outcome()
                _not_hypothesis(outcome)
                test(outcome) if takes_outcome else test()  # type: ignore[call-arg]
            except Exception as error:
                error.add_note(_regression_test(name, test, player.lines, worker is not None))
                raise
            finally:
                player.close()

        for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
            setattr(example, attribute, getattr(test, attribute))
        chosen = hypothesis.settings(
            settings, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
        )
        # Explaining runs an example many times more, with other values; the script says it better.
        phases = [phase for phase in chosen.phases if phase is not Phase.explain]
        chosen = hypothesis.settings(chosen, phases=phases, print_blob=False)
        wrapped: Callable[[], None] = chosen(hypothesis.given(data=st.data())(example))
        return wrapped

    return decorate


def _not_hypothesis(outcome: Outcome) -> None:
    if outcome.failure is not None and outcome.failure.error_type.startswith("hypothesis."):
        raise RegistrationError(
            "the orchestration is defined in a module that uses Hypothesis at module level, and the sandbox executes "
            f"that module for each instance, within this very test ({outcome.failure.error_message.splitlines()[0]}). "
            "Define orchestrations in a module of their own and import them into the test."
        )


def _strategy(value: Any) -> st.SearchStrategy[Any]:
    return value if isinstance(value, st.SearchStrategy) else st.just(value)


def _regression_test(name: str, test: Callable[..., Any], lines: Sequence[str], has_worker: bool) -> str:
    script = "\n".join(f"        {line}" for line in lines)
    more = ", worker=worker" if has_worker else ""
    quotes = "'''" if '"""' in script else '"""'
    raw = "r" if "\\" in script else ""
    return (
        "The same as a regression test:\n\n"
        "from trio_durable.testing import play\n\n\n"
        f"def {test.__name__}_regression():\n"
        f"    outcome = play({name}, {raw}{quotes}\n{script}\n    {quotes}{more})\n"
    )

"""`replays`: a property test of an orchestration, in one decorator.

Each example plays a random script (see `script`) on the orchestration: inputs, the order in which activities, timers
and events happen, how they are batched into turns, crashes, answers that come early, late, twice or as failures,
suspensions, termination.  After the random part the rest happens in the plainest order.  Found along the way:

- a turn that, replayed from history, does not ask for the same actions, ids, result and custom status;
- an action that is asked for twice (the service half refuses the id);
- a violation of the sandbox; a turn that loops; an orchestration that does not end.

`exploring` chooses the lines.  The smallest failing script is printed as a regression test to paste: it calls `play` of
the decorated test, which knows the activities and what is asserted.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from typing import Any, Protocol

import hypothesis
import trio
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.control import current_build_context
from hypothesis.errors import HypothesisException, NoSuchExample
from trio_durable_sandbox import in_orchestration

from trio_durable._errors import DurableError, RegistrationError
from trio_durable._worker.serve import Worker
from trio_durable.testing.elsewhere import Elsewhere
from trio_durable.testing.exploring import CHANGES_THE_END, FAULTS, Explorer
from trio_durable.testing.ordering import check_order
from trio_durable.testing.script import Outcome, Player, make_worker, payload_of
from trio_durable.testing.shrinking import play_what_can_be, shortest

__all__ = ["FAULTS", "PropertyTest", "replays"]

#: Of a script with more lines, what happened in the plainest order is not printed.
LONG = 100


#: An example may be slow, and large; the simplest input that fails is searched for within the test.
_UNCHECKED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.nested_given)


class PropertyTest(Protocol):
    """What `replays` makes of a test function."""

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Run the property test."""

    def play(self, script: str | Sequence[str], *args: Any, **kwargs: Any) -> Outcome:
        """Play one script, and the rest in the plainest order; then call the test function with the outcome.

        args, kwargs: what the function takes besides the outcome (fixtures, `self`).
        """


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
    any_order: bool = False,
    cancels_within: timedelta = timedelta(hours=1),
    another_process: bool | None = None,
    settings: hypothesis.settings | None = None,
) -> Callable[[Callable[..., Any]], PropertyTest]:
    """Make a test function a property test of `orchestrator`.  The function is called with each example's `Outcome`.

        @replays(fulfil, inputs=st.builds(Order), events={"approve": st.booleans()}, activities=[reserve, charge])
        def test_fulfil(outcome):
            assert len(outcome.calls("charge")) <= 1

    inputs: a strategy for the input, or one value.
    events: the external events that may come, and in the end do: a mapping from names to strategies (or values), or a
    list of pairs where a name comes more than once.
    activities: a list of the functions to call, or a mapping from activities to strategies for their results (or to
    functions of the input, or to one result).  What is not named is called as registered with `worker`.
    orchestrators: the others that are called as children.  worker: one with everything registered, instead of those.
    sandbox: the mode, where no worker is given.
    faults: which of FAULTS may happen.  errors: the error types that activities fail with.
    max_steps: how many lines of a script are chosen freely.
    any_order: demand that the order in which answers and events come changes neither the result nor what is called:
    in most examples nothing is injected that would change it, and the same answers in the plainest order must
    lead to the same end.
    cancels_within: how much time may pass between a cancel and the end of the orchestration.
    another_process: whether each example's history is also replayed, exactly, by a process with another hash seed and
    time zone, which finds what this one cannot see where the sandbox is off.  None: where it is off and that process
    can import all orchestrators.  True where it cannot is a ValueError.
    settings: Hypothesis's; given here because an example's deadline makes no sense for these tests and is lifted.

    The function may be `async def` (it runs in a Trio run of its own), may be a method, and may take pytest's fixtures
    and parameters after the outcome.

    The test fails with NonDeterminismError, ReplayDisagreementError, TurnTooLongError, DidNotEndError, OrderError, or
    what the function raises; each carries the script as a regression test.  Raises ValueError for an unknown fault.
    """
    unknown = set(faults) - set(FAULTS)
    if unknown:
        raise ValueError(f"unknown faults {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    if in_orchestration():
        # The sandbox is executing a test module for the sake of an orchestration in it: there is nothing to test here.
        return _nothing_to_test
    made, name, stand_ins = make_worker(orchestrator, worker, activities, orchestrators, sandbox)
    pairs = list(events.items()) if isinstance(events, Mapping) else list(events)
    subject = _Subject(made, name, stand_ins, [(event, _strategy(value)) for event, value in pairs])
    subject.any_order, subject.cancels_within = any_order, cancels_within
    subject.inputs = inputs_of = _strategy(inputs)
    subject.elsewhere = _elsewhere(made, another_process)

    @st.composite
    def examples(draw: Callable[[st.SearchStrategy[Any]], Any]) -> _Played:
        with nullcontext() if _is_reported() else _quiet():
            return subject.explore(draw, inputs_of, faults=faults, errors=errors, max_steps=max_steps)

    def decorate(test: Callable[..., Any]) -> PropertyTest:
        body = _Body(test)

        def example(*args: Any, **kwargs: Any) -> None:
            __tracebackhide__ = True
            played: _Played = kwargs.pop("played")
            try:
                body.judge(played, args, kwargs)
            except Exception as error:
                if _is_reported():
                    lines = subject.shortest(played, error, lambda again: body.judge(again, args, kwargs))
                    error.add_note(body.regression_test(lines))
                raise

        functools.update_wrapper(example, test)
        if (code := getattr(test, "__code__", None)) is not None:
            # Hypothesis gives its own frame the place of what it wraps, and a traceback should show the user's.
            example.__code__ = example.__code__.replace(
                co_filename=code.co_filename, co_firstlineno=code.co_firstlineno
            )
        example.__signature__ = body.signature  # type: ignore[attr-defined]
        own = settings or hypothesis.settings()
        chosen = hypothesis.settings(
            own, deadline=None, suppress_health_check=list({*own.suppress_health_check, *_UNCHECKED})
        )
        # Explaining runs an example many times more, with other values; the script says it better.
        phases = [phase for phase in chosen.phases if phase is not Phase.explain]
        chosen = hypothesis.settings(chosen, phases=phases, print_blob=False)
        wrapped: Any = chosen(hypothesis.given(played=examples())(example))

        def play(script: str | Sequence[str], *args: Any, **kwargs: Any) -> Outcome:
            __tracebackhide__ = True
            played = subject.play(script)
            body.judge(played, args, kwargs)
            assert played.outcome is not None
            return played.outcome

        wrapped.play = play
        test_of: PropertyTest = wrapped
        return test_of

    return decorate


def _nothing_to_test(test: Callable[..., Any]) -> PropertyTest:
    nothing: Any = lambda *args, **kwargs: None  # noqa: E731
    nothing.play = nothing
    test_of: PropertyTest = nothing
    return test_of


class _Played:
    """A script that was played, and how that ended: with an outcome, or with an error of the kit."""

    def __init__(self, lines: Sequence[str], outcome: Outcome | None = None, error: Exception | None = None) -> None:
        self.lines = lines
        self.outcome = outcome
        self.error = error
        #: the lines that a script gave, without what happened after it by itself
        self.chosen: Sequence[str] = lines

    def __repr__(self) -> str:
        return f"<the script above, {len(self.lines)} lines in all>"


class _Subject:
    """What is tested: an orchestrator of a worker, with stand-ins for activities and the events that come."""

    def __init__(
        self,
        worker: Worker,
        name: str,
        stand_ins: Mapping[str, Any],
        events: Sequence[tuple[str, st.SearchStrategy[Any]]],
    ) -> None:
        self._worker = worker
        self._name = name
        self._values = {key: each for key, each in stand_ins.items() if isinstance(each, st.SearchStrategy)}
        self._functions = {key: each for key, each in stand_ins.items() if key not in self._values}
        self._events = events
        self._simplest: dict[str, Any] = {}
        self.inputs: st.SearchStrategy[Any] = st.none()
        self.elsewhere: Elsewhere | None = None
        self.any_order = False
        self.cancels_within = timedelta(hours=1)

    def explore(
        self,
        draw: Callable[[st.SearchStrategy[Any]], Any],
        inputs: st.SearchStrategy[Any],
        *,
        faults: Collection[str],
        errors: Sequence[str],
        max_steps: int,
    ) -> _Played:
        """One example."""
        player = Player(self._worker, self._name, activities=self._functions)
        try:
            payload = payload_of(self._worker, draw(inputs))
            raised = [self._raise(event, draw(value)) for event, value in self._events]
            compares = self.any_order and draw(st.integers(0, 3)) > 0
            if compares:
                faults = set(faults) - CHANGES_THE_END
            explorer = Explorer(player, draw, values=self._values, faults=faults, errors=errors)
            explorer.lets_time_pass = not compares
            explorer.run(payload, raised, max_steps)
            return self._played(player, raised)
        except HypothesisException:
            raise
        except Exception as error:
            # What goes on for ever is told by how it began.
            lines = player.lines[: player.drained_from] if len(player.lines) > LONG else player.lines
            return _Played(lines, error=error)
        finally:
            player.close()

    def play(self, script: str | Sequence[str], *, skips: bool = False) -> _Played:
        """A given script, then the rest; where an activity or event needs a value, the simplest.

        skips: leave out the lines that cannot be played, or play the next best.
        """
        values = {key: functools.partial(self._simplest_of, key, each) for key, each in self._values.items()}
        player = Player(self._worker, self._name, activities={**self._functions, **values})
        player.tells_injected = self.any_order
        try:
            lines = [line for line in (script.splitlines() if isinstance(script, str) else script) if line.strip()]
            if skips:
                play_what_can_be(player, lines)
            else:
                for line in lines:
                    player.play(line)
            came = Counter(line.split()[1].casefold() for line in player.lines if line.startswith("raise "))
            waiting = []
            for event, value in self._events:
                if came[event.casefold()] > 0:
                    came[event.casefold()] -= 1
                elif not player.ended:
                    waiting.append(self._raise(event, self._simplest_of(f"raise {event}", value)))
            player.drain(waiting)
            played = self._played(player, [line for line in player.lines if line.startswith("raise ")])
        except Exception as error:
            played = _Played(player.lines, error=error)
        finally:
            player.close()
        played.chosen = player.lines[: player.drained_from] if player.drained_from else player.lines
        return played

    def _simplest_of(self, key: str, strategy: st.SearchStrategy[Any], _: object = None) -> Any:
        """The value that the strategy shrinks to."""
        if key not in self._simplest:
            self._simplest[key] = _find(strategy, lambda value: True)
        return self._simplest[key]

    def _played(self, player: Player, raised: Sequence[str]) -> _Played:
        """What has ended, as it is or with what the kit has to say against it."""
        outcome = player.outcome()
        _not_hypothesis(outcome)
        player.check_cancelled(self.cancels_within)
        verbs = {line.split()[0] for line in player.lines}
        if self.any_order and not player.injected and not verbs & {"suspend", "cancel", "terminate"}:
            check_order(player, self._worker, raised)
        if self.elsewhere is not None:
            self.elsewhere.replay(outcome.history)
        return _Played(player.lines, outcome)

    def shortest(self, played: _Played, error: Exception, judge: Callable[[_Played], None]) -> Sequence[str]:
        """The shortest script, with the simplest input, that fails in the same way when it is pasted."""

        def attempt(lines: Sequence[str]) -> list[str] | None:
            again = self.play(lines, skips=True)
            try:
                judge(again)
            except Exception as other:
                return list(again.chosen) if _origin(other) == _origin(error) else None
            return None

        with _quiet():
            found = shortest(played.lines, attempt)
            if found is None:
                return played.lines
            with suppress(NoSuchExample):
                start = _find(self.inputs, lambda value: attempt([self._start(value), *found[1:]]) is not None)
                simpler = shortest([self._start(start), *found[1:]], attempt)
                if simpler is not None and len("".join(simpler)) <= len("".join(found)):
                    return simpler
            return found

    def _start(self, value: object) -> str:
        return f"start {payload_of(self._worker, value)}".rstrip()

    def _raise(self, event: str, value: object) -> str:
        return f"raise {event} {payload_of(self._worker, value)}".rstrip()


class _Body:
    """The test function: how it is called, and how its regression tests are."""

    def __init__(self, test: Callable[..., Any]) -> None:
        self._test = test
        parameters = list(inspect.signature(test).parameters.values())
        self._is_method = bool(parameters) and parameters[0].name == "self"
        own = parameters[1:] if self._is_method else parameters
        self._outcome = own[0].name if own else None
        self._others = [each.name for each in own[1:]]
        kept = [*(parameters[:1] if self._is_method else ()), *own[1:]]
        played = inspect.Parameter("played", inspect.Parameter.KEYWORD_ONLY)
        self._kept = [each.name for each in kept]
        self.signature = inspect.Signature([*kept, played])

    def judge(self, played: _Played, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise what is wrong: what the kit found, or else what the test function says of the outcome."""
        __tracebackhide__ = True
        if isinstance(played.error, DurableError):
            raise played.error.with_traceback(None)  # found by the kit, whose own frames tell a user nothing
        if played.error is not None:
            raise played.error
        given = {**dict(zip(self._kept, args, strict=False)), **kwargs}
        if self._outcome is not None:
            given[self._outcome] = played.outcome
        if inspect.iscoroutinefunction(self._test):
            trio.run(functools.partial(self._test, **given))
        else:
            self._test(**given)

    def regression_test(self, lines: Sequence[str]) -> str:
        """A test to paste below the property test."""
        name = self._test.__name__
        indent = "    " if self._is_method else ""
        script = "\n".join(f"{indent}        {line}" for line in lines)
        quotes = "'''" if '"""' in script else '"""'
        raw = "r" if "\\" in script else ""
        takes = [*(["self"] if self._is_method else []), *self._others]
        more = "".join([", self"] * self._is_method + [f", {each}={each}" for each in self._others])
        return (
            f"The same as a regression test, to paste below {name}:\n\n"
            f"{indent}def {name}_regression({', '.join(takes)}):\n"
            f"{indent}    {'self.' if self._is_method else ''}{name}.play({raw}{quotes}\n{script}\n"
            f"{indent}    {quotes}{more})\n"
        )


def _elsewhere(worker: Worker, wanted: bool | None) -> Elsewhere | None:
    if wanted is False or (wanted is None and worker._sandbox.mode != "off"):
        return None
    if worker._sandbox.mode != "off":
        raise ValueError("another_process=True is for orchestrations with sandbox='off'; the sandbox sees to it itself")
    orchestrators = {name: entry.function for name, entry in worker._registry.orchestrators.items()}
    try:
        return Elsewhere(orchestrators, worker._converter)
    except ValueError:
        if wanted:
            raise
        return None


def _not_hypothesis(outcome: Outcome) -> None:
    if outcome.failure is not None and outcome.failure.error_type.startswith("hypothesis."):
        raise RegistrationError(
            "the orchestration is defined in a module that uses Hypothesis at module level, and the sandbox executes "
            f"that module for each instance, within this very test ({outcome.failure.error_message.splitlines()[0]}). "
            "Define orchestrations in a module of their own and import them into the test."
        )


def _strategy(value: Any) -> st.SearchStrategy[Any]:
    return value if isinstance(value, st.SearchStrategy) else st.just(value)


def _find(strategy: st.SearchStrategy[Any], condition: Callable[[Any], bool]) -> Any:
    """The simplest value for which the condition holds."""
    unhurried = hypothesis.settings(
        database=None, derandomize=True, deadline=None, max_examples=200, suppress_health_check=list(HealthCheck)
    )
    return hypothesis.find(strategy, condition, settings=unhurried)


def _is_reported() -> bool:
    """Whether this is the example whose failure will be shown, and none that Hypothesis only looks for or shrinks."""
    return getattr(current_build_context(), "is_final", True)


def _origin(error: Exception) -> tuple[object, ...]:
    """What tells failures apart: the type and, for what the test function said, the line that said it."""
    if isinstance(error, DurableError):
        return (type(error),)
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return (type(error), None if last is None else (last.tb_frame.f_code.co_filename, last.tb_lineno))


@contextmanager
def _quiet() -> Iterator[None]:
    """What orchestrations log in examples that nobody will see is not shown either."""
    logger, nowhere = logging.getLogger("trio_durable"), logging.NullHandler()
    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(nowhere)
    try:
        yield
    finally:
        logger.removeHandler(nowhere)
        logger.propagate = propagated

"""The pair: the worker half and the service half joined in memory, a turn at a time.

A `Pair` is a small world of orchestration instances: their histories, inboxes, timers and open activities, and a clock
that moves only when it is told to.  Nothing in it waits, and everything that happens is a call of one of its methods,
so whoever drives it (the test environment, the property tests) decides on every order of events.

The rules:

1. Each turn is run twice: by the instance that is kept in memory, and by one that is replayed from history.  Both must
   ask for the same, or `ReplayDisagreementError` says where they part.
2. What the worker asked for is carried out by the service half, and takes effect whole or not at all; an answer that is
   lost (`lose`) changes nothing.
3. A turn that sees a sandbox violation, or whose code disagrees with history, is an error of the test and is raised;
   an orchestration that merely fails is a result like any other.
"""

from __future__ import annotations

import signal
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from trio_durable import _converter
from trio_durable._core import actions as ac
from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.carrying_out import Message
from trio_durable._core.envelope import unseal
from trio_durable._core.events import Event, Status
from trio_durable._core.failures import FailureDetails
from trio_durable._core.instance import Instance
from trio_durable._core.ledger import describe
from trio_durable._core.replay import Replay
from trio_durable._errors import DurableError, NonDeterminismError, NotRegisteredError
from trio_durable._wire.events import event_to_bytes
from trio_durable._wire.propagation import HistoryChunk, child_scopes, chunks_from_bytes, hand_down
from trio_durable._wire.requests import Turn, TurnResult
from trio_durable._worker.serve import Worker
from trio_durable._worker.turn import TurnRunner

__all__ = ["NeverAwaitedError", "OpenTask", "Pair", "ReplayDisagreementError", "TurnTooLongError"]

#: When the world begins, unless a test says otherwise.
START = datetime(2024, 1, 1, tzinfo=UTC)

#: How much the clock moves with each turn, so that no two turns carry one timestamp.  Nanoseconds.
TICK = 1_000_000

#: Seconds of processor time after which a turn is taken for an endless loop.
TURN_SECONDS = 5.0

#: Executions in a row that continue as new without waiting for anything.
GENERATIONS = 100


class ReplayDisagreementError(NonDeterminismError, AssertionError):
    """An instance kept in memory and the same instance replayed from its history ask for different things."""


class TurnTooLongError(DurableError, AssertionError):
    """A turn went on and on: the orchestration loops without awaiting anything."""


class NeverAwaitedError(DurableError, AssertionError):
    """The orchestration called an `async def` function and did not await what it gave."""


@dataclass(slots=True, eq=False)
class OpenTask:
    """An activity that was scheduled and has not been answered."""

    instance_id: str
    execution_id: str | None
    scheduled: ev.TaskScheduled
    propagated: tuple[HistoryChunk, ...] = ()

    @property
    def id(self) -> int:
        """The number of the action that scheduled it."""
        return self.scheduled.event_id

    @property
    def name(self) -> str:
        """The activity's name."""
        return self.scheduled.name


@dataclass(slots=True)
class Life:
    """One instance: what the service keeps of it.  handed_down: the histories that its parent handed down, encoded."""

    instance: Instance
    history: list[Event] = field(default_factory=list)
    inbox: list[Event] = field(default_factory=list)
    timers: dict[int, ev.TimerCreated] = field(default_factory=dict)
    generations: int = 0
    turns: int = 0
    handed_down: bytes | None = None

    def hand_down(self, scope: int | None) -> bytes | None:
        """What a call with this scope is shown of the histories above, as they are now; encoded."""
        if not scope:
            return None
        started = self.instance.started
        name = "" if started is None else started.name
        encoded = tuple(event_to_bytes(event) for event in self.history)
        return hand_down(scope, HistoryChunk("", self.instance.instance_id, name, encoded), self.handed_down)


class Pair:
    """A world of instances run by `worker`.

    start: when its clock begins.  check: run each turn a second time from history and compare.
    """

    def __init__(self, worker: Worker, *, start: datetime = START, check: bool = True) -> None:
        self.worker = worker
        self.now = clock.from_datetime(start)
        self.check = check
        self.lives: dict[str, Life] = {}
        self.tasks: list[OpenTask] = []
        self._runner = runner_of(worker, keep=1000)
        self._ids = 0

    # -- what clients do ----------------------------------------------------------------------------------------------

    def start(self, name: str, payload: str | None, instance_id: str) -> None:
        """Start an instance; one of that id that has ended is forgotten, one that has not is an error."""
        known = self.lives.get(instance_id)
        if known is not None and known.instance.completed is None:
            raise ValueError(f"instance {instance_id!r} is there already and has not ended; choose another instance id")
        started = ev.ExecutionStarted(
            -1, self.now, name=name, input=payload, instance_id=instance_id, execution_id=self._new_id()
        )
        self._deliver(Message(instance_id, started))

    def send(self, instance_id: str, event: Event) -> None:
        """Put `event` into the instance's inbox; an instance that has ended takes no notice."""
        life = self.life(instance_id)
        if life.instance.completed is None:
            life.inbox.append(event)

    def life(self, instance_id: str) -> Life:
        """The instance; LookupError where there is none."""
        try:
            return self.lives[instance_id]
        except KeyError:
            known = ", ".join(repr(each) for each in self.lives) or "none"
            raise LookupError(f"there is no instance {instance_id!r}; there is {known}") from None

    # -- turns --------------------------------------------------------------------------------------------------------

    def ready(self) -> list[str]:
        """The instances that have something to hear, in the order in which they were made."""
        return [
            instance_id
            for instance_id, life in self.lives.items()
            if life.inbox and (life.instance.started is not None or _has_start(life.inbox))
        ]

    def turn(self, instance_id: str, *, first: Sequence[Event] = ()) -> list[ac.Action]:
        """Run one turn of the instance over its whole inbox and carry out what it asks for.

        first: events that the worker is told before all others, whatever the service half thinks of them (answers that
        come early, or twice).
        """
        life = self.life(instance_id)
        self.now += TICK
        plan = life.instance.begin(life.inbox, now=self.now)
        if not plan.events:
            del life.inbox[: plan.taken]
            return []
        plan.events[1:1] = first
        result = self._run(life, plan.events)
        del life.inbox[: plan.taken]
        life.turns += 1
        outcome = life.instance.complete(
            plan,
            result.actions,
            now=self.now,
            new_id=self._new_id,
            custom_status=result.custom_status,
            version=result.version,
            patches=result.patches,
        )
        if outcome.stalled is not None:
            raise DurableError(f"instance {instance_id!r} is stalled: {outcome.stalled.description}")
        if outcome.continued:
            self._begin_again(life, outcome.inbox)
            return list(result.actions)
        life.history += outcome.history
        for event in plan.events:
            if isinstance(event, ev.TimerFired):
                life.timers.pop(event.timer_id, None)
        for timer in outcome.timers:
            life.timers[timer.event_id] = timer
        execution = life.instance.execution_id
        self.tasks += [
            OpenTask(instance_id, execution, task, chunks_from_bytes(life.hand_down(task.history_scope)))
            for task in outcome.tasks
        ]
        scopes = child_scopes(outcome.history)
        for message in outcome.messages:
            parent = message.event.parent if isinstance(message.event, ev.ExecutionStarted) else None
            scope = None if parent is None else scopes.get(parent.task_scheduled_id)
            self._deliver(message, life.hand_down(scope))
        completed = life.instance.completed
        if completed is not None:
            life.timers.clear()
            raise_for(completed.failure)
            if self.check:
                check_history(
                    self.worker, life.history, instance_id, propagated=chunks_from_bytes(life.handed_down)
                )
        return list(result.actions)

    def lose(self, instance_id: str) -> None:
        """Run the instance's next turn on a worker that dies before it can answer."""
        self.probe(instance_id)
        self.crash()

    def probe(self, instance_id: str) -> list[ac.Action]:
        """What the instance's next turn would ask for; nothing changes."""
        life = self.life(instance_id)
        plan = life.instance.begin(life.inbox, now=self.now + TICK)
        if not plan.events:
            return []
        return list(self._replayed(instance_id, life.history, plan.events).actions)

    def crash(self) -> None:
        """The worker forgets every instance it keeps in memory."""
        self._runner.close()

    def close(self) -> None:
        """End the coroutines of every instance that is still there."""
        self._runner.close()

    def _run(self, life: Life, new: list[Event]) -> TurnResult:
        instance_id = life.instance.instance_id
        with _time_limit(instance_id), _forgotten(instance_id):
            result = self._runner.run(self._turn_of(life, life.history, new))
        _raise_failure_of(result.actions)
        if self.check:
            again = self._replayed(instance_id, life.history, new)
            difference = differences(again, result, lambda payload: repr(_plain(self.worker, payload)))
            if difference:
                raise ReplayDisagreementError(
                    f"instance {instance_id!r}: replayed from its history, the code asks for something else than it"
                    f" did in memory.\n{difference}\nThe usual causes: a value that is not the same on every replay (a"
                    " clock, randomness, an identifier, the order of a set), or state outside of the instance that a"
                    " run changes. Take such values from the context or from an activity, and keep state in local"
                    " variables."
                )
        return result

    def _replayed(self, instance_id: str, history: list[Event], new: list[Event]) -> TurnResult:
        turn = self._turn_of(self.life(instance_id), history, new)
        with _time_limit(instance_id):
            result = runner_of(self.worker, keep=0).run(turn)
        _raise_failure_of(result.actions)
        return result

    def _turn_of(self, life: Life, history: list[Event], new: list[Event]) -> Turn:
        propagated = chunks_from_bytes(life.handed_down)
        instance = life.instance
        return Turn(instance.instance_id, instance.execution_id, list(history), list(new), propagated=propagated)

    def _begin_again(self, life: Life, inbox: list[Event]) -> None:
        instance_id = life.instance.instance_id
        life.generations = life.generations + 1 if life.instance.tight_generations else 0
        if life.generations > GENERATIONS:
            raise TurnTooLongError(
                f"instance {instance_id!r} has continued as new {GENERATIONS} times without waiting for anything: it"
                " would go on for ever. Await a timer, an event or an activity in each execution."
            )
        life.history.clear()
        life.timers.clear()
        life.inbox[:0] = inbox
        self.tasks = [task for task in self.tasks if task.instance_id != instance_id]

    # -- answers ------------------------------------------------------------------------------------------------------

    def answer(self, task: OpenTask, *, result: str | None = None, failure: FailureDetails | None = None) -> Event:
        """The activity has returned `result`, or failed; returns the event that says so."""
        self.tasks.remove(task)
        event = answer_event(task, self.now, result=result, failure=failure)
        life = self.lives.get(task.instance_id)
        if life is not None and life.instance.execution_id == task.execution_id:
            self.send(task.instance_id, event)
        return event

    def next_timer(self) -> tuple[str, ev.TimerCreated] | None:
        """The timer that fires next, among those that ever do."""
        due = [
            (timer.fire_at, position, instance_id, timer)
            for position, (instance_id, life) in enumerate(self.lives.items())
            for timer in life.timers.values()
            if timer.fire_at < clock.FOREVER
        ]
        if not due:
            return None
        _, _, instance_id, timer = min(due, key=lambda each: (each[0], each[1], each[3].event_id))
        return instance_id, timer

    def awaited(self, instance_id: str) -> list[str]:
        """The external events that the instance waits for without a time limit, each name once.

        A wait leaves a timer that never fires, whether or not the event has come since: those that came are taken off.
        """
        life = self.life(instance_id)
        came = Counter(event.name.casefold() for event in life.history if isinstance(event, ev.EventRaised))
        names: dict[str, None] = {}
        for timer in life.timers.values():
            if timer.fire_at >= clock.FOREVER and timer.origin is not None and timer.origin.value:
                if came[timer.origin.value.casefold()] > 0:
                    came[timer.origin.value.casefold()] -= 1
                else:
                    names[timer.origin.value] = None
        return list(names)

    def who_waits(self, instance_id: str) -> str:
        """Which tasks of the instance wait for what, and where in the code; a line or two each."""
        runner = self._runner
        if not runner.who_waits(instance_id):  # its worker has crashed since
            runner = runner_of(self.worker, keep=1)
            life = self.life(instance_id)
            with _time_limit(instance_id):
                runner.run(self._turn_of(life, life.history, []))
        words = runner.who_waits(instance_id)
        if runner is not self._runner:
            runner.close()
        return words

    def fire(self, instance_id: str, timer: ev.TimerCreated) -> None:
        """`timer` goes off; the clock moves to its time if that is not past."""
        self.now = max(self.now, timer.fire_at)
        self.life(instance_id).timers.pop(timer.event_id)
        self.send(instance_id, ev.TimerFired(-1, self.now, timer.event_id, timer.fire_at))

    # -- inside -------------------------------------------------------------------------------------------------------

    def _deliver(self, message: Message, handed_down: bytes | None = None) -> None:
        if isinstance(message.event, ev.ExecutionStarted):
            known = self.lives.get(message.to)
            if known is None or known.instance.completed is not None:
                self.lives[message.to] = Life(Instance(message.to), inbox=[message.event], handed_down=handed_down)
            return
        life = self.lives.get(message.to)
        if life is None or (message.execution_id is not None and life.instance.execution_id != message.execution_id):
            return
        self.send(message.to, message.event)

    def _new_id(self) -> str:
        self._ids += 1
        return f"execution-{self._ids}"


def answer_event(
    task: OpenTask, now: int, *, result: str | None = None, failure: FailureDetails | None = None
) -> ev.TaskCompleted | ev.TaskFailed:
    """The event that answers `task`."""
    key = task.scheduled.task_execution_id
    if failure is not None:
        return ev.TaskFailed(-1, now, task.id, failure, key)
    return ev.TaskCompleted(-1, now, task.id, result, key)


def runner_of(worker: Worker, *, keep: int) -> TurnRunner:
    """What runs the worker's turns; it shares the worker's registry, sandbox and converter, and none of its memory."""
    return TurnRunner(worker._registry, worker._sandbox, worker._converter, keep)


def check_history(
    worker: Worker,
    history: Sequence[Event],
    instance_id: str,
    *,
    lenient: bool = False,
    exact: bool = False,
    propagated: tuple[HistoryChunk, ...] = (),
) -> None:
    """Replay `history`, whole, with the worker's code; raises NonDeterminismError where they disagree.

    lenient: the result may be another one, as when an instance is replayed by newer code that asks for the same.
    exact: inputs, timers' times and children's ids have to be the same, too.
    propagated: what the instance was handed down, which its own history does not hold.

    Raises NotRegisteredError if the worker has no orchestrator of that name.
    """
    started = next((event for event in history if isinstance(event, ev.ExecutionStarted)), None)
    if started is None:
        raise ValueError(f"the history of instance {instance_id!r} has no ExecutionStarted; it is not whole")
    names = worker._registry.orchestrator_names()
    if started.name not in names:
        raise NotRegisteredError(
            f"the history of instance {instance_id!r} is one of orchestrator {started.name!r}, which is not there to"
            f" replay it; there is {', '.join(map(repr, names)) or 'none'}. Register it under that name."
        )
    completed = next((event for event in history if isinstance(event, ev.ExecutionCompleted)), None)
    past = [event for event in history if not isinstance(event, ev.ExecutionCompleted)]
    comparing = _Comparing(worker, exact=exact)
    with _time_limit(instance_id):
        result = comparing.run(Turn(instance_id, started.execution_id, past, [], propagated=propagated))
    _raise_failure_of(result.actions)
    if completed is None:
        extra = [action for action in result.actions if not isinstance(action, ac.CompleteOrchestration)]
        ended = [action for action in result.actions if isinstance(action, ac.CompleteOrchestration)]
        if ended and ended[0].status is not Status.CONTINUED_AS_NEW:
            raise _unlike(started.name, instance_id, "nothing more yet", f"it ends as {ended[0].status.name}")
    else:
        extra = [action for action in result.actions if not isinstance(action, ac.CompleteOrchestration)]
        if not extra:
            end = next((action for action in result.actions if isinstance(action, ac.CompleteOrchestration)), None)
            _compare_end(started.name, instance_id, completed, end, worker, lenient=lenient)
    if extra:
        raise _unlike(started.name, instance_id, "nothing more in that turn", describe(extra[0]))
    if comparing.difference is not None:
        raise _unlike(started.name, instance_id, *comparing.difference)


class _Comparing(TurnRunner):
    """Notes the first place where code asks for what history has, but not quite as history has it.

    A child's id is always compared: whoever has its instances look for children under another id loses them.
    """

    def __init__(self, worker: Worker, *, exact: bool) -> None:
        super().__init__(worker._registry, worker._sandbox, worker._converter, 0)
        self.difference: tuple[str, str] | None = None
        self._worker = worker
        self._exact = exact

    def start(
        self, started: ev.ExecutionStarted, replay: Replay, run: Any, propagated: tuple[HistoryChunk, ...]
    ) -> Coroutine[Any, Any, str | None]:
        replay.on_confirmed = self._compare
        return super().start(started, replay, run, propagated)

    def _compare(self, action: ac.Action, event: Event) -> None:
        wanted, got = _detail(event), _detail(action)
        if isinstance(action, ac.CreateChild):
            differs = bool(action.instance_id) and wanted != got  # without an id, the service chose one
        else:
            differs = self._exact and wanted != got
        if self._exact and not differs:
            differs = not _same_payload(self._worker, getattr(event, "input", None), getattr(action, "input", None))
        if differs and self.difference is None:
            self.difference = _in_full(event, wanted), _in_full(action, got)


def _detail(thing: ac.Action | Event) -> str:
    match thing:
        case ac.CreateTimer() | ev.TimerCreated():
            return "never" if thing.fire_at >= clock.FOREVER else f"at {clock.to_datetime(thing.fire_at).isoformat()}"
        case ac.CreateChild() | ev.ChildCreated() | ac.CreateDetached() | ev.DetachedCreated():
            return f"as {thing.instance_id!r}"
        case _:
            return ""


def _in_full(thing: ac.Action | Event, detail: str) -> str:
    payload = getattr(thing, "input", None)
    return " ".join(filter(None, [describe(thing), f"with {payload}" if payload is not None else "", detail]))


def _same_payload(worker: Worker, first: str | None, second: str | None) -> bool:
    """Whether two payloads say the same; a converter need not write a value the same way each time."""
    if first == second or first is None or second is None:
        return first == second
    try:
        return bool(_plain(worker, first) == _plain(worker, second))
    except Exception:
        return False


def _plain(worker: Worker, payload: str) -> object:
    text, metadata = unseal(payload)
    return _converter.decode(worker._converter, text), metadata


def _compare_end(
    name: str,
    instance_id: str,
    completed: ev.ExecutionCompleted,
    end: ac.CompleteOrchestration | None,
    worker: Worker,
    *,
    lenient: bool,
) -> None:
    wanted = f"it ends as {completed.status.name}"
    if completed.failure is not None:
        wanted += f" with {completed.failure.error_type}: {completed.failure.error_message}"
    if end is None:
        raise _unlike(name, instance_id, wanted, "it is still waiting")
    if end.status is not completed.status:
        got = f"it ends as {end.status.name}"
        if end.failure is not None:
            got += f" with {end.failure.error_type}: {end.failure.error_message}"
        raise _unlike(name, instance_id, wanted, got)
    if lenient:
        return
    if not _same_payload(worker, end.result, completed.result):
        raise _unlike(name, instance_id, f"the result {completed.result}", f"the result {end.result}")
    if end.failure is not None and completed.failure is not None and _brief(end.failure) != _brief(completed.failure):
        got = f"it ends as FAILED with {end.failure.error_type}: {end.failure.error_message}"
        raise _unlike(name, instance_id, wanted, got)


def _unlike(name: str, instance_id: str, expected: str, got: str) -> NonDeterminismError:
    return NonDeterminismError(
        f"orchestration {name!r}, instance {instance_id!r}: the code and the recorded history disagree.\n"
        f"  - expected (history): {expected}\n"
        f"  + got (code):         {got}\n"
        "The usual causes: the code was changed since; a value is not the same on every replay (a clock, randomness,"
        " the environment, the order of a set). Keep the old order of calls for running instances (register the changed"
        " orchestrator under a new name), or take such values from an activity."
    )


def differences(expected: TurnResult, got: TurnResult, plain: Callable[[str], str] = str) -> str | None:
    """How two answers to one turn differ, as a diff of lines; None if they do not.

    plain: a payload in a form that is the same for equal values, for a converter that writes them in more than one way.
    """
    before, after = _lines(expected, str), _lines(got, str)
    if before == after:
        return None
    with suppress(Exception):  # what cannot be decoded is compared as it is
        if _lines(expected, plain) == _lines(got, plain):
            return None
    lines = []
    for number in range(max(len(before), len(after))):
        old = before[number] if number < len(before) else "nothing"
        new = after[number] if number < len(after) else "nothing"
        lines += [f"    {old}"] if old == new else [f"  - from history: {old}", f"  + in memory:    {new}"]
    return "\n".join(lines)


def _lines(result: TurnResult, plain: Callable[[str], str]) -> list[str]:
    def shown(payload: str | None) -> str:
        return "None" if payload is None else plain(payload)

    lines = [_line(action, shown) for action in result.actions]
    if result.custom_status is not None:
        lines.append(f"custom status {shown(result.custom_status)}")
    return lines


def _line(action: ac.Action, shown: Callable[[str | None], str]) -> str:
    text = describe(action)
    match action:
        case ac.ScheduleTask():
            key = f" key {action.task_execution_id}" if action.task_execution_id else ""
            return f"{text} with {shown(action.input)}{key}"
        case ac.CreateChild():
            return f"{text} with {shown(action.input)}" + (f" as {action.instance_id}" if action.instance_id else "")
        case ac.CreateTimer():
            at = "never" if action.fire_at >= clock.FOREVER else clock.to_datetime(action.fire_at).isoformat()
            return f"{text} at {at} ({action.fire_at})"
        case ac.CompleteOrchestration():
            end = f"#{action.id} end as {action.status.name} with {shown(action.result)}"
            if action.failure is not None:
                end += " and " + ": ".join(_brief(action.failure))
            return end + "".join(f", carrying {event}" for event in action.carryover)
        case _:
            return repr(action)


def _brief(failure: FailureDetails) -> tuple[str, str]:
    return failure.error_type, failure.error_message


def _raise_failure_of(actions: Sequence[ac.Action]) -> None:
    for action in actions:
        if isinstance(action, ac.CompleteOrchestration):
            raise_for(action.failure)


def raise_for(failure: FailureDetails | None) -> None:
    """Raise where a failure is not the orchestration's own: a violation, a disagreement with history, an endless loop.

    Raises NonDeterminismError, with what the engine said.
    """
    if failure is None:
        return
    kind = failure.error_type.rpartition(".")[2]
    if kind in ("NonDeterminismError", "SandboxViolationError", "OrchestrationProtocolError"):
        raise NonDeterminismError(f"{kind}: {failure.error_message}" if kind[0] in "SO" else failure.error_message)


def _has_start(inbox: Sequence[Event]) -> bool:
    return any(isinstance(event, ev.ExecutionStarted) for event in inbox)


@contextmanager
def _forgotten(instance_id: str) -> Iterator[None]:
    """A coroutine that the code made and never awaited is an error; Python only warns of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        yield
    for each in caught:
        if "was never awaited" in str(each.message):
            raise NeverAwaitedError(
                f"instance {instance_id!r}: {each.message} ({each.filename}:{each.lineno}). What it would have done did"
                " not happen: await it, or start it with ctx.gather or in a nursery."
            )
        warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


class _Alarm(BaseException):
    """Raised inside a turn that takes too long; no orchestration catches it by accident."""


@contextmanager
def _time_limit(instance_id: str) -> Iterator[None]:
    """Stop a turn that loops for ever, where the platform can (the main thread of a POSIX process)."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    where: list[str] = []
    over = False

    def ring(number: int, frame: FrameType | None) -> None:
        if over:
            return
        if frame is not None:
            where.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        raise _Alarm

    # Virtual time counts only what this process computes, and nobody else's alarm (a test runner's) is disturbed.
    before: Callable[[int, FrameType | None], Any] | int | None = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, TURN_SECONDS, TURN_SECONDS)
    try:
        yield
        over = True
    except _Alarm:
        pass
    finally:
        over = True
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    if where:
        raise TurnTooLongError(
            f"a turn of instance {instance_id!r} did not end within {TURN_SECONDS:g} s of computing; it stood at"
            f" {where[0]}. Within a turn no time passes and nothing arrives: await a timer, an event or a call in every"
            " loop, and do long computations in an activity."
        )

"""Scripts: what happens to an orchestration, one readable line at a time.

    start {"item": "tea"}            begin the orchestration with this input
    turn root                        the worker hears everything that has arrived, and answers
    lose root                        the same, but the worker dies before it can answer
    crash                            the worker forgets what it keeps in memory
    complete root #1 "receipt"       activity number 1 returns
    fail root #1 OSError             activity number 1 raises
    duplicate root #1                its answer comes again
    early root #2 "parcel"           a turn in which the answer to number 2 comes before its call
    fire root #3                     timer number 3 goes off; time moves on to it
    raise approve true               somebody sends an external event
    suspend / resume                 a client does
    cancel                           a client asks it to stop; its code meets a cancellation where it waits
    terminate "enough"               a client ends it

A `Player` carries out lines on a `Pair`.  After a script it lets the rest happen in the plainest order (`drain`),
and the orchestration has to end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from trio_durable import _converter
from trio_durable._core import actions as ac
from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.envelope import unseal
from trio_durable._core.events import Event, Status
from trio_durable._core.failures import FailureDetails
from trio_durable._core.mailbox import CANCEL_EVENT
from trio_durable._durable.context import SEND_EVENT
from trio_durable._errors import DurableError, NotFoundError, NotRegisteredError
from trio_durable._wire.requests import Activity
from trio_durable._worker.serve import Worker
from trio_durable.testing.fakes import ActivityCall, InlineActivities
from trio_durable.testing.histories import History
from trio_durable.testing.pair import OpenTask, Pair, answer_event

__all__ = ["ROOT", "DidNotEndError", "Outcome", "Player", "ScriptError", "play"]

ROOT = "root"

#: Lines that `drain` may add before it gives up.
DRAIN_LIMIT = 1000


class ScriptError(DurableError, ValueError):
    """A line of a script asks for something that cannot be done at that point."""


class DidNotEndError(DurableError, AssertionError):
    """Everything has happened that could, and the orchestration has not ended; or it went on after a cancel."""


@dataclass(slots=True)
class Outcome:
    """What became of an orchestration that a script was played with.

    status, result, failure: how it ended.  history: its last execution.  script: the lines that were played.
    """

    status: Status
    result: Any
    failure: FailureDetails | None
    history: History
    script: Sequence[str]
    all_calls: Sequence[ActivityCall] = field(default_factory=list)

    def calls(self, activity: Callable[..., Any] | str | None = None) -> list[ActivityCall]:
        """The calls of an activity (None: of all), of every instance and generation, in the order they were made."""
        name = activity if isinstance(activity, str) or activity is None else activity.__name__
        return [call for call in self.all_calls if name is None or call.name == name]


class Player:
    """Plays a script on an orchestration.

    worker: has everything registered.  name: the orchestrator.  activities: functions from an input to a result, or the
    result itself, by the activity's name; for the others the registered function is called.  An activity's result is
    made when a line does not say what it is.
    """

    def __init__(
        self,
        worker: Worker,
        name: str,
        *,
        activities: Mapping[str, Any] | None = None,
        check: bool = True,
    ) -> None:
        self.pair = Pair(worker, check=check)
        self.worker = worker
        self.name = name
        self.activities = dict(activities or {})
        self.lines: list[str] = []
        self.calls: dict[tuple[str, str | None, int], ActivityCall] = {}
        self.given: list[tuple[OpenTask, Event]] = []
        self.answers: list[tuple[OpenTask, str | None, FailureDetails | None]] = []
        #: whether an activity was made to fail that would not have failed by itself
        self.injected = False
        #: how many lines were played when the plainest order began
        self.drained_from = 0
        #: whether to find that out from the lines of a script, by asking the activity
        self.tells_injected = False
        #: how long nothing but timers has happened since the orchestration learned that it is cancelled, in nanoseconds
        self.waited_cancelled = 0
        self._is_cancelled = self._knows_cancelled = False
        self._inline = InlineActivities(worker._registry, worker._converter, 1_000_000)

    # -- what is there ------------------------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the orchestration has ended."""
        life = self.pair.lives.get(ROOT)
        return life is not None and life.instance.completed is not None

    @property
    def status(self) -> Status:
        """The orchestration's status."""
        return self.pair.life(ROOT).instance.status

    def outcome(self) -> Outcome:
        """How it ended."""
        life = self.pair.life(ROOT)
        completed = life.instance.completed
        assert completed is not None
        result = _converter.decode(self.worker._converter, completed.result)
        history = History.of(list(life.history), ROOT)
        calls = list(self.calls.values())
        return Outcome(completed.status, result, completed.failure, history, list(self.lines), calls)

    # -- playing ------------------------------------------------------------------------------------------------------

    def play(self, line: str) -> None:
        """Do what one line says.  Raises ScriptError if that is not possible now, and whatever is found on the way."""
        verb, _, rest = line.strip().partition(" ")
        action = _VERBS.get(verb)
        if action is None:
            raise ScriptError(f"no such line: {line!r}; a line begins with {', '.join(sorted(_VERBS))}")
        self.lines.append(line.strip())
        try:
            action(self, rest)
        except (LookupError, IndexError, ValueError) as error:
            if isinstance(error, DurableError):
                raise
            raise ScriptError(f"line {len(self.lines)} of the script, {line.strip()!r}: {error}") from error

    def value_of(self, task: OpenTask) -> tuple[str | None, FailureDetails | None]:
        """What the activity gives, really or by its stand-in.

        Raises NotRegisteredError where there is neither: a test that forgot it must not become one of failures.
        """
        converter = self.worker._converter
        if task.name not in (SEND_EVENT, *self.activities, *self.worker._registry.activities):
            raise NotRegisteredError(
                f"there is no activity {task.name!r} to call: register it with the worker, or give a stand-in, "
                f"activities={{{task.name!r}: ...}}"
            )
        try:
            if task.name == SEND_EVENT:
                target = _converter.decode(converter, task.scheduled.input)["instance_id"]
                if target not in self.pair.lives:
                    raise NotFoundError(f"there is no orchestration instance {target!r}")
                return None, None
            if task.name not in self.activities:
                return self._call(task)
            own = self.activities[task.name]
            value = own(_converter.decode(converter, unseal(task.scheduled.input)[0])) if callable(own) else own
            return _converter.encode(converter, value), None
        except Exception as error:
            return None, FailureDetails.from_exception(error)

    def _call(self, task: OpenTask) -> tuple[str | None, FailureDetails | None]:
        scheduled = task.scheduled
        asked = Activity(
            task.instance_id, task.id, task.name, scheduled.input, scheduled.version, scheduled.task_execution_id,
            propagated=task.propagated,
        )  # fmt: skip
        running = self._inline.run(asked)
        try:
            running.send(None)
        except StopIteration as stop:
            return stop.value.result, stop.value.failure
        running.close()
        raise TypeError(
            f"activity {task.name!r} waits for something real; a property test needs a stand-in that answers at once: "
            f"activities={{{task.name!r}: ...}}"
        )

    def _turn(self, instance_id: str, *, first: Sequence[Event] = ()) -> None:
        self.pair.turn(instance_id, first=first)
        if self._is_cancelled and instance_id == ROOT and self.status is not Status.SUSPENDED:
            self._knows_cancelled = True
        for task in self.pair.tasks:
            self.call_of(task)

    def call_of(self, task: OpenTask) -> ActivityCall:
        """The record of the task's call."""
        key = (task.instance_id, task.execution_id, task.id)
        if key not in self.calls:
            value = _converter.decode(self.worker._converter, unseal(task.scheduled.input)[0])
            now = clock.to_datetime(self.pair.now)
            self.calls[key] = ActivityCall(task.name, value, task.instance_id, task.id, 1, now)
        return self.calls[key]

    def task(self, instance_id: str, number: int) -> OpenTask:
        """The open activity of this number."""
        for task in self.pair.tasks:
            if task.instance_id == instance_id and task.id == number:
                return task
        raise LookupError(f"instance {instance_id!r} has no open activity #{number}")

    def answer(self, task: OpenTask, payload: str | None, failure: FailureDetails | None) -> None:
        """Give the activity's answer."""
        call = self.call_of(task)
        call.done, call.failure = True, failure
        call.result = None if failure is not None else _converter.decode(self.worker._converter, payload)
        self.answers.append((task, payload, failure))
        if failure is None:
            self.carry_out(task)
        self.given.append((task, self.pair.answer(task, result=payload, failure=failure)))

    def carry_out(self, task: OpenTask) -> None:
        """What an activity does to this world: the built-in one that sends an event does something."""
        if task.name == SEND_EVENT:
            wanted = _converter.decode(self.worker._converter, task.scheduled.input)
            if wanted["instance_id"] in self.pair.lives:
                event = ev.EventRaised(-1, self.pair.now, wanted["name"], wanted["data"])
                self.pair.send(wanted["instance_id"], event)

    # -- letting everything happen ------------------------------------------------------------------------------------

    def plainest(self, events: Sequence[str]) -> str | None:
        """The next line if nothing unusual happens; None if nothing more can.  events: `raise` lines still to come."""
        for instance_id in self.pair.ready():
            return f"turn {instance_id}"
        if self.status is Status.SUSPENDED:
            return "resume"
        if self.pair.tasks:
            task = self.pair.tasks[0]
            payload, failure = self.value_of(task)
            if failure is None:
                return f"complete {task.instance_id} #{task.id}" + (f" {payload}" if payload is not None else "")
            return f"fail {task.instance_id} #{task.id} {failure.error_type} {failure.error_message}".rstrip()
        if events:
            return events[0]
        due = self.pair.next_timer()
        return None if due is None else f"fire {due[0]} #{due[1].event_id}"

    def drain(self, events: Sequence[str] = ()) -> None:
        """Let everything happen in the plainest order until the orchestration has ended."""
        waiting = list(events)
        self.drained_from = len(self.lines)
        for _ in range(DRAIN_LIMIT):
            if self.ended:
                return
            line = self.plainest(waiting)
            if line is None:
                raise DidNotEndError(f"{self._why()}\nEverything else has happened.")
            if waiting and line == waiting[0]:
                waiting.pop(0)
            self.play(line)
        raise DidNotEndError(f"{self._why()}\nIt went on through {DRAIN_LIMIT} steps.")

    def check_cancelled(self, limit: timedelta) -> None:
        """Raise DidNotEndError if the orchestration let more than `limit` pass after it was cancelled."""
        took = timedelta(microseconds=self.waited_cancelled // 1000)
        if took > limit:
            raise DidNotEndError(
                f"orchestration {self.name!r} was cancelled and ended only {took} later, with activities answered at"
                f" once; expected at most {limit}. Do not shield or catch the cancellation of waits; shield the calls"
                " that must not be torn apart. Where it may take so long, give cancels_within=."
            )

    def _why(self) -> str:
        waits = [f"it waits for external event {name!r}" for name in self.pair.awaited(ROOT)]
        return f"orchestration {self.name!r} has not ended: {', '.join(waits) or 'it is still going on'}."

    def close(self) -> None:
        """End what is left."""
        self.pair.close()


# -- the verbs ---------------------------------------------------------------------------------------------------------


def _start(player: Player, rest: str) -> None:
    player.pair.start(player.name, rest or None, ROOT)


def _turn(player: Player, rest: str) -> None:
    player._turn(rest)


def _lose(player: Player, rest: str) -> None:
    player.pair.lose(rest)


def _crash(player: Player, rest: str) -> None:
    player.pair.crash()


def _complete(player: Player, rest: str) -> None:
    instance_id, number, payload = _target(rest)
    task = player.task(instance_id, number)
    player.answer(task, payload or None, None)


def _fail(player: Player, rest: str) -> None:
    instance_id, number, what = _target(rest)
    kind, _, message = what.partition(" ")
    task = player.task(instance_id, number)
    if player.tells_injected:
        natural = player.value_of(task)[1]
        player.injected |= natural is None or natural.error_type != kind
    player.answer(task, None, FailureDetails(kind or "InjectedError", message))


def _duplicate(player: Player, rest: str) -> None:
    instance_id, number, _ = _target(rest)
    for task, event in reversed(player.given):
        if task.instance_id == instance_id and task.id == number:
            life = player.pair.life(instance_id)
            if life.instance.execution_id == task.execution_id:
                player._turn(instance_id, first=[event])
            return
    raise LookupError(f"instance {instance_id!r} has had no answer to #{number} that could come twice")


def _early(player: Player, rest: str) -> None:
    instance_id, number, payload = _target(rest)
    for task in early_tasks(player, instance_id):
        if task.id == number:
            call = player.call_of(task)
            call.done, call.result = True, _converter.decode(player.worker._converter, payload or None)
            player.answers.append((task, payload or None, None))
            player.carry_out(task)
            event = answer_event(task, player.pair.now, result=payload or None)
            player._turn(instance_id, first=[event])
            return
    raise LookupError(f"the next turn of {instance_id!r} does not call an activity #{number}")


def early_tasks(player: Player, instance_id: str) -> list[OpenTask]:
    """The activities that the instance's next turn is going to call."""
    execution = player.pair.life(instance_id).instance.execution_id
    return [
        OpenTask(
            instance_id,
            execution,
            ev.TaskScheduled(
                action.id, player.pair.now, action.name, action.input, task_execution_id=action.task_execution_id
            ),
        )
        for action in player.pair.probe(instance_id)
        if isinstance(action, ac.ScheduleTask)
    ]


def _fire(player: Player, rest: str) -> None:
    instance_id, number, _ = _target(rest)
    timer = player.pair.life(instance_id).timers.get(number)
    if timer is None:
        raise LookupError(f"instance {instance_id!r} has no timer #{number}")
    before, idle = player.pair.now, not player.pair.tasks and not player.pair.ready()
    player.pair.fire(instance_id, timer)
    if player._knows_cancelled and idle and player.status is not Status.SUSPENDED:
        # Time that passes while an activity is under way, or a turn to be run, is the script's doing.
        player.waited_cancelled += player.pair.now - before


def _raise(player: Player, rest: str) -> None:
    name, _, payload = rest.partition(" ")
    player.pair.send(ROOT, ev.EventRaised(-1, player.pair.now, name, payload or None))


def _suspend(player: Player, rest: str) -> None:
    player.pair.send(ROOT, ev.ExecutionSuspended(-1, player.pair.now))


def _resume(player: Player, rest: str) -> None:
    player.pair.send(ROOT, ev.ExecutionResumed(-1, player.pair.now))


def _cancel(player: Player, rest: str) -> None:
    player._is_cancelled = True
    player.pair.send(ROOT, ev.EventRaised(-1, player.pair.now, CANCEL_EVENT, rest or None))


def _terminate(player: Player, rest: str) -> None:
    player.pair.send(ROOT, ev.ExecutionTerminated(-1, player.pair.now, rest or None))


def _target(rest: str) -> tuple[str, int, str]:
    instance_id, _, more = rest.partition(" ")
    number, _, payload = more.partition(" ")
    if not number.startswith("#") or not number[1:].isdecimal():
        raise ValueError(f"expected an instance and a number, such as `root #1`; got {rest!r}")
    return instance_id, int(number[1:]), payload


_VERBS: dict[str, Callable[[Player, str], None]] = {
    "start": _start,
    "turn": _turn,
    "lose": _lose,
    "crash": _crash,
    "complete": _complete,
    "fail": _fail,
    "duplicate": _duplicate,
    "early": _early,
    "fire": _fire,
    "raise": _raise,
    "suspend": _suspend,
    "resume": _resume,
    "cancel": _cancel,
    "terminate": _terminate,
}


def play(
    orchestrator: Callable[..., Any] | str,
    script: str | Sequence[str],
    *,
    worker: Worker | None = None,
    activities: Any = (),
    orchestrators: Sequence[Callable[..., Any]] = (),
    sandbox: Any = "strict",
    drain: bool = True,
) -> Outcome:
    """Play a script on an orchestration and return what became of it: the regression test that `replays` prints.

    script: lines as at the head of this module, in one text or a list.
    worker: has everything registered; or give activities (a list of functions, or a mapping from names to functions of
    the input, or results) and the other orchestrators that are called.  sandbox: the mode, where no worker is given.
    drain: after the script, let everything happen until the orchestration has ended; otherwise it must have.

    Raises what `replays` raises: NonDeterminismError, ReplayDisagreementError, TurnTooLongError, DidNotEndError; and
    ScriptError for a line that cannot be played (any more).
    """
    worker, name, fakes = make_worker(orchestrator, worker, activities, orchestrators, sandbox)
    player = Player(worker, name, activities=fakes)
    try:
        lines = [line for line in (script.splitlines() if isinstance(script, str) else script) if line.strip()]
        if not lines:
            raise ScriptError("the script is empty; its first line is `start`, followed by the input if there is one")
        for line in lines:
            player.play(line)
        if drain:
            player.drain()
        if not player.ended:
            raise DidNotEndError(player._why())
        return player.outcome()
    finally:
        player.close()


def make_worker(
    orchestrator: Callable[..., Any] | str,
    worker: Worker | None,
    activities: Any,
    orchestrators: Sequence[Callable[..., Any]],
    sandbox: Any = "strict",
) -> tuple[Worker, str, dict[str, Any]]:
    """The worker, the orchestrator's name, and the stand-ins of activities by name."""
    fakes: dict[str, Any] = {}
    functions: list[Callable[..., Any]] = []
    if isinstance(activities, Mapping):
        for activity, stand_in in activities.items():
            fakes[activity if isinstance(activity, str) else activity.__name__] = stand_in
    else:
        functions = list(activities)
    if worker is None:
        worker = Worker("nowhere", sandbox=sandbox)
        if isinstance(orchestrator, str):
            raise TypeError("an orchestrator given by name needs a worker= that has it")
        for function in dict.fromkeys([orchestrator, *orchestrators]):
            worker.add_orchestrator(function)
        for function in functions:
            worker.add_activity(function)
    name = worker._registry.name_of(orchestrator)
    if name not in worker._registry.orchestrator_names():
        raise ValueError(f"the worker has no orchestrator {name!r}; call worker.add_orchestrator first")
    return worker, name, fakes


def payload_of(worker: Worker, value: object) -> str:
    """The JSON text of a value, as a script holds it; empty for None."""
    return _converter.encode(worker._converter, value) or ""

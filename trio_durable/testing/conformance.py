"""Conformance checks, for those who bring their own store, sidecar or converter.

Each is a function that returns when all is well and raises `ConformanceError` otherwise: what was done, what was
expected, what came.  Call them from a test of yours.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import trio

from trio_durable import _converter, abc
from trio_durable._client import Client
from trio_durable._core.events import ExecutionCompleted, Status
from trio_durable._errors import AlreadyExistsError, DurableError, NotFoundError, PayloadError, TaskFailedError
from trio_durable._worker.serve import Worker
from trio_durable.sidecar.stores import MemoryStore
from trio_durable.testing.histories import HistoryFormatError, fetch_history, replay_history

__all__ = ["ConformanceError", "check_converter", "check_sidecar", "check_store"]


class ConformanceError(DurableError, AssertionError):
    """What was checked does not keep a promise."""


def _expect(what: str, expected: object, got: object) -> None:
    if expected != got:
        raise ConformanceError(f"{what}: expected {expected!r}, got {got!r}")


@contextmanager
def _named(what: str) -> Iterator[None]:
    """Whatever goes wrong in the block is told with what was being checked."""
    try:
        yield
    except ConformanceError as error:
        raise ConformanceError(f"{what}: {error}") from error
    except Exception as error:
        raise ConformanceError(f"{what}: {type(error).__name__}: {error}") from error


# -- stores ------------------------------------------------------------------------------------------------------------


def check_store(
    open_store: Callable[[], abc.Store], *, persistent: bool = True, steps: int = 300, seed: int = 0
) -> None:
    """Hold a store to `trio_durable.abc.Store`, by random commits compared with the store in memory.

    open_store: opens the same storage each time, empty at first.  persistent: closing and opening keeps everything.
    steps: how many commits.  seed: of the random numbers.

    Raises ConformanceError with the commits that led there.  It cannot check what only pulling the plug shows: that a
    commit survives the loss of power.
    """
    store, model = open_store(), MemoryStore()
    walk = _Walk(random.Random(seed))
    done: list[Sequence[abc.Change]] = []
    try:
        _compare(store, model, done)
        for number in range(steps):
            batch = [walk.change() for _ in range(walk.random.randint(1, 4))]
            done.append(batch)
            with _named(f"commit {batch}"):
                store.commit(batch)
            model.commit(batch)
            _compare(store, model, done)
            if persistent and number % 20 == 19:
                store.close()
                with _named("closing and opening the store again"):
                    store = open_store()
                _compare(store, model, done)
    finally:
        store.close()
        model.close()


def _compare(store: abc.Store, model: abc.Store, done: Sequence[object]) -> None:
    with _named(f"after {len(done)} commits, the last one {done[-1] if done else 'none'}"):
        expected, got = model.recover(), store.recover()
        _expect("recover().instances", expected.instances, got.instances)
        _expect("recover().inbox", expected.inbox, got.inbox)
        _expect("recover().activities", expected.activities, got.activities)
        _expect("recover().timers", _by_id(expected.timers), _by_id(got.timers))
        for name in (*_Walk.NAMES, "nobody"):
            _expect(f"instance({name!r})", model.instance(name), store.instance(name))
            _expect(f"history({name!r})", model.history(name), store.history(name))
            _expect(f"children({name!r})", sorted(model.children(name)), sorted(store.children(name)))
        for after in (None, "b"):
            ids = model.instance_ids(after=after, limit=2)
            _expect(f"instance_ids(after={after!r}, limit=2)", ids, store.instance_ids(after=after, limit=2))


def _by_id(timers: Iterable[abc.StoredTimer]) -> list[abc.StoredTimer]:
    return sorted(timers, key=lambda timer: (timer.instance_id, timer.timer_id))


class _Walk:
    """Random changes, of the kind and in the order that a sidecar makes them."""

    NAMES = ("a", "b", "B", "é", "x" * 200)

    def __init__(self, numbers: random.Random) -> None:
        self.random = numbers
        self._active: list[str] = []
        self._lengths: dict[str, int] = {}
        self._sequence = 0
        self._activities: list[int] = []
        self._timers: list[tuple[str, int]] = []

    def change(self) -> abc.Change:
        name = self.random.choice(self.NAMES)
        self._sequence += 1
        if name not in self._active:
            if self.random.random() < 0.15:
                return abc.DeleteInstance(name)
            self._active.append(name)
            self._lengths[name] = 0
            above = self.random.choice([None, self._bytes()])
            return abc.CreateInstance(name, self.random.choice([None, "a"]), self._bytes(), self._text(), above)
        match self.random.randrange(10):
            case 0 | 1:
                return abc.AddInbox(name, self._sequence, self._bytes())
            case 2:
                return abc.TakeInbox(name, self._sequence - self.random.randrange(5))
            case 3 | 4:
                count = self.random.randint(1, 3)
                start = self._lengths[name]
                self._lengths[name] += count
                return abc.AppendHistory(name, start, count, self._bytes())
            case 5:
                self._activities.append(self._sequence)
                return abc.AddActivity(name, self._sequence, "execution", self._bytes())
            case 6 if self._activities:
                return abc.RemoveActivity(self._activities.pop(self.random.randrange(len(self._activities))))
            case 7:
                if self._timers and self.random.random() < 0.4:
                    return abc.RemoveTimer(*self._timers.pop(self.random.randrange(len(self._timers))))
                self._timers.append((name, self._sequence))
                return abc.AddTimer(name, self._sequence, self.random.randrange(2**62))
            case 8 if self.random.random() < 0.3:
                self._lengths[name] = 0
                return abc.ClearExecution(name, self._text())
            case 9 if self.random.random() < 0.4:
                self._active.remove(name)
                return abc.UpdateInstance(name, False, self._bytes())
        return abc.UpdateInstance(name, True, self._bytes())

    def _bytes(self) -> bytes:
        return self.random.randbytes(self.random.choice([0, 1, 5, 5000]))

    def _text(self) -> str | None:
        return self.random.choice([None, "", "0", '"ü\\u0000"', "[1, 2]"])


# -- converters --------------------------------------------------------------------------------------------------------

#: What every converter must bring through unchanged.
PLAIN: tuple[Any, ...] = (
    0, 1, -1, 2**53, 1.5, "", "text", "ü\n\x00😀", False, True, [], [1, [2, []]], {}, {"a": {"b": [None, 0, ""]}},
)  # fmt: skip


@dataclass
class _Point:
    x: int
    y: list[str]


def check_converter(converter: Any, values: Iterable[Any] = ()) -> None:
    """Hold a converter to `trio_durable.abc.Converter`.

    values: more values of yours that must come back equal, decoded to their own types.
    """
    for value in PLAIN:
        with _named(f"{value!r} through to_json and from_json"):
            text = converter.to_json(value)
            _expect("to_json gives", str, type(text))
            again = converter.from_json(converter.to_json(value))
            _expect("a second time it comes back as", (type(value), value), (type(again), again))
            back = converter.from_json(text)
            _expect("it comes back as", (type(value), value), (type(back), back))
    own: list[Any] = [_Point(1, ["a"]), *values]
    for value in own:
        with _named(f"{value!r} decoded to its own type"):
            back = converter.from_json(converter.to_json(value), type(value))
            _expect("it comes back as", value, back)
    with _named("None inside of a payload"):
        _expect("it comes back as", [None], converter.from_json(converter.to_json([None])))
    _expect("an absent payload is None", None, _converter.decode(converter, _converter.encode(converter, None)))
    for text, wanted in (("{", None), ("", None), ('{"x": "no"}', _Point)):
        with _named(f"from_json({text!r}, {wanted})"):
            try:
                got = converter.from_json(text, wanted)
            except PayloadError:
                continue
            raise ConformanceError(f"expected PayloadError, got the value {got!r}")
    with _named("to_json of what JSON cannot hold"):
        try:
            text = converter.to_json(object())
        except PayloadError:
            return
        raise ConformanceError(f"expected PayloadError for an object(), got {text!r}")


# -- sidecars ----------------------------------------------------------------------------------------------------------


async def _echo(ctx: Any, value: Any) -> Any:
    return value


async def _raises(ctx: Any, value: Any) -> Any:
    raise KeyError(value)


async def _chain(ctx: Any, count: int) -> list[Any]:
    return [await ctx.call_activity("check_echo", input=number) for number in range(count)]


async def _fan_out(ctx: Any, count: int) -> list[Any]:
    found: list[Any] = await ctx.when_all([ctx.call_activity("check_echo", input=number) for number in range(count)])
    return found


async def _falsy(ctx: Any) -> list[Any]:
    values: tuple[Any, ...] = (0, "", False, [], {}, None)
    return [await ctx.call_activity("check_echo", input=value) for value in values]


async def _timer(ctx: Any) -> float:
    before = ctx.now()
    await ctx.create_timer(timedelta(milliseconds=50))
    elapsed: timedelta = ctx.now() - before
    return elapsed.total_seconds()


async def _waits(ctx: Any) -> Any:
    ctx.set_custom_status({"waits": True})
    return [await ctx.wait_for_external_event("go"), await ctx.wait_for_external_event("Go")]


async def _catches(ctx: Any) -> list[str]:
    try:
        await ctx.call_activity("check_raises", input="missing")
    except TaskFailedError as error:
        return [error.details.error_type, error.details.error_message]
    return []


async def _parent(ctx: Any) -> Any:
    return await ctx.call_child_orchestrator("check_chain", input=2)


async def _again(ctx: Any, left: int) -> Any:
    if left > 0:
        ctx.continue_as_new(left - 1, save_events=True)
        return None
    return await ctx.wait_for_external_event("kept")


async def _mother(ctx: Any) -> Any:
    return await ctx.call_child_orchestrator("check_waits", instance_id=f"{ctx.instance_id}-child")


async def _fails(ctx: Any) -> None:
    raise ValueError("on purpose")


_FLOWS: dict[str, Callable[..., Any]] = {
    "check_chain": _chain, "check_fan_out": _fan_out, "check_falsy": _falsy, "check_timer": _timer,
    "check_waits": _waits, "check_catches": _catches, "check_parent": _parent, "check_again": _again,
    "check_fails": _fails, "check_mother": _mother,
}  # fmt: skip


async def check_sidecar(target: Any, *, patience: float = 30.0, prefix: str = "check") -> None:
    """Hold a sidecar to the protocol, as this package's worker and client speak it.

    target: its address, or a channel such as `sidecar.channel()`.  patience: seconds for each conversation.
    prefix: of the instance ids that are used; they are purged afterwards.  No other worker may be
    connected.

    Raises ConformanceError naming the conversation; UnavailableError where no sidecar answers.
    """
    async with Client(target) as client:
        await client.get_orchestration_state(f"{prefix}-nobody")
    worker = Worker(target, sandbox="off")
    for name, flow in _FLOWS.items():
        worker.add_orchestrator(flow, name=name)
    worker.add_activity(_echo, name="check_echo")
    worker.add_activity(_raises, name="check_raises")
    broken: ConformanceError | None = None
    async with Client(target) as client, trio.open_nursery() as nursery:
        await nursery.start(worker.serve)
        try:
            for conversation in _CONVERSATIONS:
                await _converse(conversation, _Talk(client, prefix, patience), patience)
        except ConformanceError as error:
            broken = error
        nursery.cancel_scope.cancel()
    if broken is not None:
        raise broken


async def _converse(conversation: Callable[[_Talk], Awaitable[None]], talk: _Talk, patience: float) -> None:
    with _named((conversation.__doc__ or "").strip().rstrip(".")):
        with trio.move_on_after(patience) as scope:
            await conversation(talk)
        if scope.cancelled_caught:
            raise ConformanceError(f"nothing came within {patience:g} s")


class _Talk:
    """A client and unique ids."""

    count = 0

    def __init__(self, client: Client, prefix: str, timeout: float) -> None:
        self.client = client
        self._prefix = prefix
        self._timeout = timeout

    async def start(self, name: str, payload: object = None) -> str:
        _Talk.count += 1
        wanted = f"{self._prefix}-{name}-{_Talk.count}"
        return await self.client.schedule_new_orchestration(name, input=payload, instance_id=wanted)

    async def end(self, instance_id: str, status: Status = Status.COMPLETED) -> Any:
        state = await self.client.wait_for_orchestration_completion(instance_id, timeout=self._timeout)
        _expect(f"the status ({state.failure_details})", status, state.runtime_status)
        await self._check_history(instance_id, status)
        await self.client.purge_orchestration(instance_id)
        _expect("the state after a purge", None, await self.client.get_orchestration_state(instance_id))
        return state

    async def _check_history(self, instance_id: str, status: Status) -> None:
        """The history is whole: the code that made it agrees with it, to its end."""
        try:
            history = await fetch_history(self.client, instance_id)
        except HistoryFormatError as error:
            raise ConformanceError(f"the history of {instance_id!r}: {error}") from error
        worker = Worker("nowhere", sandbox="off")
        for name, flow in _FLOWS.items():
            worker.add_orchestrator(flow, name=name)
        ends = [event.status for event in history.events if isinstance(event, ExecutionCompleted)]
        _expect(f"the end that the history of {instance_id!r} has", [status], ends)
        replay_history(history, worker=worker, exact=True)

    async def status(self, instance_id: str, status: Status) -> None:
        while True:
            state = await self.client.get_orchestration_state(instance_id)
            if state is not None and state.runtime_status is status:
                return
            await trio.sleep(0.01)


async def _talk_results(talk: _Talk) -> None:
    """Activities one after another, at once, and with falsy values."""
    for name, payload, wanted in (
        ("check_chain", 3, [0, 1, 2]),
        ("check_fan_out", 20, list(range(20))),
        ("check_falsy", None, [0, "", False, [], {}, None]),
    ):
        _expect(f"the result of {name}", wanted, (await talk.end(await talk.start(name, payload))).get_output())


async def _talk_timer(talk: _Talk) -> None:
    """A timer fires, not before its time."""
    elapsed = (await talk.end(await talk.start("check_timer"))).get_output()
    _expect("whether 50 ms passed", True, elapsed >= 0.05)


async def _talk_failures(talk: _Talk) -> None:
    """Failures keep their type and message."""
    state = await talk.end(await talk.start("check_catches"))
    _expect("what was caught", ["KeyError", "'missing'"], state.get_output())
    state = await talk.end(await talk.start("check_fails"), Status.FAILED)
    details = state.failure_details
    _expect("the failure", ("ValueError", "on purpose"), (details.error_type, details.error_message))


async def _talk_children(talk: _Talk) -> None:
    """A child's result reaches its parent."""
    _expect("the result", [0, 1], (await talk.end(await talk.start("check_parent"))).get_output())


async def _talk_events(talk: _Talk) -> None:
    """External events come in order, by name in any case, before and after they are waited for."""
    instance_id = await talk.start("check_waits")
    await talk.client.raise_orchestration_event(instance_id, "GO", data=0)
    await talk.status(instance_id, Status.RUNNING)
    await talk.client.raise_orchestration_event(instance_id, "go", data="")
    state = await talk.end(instance_id)
    _expect("the result", [0, ""], state.get_output())
    _expect("the custom status", {"waits": True}, state.get_custom_status())


async def _talk_generations(talk: _Talk) -> None:
    """Continue-as-new carries unread events over."""
    instance_id = await talk.start("check_again", 3)
    await talk.client.raise_orchestration_event(instance_id, "kept", data=False)
    _expect("the result", False, (await talk.end(instance_id)).get_output())


async def _talk_suspend(talk: _Talk) -> None:
    """A suspended instance does nothing, and loses nothing."""
    instance_id = await talk.start("check_waits")
    await talk.status(instance_id, Status.RUNNING)
    await talk.client.suspend_orchestration(instance_id)
    await talk.status(instance_id, Status.SUSPENDED)
    for number in (1, 2):
        await talk.client.raise_orchestration_event(instance_id, "go", data=number)
    await talk.client.resume_orchestration(instance_id)
    _expect("the result", [1, 2], (await talk.end(instance_id)).get_output())


async def _talk_terminate(talk: _Talk) -> None:
    """Terminate ends an instance with the given result."""
    for output in ("enough", 0):
        instance_id = await talk.start("check_waits")
        await talk.status(instance_id, Status.RUNNING)
        await talk.client.terminate_orchestration(instance_id, output=output)
        _expect("the result", output, (await talk.end(instance_id, Status.TERMINATED)).get_output())


async def _talk_recursive(talk: _Talk) -> None:
    """A recursive terminate ends the children, too."""
    instance_id = await talk.start("check_mother")
    child = f"{instance_id}-child"
    await talk.status(child, Status.RUNNING)
    await talk.client.terminate_orchestration(instance_id, output="enough", recursive=True)
    await talk.end(instance_id, Status.TERMINATED)
    # Whoever purges recursively has removed the child by now; else it must have ended.
    state = await talk.client.get_orchestration_state(child)
    if state is not None:
        await talk.end(child, Status.TERMINATED)


async def _talk_ids(talk: _Talk) -> None:
    """An id is taken while its instance lives; an unknown one is said to be unknown."""
    instance_id = await talk.start("check_waits")
    try:
        await talk.client.schedule_new_orchestration("check_waits", instance_id=instance_id)
    except AlreadyExistsError:
        pass
    else:
        raise ConformanceError("a second instance of a living id was accepted; expected ALREADY_EXISTS")
    await talk.client.terminate_orchestration(instance_id)
    await talk.end(instance_id, Status.TERMINATED)
    _expect("the state of an unknown instance", None, await talk.client.get_orchestration_state("check-nobody"))
    try:
        await talk.client.wait_for_orchestration_completion("check-nobody", timeout=5)
    except NotFoundError:
        return
    raise ConformanceError("waiting for an unknown instance gave a state; expected that it is not found")


_CONVERSATIONS = (
    _talk_results, _talk_timer, _talk_failures, _talk_children, _talk_events, _talk_generations, _talk_suspend,
    _talk_terminate, _talk_recursive, _talk_ids,
)  # fmt: skip

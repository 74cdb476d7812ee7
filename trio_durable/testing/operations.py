"""`ClientOperations`: what clients may do to instances, in any order, against a model of what must become of them.

The rules of the model:

1. An id belongs to one living instance; the id of an ended one may be used again, unless the client says otherwise.
2. External events are taken in the order in which they came, a cancel among them.  While an instance is suspended they
   wait; one resume ends any number of suspensions.
3. Terminate takes effect at once, suspended or not.  An end is an end: what comes later changes nothing.
4. What is unknown is said to be unknown.  Only what has ended can be purged or run again.
"""

from __future__ import annotations

import json
import queue
import threading
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import trio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from trio_durable._client import Client
from trio_durable._core.events import Status
from trio_durable._errors import AlreadyExistsError, NotFoundError, SidecarError
from trio_durable.sidecar import open_sidecar
from trio_durable.testing.conformance import ConformanceError
from trio_durable.testing.stage import Stage, _at

__all__ = ["ClientOperations"]

R = TypeVar("R")

_NAMES = st.sampled_from("abc")
_DATA: st.SearchStrategy[Any] = st.sampled_from([0, "", False, [], {"a": 1}, None, "ü"])
_CANCEL = object()


async def client_operations_echo(ctx: Any, value: object) -> object:
    return value


async def client_operations_collect(ctx: Any, order: dict[str, Any]) -> list[Any]:
    """The answer of an activity, then as many events as were ordered; the custom status tells how far it is."""
    seen = [await ctx.call_activity(client_operations_echo, input=order["value"])]
    while len(seen) <= order["events"]:
        ctx.set_custom_status(seen)
        seen.append(await ctx.wait_for_external_event("go"))
    return seen


class _Seen(NamedTuple):
    """What a client is shown of an instance; values as JSON text, for 0 is equal to False."""

    status: str
    output: str = "null"
    custom_status: str = "null"

    @classmethod
    def of(cls, status: Status, output: object = None, custom_status: object = None) -> _Seen:
        return cls(status.name, json.dumps(output), json.dumps(custom_status))


@dataclass
class _Modelled:
    """One instance as it must be."""

    events: int
    seen: list[Any]
    status: Status = Status.RUNNING
    output: Any = None
    held: list[Any] = field(default_factory=list)
    #: whether an event may have come in its first turn, so that a rerun of that has it, too
    begun_with_events: bool = False

    def __post_init__(self) -> None:
        self._go_on()

    def take(self, event: object) -> None:
        if self.status is Status.SUSPENDED:
            self.held.append(event)
        elif self.status is Status.RUNNING and event is _CANCEL:
            self.status = Status.CANCELED
        elif self.status is Status.RUNNING:
            self.seen.append(event)
            self._go_on()

    def _go_on(self) -> None:
        if len(self.seen) > self.events:
            self.status, self.output = Status.COMPLETED, self.seen

    def suspend(self) -> None:
        if self.status is Status.RUNNING:
            self.status = Status.SUSPENDED

    def resume(self) -> None:
        if self.status is Status.SUSPENDED:
            self.status = Status.RUNNING
            held, self.held = self.held, []
            for event in held:
                self.take(event)

    def terminate(self, output: object) -> None:
        if not self.status.is_terminal:
            self.status, self.output = Status.TERMINATED, output

    def shown(self) -> _Seen:
        if self.status.is_terminal:
            return _Seen.of(self.status, self.output)
        return _Seen.of(self.status, None, self.seen)


class ClientOperations(RuleBasedStateMachine):
    """A Hypothesis state machine: clients schedule, raise, suspend, resume, terminate, cancel, purge, run again, wait
    and list, and after each step every instance has to be what the model says.

        TestOperations = ClientOperations.TestCase

    tests the embedded sidecar.  For another one override `open_sidecar`.  It is run by a plain test, not an async one:
    each example has a Trio run of its own in a thread, with a client and a worker.

    A step fails with ConformanceError: what was done, what was expected, what the sidecar showed.
    """

    #: seconds that an instance has to become what it must be
    patience: float = 5.0
    #: what the sidecar cannot do, of "cancel", "list", "purge", "rerun", "reuse" (an ended instance's id); left out
    without: frozenset[str] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self._model: dict[str, _Modelled] = {}
        self._prefix = f"client-operations-{uuid.uuid4().hex}-"
        self._loop = _Loop(self._opened)

    def open_sidecar(self) -> AbstractAsyncContextManager[Any]:
        """What a `Client` and a `Worker` take as their target, for one example; the embedded sidecar if not overridden.

            @asynccontextmanager
            async def open_sidecar(self):
                yield "127.0.0.1:4001"
        """
        return _embedded()

    @asynccontextmanager
    async def _opened(self) -> Any:
        async with self.open_sidecar() as target, _at(target) as stage:
            await stage.work(
                orchestrators=[client_operations_collect], activities=[client_operations_echo], sandbox="off"
            )
            yield stage

    def teardown(self) -> None:
        """End the example's Trio run."""
        self._loop.close()

    # -- what clients do -------------------------------------------------------------------------------------------

    @rule(
        name=_NAMES, events=st.integers(0, 3), value=_DATA, early=st.lists(_DATA, max_size=2), unique=st.booleans()
    )
    def schedule(self, name: str, events: int, value: object, early: list[object], unique: bool) -> None:
        """Start an instance, and send it events before it has begun."""
        there = self._model.get(name)
        if there is not None and there.status.is_terminal and not unique and "reuse" in self.without:
            return

        async def start(client: Client, instance_id: str) -> None:
            await client.schedule_new_orchestration(
                client_operations_collect,
                input={"value": value, "events": events},
                instance_id=instance_id,
                enforce_unique_id=unique,
            )

        if there is not None and (unique or not there.status.is_terminal):
            self._refused(start, name, AlreadyExistsError)
            return
        self._do(start, name)
        made = self._model[name] = _Modelled(events, [value], begun_with_events=bool(early))
        for data in early:
            self._raise(name, "go", data)
            made.take(data)

    @rule(name=_NAMES, event=st.sampled_from(["go", "GO", "other"]), data=_DATA)
    def raise_event(self, name: str, event: str, data: object) -> None:
        """Send an external event; one of another name changes nothing."""
        if self._raise(name, event, data) and event.casefold() == "go":
            self._model[name].take(data)

    @rule(name=_NAMES)
    def suspend(self, name: str) -> None:
        """Have the instance wait with what comes."""
        if self._send(name, lambda client, each: client.suspend_orchestration(each)):
            self._model[name].suspend()

    @rule(name=_NAMES)
    def resume(self, name: str) -> None:
        """Have it go on, with what came in the meantime."""
        if self._send(name, lambda client, each: client.resume_orchestration(each)):
            self._model[name].resume()

    @rule(name=_NAMES, output=_DATA)
    def terminate(self, name: str, output: object) -> None:
        """End it with a result."""
        if self._send(name, lambda client, each: client.terminate_orchestration(each, output=output)):
            self._model[name].terminate(output)

    @precondition(lambda self: "cancel" not in self.without)
    @rule(name=_NAMES)
    def cancel(self, name: str) -> None:
        """Ask it to stop; behind the events that came before."""
        if self._send(name, lambda client, each: client.cancel_orchestration(each)):
            self._model[name].take(_CANCEL)

    @precondition(lambda self: "purge" not in self.without)
    @rule(name=_NAMES)
    def purge(self, name: str) -> None:
        """Forget an instance that has ended."""
        there = self._model.get(name)
        if there is not None and not there.status.is_terminal:
            self._refused(lambda client, each: client.purge_orchestration(each), name, SidecarError)
            return
        try:
            count = self._do(lambda client, each: client.purge_orchestration(each), name)
        except NotFoundError:  # some say so, some say that they forgot none
            count = 0
        if count != (there is not None):
            raise ConformanceError(
                f"purge of {name!r} said that {count} were forgotten; expected {int(there is not None)}"
            )
        self._model.pop(name, None)

    @precondition(lambda self: "rerun" not in self.without)
    @rule(name=_NAMES, new=_NAMES, value=_DATA)
    def rerun(self, name: str, new: str, value: object) -> None:
        """Run an ended instance again from its activity on, with another input for that, under an id not in use."""
        there = self._model.get(name)

        async def again(client: Client, instance_id: str) -> None:
            await client.rerun_orchestration_from_event(
                instance_id, 1, new_instance_id=self._prefix + new, input=value
            )

        if there is None:
            self._refused(again, name, NotFoundError)
        elif not there.status.is_terminal:
            self._refused(again, name, SidecarError)
        elif new not in self._model and not there.begun_with_events:
            self._do(again, name)
            self._model[new] = _Modelled(there.events, [value])

    @rule(name=_NAMES)
    def wait(self, name: str) -> None:
        """Wait for the end where there is one, for the start elsewhere."""
        there = self._model.get(name)
        if there is None:
            self._refused(lambda client, each: client.wait_for_orchestration_completion(each), name, NotFoundError)
        elif there.status.is_terminal:
            state = self._do(
                lambda client, each: client.wait_for_orchestration_completion(each, timeout=self.patience), name
            )
            if _Seen.of(state.runtime_status, state.get_output()) != there.shown():
                raise ConformanceError(f"waiting for {name!r} gave {state!r}; expected {there.shown()}")
        else:
            self._do(lambda client, each: client.wait_for_orchestration_start(each, timeout=self.patience), name)

    @precondition(lambda self: "list" not in self.without)
    @rule(size=st.sampled_from([None, 1, 2]))
    def list_instances(self, size: int | None) -> None:
        """The list has every instance once."""

        async def listed(client: Client, prefix: str) -> list[str]:
            found = [each async for each in client.list_instance_ids(page_size=size)]
            return sorted(each.removeprefix(prefix) for each in found if each.startswith(prefix))

        found = self._do(listed, "")
        if found != sorted(self._model):
            raise ConformanceError(f"the list of instances is {found}; expected {sorted(self._model)}")

    # -- what must be so -------------------------------------------------------------------------------------------

    @invariant()
    def instances_are_as_modelled(self) -> None:
        """Every instance becomes what the model says, and those that are not there are not shown."""
        for name in "abc":
            there = self._model.get(name)
            self._loop.call(self._agrees, name, None if there is None else there.shown())

    async def _agrees(self, name: str, wanted: _Seen | None) -> None:
        shown, looks, end = None, 0, trio.current_time() + self.patience
        # On a busy machine time passes without anything being done: a few looks are taken in any case.
        with trio.move_on_after(10 * self.patience):
            while looks < 25 or trio.current_time() < end:
                shown = await self._shown(name)
                if shown == wanted:
                    return
                looks += 1
                await trio.sleep(0.002)
        raise ConformanceError(f"instance {name!r} is {shown} after {self.patience:g} s; expected {wanted}")

    async def _shown(self, name: str) -> _Seen | None:
        state = await self._loop.stage.client.get_orchestration_state(self._prefix + name)
        if state is None:
            return None
        ended = state.is_complete
        return _Seen.of(
            state.runtime_status,
            state.get_output() if ended and state.failure_details is None else None,
            None if ended else state.get_custom_status(),
        )

    # -- inside ----------------------------------------------------------------------------------------------------

    def _do(self, operation: Callable[[Client, str], Awaitable[R]], name: str) -> R:
        return self._loop.call(operation, self._loop.stage.client, self._prefix + name)

    def _refused(
        self, operation: Callable[[Client, str], Awaitable[object]], name: str, error: type[Exception]
    ) -> None:
        try:
            self._do(operation, name)
        except error:
            return
        there = self._model.get(name)
        raise ConformanceError(
            f"this was accepted for {name!r}, which is {'unknown' if there is None else there.status.name}; "
            f"expected {error.__name__}"
        )

    def _raise(self, name: str, event: str, data: object) -> bool:
        return self._send(name, lambda client, each: client.raise_orchestration_event(each, event, data=data))

    def _send(self, name: str, operation: Callable[[Client, str], Awaitable[object]]) -> bool:
        """Whether there is such an instance; where there is none the operation has to be refused."""
        if name not in self._model:
            self._refused(operation, name, NotFoundError)
            return False
        self._do(operation, name)
        return True


@asynccontextmanager
async def _embedded() -> Any:
    async with open_sidecar() as sidecar:
        yield sidecar.channel()


class _Loop:
    """A Trio run in a thread of its own, for Hypothesis's rules are plain functions."""

    def __init__(self, opened: Callable[[], AbstractAsyncContextManager[Stage]]) -> None:
        self._opened = opened
        self._answers: queue.SimpleQueue[Stage | BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="client operations", daemon=True)
        self._thread.start()
        begun = self._answers.get()
        if not isinstance(begun, Stage):
            self._thread.join()
            raise begun or RuntimeError("the sidecar was closed before it was used")
        self.stage = begun

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as error:
            self._answers.put(error)
        else:
            self._answers.put(None)

    async def _main(self) -> None:
        async with self._opened() as stage:
            self._token = trio.lowlevel.current_trio_token()
            self._over = trio.Event()
            self._answers.put(stage)
            await self._over.wait()

    def call(self, function: Callable[..., Awaitable[R]], *arguments: Any) -> R:
        """Run it in the thread, and give what it gives."""
        return trio.from_thread.run(function, *arguments, trio_token=self._token)

    def close(self) -> None:
        """End the run; raises what it ended with."""
        with suppress(trio.RunFinishedError):  # it may have ended by itself, and says below why
            self._token.run_sync_soon(self._over.set)
        end = self._answers.get()
        self._thread.join()
        if isinstance(end, BaseException):
            raise end

"""The commands that do what the client does: start, get, wait, list, raise, suspend, resume, cancel, terminate, purge,
rerun.

What they print is for programs, too: an instance's state is one JSON object, ids are one to a line.  Exit status: 0
done, 1 not done (no such instance, no sidecar, an instance that did not complete), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import trio

from trio_durable import Client, DurableError, NotFoundError, OrchestrationState, OrchestrationStatus, PayloadError

__all__ = ["add_commands"]

_Options = argparse.Namespace
_Argument = tuple[str, dict[str, Any]]


# -- what arguments look like -----------------------------------------------------------------------------------------


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        said = f"{text!r} is no JSON ({error}); a text needs its quotes: '\"text\"'"
        raise argparse.ArgumentTypeError(said) from None


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 8601 time, such as 2030-01-31T12:00:00Z") from None


def _status(text: str) -> OrchestrationStatus:
    try:
        return OrchestrationStatus[text.upper()]
    except KeyError:
        known = ", ".join(status.name for status in OrchestrationStatus)
        raise argparse.ArgumentTypeError(f"there is no status {text!r}; there are {known}") from None


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form key=value")
    return key, value


def _option(name: str, **how: Any) -> _Argument:
    return name, how


_ID = _option("instance_id", metavar="ID")
_REASON = _option("--reason", help="is kept in the history")
_ALONE = _option("--not-recursive", action="store_true", help="leave its children alone")


# -- what they do -----------------------------------------------------------------------------------------------------


async def _start(client: Client, options: _Options) -> int:
    instance_id = await client.schedule_new_orchestration(
        options.name,
        input=options.input,
        instance_id=options.id,
        start_at=options.at,
        version=options.version,
        metadata=dict(options.metadata),
        tags=dict(options.tag),
        app_id=options.app,
    )
    if not options.wait:
        print(instance_id)
        return 0
    return _show(await client.wait_for_orchestration_completion(instance_id))


async def _get(client: Client, options: _Options) -> int:
    state = await client.get_orchestration_state(options.instance_id)
    if state is None:
        raise NotFoundError(f"there is no orchestration instance {options.instance_id!r}")
    print(state.to_json())
    return 0


async def _wait(client: Client, options: _Options) -> int:
    if options.started:
        state = await client.wait_for_orchestration_start(
            options.instance_id, timeout=options.timeout, fetch_payloads=True
        )
        print(state.to_json())
        return 0
    return _show(await client.wait_for_orchestration_completion(options.instance_id, timeout=options.timeout))


def _show(state: OrchestrationState) -> int:
    print(state.to_json())
    return 0 if state.runtime_status is OrchestrationStatus.COMPLETED else 1


async def _list(client: Client, options: _Options) -> int:
    async for instance_id in client.list_instance_ids():
        print(instance_id)
    return 0


async def _raise(client: Client, options: _Options) -> int:
    await client.raise_orchestration_event(options.instance_id, options.event, data=options.data)
    return 0


async def _suspend(client: Client, options: _Options) -> int:
    await client.suspend_orchestration(options.instance_id, reason=options.reason)
    return 0


async def _resume(client: Client, options: _Options) -> int:
    await client.resume_orchestration(options.instance_id, reason=options.reason)
    return 0


async def _cancel(client: Client, options: _Options) -> int:
    await client.cancel_orchestration(options.instance_id, reason=options.reason)
    return 0


async def _terminate(client: Client, options: _Options) -> int:
    await client.terminate_orchestration(
        options.instance_id, output=options.output, recursive=not options.not_recursive
    )
    return 0


async def _purge(client: Client, options: _Options) -> int:
    recursive = not options.not_recursive
    if options.instance_id is not None:
        count = await client.purge_orchestration(options.instance_id, recursive=recursive, force=options.force)
    else:
        count = await client.purge_orchestrations_by(
            created_time_from=options.created_from,
            created_time_to=options.created_to,
            runtime_status=options.status,
            recursive=recursive,
        )
    print(count)
    return 0


async def _rerun(client: Client, options: _Options) -> int:
    given = {} if options.input is None else {"input": options.input}
    print(
        await client.rerun_orchestration_from_event(
            options.instance_id, options.event_id, new_instance_id=options.id, **given
        )
    )
    return 0


# -- the table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Command:
    name: str
    help: str
    run: Callable[[Client, _Options], Awaitable[int]]
    arguments: tuple[_Argument, ...] = ()


_COMMANDS = (
    _Command(
        "start",
        "start an orchestration; prints the instance's id",
        _start,
        (
            _option("name", help="as it is registered with the workers"),
            _option("--input", type=_json, metavar="JSON"),
            _option("--id", help="the instance's; a random one if not given"),
            _option("--at", type=_moment, metavar="TIME", help="not before then; without a zone it is UTC"),
            _option("--version", help="instead of the workers' latest"),
            _option("--metadata", type=_pair, action="append", default=[], metavar="KEY=VALUE"),
            _option("--tag", type=_pair, action="append", default=[], metavar="KEY=VALUE"),
            _option("--app", help="the app whose workers run it"),
            _option("--wait", action="store_true", help="wait for its end, as `wait` does"),
        ),
    ),
    _Command("get", "print an instance's state", _get, (_ID,)),
    _Command(
        "wait",
        "wait for an instance's end and print its state; status 0 if it completed",
        _wait,
        (
            _ID,
            _option("--timeout", type=float, metavar="SECONDS"),
            _option("--started", action="store_true", help="wait for its start instead"),
        ),
    ),
    _Command("list", "print the ids of all instances", _list),
    _Command(
        "raise",
        "send an instance an external event",
        _raise,
        (_ID, _option("event", help="its name"), _option("--data", type=_json, metavar="JSON")),
    ),
    _Command("suspend", "let an instance do nothing until it is resumed", _suspend, (_ID, _REASON)),
    _Command("resume", "let a suspended instance go on", _resume, (_ID, _REASON)),
    _Command("cancel", "ask an orchestration to tidy up and stop", _cancel, (_ID, _REASON)),
    _Command(
        "terminate",
        "end an instance at once; its code does not run again",
        _terminate,
        (_ID, _option("--output", type=_json, metavar="JSON"), _ALONE),
    ),
    _Command(
        "purge",
        "forget an ended instance, or all that a filter matches; prints how many",
        _purge,
        (
            _option("instance_id", metavar="ID", nargs="?"),
            _option("--force", action="store_true", help="even while it is running; with an ID only"),
            _option("--status", type=_status, action="append", help="those that ended so; may be repeated"),
            _option("--created-from", type=_moment, metavar="TIME"),
            _option("--created-to", type=_moment, metavar="TIME", help="exclusive"),
            _ALONE,
        ),
    ),
    _Command(
        "rerun",
        "start a new instance from an event of an ended one; prints its id",
        _rerun,
        (
            _ID,
            _option("event_id", metavar="EVENT", type=int, help="the number of an activity, a child or a timer"),
            _option("--input", type=_json, metavar="JSON", help="for that activity or child, instead of its own"),
            _option("--id", help="the new instance's; a random one if not given"),
        ),
    ),
)


def add_commands(commands: Any) -> None:
    """Add the commands to the parser's."""
    for command in _COMMANDS:
        sentence = f"{command.help[0].upper()}{command.help[1:]}."
        parser = commands.add_parser(command.name, help=command.help, description=sentence)
        for name, how in command.arguments:
            parser.add_argument(name, **how)
        parser.add_argument("--address", help="the sidecar's; from the environment, or 127.0.0.1:4001, if not given")
        parser.set_defaults(run=partial(_run, command, parser))


def _run(command: _Command, parser: argparse.ArgumentParser, options: _Options) -> int:
    if command.name == "purge" and (options.instance_id is None) == (
        options.status is options.created_from is options.created_to is None
    ):
        parser.error("expected either an ID or a filter: --status, --created-from, --created-to")

    async def ask() -> int:
        async with Client(options.address) as client:
            return await command.run(client, options)

    try:
        return trio.run(ask)
    except (DurableError, TimeoutError) as error:
        print(f"trio-durable: {error}", file=sys.stderr)
        return 2 if isinstance(error, PayloadError) else 1
    except ValueError as error:  # an address, or an id, that cannot be
        print(f"trio-durable: {error}", file=sys.stderr)
        return 2

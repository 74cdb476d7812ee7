"""The commands that prove orchestrations: history, replay, check.

Their exit status is meant for CI: 0 nothing wrong, 1 something found, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import trio

from trio_durable import Client, DurableError, NonDeterminismError, Worker
from trio_durable.testing import (
    HistoryFormatError,
    check_paths,
    fetch_history,
    load_history,
    render_findings,
    replay_history,
)

__all__ = ["add_commands"]


def add_commands(commands: Any) -> None:
    """Add the commands to the parser's."""
    history = commands.add_parser(
        "history",
        help="show or export what an instance has been through",
        description="Show an instance's history, or export it for `trio-durable replay` and `replay_history`.",
    )
    history.add_argument("instance_id", metavar="ID")
    history.add_argument("--address", help="the sidecar's; from the environment, or 127.0.0.1:4001, if not given")
    history.add_argument("--json", action="store_true", help="write a file's worth of JSON to standard output")
    history.add_argument("--stacks", action="store_true", help="keep stack traces, which name files of that machine")
    history.set_defaults(run=_history)

    replay = commands.add_parser(
        "replay",
        help="replay exported histories with today's code",
        description="Replay exported histories with the orchestrators of a module; exit status 1 where they disagree.",
    )
    replay.add_argument("module", help="a module's dotted name, or the path of its file")
    replay.add_argument("files", nargs="+", metavar="file", help="exported histories, or folders of them")
    replay.add_argument("--lenient", action="store_true", help="let results differ where the actions agree")
    replay.add_argument("--exact", action="store_true", help="compare inputs, the times of timers and children's ids")
    replay.set_defaults(run=_replay)

    check = commands.add_parser(
        "check",
        help="find what is not deterministic, without running it",
        description="Read orchestrations and report what a replay could not repeat; exit status 1 if anything is.",
    )
    check.add_argument("paths", nargs="+", metavar="path", help="files and folders of Python source")
    check.add_argument("--format", default="text", choices=["text", "json", "sarif", "github"])
    check.add_argument(
        "--sandbox", default="strict", choices=["strict", "best_effort", "off"], help="the mode the worker uses"
    )
    check.set_defaults(run=_check)


def _say(error: object) -> int:
    print(f"trio-durable: {error}", file=sys.stderr)
    return 2


def _history(options: argparse.Namespace) -> int:
    async def fetch() -> int:
        async with AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(Client(options.address))
            except ValueError as error:  # an address that cannot be read
                return _say(error)
            if options.json:
                history = await fetch_history(client, options.instance_id)
                sys.stdout.write((history if options.stacks else history.without_stack_traces()).to_json())
            else:
                for event in await client.get_orchestration_history(options.instance_id):
                    said = [event.name, event.input or event.result, event.failure and event.failure.error_message]
                    number = "" if event.event_id < 0 else f"#{event.event_id} "
                    words = " ".join(str(word) for word in said if word)
                    print(f"{event.timestamp.isoformat()}  {number}{event.kind} {words}".rstrip())
        return 0

    try:
        return trio.run(fetch)
    except DurableError as error:
        print(f"trio-durable: {error}", file=sys.stderr)
        return 1


def _replay(options: argparse.Namespace) -> int:
    try:
        module = _import(options.module)
    except ImportError as error:
        return _say(f"cannot import {options.module}: {error}. Give a dotted name or the path of a .py file.")
    files: list[Path] = []
    for path in map(Path, options.files):
        files += sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        return _say(f"there are no histories in {', '.join(options.files)}")
    agreed = unread = 0
    for file in files:
        try:
            history = load_history(file)
            worker = _worker(module, history.name)
            replay_history(history, worker=worker, lenient=options.lenient, exact=options.exact)
        except NonDeterminismError as error:
            print(f"{file}: {error}")
        except HistoryFormatError as error:  # names the file
            unread = _say(error)
        except (DurableError, OSError) as error:
            unread = _say(f"{file}: {error}")
        else:
            agreed += 1
            print(f"{file}: agrees")
    print(f"{agreed} of {len(files)} histories agree with {options.module}")
    return unread or (0 if agreed == len(files) else 1)


def _import(name: str) -> ModuleType:
    if name.endswith(".py"):
        path = Path(name).resolve()
        if not path.is_file():
            raise ImportError(f"there is no file {name}")
        # A file of a package is imported as that, or its relative imports would lead nowhere.
        dotted = [path.parent.name] if path.name == "__init__.py" else [path.parent.name, path.stem]
        folder = path.parent
        while (folder / "__init__.py").is_file():
            folder = folder.parent
            dotted.insert(0, folder.name)
        sys.path.insert(0, str(folder))
        return importlib.import_module(".".join(dotted[1:]))
    sys.path.insert(0, "")
    return importlib.import_module(name)


def _worker(module: ModuleType, name: str) -> Worker:
    """A worker of the module, or one made for the function of that name."""
    for value in vars(module).values():
        if isinstance(value, Worker):
            return value
    function = getattr(module, name, None)
    worker = Worker("nowhere")
    if callable(function):
        worker.add_orchestrator(function, name=name)
    return worker


def _check(options: argparse.Namespace) -> int:
    files: list[tuple[Path, SyntaxError | None]] = []
    try:
        findings = check_paths(options.paths, mode=options.sandbox, seen=lambda *each: files.append(each))
    except OSError as error:
        return _say(error)
    if not files:
        return _say(f"there is no Python source in {', '.join(options.paths)}")
    sys.stdout.write(render_findings(findings, options.format))
    unread = [(path, wrong) for path, wrong in files if wrong is not None]
    for path, wrong in unread:
        _say(f"{path}:{wrong.lineno or 1}: not read, as it is no Python: {wrong.msg}")
    print(f"{_count(len(files) - len(unread), 'file')} read, {_count(len(findings), 'finding')}", file=sys.stderr)
    return 2 if unread else 1 if findings else 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"

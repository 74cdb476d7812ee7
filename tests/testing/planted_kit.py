"""Turns the whole kit on the planted faults, and writes the table of what found what.

`python -m tests.testing.planted_kit` writes docs/planted.md anew; `test_planted.py` checks that it says the truth.
"""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from unittest import mock

import trio
from hypothesis import Phase, settings
from hypothesis import strategies as st

from trio_durable import NonDeterminismError, Worker
from trio_durable.testing import History, check_paths, open_test_environment, pair, replay_history, replays

FOLDER = Path(__file__).parent / "planted"
TABLE = Path(__file__).parents[2] / "docs" / "planted.md"
NAMES = sorted(path.name for path in FOLDER.iterdir() if (path / "faulty.py").exists())
TOOLS = ("static check", "sandbox", "replay", "replays")

#: Where addresses are compared, `replays` finds the fault on some days only; it is not asked.
BY_LUCK = frozenset({"order_by_address"})


@dataclass
class Findings:
    """What each tool says about one file; a tool that says nothing is not in it."""

    by: dict[str, str] = field(default_factory=dict)


def module(name: str, kind: str) -> ModuleType:
    return importlib.import_module(f"tests.testing.planted.{name}.{kind}")


def worker_of(module: ModuleType) -> Worker:
    worker = Worker("nowhere", sandbox=getattr(module, "SANDBOX", "strict"))
    for orchestrator in (module.main, *getattr(module, "ORCHESTRATORS", ())):
        worker.add_orchestrator(orchestrator)
    for activity in module.ACTIVITIES:
        worker.add_activity(activity)
    return worker


def examine(name: str, kind: str, *, examples: int = 60) -> Findings:
    """Have every tool of the kit look at one file."""
    found = Findings()
    code = module(name, kind)
    static = check_paths([FOLDER / name / f"{kind}.py"], mode=getattr(code, "SANDBOX", "strict"))
    if static:
        found.by["static check"] = f"{static[0].code} {static[0].message}"
    if (FOLDER / name / "before.py").exists():
        for history in trio.run(recorded, name):
            try:
                replay_history(history, worker=worker_of(code), lenient=True)
            except NonDeterminismError as error:
                found.by["replay"] = difference(str(error))
    if name in BY_LUCK and kind == "faulty":
        return found
    try:
        property_test(code, examples)()
    except Exception as error:
        text = str(error)
        if text.startswith("SandboxViolationError"):
            found.by["sandbox"] = text.partition(" and was called")[0].removeprefix("SandboxViolationError: ")
        else:
            found.by["replays"] = f"{type(error).__name__}: {difference(text)}"
    return found


def difference(text: str) -> str:
    """The lines of a difference, or the first line of what there is."""
    lines = [line.strip() for line in text.splitlines() if line.strip()[:2] in ("- ", "+ ")]
    return " ".join(" ".join(line.split()) for line in lines[:2]) if lines else text.partition("\n")[0]


def property_test(code: ModuleType, examples: int):
    check = getattr(code, "check", None)

    @replays(
        code.main,
        worker=worker_of(code),
        inputs=st.integers(0, 5),
        events=getattr(code, "EVENTS", ()),
        settings=settings(
            max_examples=examples, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
        ),
    )
    def run(outcome):
        if check is not None:
            check(outcome)

    return run


async def recorded(name: str) -> list[History]:
    """Histories of the code as it was deployed: after every turn of one instance, and at its end."""
    before = module(name, "before")
    histories = []
    async with open_test_environment(worker_of(before)) as env:
        for activity in getattr(before, "FAILS_FIRST", ()):
            env.fake(activity, fails_on=1)
        instance = env.schedule(before.main, input="tea")
        for event, data in getattr(before, "EVENTS", ()):
            instance.raise_event(event, data)
        await env.settle()
        histories.append(instance.history)
        await instance.completion()
        histories.append(instance.history)
    return histories


def table() -> str:
    lines = [
        "# Planted faults, and what finds them",
        "",
        "Each line is a small orchestration in `tests/testing/planted` with one real fault; beside it lies a correct",
        "twin, which no tool may accuse. `python -m tests.testing.planted_kit` writes this table, a test checks it.",
        'Sandbox "off" means that the orchestration runs without the sandbox, which would have made the value',
        "deterministic or kept the state apart. Faults of changed code are found by replaying the old code's history.",
        "",
        f"| fault | sandbox | {' | '.join(TOOLS)} |",
        f"|---|---|{'---|' * len(TOOLS)}",
    ]
    count = 0
    for name in NAMES:
        code = module(name, "faulty")
        found = examine(name, "faulty").by
        twin = examine(name, "correct").by
        assert not twin, (name, twin)
        count += bool(found)
        what = ast.get_docstring(ast.parse((FOLDER / name / "faulty.py").read_text()))
        marks = " | ".join("found" if tool in found else "" for tool in TOOLS)
        lines.append(f"| {name}: {what} | {getattr(code, 'SANDBOX', 'strict')} | {marks} |")
    lines += ["", f"{count} of {len(NAMES)} faults found, 0 of {len(NAMES)} twins accused.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    with mock.patch.object(pair, "TURN_SECONDS", 0.5):
        TABLE.write_text(table(), encoding="utf-8")
    print(TABLE)

"""The table of cases in `docs/sandbox-cases.md`: `python -m tests.sandbox.table [--check | --measure | --measure-new]`.

It is made from the annotations in `cases/` and from `temporal.json`, what Temporal's sandbox did with the same cases.
`--measure` runs that again, in two processes that differ in hash seed, time zone, environment, folder and clock
(needs `python -m tests.peers temporalio`). What is said of our side, the tests have shown: they fail otherwise.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CASES = HERE / "cases"
PAGE = ROOT / "docs" / "sandbox-cases.md"
MEASURED = HERE / "temporal.json"
WORLDS: list[dict[str, str]] = [
    {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "4242", "TZ": "Pacific/Auckland", "LC_ALL": "C.UTF-8", "SETTING": "other", "HOME": "/nowhere"},
]
OF_THE_HOST = ("OSError", "FileNotFoundError", "PermissionError", "ConnectionRefusedError", "ProcessLookupError",
               "gaierror", "SystemExit", "URLError", "EOFError", "BlockingIOError")  # fmt: skip


def collect() -> dict[str, tuple[str, str, int]]:
    """Case -> (file, the API that must be refused or "", line)."""
    found = {}
    for path in sorted(CASES.glob("*.py")):
        source = path.read_text()
        lines = source.splitlines()
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("case_"):
                expected = ("", node.lineno)
                marked = "# works" in lines[node.lineno - 1]
                for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                    match = re.search(r"# refused: (.+)$", lines[number - 1])
                    if match:
                        marked, expected = True, (match[1], number)
                assert marked, f"{path.name}:{node.name} carries no annotation"
                found[f"{path.stem}.{node.name}"] = (path.name, *expected)
    return found


def verdict(api: str, worlds: list[list[dict[str, Any]]]) -> str:
    """One word for what Temporal's sandbox did."""
    first = worlds[0][0]
    problem = str(first.get("error", ""))
    kind = problem.partition(":")[0]
    if "No module named" in problem and first.get("at") == "host":
        return "not run"
    if "trio_durable_sandbox" in problem:
        return "not run"
    if api:
        if "refused" in first:
            name = api.partition(" ")[0].rpartition(".")[2]
            return "refused" if name in first["refused"] else "refused, other name"
        return f"fails: {kind}" if problem and kind not in OF_THE_HOST else "let through"
    if "refused" in first:
        return "refused"
    if problem:
        return f"broken: {kind}"
    if worlds[0][0] != worlds[0][1]:
        return "differs from run to run"
    return "works" if worlds[0] == worlds[1] else "differs from host to host"


def measure(wanted: list[str], known: dict[str, str]) -> None:
    """Run cases in Temporal's sandbox, in two processes; `known` is what others did."""
    sys.path.insert(0, str(ROOT))
    from tests.peers import python

    interpreter = python("temporalio")
    made = []
    for world in WORLDS:
        with tempfile.TemporaryDirectory() as folder:
            environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LC_"))} | world
            output = Path(folder, "outcomes.json")
            subprocess.run(
                [str(interpreter), str(HERE / "temporal_cases.py"), str(output), *wanted],
                env=environment, cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, timeout=600,
            )  # fmt: skip
            made.append(json.loads(output.read_text()))
    versions = subprocess.run(
        [str(interpreter), "-c", "import sys, importlib.metadata as m; print(m.version('temporalio'), "
         "'%d.%d' % sys.version_info[:2])"], capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    results = {
        case: verdict(api, [world[case] for world in made]) if case in wanted else known[case]
        for case, (_, api, _) in collect().items()
    }
    text = json.dumps({"temporalio": versions[0], "python": versions[1], "cases": results}, indent=0)
    MEASURED.write_text(text + "\n")


def page() -> str:
    """The text of the page."""
    cases = collect()
    recorded = json.loads(MEASURED.read_text())
    theirs: dict[str, str] = {case: recorded["cases"].get(case, "not run") for case in cases}
    hazards = [case for case, (_, api, _) in cases.items() if api]
    harmless = [case for case, (_, api, _) in cases.items() if not api]
    lines = [
        "# What the sandbox does, case by case",
        "",
        "<!-- Generated by `python -m tests.sandbox.table`. Do not edit. -->",
        "",
        f"{len(cases)} cases: {len(hazards)} hazards, which must be refused under the name that the user wrote, with "
        f"the line and a remedy; and {len(harmless)} things that must work and give the same value in two processes "
        "with different hash seeds, time zones, environments, working folders and clocks. The tests hold our column to "
        "that in every run (`tests/sandbox/test_cases.py`).",
        "",
        f"The last column is Temporal's Python sandbox (temporalio {recorded['temporalio']}, Python "
        f"{recorded['python']}; pydantic, numpy, attrs and msgspec passed through), measured by "
        "`python -m tests.sandbox.table --measure`: each case as a workflow of its own, with what it needs of "
        "its file. *let through* means that the host's answer, or its error, reached the workflow.",
        "",
        f"| | cases | trio_durable | Temporal {recorded['temporalio']} |",
        "|---|---|---|---|",
        f"| hazards | {len(hazards)} | {len(hazards)} refused by name | {_summary(hazards, theirs)} |",
        f"| must work | {len(harmless)} | {len(harmless)} work | {_summary(harmless, theirs)} |",
    ]
    for filename in sorted({name for name, _, _ in cases.values()}):
        first = ast.get_docstring(ast.parse((CASES / filename).read_text())) or ""
        lines += ["", f"## {filename.removesuffix('.py')}", "", first, "",
                  "| case | trio_durable | Temporal |", "|---|---|---|"]  # fmt: skip
        for case, (name, api, _) in cases.items():
            if name == filename:
                what = case.partition(".case_")[2].replace("_", " ")
                lines.append(f"| {what} | {f'refused: `{api}`' if api else 'works'} | {theirs[case]} |")
    return "\n".join(lines) + "\n"


def _summary(names: list[str], theirs: dict[str, str]) -> str:
    counts = Counter(theirs[name].partition(":")[0] for name in names)
    return ", ".join(f"{number} {what}" for what, number in counts.most_common())


def main() -> int:
    if "--measure" in sys.argv:
        measure(list(collect()), {})
    if "--measure-new" in sys.argv:
        known = json.loads(MEASURED.read_text())["cases"]
        measure([case for case in collect() if known.get(case, "not run") == "not run"], known)
    if "--check" in sys.argv:
        same = PAGE.exists() and PAGE.read_text() == page()
        print(f"{PAGE.name} is {'current' if same else 'out of date: run python -m tests.sandbox.table'}")
        return 0 if same else 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())

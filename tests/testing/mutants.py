"""Mutation check of `_core`: breaks the code in small ways, one at a time, and counts the breaks that no test notices.

    make mutants                               every module, from nothing
    make mutants ARGS="replay ledger"          these modules
    make mutants ARGS="--keep replay"          only what is not killed yet, and functions that changed
    make mutants ARGS="--untried"              only what no run has come to yet
    make mutants ARGS="--report"               the table and the survivors of the last run

The breaking is mutmut's.  It works on a copy of the working tree, build/mutants/copy, which is imported through a
folder of links, because mutmut takes its own working folder off the path.  A mutant is killed when a test fails, or
does not end; it survives when none does or no test reaches it.  The check fails where less than WANTED of all mutants
is killed, or where a survivor is not in mutants_survivors.toml, which says of each why it is harmless.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "mutants"
COPY = WORK / "copy"
CORE = Path("trio_durable") / "_core"
LIST = Path(__file__).with_name("mutants_survivors.toml")
RUNNER = Path(__file__).with_name("mutants_runner.py")
WANTED = 0.90

LINKED = (
    "trio_durable", "trio_durable_pytest", "tests", "sandbox/trio_durable_sandbox", "proto/trio_durable_proto",
)  # fmt: skip
NO_VERDICT, SURVIVED, NO_TEST = (None,), (0,), (5, 33)

Key = tuple[str, str, str]  # function, the line as it was, the line as the mutant has it

#: Tests that see mutmut's own frames, one that needs pytest's logging plugin (which the runner leaves out), and slow
#: ones whose finds others find as well.
LEFT_OUT = (
    "await_frames", "of_a_deadlock_once", "keep_their", "batching_ch", "crash_at", "abandoned", "every_begin",
    "recording",
)  # fmt: skip
CONFIG = """
[tool.mutmut]
source_paths = ["trio_durable"]
only_mutate = ["trio_durable/_core/*.py"]
also_copy = ["trio_durable_pytest", "sandbox", "proto", "docs", "examples", "README.md"]
pytest_add_cli_args_test_selection = [
    "tests/core", "tests/durable/test_asyncio.py", "tests/durable/test_batches.py", "tests/durable/test_cancel.py",
    "tests/durable/test_conformance.py", "tests/durable/test_deadlines.py", "tests/durable/test_equivalence.py",
    "tests/durable/test_giving_up.py", "tests/durable/test_names.py", "tests/durable/test_structured.py",
    "tests/durable/test_waits.py", "tests/durable/test_who_waits.py",
    "tests/testing/test_found.py", "tests/testing/test_fuzz.py", "tests/testing/test_halves.py",
    "tests/testing/test_histories.py", "tests/authoring/test_core.py",
]
pytest_add_cli_args = [
    "-k",
    "not ({})",
    "-p", "tests.testing.mutants_plugin", "--hypothesis-profile=mutants", "-p", "no:cacheprovider", "--timeout=0",
]
use_git_change_detection = false
timeout_multiplier = 10.0
timeout_constant = 5.0
""".format(" or ".join(LEFT_OUT))


def copy_tree() -> None:
    """The working tree in COPY; what did not change keeps its time, by which mutmut knows it."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], check=True, capture_output=True, text=True
    )
    names = {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    for name in names:
        content = (ROOT / name).read_bytes()
        if name == "pyproject.toml":
            content += CONFIG.encode()
        target = COPY / name
        if not target.is_file() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    for folder in ("trio_durable", "tests"):
        for there in (COPY / folder).rglob("*.py"):
            if str(there.relative_to(COPY)) not in names:
                there.unlink()
                (COPY / "mutants" / there.relative_to(COPY)).unlink(missing_ok=True)


def link_path() -> Path:
    path = WORK / "path"
    path.mkdir(exist_ok=True)
    for name in LINKED:
        link = path / Path(name).name
        if not link.is_symlink():
            link.symlink_to(COPY / "mutants" / name)
    return path


def modules_of_core() -> list[str]:
    return sorted(path.stem for path in (ROOT / CORE).glob("*.py") if path.stem != "__init__")


def verdicts(module: str) -> dict[str, int | None]:
    meta = COPY / "mutants" / CORE / f"{module}.py.meta"
    return json.loads(meta.read_text())["exit_code_by_key"] if meta.is_file() else {}


def killed(verdict: int | None) -> bool:
    return verdict not in NO_VERDICT + SURVIVED + NO_TEST


def run(modules: list[str], *, keep: bool, untried: bool, children: int, quick: float) -> None:
    if not keep and not untried:
        shutil.rmtree(WORK, ignore_errors=True)
    COPY.mkdir(parents=True, exist_ok=True)
    copy_tree()
    environment = {**os.environ, "PYTHONPATH": str(link_path()), "MUTANTS_QUICK": str(quick)}
    names: list[str] = []
    if modules != modules_of_core() or keep or untried:
        for module in modules:
            known = verdicts(module)
            names += [name for name, verdict in known.items() if verdict is None or (keep and not killed(verdict))]
            names += [] if known else [f"{prefix(module)}.*"]
        if not names:  # mutmut would take that for everything
            print("there is nothing to try")
            return
    command = [sys.executable, "-P", str(RUNNER), "run", f"--max-children={children}", *names]
    subprocess.run(command, cwd=COPY, env=environment, check=True)


def prefix(module: str) -> str:
    return f"trio_durable._core.{module}"


def diff(name: str, module: str) -> tuple[str, str]:
    """What the mutant changed: the lines as they were, and as it has them, without indentation."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    lines = get_diff_for_mutant(name, path=CORE / f"{module}.py").splitlines()[2:]
    was = [line[1:].strip() for line in lines if line.startswith("-")]
    now = [line[1:].strip() for line in lines if line.startswith("+")]
    return " ".join(was), " ".join(now)


def function_of(name: str) -> str:
    """`trio_durable._core.replay.xǁReplayǁturn__mutmut_7` is of `replay.Replay.turn`."""
    module, _, mangled = name.removeprefix("trio_durable._core.").partition(".")
    mangled = mangled.rpartition("__mutmut_")[0]
    plain = mangled.removeprefix("x").replace("ǁ", ".").removeprefix(".")
    return f"{module}.{plain.removeprefix('_') if 'ǁ' not in mangled else plain}"


def survivors(modules: list[str]) -> Iterator[tuple[str, Key, bool]]:
    """(mutmut's name, key, whether a test reaches it) of each."""
    os.chdir(COPY)
    for module in modules:
        for name, verdict in verdicts(module).items():
            if verdict in SURVIVED + NO_TEST:
                was, now = diff(name, module)
                yield name, (function_of(name), was, now), verdict in SURVIVED


def listed() -> dict[Key, int]:
    """How many survivors of each key are listed; each with a reason."""
    keys: Counter[Key] = Counter()
    for entry in tomllib.loads(LIST.read_text())["harmless"]:
        assert entry["reason"].strip(), entry
        for mutant in entry["mutants"]:
            keys[mutant["of"], mutant["was"], mutant["now"]] += mutant.get("times", 1)
    return keys


def report(modules: list[str]) -> int:
    """Print the table and what is wrong; the exit status."""
    print(f"\n{'module':<16}{'mutants':>8}{'killed':>8}{'survived':>10}{'untested':>10}{'score':>8}")
    totals: Counter[str] = Counter()
    unchecked = 0

    def row(name: str, counts: Counter[str]) -> None:
        total = counts["killed"] + counts["survived"] + counts["untested"]
        score = f"{counts['killed'] / total:.1%}" if total else "-"
        print(
            f"{name:<16}{total:>8}{counts['killed']:>8}{counts['survived']:>10}{counts['untested']:>10}{score:>8}",
            flush=True,
        )

    for module in modules:
        counts: Counter[str] = Counter()
        for verdict in verdicts(module).values():
            if verdict is None:
                unchecked += 1
            else:
                kind = "survived" if verdict in SURVIVED else "untested" if verdict in NO_TEST else "killed"
                counts[kind] += 1
        row(module, counts)
        totals.update(counts)
    row("in all", totals)
    failed = False
    allowed = listed()
    unused = Counter({key: n for key, n in allowed.items() if key[0].partition(".")[0] in modules})
    for name, key, reached in survivors(modules):
        if unused[key] > 0:
            unused[key] -= 1
            continue
        failed = True
        where, was, now = key
        print(f"\nnot listed: {name}{'' if reached else ' (no test reaches it)'}\n  of {where}\n  - {was}\n  + {now}")
    for key, count in unused.items():
        if count > 0:
            print(f"\nlisted, but it is killed or gone ({count}): {key}")
    if unchecked:
        failed = True
        print(f"\n{unchecked} mutants have not been tried")
    total = sum(totals.values())
    if total and totals["killed"] < WANTED * total:
        failed = True
        print(f"\nless than {WANTED:.0%} of the mutants are killed")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="modules of _core (all of them)")
    parser.add_argument("--keep", action="store_true", help="keep what is known: only what is not killed is tried")
    parser.add_argument(
        "--quick", type=float, default=math.inf, metavar="SECONDS", help="of each mutant's tests only the fastest"
    )
    parser.add_argument("--untried", action="store_true", help="keep what is known: only what has no verdict is tried")
    parser.add_argument("--report", action="store_true", help="try nothing, tell of the last run")
    parser.add_argument("--children", type=int, default=os.cpu_count() or 1, help="mutants at a time (one per core)")
    options = parser.parse_args()
    everything = modules_of_core()
    modules = sorted(set(options.modules)) or everything
    unknown = set(modules) - set(everything)
    if unknown:
        parser.error(f"no such module of _core: {', '.join(sorted(unknown))}; there are {', '.join(everything)}")
    if not options.report:
        run(modules, keep=options.keep, untried=options.untried, children=options.children, quick=options.quick)
    return report(modules)


if __name__ == "__main__":
    sys.exit(main())

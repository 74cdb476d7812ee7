"""Runs cases in Temporal's sandbox: `python temporal_cases.py <output.json> [case ...]`, in the peer's environment.

Each case becomes a workflow of its own module, which holds what the case needs of its file and nothing else: one line
that Temporal refuses at import must not count against all cases of the file. Each runs three times (two of them under
one id) in a process forked for it, because a case that is let through may do what it says.
"""

from __future__ import annotations

import ast
import json
import os
import re
import select
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases"
INSTANCES = ("one", "one", "two")
WORKFLOW = '''

import inspect as _inspect
from temporalio import workflow as _workflow


@_workflow.defn(name="case")
class TemporalWorkflow:
    @_workflow.run
    async def run(self) -> str:
        made = {case}()
        return repr(await made if _inspect.iscoroutine(made) else made)
'''


def slices() -> Iterator[tuple[str, str]]:
    """(case, the source of its module)."""
    for path in sorted(CASES.glob("*.py")):
        tree = ast.parse(path.read_text())
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("case_"):
                yield f"{path.stem}.{node.name}", needed(tree, node) + WORKFLOW.format(case=node.name)


def needed(tree: ast.Module, case: ast.stmt) -> str:
    """The top-level statements that this one needs, by the names that they bind."""
    binds = {node: set(bound(node)) for node in tree.body}
    kept = {case}
    wanted = used(case)
    again = True
    while again:
        again = False
        for node in tree.body:
            future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
            changes = isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.Delete) and not binds[node]
            if node not in kept and (future or binds[node] & wanted or (changes and used(node) & (wanted - IMPORTED))):
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                    continue
                kept.add(node)
                wanted |= used(node)
                again = True
    return "\n".join(ast.unparse(node) for node in tree.body if node in kept)


IMPORTED = frozenset({"logging", "os", "sys", "print"})


def used(node: ast.AST) -> set[str]:
    names = {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
    for child in ast.walk(node):  # postponed annotations and eval
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            names.update(re.findall(r"[A-Za-z_]\w*", child.value))
    return names


def bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0]
    else:
        for child in ast.walk(node):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                yield child.id
            elif isinstance(child, ast.stmt) and child is not node:
                yield from bound(child)


def run(module: Any, instance: str) -> dict[str, Any]:
    """One instance: its value, or what was raised."""
    from temporalio.worker.workflow_sandbox import RestrictedWorkflowAccessError
    from tests_temporal import create, details, first_turn, next_turn, runners

    sandbox, _ = runners(["numpy", "msgspec", "attrs"])
    try:
        made = create(sandbox, details(module.TemporalWorkflow, instance))
    except RestrictedWorkflowAccessError as error:
        return {"refused": str(error), "at": "import"}
    except BaseException as error:
        return {"error": f"{type(error).__name__}: {error}", "at": "import"}
    done = made.activate(first_turn("case", instance))
    for _ in range(10):
        if done.HasField("failed"):
            failure = done.failed.failure
            kind = failure.application_failure_info.type
            while failure.HasField("cause") and kind != "RestrictedWorkflowAccessError":
                failure = failure.cause
                kind = failure.application_failure_info.type
            refused = "RestrictedWorkflowAccessError" in kind
            text = failure.message
            return {"refused": text} if refused else {"error": f"{kind}: {text}"}
        timers = []
        for command in done.successful.commands:
            if command.HasField("complete_workflow_execution"):
                return {"value": json.loads(command.complete_workflow_execution.result.data)}
            if command.HasField("fail_workflow_execution"):
                failure = command.fail_workflow_execution.failure
                return {"error": f"{failure.application_failure_info.type}: {failure.message}"}
            if command.HasField("start_timer"):
                timers.append(command.start_timer.seq)
        act = next_turn(instance)
        for seq in timers:
            act.jobs.add().fire_timer.seq = seq
        done = made.activate(act)
    return {"error": "does not end"}


def forked(folder: Path, name: str) -> list[dict[str, Any]]:
    """The outcomes of one case, from a child process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        own = os.getpid()
        os.close(reader)
        outcomes: list[dict[str, Any]] = []
        try:
            signal.alarm(10)
            sys.path.insert(0, str(folder))
            module = __import__(name)
            for instance in INSTANCES:
                outcomes.append(run(module, instance))
        except BaseException as error:
            outcomes.append({"error": f"{type(error).__name__}: {error}", "at": "host"})
        if os.getpid() == own:
            os.write(writer, json.dumps(outcomes).encode())
        os._exit(0)
    os.close(writer)
    data = b""
    while select.select([reader], [], [], 15)[0]:
        part = os.read(reader, 65536)
        if not part:
            break
        data += part
    os.close(reader)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return json.loads(data) if data else [{"value": "the process ended"}]


def main() -> None:
    folder = tempfile.mkdtemp()
    peers = HERE.parent / "peers"
    sys.path[:0] = [str(CASES), str(CASES / "site-packages"), str(peers)]
    import pydantic
    import temporalio.worker
    import tests_temporal

    del pydantic, temporalio, tests_temporal
    results = {}
    wanted = set(sys.argv[2:])
    for number, (case, source) in enumerate(slices()):
        if wanted and case not in wanted:
            continue
        own, name = Path(folder, str(number)), case.partition(".")[0]
        own.mkdir()
        own.joinpath(f"{name}.py").write_text(source)
        results[case] = forked(own, name)
    Path(sys.argv[1]).write_text(json.dumps(results))


if __name__ == "__main__":
    main()

"""The static scan: finds in source text, without running it, what the sandbox would refuse at run time.

It reads the same policy table (`_policy`), and a few rules of shape (`_scan_shape`, `_scan_host`) that no call at
run time shows.
What it looks at is orchestration code only: functions that use an orchestration context or are registered as
orchestrators, and everything in the scanned files that they reach by name. Activities may do what they like.

    TD1  refused         the sandbox raises SandboxViolationError here
    TD2  host value      a clock, randomness, an address or a hash of the host; only where the sandbox is off
    TD3  unawaited       work is asked for and nobody learns what became of it
    TD4  swallowed       a handler catches what ends or cancels the orchestration
    TD5  busy wait       a loop that waits for time to pass within a turn
    TD6  shared state    state that outlives the instance; only where the sandbox is off
    TD7  set order       the order of a set; only where the sandbox is off
    TD8  replaying       what is asked for depends on whether the code is being replayed
    TD9  lost            code after continue_as_new that never takes effect
    TD10 host switch     what is asked for depends on how the host is set up

A line with the comment `# trio-durable: ignore` is left alone, and so is a `with unsafe():` block. The scan reads
names, not values: what it cannot follow it does not report, and the sandbox is there for that.
"""

from __future__ import annotations

import ast
from pathlib import Path

from ._depth import room_for
from ._scan_calls import Reader
from ._scan_host import host_findings
from ._scan_model import RULE_TEXTS, Finding, Function, Source
from ._scan_shape import shape_findings

__all__ = ["RULE_TEXTS", "Finding", "Source", "scan", "scan_source"]


def scan_source(text: str, filename: str = "<string>", *, mode: str = "strict") -> list[Finding]:
    """What is not deterministic in one file's orchestrations. mode: as of the sandbox; "off" knows more faults.

    Raises SyntaxError for what is no Python.
    """
    return scan([Source(filename, text)], mode)


def scan(sources: list[Source], mode: str) -> list[Finding]:
    """Everything that the rules find in these files, which may import from each other."""
    if mode not in ("strict", "best_effort", "off"):
        raise ValueError(f"mode must be strict, best_effort or off; got {mode!r}")
    found: dict[Finding, None] = {}
    waiting: list[tuple[Source, ast.AST]] = [(source, each) for source in sources for each in source.orchestrators()]
    seen: set[ast.AST] = set()
    while waiting:
        source, node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        with room_for(source.tree):
            reader = Reader(source, node, off=mode == "off")
            reader.read()
            reader.found += shape_findings(source, node, off=mode == "off")
            if isinstance(node, Function):
                reader.found += host_findings(source, node)
        found.update(dict.fromkeys(each for each in reader.found if each.line not in source.ignored))
        for name in sorted(reader.names):
            waiting += _reached(source, name, sources)
    return sorted(found)


def _reached(source: Source, name: str, sources: list[Source]) -> list[tuple[Source, ast.AST]]:
    """What a name in orchestration code stands for, if it is in one of the files and no activity."""
    if source.roles.get(name) == "activity":
        return []
    if name in source.functions:
        return [(source, source.functions[name])]
    if name in source.classes:
        return [(source, each) for each in source.classes[name].body if isinstance(each, Function)]
    if name in source.values:
        return [(source, source.values[name])]
    dotted = source.imports.get(name)
    if dotted is None or "." not in dotted:
        return []
    module, _, own = dotted.rpartition(".")
    wanted = tuple(part for part in module.split(".") if part)
    for other in sources:
        parts = Path(other.filename).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if other is not source and parts[-len(wanted) :] == wanted and wanted:
            return _reached(other, own, sources)
    return []

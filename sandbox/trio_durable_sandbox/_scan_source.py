"""The static scan: finds in source text, without running it, what the sandbox would refuse at run time.

It reads the same policy table (`_policy`), and a few rules of shape (`_scan_shape`) that no call at run time shows.
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

A line with the comment `# trio-durable: ignore` is left alone, and so is a `with unsafe():` block. The scan reads
names, not values: what it cannot follow it does not report, and the sandbox is there for that.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ._policy import ALIASES, BUILTINS_REFUSED, MEMBERS, REMEDIES, RULES, Rule, reason_of, words

__all__ = ["RULE_TEXTS", "Finding", "Source", "scan_paths", "scan_source", "source_files"]

_RULES: Final = {rule.module: rule for rule in RULES}
_REAL: Final = {known: module for module, known in ALIASES.items() if module == "posixpath"}

_CONTEXT: Final = frozenset(words(
    "call_activity call_child_orchestrator call_sub_orchestrator create_timer wait_for_external_event continue_as_new "
    "set_custom_status when_all when_any when_any_with_result gather with_timeout current_utc_datetime new_guid "
    "is_replaying is_suspended"
))
"""What only an orchestration context has."""

_REGISTERS: Final = {
    "add_orchestrator": "orchestrator", "call_child_orchestrator": "orchestrator", "replays": "orchestrator",
    "call_sub_orchestrator": "orchestrator", "schedule_new_orchestration": "orchestrator",
    "call_activity": "activity", "add_activity": "activity",
}  # fmt: skip

_LOOPS: Final = frozenset({"asyncio", "trio", "anyio"})
"""The orchestration gets its own form of these; what is refused in them is what leads outside."""
_OUTSIDE: Final = frozenset({"file", "net", "process", "thread", "activity"})

_VALUES: Final = frozenset({"time", "random", "uuid", "datetime", "email.utils"})
_HARMLESS: Final = frozenset(words("seed getstate setstate mktime strftime timezone altzone daylight tzname"))

_PATHS: Final = frozenset(
    name for kind, _, members in MEMBERS if kind == "pathlib.Path" for name in words(members)
) - {"absolute"}
_DATES: Final = {kind: frozenset(words(members)) for kind, _, members in MEMBERS if kind != "pathlib.Path"}
_MAKES_PATHS: Final = frozenset(words("joinpath with_suffix with_name with_stem parent resolve absolute relative_to"))


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that a replay could not repeat.

    filename, line (from 1), column (from 1), end_line, end_column: where. code: TD1 ... TD9. api: what is called, or
    the rule's name. message: what is wrong. remedy: what to write instead.
    """

    filename: str
    line: int
    column: int
    end_line: int
    end_column: int
    code: str
    api: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}:{self.column}: {self.code} {self.message}. Instead: {self.remedy}"


Function = ast.FunctionDef | ast.AsyncFunctionDef


#: Code -> (the rule's name, what it finds).
RULE_TEXTS: Final = {
    "TD1": ("refused", "what the sandbox refuses: its result may differ from replay to replay"),
    "TD2": ("host value", "a clock, randomness, an address or a hash of the host, where the sandbox is off"),
    "TD3": ("unawaited", "work is asked for and nobody learns what became of it"),
    "TD4": ("swallowed", "a handler catches what ends or cancels the orchestration"),
    "TD5": ("busy wait", "a loop waits for time to pass within a turn"),
    "TD6": ("shared state", "state outlives the instance, where the sandbox is off"),
    "TD7": ("set order", "the order of a set, where the sandbox is off"),
    "TD8": ("replaying", "what is asked for depends on whether the code is being replayed"),
    "TD9": ("lost", "code after continue_as_new never takes effect"),
}


@dataclass(eq=False)
class Source:
    """One file, parsed: its imports, functions, classes and module-level values by name."""

    filename: str
    text: str
    tree: ast.Module = field(init=False)
    imports: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    values: dict[str, ast.expr] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    ignored: frozenset[int] = frozenset()
    lines: list[str] = field(init=False)

    def column(self, line: int, offset: int) -> int:
        """The column, from 1 and in characters, of a byte offset as `ast` gives it."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return len(text.encode()[:offset].decode(errors="replace")) + 1

    def __post_init__(self) -> None:
        # As Python's tokenizer has them: other separators, such as a form feed, end no line.
        self.lines = self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.tree = ast.parse(self.text, self.filename)
        self.ignored = frozenset(
            number for number, line in enumerate(self.lines, 1) if "# trio-durable: ignore" in line
        )
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    self.imports[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom):
                base = "." * node.level + (node.module or "")
                for alias in node.names:
                    dotted = f"{base}.{alias.name}" if node.module else base + alias.name
                    self.imports[alias.asname or alias.name] = dotted
            elif isinstance(node, ast.Call):
                self._note_registration(node)
        for statement in self.tree.body:
            if isinstance(statement, Function):
                self.functions[statement.name] = statement
            elif isinstance(statement, ast.ClassDef):
                self.classes[statement.name] = statement
            elif isinstance(statement, ast.Assign):
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        self.values[target.id] = statement.value
            elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
                self.values[statement.target.id] = statement.value

    def _note_registration(self, call: ast.Call) -> None:
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        role = _REGISTERS.get(name)
        if role is not None and call.args and isinstance(call.args[0], ast.Name):
            self.roles.setdefault(call.args[0].id, role)

    def orchestrators(self) -> list[Function]:
        """The functions that are orchestrations by their registration, their annotation or what they use."""
        functions = list(self._functions())
        found = {each.name: each for each in functions if self._is_orchestrator(each)}
        while True:
            # Who hands its context on to an orchestration function has one.
            more = [each for each in functions if each.name not in found and self._hands_on(each, found)]
            if not more:
                return list(found.values())
            found.update((each.name, each) for each in more)

    def _hands_on(self, function: Function, known: Mapping[str, Function]) -> bool:
        context = context_name(function)
        if context is None or self.roles.get(function.name) == "activity":
            return False
        return any(
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in known
            and any(isinstance(each, ast.Name) and each.id == context for each in node.args[:1])
            for node in ast.walk(function)
        )

    def _functions(self) -> Iterator[Function]:
        yield from self.functions.values()
        for cls in self.classes.values():
            yield from (each for each in cls.body if isinstance(each, Function))

    def _is_orchestrator(self, function: Function) -> bool:
        for decorator in function.decorator_list:
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
            if name in ("add_orchestrator", "orchestrator", "workflow"):
                return True
            if name in ("add_activity", "activity"):
                return False
        role = self.roles.get(function.name)
        if role is not None:
            return role == "orchestrator"
        for argument in (*function.args.posonlyargs, *function.args.args):
            annotation = ast.unparse(argument.annotation) if argument.annotation is not None else ""
            if "OrchestrationContext" in annotation:
                return True
            if "ActivityContext" in annotation:
                return False
        context = context_name(function)
        return context is not None and any(
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == context
            and node.attr in _CONTEXT
            for node in ast.walk(function)
        )


def context_name(function: Function) -> str | None:
    """The name of a function's first parameter, `self` apart."""
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    names = [name for name in names if name not in ("self", "cls")]
    return names[0] if names else None


def scan_source(text: str, filename: str = "<string>", *, mode: str = "strict") -> list[Finding]:
    """What is not deterministic in one file's orchestrations. mode: as of the sandbox; "off" knows more faults.

    Raises SyntaxError for what is no Python.
    """
    return _scan([Source(filename, text)], mode)


def scan_paths(paths: Iterable[str | os.PathLike[str]], *, mode: str = "strict") -> list[Finding]:
    """The same for files and folders (all their `.py` files); helpers that one file imports from another are followed.

    Raises FileNotFoundError for a path that is not there, SyntaxError for a file that is no Python.
    """
    sources = []
    for path in paths:
        for file in source_files(path):
            sources.append(Source(str(file), file.read_text(encoding="utf-8")))
    return _scan(sources, mode)


def source_files(path: str | os.PathLike[str]) -> list[Path]:
    """A file, or all `.py` files of a folder in order; raises FileNotFoundError for a path that is not there."""
    found = Path(path)
    if not found.exists():
        raise FileNotFoundError(f"there is no {found}")
    return sorted(found.rglob("*.py")) if found.is_dir() else [found]


def _scan(sources: list[Source], mode: str) -> list[Finding]:
    from ._scan_shape import shape_findings

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
        reader = _Reader(source, node, off=mode == "off")
        reader.read()
        reader.found += shape_findings(source, node, off=mode == "off")
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


class _Reader(ast.NodeVisitor):
    """Reads one function (or one module-level value) for calls that the policy refuses."""

    def __init__(self, source: Source, root: ast.AST, *, off: bool) -> None:
        self.source = source
        self.root = root
        self.off = off
        self.found: list[Finding] = []
        self.names: set[str] = set()
        self.local = _stored(root)
        self.known: dict[str, str] = {}
        self.paths: set[str] = set()
        self.calls: dict[int, ast.Call] = {}

    def read(self) -> None:
        self.paths.update(
            name for name, value in self.source.values.items() if name not in self.local and self.is_path(value)
        )
        for node in ast.walk(self.root):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                dotted = self.dotted(node.value)
                if dotted is not None:
                    self.known[node.targets[0].id] = dotted
                if self.is_path(node.value):
                    self.paths.add(node.targets[0].id)
            elif isinstance(node, ast.arg) and node.annotation is not None:
                if ast.unparse(node.annotation) in ("Path", "pathlib.Path"):
                    self.paths.add(node.arg)
            elif isinstance(node, ast.For) and isinstance(node.target, ast.Name) and self.is_path(node.iter):
                self.paths.add(node.target.id)
        if isinstance(self.root, Function):
            for part in (self.root.args, *self.root.body):
                self.visit(part)
        else:
            self.visit(self.root)

    # -- names

    def dotted(self, node: ast.expr) -> str | None:
        """The dotted name that an expression stands for, if that can be told from the text."""
        if isinstance(node, ast.Name):
            if node.id in self.known:
                return self.known[node.id]
            return None if node.id in self.local else self.source.imports.get(node.id)
        if isinstance(node, ast.Attribute):
            base = self.dotted(node.value)
            return None if base is None else f"{base}.{node.attr}"
        if isinstance(node, ast.Call) and node.args:
            function = self.dotted(node.func) or getattr(node.func, "id", "")
            if function in ("importlib.import_module", "__import__"):
                return _text(node.args[0])
            if function == "getattr" and len(node.args) > 1:
                base, name = self.dotted(node.args[0]), _text(node.args[1])
                return f"{base}.{name}" if base and name else None
        return None

    def is_path(self, node: ast.expr) -> bool:
        """Whether an expression is plainly a `pathlib.Path`, or gives several of them."""
        if isinstance(node, ast.Name):
            return node.id in self.paths
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self.is_path(node.left)
        if isinstance(node, ast.Attribute):
            return node.attr in _MAKES_PATHS and self.is_path(node.value)
        if isinstance(node, ast.Call):
            if self.dotted(node.func) in ("pathlib.Path", "pathlib.PosixPath"):
                return True
            function = node.func
            made = isinstance(function, ast.Attribute) and function.attr in _MAKES_PATHS | {"iterdir", "glob", "rglob"}
            return made and isinstance(function, ast.Attribute) and self.is_path(function.value)
        return False

    # -- visiting

    def visit_With(self, node: ast.With) -> None:
        if any(_is_unsafe(item.context_expr) for item in node.items):
            return
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            return
        self.names.add(node.id)
        self._judge(node, called=False)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load) and self._judge(node, called=False):
            return
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        self.calls[id(function)] = node
        judged = self._judge(function, called=True, arguments=bool(node.args or node.keywords))
        if not judged and isinstance(function, ast.Name) and self._is_builtin(function.id):
            self._builtin(node, function.id)
        on_path = isinstance(function, ast.Attribute) and function.attr in _PATHS and self.is_path(function.value)
        if on_path and not judged and isinstance(function, ast.Attribute):
            self._refused(function, f"pathlib.Path.{function.attr}", "file")
        if isinstance(function, ast.Name):
            self.names.add(function.id)
        elif not judged:
            self.visit(function)
        for part in (*node.args, *node.keywords):
            self.visit(part)

    def visit_keyword(self, node: ast.keyword) -> None:
        if self.off and node.arg == "key" and isinstance(node.value, ast.Name) and node.value.id in ("id", "hash"):
            self._host_value(node.value, node.value.id)
        self.generic_visit(node)

    # -- judging

    def _judge(self, node: ast.expr, *, called: bool, arguments: bool = False) -> bool:
        """Report what the policy says of an expression; True where it was reported."""
        dotted = self.dotted(node)
        if dotted is None:
            return False
        for known, module in _REAL.items():
            if dotted == known or dotted.startswith(known + "."):
                dotted = module + dotted[len(known) :]
        if self.off and called and dotted == "datetime.datetime.fromtimestamp" and self._calls_with(node) == 1:
            return self._zone(node, dotted)
        for kind, members in _DATES.items():
            if called and dotted.startswith(kind + ".") and dotted[len(kind) + 1 :] in members:
                return self.off and dotted[len(kind) + 1 :] in ("now", "utcnow", "today") and self._value(node, dotted)
        if called and dotted.rpartition(".")[0] == "pathlib.Path" and dotted.rpartition(".")[2] in _PATHS:
            return self._refused(node, dotted, "file")
        if called and dotted.startswith("builtins.") and dotted[9:] in BUILTINS_REFUSED:
            return self._refused(node, dotted[9:], BUILTINS_REFUSED[dotted[9:]])
        rule, rest = _rule_of(dotted)
        if rule is None or not rest:
            return False
        name = rest.partition(".")[0]
        if name in words(rule.replaced):
            value = self.off and called and rule.module in _VALUES and name not in _HARMLESS
            return value and not (name == "Random" and arguments) and self._value(node, dotted)
        key = rule.remedies.get(name, rule.remedy)
        if name in words(rule.passes) or not _refuses(rule, name, key, called=called):
            return False
        return self._refused(node, dotted, key)

    def _is_builtin(self, name: str) -> bool:
        return name not in self.local and name not in self.source.imports and name not in self.source.functions

    def _builtin(self, call: ast.Call, name: str) -> None:
        if name in BUILTINS_REFUSED:
            self._refused(call.func, name, BUILTINS_REFUSED[name])
        elif self.off and name in ("hash", "id"):
            self._host_value(call.func, name)

    def _refused(self, node: ast.expr, api: str, key: str) -> bool:
        shown = api.replace("posixpath.", "os.path.", 1) if api.startswith("posixpath.") else api
        remedy = REMEDIES[key]
        self.found.append(finding(self.source, node, "TD1", shown, f"{shown} {reason_of(remedy)}", remedy))
        return True

    def _calls_with(self, function: ast.expr) -> int:
        """How many arguments the call of `function` that is being visited has."""
        call = self.calls.get(id(function))
        return len(call.args) + len(call.keywords) if call is not None else 0

    def _zone(self, node: ast.expr, api: str) -> bool:
        message = f"{api} without a time zone is told in the host's, which another worker need not share"
        self.found.append(finding(self.source, node, "TD2", api, message, "give it a time zone, such as datetime.UTC"))
        return True

    def _value(self, node: ast.expr, api: str) -> bool:
        clock = api.startswith(("time", "datetime", "email"))
        remedy = (
            "use ctx.now(), which reads the orchestration's clock"
            if clock
            else "use ctx.random() or ctx.new_guid(), which are the same on every replay"
        )
        message = f"{api} is the host's own where the sandbox is off, and another one on every replay"
        self.found.append(finding(self.source, node, "TD2", api, message, remedy))
        return True

    def _host_value(self, node: ast.expr, name: str) -> None:
        remedy = (
            "use a checksum, such as zlib.crc32 of the encoded text"
            if name == "hash"
            else "compare or sort by what the objects hold"
        )
        message = f"{name}() differs from process to process"
        self.found.append(finding(self.source, node, "TD2", name, message, remedy))


def finding(source: Source, node: ast.AST, code: str, api: str, message: str, remedy: str) -> Finding:
    """A finding at a node of the source."""
    line: int = getattr(node, "lineno", 1)
    end_line: int = getattr(node, "end_lineno", None) or line
    column = source.column(line, getattr(node, "col_offset", 0))
    end_column = source.column(end_line, getattr(node, "end_col_offset", None) or 0)
    return Finding(source.filename, line, column, end_line, end_column, code, api, message, remedy)


def _rule_of(dotted: str) -> tuple[Rule | None, str]:
    """The rule of the longest module name that `dotted` begins with, and the rest of it."""
    module = dotted
    while module:
        if module in _RULES:
            return _RULES[module], dotted[len(module) + 1 :]
        module = module.rpartition(".")[0]
    return None, ""


def _refuses(rule: Rule, name: str, key: str, *, called: bool) -> bool:
    if rule.module in _LOOPS:
        return name in rule.remedies and key in _OUTSIDE
    if rule.refuse != "*":
        return name in words(rule.refuse)
    if name in rule.remedies and not called:
        return name.islower() and name in ("environ", "environb")
    # Exceptions and constants stay what they are; the convention for their names tells them from functions.
    is_exception = name.endswith(("Error", "Exception", "Warning", "Timeout", "Expired", "timeout", "Empty", "Full"))
    return called and not is_exception


def _is_unsafe(node: ast.expr) -> bool:
    function = node.func if isinstance(node, ast.Call) else node
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name == "unsafe"


def _text(node: ast.expr) -> str | None:
    """The text of a constant expression."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return None if left is None or right is None else left + right
    return None


def _stored(root: ast.AST) -> set[str]:
    """The names that a function binds itself."""
    names = {node.id for node in ast.walk(root) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.arg for node in ast.walk(root) if isinstance(node, ast.arg)}

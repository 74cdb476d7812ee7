"""What the static scan works on: a source file, which of its functions are orchestrations, what is found in them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ._policy import words

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

@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that a replay could not repeat.

    filename, line (from 1), column (from 1), end_line, end_column: where. code: TD1 ... TD10. api: what is called, or
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
    "TD10": ("host switch", "what is asked for depends on how the host is set up: -O, logging, packages"),
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


def finding(source: Source, node: ast.AST, code: str, api: str, message: str, remedy: str) -> Finding:
    """A finding at a node of the source."""
    line: int = getattr(node, "lineno", 1)
    end_line: int = getattr(node, "end_lineno", None) or line
    column = source.column(line, getattr(node, "col_offset", 0))
    end_column = source.column(end_line, getattr(node, "end_col_offset", None) or 0)
    return Finding(source.filename, line, column, end_line, end_column, code, api, message, remedy)

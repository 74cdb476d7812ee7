"""Reads one function for what the policy refuses: calls, attributes and names."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading
from typing import Final

from ._policy import ALIASES, RULES, Rule, words
from ._policy_members import BUILTINS_REFUSED, MEMBERS, NO_FACADE
from ._remedies import REMEDIES, reason_of
from ._scan_hazards import hazards
from ._scan_model import Finding, Function, Source, finding
from ._scan_names import PATHS, Names, text_of

_RULES: Final = {rule.module: rule for rule in RULES}
_REAL: Final = {known: module for module, known in ALIASES.items() if module == "posixpath"}

_LOOPS: Final = frozenset({"asyncio", "trio", "anyio"})
"""The orchestration gets its own form of these; what is refused in them is what leads outside."""
_OUTSIDE: Final = frozenset({"file", "net", "process", "thread", "activity"})

_KEPT: Final = {module.__name__: module for module in (os, subprocess, sys, threading)}
_VALUES: Final = frozenset({"time", "random", "uuid", "datetime", "email.utils"})
_HARMLESS: Final = frozenset(words("seed getstate setstate mktime strftime timezone altzone daylight tzname"))

_DATES: Final = {kind: frozenset(words(members)) for kind, _, members in MEMBERS if kind != "pathlib.Path"}


class Reader(Names, ast.NodeVisitor):
    """Reads one function (or one module-level value) for what the policy refuses."""

    def __init__(self, source: Source, root: ast.AST, *, off: bool) -> None:
        super().__init__(source, root)
        self.off = off
        self.found: list[Finding] = []
        self.names: set[str] = set()
        self.calls: dict[int, ast.Call] = {}

    def read(self) -> None:
        if isinstance(self.root, Function):
            for part in (self.root.args, *self.root.body):
                self.visit(part)
        else:
            self.visit(self.root)

    # -- visiting

    def visit(self, node: ast.AST) -> None:
        for at, api, key in hazards(self, node):
            self._refused(at, api, key)
        super().visit(node)

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
        if not judged and isinstance(function, ast.Name):
            if self.is_builtin(function.id):
                self._builtin(node, function.id)
            elif function.id in self.source.classes and function.id not in self.local:
                self._subclass(function, self.source.classes[function.id])
        on_path = isinstance(function, ast.Attribute) and function.attr in PATHS and self.is_path(function.value)
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
        if called and dotted.rpartition(".")[0] == "pathlib.Path" and dotted.rpartition(".")[2] in PATHS:
            return self._refused(node, dotted, "file")
        if called and dotted.startswith("builtins.") and dotted[9:] in BUILTINS_REFUSED:
            return self._refused(node, dotted[9:], BUILTINS_REFUSED[dotted[9:]])
        rule, rest = _rule_of(dotted)
        if rule is None:
            rule, rest = _rule_within(dotted)
        if rule is None or not rest:
            return False
        name, last = rest.partition(".")[0], rest.rpartition(".")[2]
        if called and last in words(NO_FACADE.get(rule.module, "")):
            return self._refused(node, dotted, rule.remedies.get(last, rule.remedy))
        if name in words(rule.replaced):
            value = self.off and called and rule.module in _VALUES and name not in _HARMLESS
            return value and not (name == "Random" and arguments) and self._value(node, dotted)
        key = rule.remedies.get(name, rule.remedy)
        if name in words(rule.passes) or not _refuses(rule, name, key, called=called):
            return False
        return self._refused(node, dotted, key)

    def _subclass(self, node: ast.expr, found: ast.ClassDef) -> None:
        """A class of the file, one of whose bases may not be made: `class Background(threading.Thread)`."""
        for base in found.bases:
            dotted = self.dotted(base)
            rule, rest = _rule_of(dotted or "")
            name = rest.partition(".")[0]
            if rule is None or not name or rule.module in _LOOPS or name in words(f"{rule.passes} {rule.replaced}"):
                continue
            key = rule.remedies.get(name, rule.remedy)
            if _refuses(rule, name, key, called=True):
                self._refused(node, dotted or "", key)

    def _text(self, call: ast.Call) -> None:
        """`exec("import os; os.getpid()")`, where the code is there to be read."""
        text = text_of(call.args[0]) if call.args else None
        if text is None:
            return
        try:
            inner = Source(self.source.filename, text.strip())
        except SyntaxError:
            return
        inner.imports = {**self.source.imports, **inner.imports}
        reader = Reader(inner, inner.tree, off=self.off)
        reader.read()
        for each in reader.found:
            made = finding(self.source, call, each.code, each.api, each.message, each.remedy)
            if made not in self.found:
                self.found.append(made)

    def _builtin(self, call: ast.Call, name: str) -> None:
        if name in BUILTINS_REFUSED:
            self._refused(call.func, name, BUILTINS_REFUSED[name])
        elif name in ("exec", "eval", "compile"):
            self._text(call)
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


def _rule_of(dotted: str) -> tuple[Rule | None, str]:
    """The rule of the longest module name that `dotted` begins with, and the rest of it."""
    module = dotted
    while module:
        if module in _RULES:
            return _RULES[module], dotted[len(module) + 1 :]
        module = module.rpartition(".")[0]
    return None, ""


def _rule_within(dotted: str) -> tuple[Rule | None, str]:
    """Modules that others keep: `vendored.os.getcwd`, `collections._sys.argv`."""
    parts = dotted.split(".")
    for number, part in enumerate(parts[1:-1], 1):
        kept = _KEPT.get(part.removeprefix("_"))
        if hasattr(kept, parts[number + 1]):  # otherwise it is a module of the user's that has this name
            return _rule_of(".".join((part.removeprefix("_"), *parts[number + 1 :])))
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

"""Rules of shape: faults of orchestration code that show in its syntax and in no single call.

Each rule is a function from a piece of code to findings; `shape_findings` applies them all. See `_scan_source` for
what the codes mean.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence

from ._policy import words
from ._scan_model import Finding, Function, Source, context_name, finding

__all__ = ["own_nodes", "shape_findings", "waits"]

_WORK = frozenset(words(
    "call_activity call_child_orchestrator call_sub_orchestrator create_timer sleep wait_for_external_event when_all "
    "when_any when_any_with_result gather with_timeout"
))  # fmt: skip
_MUTATORS = frozenset(words(
    "append add update setdefault pop popitem extend insert remove clear discard appendleft extendleft popleft"
))  # fmt: skip
_CONTAINERS = frozenset(words("list dict set defaultdict deque Counter OrderedDict bytearray"))
_ENDS = frozenset({"BaseException", "Cancelled", "CancelledError", "GeneratorExit", "BaseExceptionGroup"})
_PASSES_ON = frozenset({"enumerate", "list", "tuple", "iter"})
_TELLS_TIME = frozenset({"now", "current_utc_datetime", "is_complete", "is_suspended"})


def shape_findings(source: Source, node: ast.AST, *, off: bool) -> list[Finding]:
    """Everything that the rules find in one function."""
    if not isinstance(node, Function):
        return []
    rules: list[Callable[[Source, Function], Iterator[Finding]]] = [
        _unawaited, _swallowed, _suppressed, _leaves_finally, _busy_wait, _replaying, _lost,
    ]  # fmt: skip
    if off:
        rules += [_shared_global, _shared_default, _shared_class, _set_order]
    return [each for rule in rules for each in rule(source, node)]


def own_nodes(root: ast.AST, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    """The nodes below `root`, those of functions defined inside it left out."""
    waiting = list(ast.iter_child_nodes(root))
    while waiting:
        node = waiting.pop(0)
        if not kinds or isinstance(node, kinds):
            yield node
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            waiting[:0] = ast.iter_child_nodes(node)


def waits(nodes: Sequence[ast.AST]) -> bool:
    """Whether something in the nodes is awaited or yielded, functions defined inside left out."""
    return any(
        isinstance(each, ast.Await | ast.Yield | ast.YieldFrom | ast.AsyncFor | ast.AsyncWith)
        for node in nodes
        for each in (node, *own_nodes(node))
    )


def _work(source: Source, function: Function, node: ast.expr | None) -> str | None:
    """What kind of work an expression asks for without awaiting it."""
    if not isinstance(node, ast.Call):
        return None
    called = node.func
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
        if called.value.id == context_name(function) and called.attr in _WORK:
            return f"{called.value.id}.{called.attr}(...)"
        if source.imports.get(called.value.id) in ("trio", "asyncio", "anyio") and called.attr == "sleep":
            return f"{called.value.id}.sleep(...)"
    if isinstance(called, ast.Name) and isinstance(source.functions.get(called.id), ast.AsyncFunctionDef):
        return f"{called.id}(...)"
    return None


def _unawaited(source: Source, function: Function) -> Iterator[Finding]:
    read = {
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store)
    }
    word = "await" if isinstance(function, ast.AsyncFunctionDef) else "yield"
    for node in own_nodes(function, ast.Expr, ast.Assign):
        assert isinstance(node, ast.Expr | ast.Assign)
        asked = _work(source, function, node.value)
        if asked is None:
            continue
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            if not isinstance(target, ast.Name) or target.id in read or target.id.startswith("_"):
                continue
            message = f"{asked} is kept in {target.id!r}, which nothing reads: nobody learns what became of it"
        else:
            message = f"{asked} is never awaited: nobody learns what became of it"
        remedy = f"{word} it; if it may be forgotten on purpose, assign it to `_`"
        yield finding(source, node, "TD3", "unawaited", message, remedy)


def _swallowed(source: Source, function: Function) -> Iterator[Finding]:
    for node in own_nodes(function, ast.Try, ast.TryStar):
        assert isinstance(node, ast.Try | ast.TryStar)
        if not waits(node.body):
            continue
        for handler in node.handlers:
            caught = _ending(handler.type)
            if caught is None or any(True for each in handler.body for _ in _raises(each)):
                continue
            message = f"{caught} also catches what cancels or ends the orchestration, and does not raise it again"
            remedy = "catch TaskFailedError, TimeoutError or Exception; clean up in `finally`, or end with `raise`"
            yield finding(source, handler.type or handler, "TD4", "swallowed", message, remedy)
            break


def _suppressed(source: Source, function: Function) -> Iterator[Finding]:
    for node in own_nodes(function, ast.With, ast.AsyncWith):
        assert isinstance(node, ast.With | ast.AsyncWith)
        for item in node.items:
            call = item.context_expr
            if not isinstance(call, ast.Call) or not waits(node.body):
                continue
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            ends = [each for each in call.args if _ending(each) is not None]
            if name == "suppress" and ends:
                message = f"`suppress({ast.unparse(ends[0])})` also drops what cancels or ends the orchestration"
                yield finding(source, ends[0], "TD4", "swallowed", message, "suppress TaskFailedError or TimeoutError")


def _raises(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Raise):
        yield node
    yield from own_nodes(node, ast.Raise)


def _ending(kind: ast.expr | None) -> str | None:
    if kind is None:
        return "a bare `except:`"
    for each in kind.elts if isinstance(kind, ast.Tuple) else [kind]:
        name = each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "")
        if name in _ENDS:
            return f"`except {ast.unparse(each)}`"
    return None


def _leaves_finally(source: Source, function: Function) -> Iterator[Finding]:
    for node in own_nodes(function, ast.Try, ast.TryStar):
        assert isinstance(node, ast.Try | ast.TryStar)
        for statement in node.finalbody:
            for each in (statement, *own_nodes(statement)):
                if isinstance(each, ast.Return) and waits(node.body):
                    message = "a return in `finally` drops the failure or the cancellation that is on its way"
                    yield finding(source, each, "TD4", "return in finally", message, "return after the block")


def _busy_wait(source: Source, function: Function) -> Iterator[Finding]:
    for node in own_nodes(function, ast.While):
        assert isinstance(node, ast.While)
        asks = [each.attr for each in ast.walk(node.test) if isinstance(each, ast.Attribute)]
        leaves = any(isinstance(each, ast.Break | ast.Return | ast.Raise) for each in own_nodes(node))
        if _TELLS_TIME.intersection(asks) and not waits(node.body) and not leaves:
            message = "this loop waits for something to change, but within a turn no time passes and nothing arrives"
            remedy = "await the future, an event or a timer inside the loop"
            yield finding(source, node.test, "TD5", "busy wait", message, remedy)


def _replaying(source: Source, function: Function) -> Iterator[Finding]:
    for node in own_nodes(function, ast.If):
        assert isinstance(node, ast.If)
        if not any(isinstance(each, ast.Attribute) and each.attr == "is_replaying" for each in ast.walk(node.test)):
            continue
        body = [*node.body, *node.orelse]
        calls = [each for statement in body for each in own_nodes(statement, ast.Call) if isinstance(each, ast.Call)]
        asks = any(_work(source, function, each) for each in calls)
        leaves = any(isinstance(each, ast.Return) for statement in body for each in (statement, *own_nodes(statement)))
        if asks or leaves or waits(body):
            message = "what is asked for depends on whether the code is being replayed, so no replay asks for the same"
            remedy = "use is_replaying only around output such as log lines"
            yield finding(source, node.test, "TD8", "is_replaying", message, remedy)


def _lost(source: Source, function: Function) -> Iterator[Finding]:
    for node in (function, *own_nodes(function)):
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if not isinstance(statements, list):
                continue
            for position, statement in enumerate(statements):
                call = statement.value if isinstance(statement, ast.Expr) else None
                restarts = (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and call.func.attr == "continue_as_new"
                )
                if restarts and waits(statements[position + 1 :]):
                    message = "the orchestration starts over at the first await after continue_as_new: the rest is lost"
                    remedy = "await first, then call continue_as_new and return"
                    yield finding(source, statement, "TD9", "continue_as_new", message, remedy)


# -- only where the sandbox is off ------------------------------------------------------------------------------------


def _is_container(value: ast.expr | None) -> bool:
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    if not isinstance(value, ast.Call):
        return False
    name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    return name in _CONTAINERS


def _mutations(function: Function) -> Iterator[tuple[ast.expr, ast.AST]]:
    """What the function changes in place: (the thing, where)."""
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            yield node.value, node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _MUTATORS:
            yield node.func.value, node
        elif isinstance(node, ast.AugAssign):
            yield node.target, node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "next" and node.args:
            yield node.args[0], node


_OUTLIVES = "keep it in a local variable, or pass it through continue_as_new; or run with the sandbox"


def _shared_global(source: Source, function: Function) -> Iterator[Finding]:
    declared = {name for node in own_nodes(function, ast.Global) if isinstance(node, ast.Global) for name in node.names}
    local = {
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    } | {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    for node in own_nodes(function, ast.Assign, ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name) and target.id in declared:
                message = f"global {target.id!r} outlives the instance: a replay finds it changed"
                yield finding(source, node, "TD6", "global", message, _OUTLIVES)
    for thing, where in _mutations(function):
        if isinstance(thing, ast.Name) and thing.id in source.values and thing.id not in local - declared:
            value = source.values[thing.id]
            if _is_container(value) or isinstance(value, ast.Call):
                message = f"{thing.id!r} is shared by all instances and outlives them: a replay finds it changed"
                yield finding(source, where, "TD6", "module state", message, _OUTLIVES)


def _shared_default(source: Source, function: Function) -> Iterator[Finding]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(named[len(named) - len(arguments.defaults) :], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    shared = {argument.arg for argument, default in pairs if _is_container(default)}
    for thing, where in _mutations(function):
        if isinstance(thing, ast.Name) and thing.id in shared:
            message = f"the default value of {thing.id!r} is one object for all calls, and this changes it"
            remedy = "use None as the default, and make a new object in the function"
            yield finding(source, where, "TD6", "mutable default", message, remedy)


def _shared_class(source: Source, function: Function) -> Iterator[Finding]:
    cls = next((each for each in source.classes.values() if function in each.body), None)
    if cls is None:
        return
    shared = {
        target.id
        for each in cls.body
        if isinstance(each, ast.Assign) and _is_container(each.value)
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    for each in ast.walk(cls):
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store):
            shared.discard(each.attr)
    for thing, where in _mutations(function):
        if isinstance(thing, ast.Attribute) and thing.attr in shared:
            message = f"{cls.name}.{thing.attr} is one object for all instances of the class, and this changes it"
            yield finding(source, where, "TD6", "class state", message, "make it in `__init__`")


def _set_order(source: Source, function: Function) -> Iterator[Finding]:
    sets = {
        node.targets[0].id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_set(node.value, frozenset())
    }
    for node in ast.walk(function):
        iterated: list[ast.expr] = []
        if isinstance(node, ast.For | ast.comprehension):
            iterated = [node.iter]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("list", "tuple", "next"):
            iterated = node.args[:1]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("min", "max", "sorted"):
            # Of elements that the key holds equal, the set's order decides; a lambda may give each a key of its own.
            keys = [each.value for each in node.keywords if each.arg == "key"]
            iterated = node.args[:1] if keys and not isinstance(keys[0], ast.Lambda) else []
        for each in iterated:
            while isinstance(each, ast.Call) and getattr(each.func, "id", "") in _PASSES_ON and each.args:
                each = each.args[0]
            if _is_set(each, frozenset(sets)):
                message = "the order of a set depends on the process's hash seed"
                yield finding(source, each, "TD7", "set order", message, "iterate over sorted(...)")


def _is_set(node: ast.expr, known: frozenset[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Name):
        return node.id in known
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        return _is_set(node.left, known) or _is_set(node.right, known)
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("set", "frozenset")

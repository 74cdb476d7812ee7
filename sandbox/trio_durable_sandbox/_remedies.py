"""The policy's texts: what to use instead of what is refused, and what is wrong with it.

Rules name a remedy by its key; errors, the static check and the page `docs/sandbox-policy.md` print the text.
"""

from __future__ import annotations

from collections.abc import Mapping

REMEDIES: Mapping[str, str] = {
    "activity": "do it in an activity and await its result",
    "file": "read or write files in an activity and pass the content as its input or result",
    "net": "make the request in an activity and await its result",
    "process": "start it from an activity and await the result",
    "thread": "start child tasks in a nursery or a TaskGroup, or call activities; they run concurrently",
    "lock": "orchestration tasks never run in parallel; use the orchestration's own Event, Lock or channels",
    "sleep": "await the orchestration's durable timer (asyncio.sleep, trio.sleep or the context's timer)",
    "env": "pass settings as the orchestration's input, or read them in an activity",
    "entropy": "use random or uuid, which are deterministic here, or make the secret in an activity",
    "clock": "use time.time() or datetime.now(), which read the orchestration's clock here",
    "zone": "name the zone, such as ZoneInfo('Europe/Berlin') or UTC; what is local differs from host to host",
    "task": "start it in a TaskGroup (asyncio.TaskGroup) or a nursery (trio.open_nursery), which waits for it",
    "loop": "write `async def` and await; the orchestration is already running on a scheduler of its own",
    "host": "ask in an activity: the answer differs from host to host",
    "shared": "keep state in your own module or pass it as an argument",
    "isolate": "keep what changes in an object that the orchestration makes; or have this module executed for each "
               "instance, by listing it in isolate=: all instances share it, because it holds no state otherwise",
    "order": "use sorted(..., key=...), or keep the elements in a list or as the keys of a dict, which have an order",
    "key": "give each element a key of its own, such as (key, name)",
    "context": "ask for the variables that you know, by context[variable]; their order is that of addresses",
    "frames": "pass the value as an argument; frames lead out of the orchestration's namespace",
    "memory": "do without it: garbage collection and addresses differ from run to run",
    "identity": "compare objects with `is`, or number them yourself: addresses differ from run to run",
    "modules": "import the module by name; it resolves to what orchestrations may see",
    "exit": "return from the orchestrator, or raise an exception to fail the orchestration",
    "native": "call native code from an activity",
    "gzip": "write it without compression, and compress it with gzip.compress, which reads the orchestration's clock",
    "streams": "write into a buffer of your own with print(..., file=buffer); the host's streams are everybody's",
    "mock": "patch on the host's side, in its tests; what is patched is shared with other instances",
    "queue": "use the orchestration's own memory channels, or a collections.deque",
    "database": "query the database in an activity and await the result",
    "input": "wait for an external event and raise it from a client",
    "signal": "handle signals in the worker's process; cancel the orchestration by an event or terminate it",
    "logging": "configure logging in the host program; inside, logging.getLogger(...) works as it is",
}

NOT_DETERMINISTIC = "is not deterministic"
_SEEN_BY_OTHERS = "changes what other instances see"
_NO_ORDER = "has no order that is the same on every host"
REASONS: Mapping[str, str] = {
    **dict.fromkeys(("shared", "isolate", "logging", "mock"), _SEEN_BY_OTHERS),
    **dict.fromkeys(("order", "key", "context"), _NO_ORDER),
    "exit": "ends more than the orchestration",
}
"""What is wrong with what has this remedy; with all others, that it is not deterministic."""


def reason_of(remedy: str) -> str:
    """What is wrong, by the text of the remedy."""
    keys = (key for key in REASONS if remedy.startswith(REMEDIES[key]))
    return REASONS.get(next(keys, ""), NOT_DETERMINISTIC)

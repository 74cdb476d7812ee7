"""A determinism sandbox for durable orchestrations: standard library only, usable without the SDK.

See `sandbox/README.md` for what it does, `_policy.py` for what is allowed, and `_values.py` for how deterministic
values are made.
"""

from ._errors import SandboxInactiveError, SandboxLoadError, SandboxViolationError, SandboxWarning
from ._order import ordered
from ._run import Run
from ._sandbox import Program, Sandbox, in_orchestration, unsafe
from ._state import refuse
from ._watch import Leak, watch

__all__ = [
    "Leak",
    "Program",
    "Run",
    "Sandbox",
    "SandboxInactiveError",
    "SandboxLoadError",
    "SandboxViolationError",
    "SandboxWarning",
    "in_orchestration",
    "ordered",
    "refuse",
    "unsafe",
    "watch",
]
for _public in (
    Leak, Program, Run, Sandbox, SandboxInactiveError, SandboxLoadError, SandboxViolationError, SandboxWarning,
):  # fmt: skip
    _public.__module__ = __name__

"""What the sandbox raises, and the two sentences it uses everywhere: what happened, what to do instead.

`SandboxViolationError` stands alone: it is neither the user's failure nor the SDK's, so no `except` of either
tree catches it by accident. Catching it anyway does not help: the run it happened in has recorded it.
"""

from __future__ import annotations

from ._remedies import NOT_DETERMINISTIC, reason_of


class SandboxViolationError(Exception):
    """Orchestration code called something whose answer a replay could not repeat.

    Attributes:
        api: the dotted name of what was called, as the user knows it (`time.sleep`, `os.environ`).
        filename: the user's file that called it.
        lineno: the line in that file, 1-based.
        remedy: what to write instead.
    """

    def __init__(self, api: str, filename: str, lineno: int, remedy: str) -> None:
        reason = reason_of(remedy)
        link = " and was called" if reason == NOT_DETERMINISTIC else ","
        super().__init__(f"{api} {reason}{link} at {filename}:{lineno}. Instead: {remedy}")
        self.api = api
        self.filename = filename
        self.lineno = lineno
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[SandboxViolationError], tuple[str, str, int, str]]:
        return type(self), (self.api, self.filename, self.lineno, self.remedy)


class SandboxWarning(UserWarning):
    """In `best_effort` mode: the violation that `strict` would have raised. The call went through."""


class SandboxInactiveError(RuntimeError):
    """A deterministic stand-in was called while no run is active, so it has no clock and no stream to read."""

    def __init__(self, api: str) -> None:
        super().__init__(
            f"{api} was called by sandboxed code outside of a turn, where it has no instance to answer for. "
            "Step orchestration code only inside `with run.active():`; end its coroutines there too."
        )


class SandboxLoadError(ValueError):
    """This function cannot be loaded into a sandbox; the message says why and what to change."""

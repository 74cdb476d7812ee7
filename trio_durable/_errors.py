"""What can go wrong, in one tree.

Whose fault it is shows in the type: the user's code (`OrchestrationFailedError`, `TaskFailedError`), code against
history (`NonDeterminismError`), the sidecar (`SidecarError` and its kinds).  Anything else that escapes from this
package is a bug of ours.  `SandboxViolationError` stands alone, in `trio_durable_sandbox`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trio_durable._core.failures import FailureDetails

__all__ = [
    "AlreadyExistsError",
    "CompensationError",
    "DurableError",
    "NonDeterminismError",
    "NonRetryableError",
    "NotFoundError",
    "NotRegisteredError",
    "OrchestrationFailedError",
    "PayloadError",
    "RegistrationError",
    "SidecarError",
    "TaskFailedError",
    "UnavailableError",
]


class DurableError(Exception):
    """The root of every error that trio_durable raises on purpose."""


class _FailedError(DurableError):
    """Somebody's code raised somewhere else; the failure came back as data, and `details` is that data."""

    details: FailureDetails

    def __init__(self, message: str, details: FailureDetails) -> None:
        super().__init__(message)
        self.details = details
        if details.inner is not None:
            # The chain of causes crosses the wire as data; show it the way Python shows chains.
            self.__cause__ = _RemoteCause(details.inner)

    def is_caused_by(self, error: type[BaseException] | str) -> bool:
        """Whether the failure, or any cause in its chain, has this type.

        `error` is an exception class or a type name.  Names are compared, qualified or bare, because the class that
        was raised need not exist in this process.
        """
        return self.details.is_caused_by(error)


class _RemoteCause(_FailedError):
    """A cause that was raised elsewhere, shown in tracebacks; never raised itself."""

    def __init__(self, details: FailureDetails) -> None:
        super().__init__(f"{details.error_type}: {details.error_message}", details)


class TaskFailedError(_FailedError):
    """An activity or a child orchestration failed; raised where the orchestration awaits it.

    `details` carries the type name, the message, the stack and the chain of causes exactly as they were reported:
    never a guessed local class.
    """


class OrchestrationFailedError(_FailedError):
    """An orchestration ended as FAILED; raised by the client's `raise_if_failed`."""


class CompensationError(DurableError):
    """Compensations of a saga failed; `errors` are their failures, and `__cause__` is what the saga failed with."""

    def __init__(self, message: str, errors: list[Exception]) -> None:
        super().__init__(message)
        self.errors = errors


class NonDeterminismError(DurableError):
    """The code and the recorded history disagree about what was done."""


class NonRetryableError(DurableError):
    """Raise this (or a subclass) from an activity or a child orchestration to say that trying again cannot help."""


class NotRegisteredError(DurableError):
    """History names an orchestrator or an activity that this worker does not have.

    A retry policy tries again, for in a rolling deployment the next worker may have it; put this class into the
    policy's `non_retryable_error_types` to forbid that.
    """


class PayloadError(DurableError):
    """A value could not be turned into JSON, or JSON into the value that was asked for."""


class RegistrationError(DurableError):
    """A function cannot be registered, or a name is registered twice."""


class SidecarError(DurableError):
    """The sidecar answered with an error, or did not answer."""


class UnavailableError(SidecarError):
    """No sidecar answers at this address."""


class NotFoundError(SidecarError):
    """The sidecar knows no instance of this id."""


class AlreadyExistsError(SidecarError):
    """An instance of this id exists already."""

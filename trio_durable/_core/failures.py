"""Failures as data: what travels when code raised in one process and is reported in another."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from trio_durable._errors import NonRetryableError, _FailedError

__all__ = ["FailureDetails"]

#: Causes beyond this many are dropped: a chain longer than any reader follows, and short of every decoder's depth
#: limit.
MAX_CAUSES = 16


@dataclass(frozen=True, slots=True)
class FailureDetails:
    """One failure and its causes.

    error_type: the exception class's qualified name as its own process knew it, such as `ValueError` or
    `shop.orders.OutOfStock`; it may be empty when a peer reported none.
    stack_trace: text, or None.  inner: the cause, or None.
    non_retriable: no retry policy may try again.
    """

    error_type: str
    error_message: str
    stack_trace: str | None = None
    inner: FailureDetails | None = None
    non_retriable: bool = False

    @classmethod
    def from_exception(cls, error: BaseException, *, non_retriable: bool = False) -> FailureDetails:
        """Describe `error` and its chain of causes, following `__cause__` and unsuppressed `__context__` as Python
        prints it.

        A failure that already came over the wire keeps its own details as the cause, so that type names survive
        activity -> orchestration -> parent -> client.
        """
        chain: list[BaseException] = []
        link: BaseException | None = error
        while link is not None and len(chain) < MAX_CAUSES and not any(link is seen for seen in chain):
            chain.append(link)
            if isinstance(link, _FailedError):
                break
            link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
        details: FailureDetails | None = None
        for link in reversed(chain):
            inner = link.details if isinstance(link, _FailedError) else details
            details = cls(
                error_type=type_name(link),
                error_message=str(link),
                stack_trace="".join(traceback.format_exception(type(link), link, link.__traceback__, chain=False)),
                inner=inner,
                non_retriable=(non_retriable or isinstance(error, NonRetryableError)) if link is error else False,
            )
        assert details is not None
        return details


def type_name(error: BaseException) -> str:
    """`ValueError` for builtins, `package.module.Class` for everything else."""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"

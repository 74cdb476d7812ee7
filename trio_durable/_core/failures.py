"""Failures as data: what travels when code raised in one process and is reported in another."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace

from trio_durable._errors import NonRetryableError, _FailedError

__all__ = ["FailureDetails"]

#: Causes beyond this many are dropped: a chain longer than any reader follows.
MAX_CAUSES = 16

#: The same with those that came over the wire, one more for each orchestration on the way: short of every decoder's
#: depth limit.
MAX_LENGTH = 64


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

    def is_caused_by(self, error: type[BaseException] | str) -> bool:
        """Whether this failure, or any cause in its chain, has this type, a class or a name, qualified or bare."""
        names = {error} if isinstance(error, str) else {error.__name__, f"{error.__module__}.{error.__qualname__}"}
        link: FailureDetails | None = self
        while link is not None:
            if link.error_type in names or link.error_type.rpartition(".")[2] in names:
                return True
            link = link.inner
        return False

    @classmethod
    def from_exception(cls, error: BaseException, *, non_retriable: bool = False) -> FailureDetails:
        """Describe `error` and its chain of causes, following `__cause__` and unsuppressed `__context__` as Python
        prints it.

        A failure that already came over the wire keeps its own details as the cause, so that type names survive
        activity -> orchestration -> parent -> client.  What an exception group holds counts as its causes, one after
        the other: a failure has room for one cause.
        """
        chain: list[FailureDetails] = []
        for count, link in enumerate(_causes(error)):
            if count == MAX_CAUSES or len(chain) >= MAX_LENGTH:
                break
            chain.append(
                cls(
                    error_type=type_name(link),
                    error_message=_writable(_message(link)),
                    stack_trace=_writable("".join(traceback.format_exception(link, chain=False))),
                    non_retriable=(non_retriable or _forbids_retries(error)) if link is error else False,
                )
            )
            remote = link.details if isinstance(link, _FailedError) else None
            while remote is not None:
                chain.append(remote)
                remote = remote.inner
        details: FailureDetails | None = None
        for each in reversed(chain[:MAX_LENGTH]):
            details = replace(each, inner=details)
        assert details is not None
        return details


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and everything behind it, each once: first what a group holds, then what Python prints as the cause."""
    seen: set[int] = set()
    ahead = [error]
    while ahead:
        link = ahead.pop()
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        if isinstance(link, _FailedError):
            continue  # its causes are data
        cause = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
        if cause is not None:
            ahead.append(cause)
        if isinstance(link, BaseExceptionGroup):
            ahead.extend(reversed(link.exceptions))


def _message(error: BaseException) -> str:
    """What the error says; a group also says what it holds."""
    if not isinstance(error, BaseExceptionGroup):
        return str(error)
    held = [f"{type_name(each)}: {_message(each)}" for each in error.exceptions[:MAX_CAUSES]]
    return f"{error}: {'; '.join(held)}"


def _writable(text: str) -> str:
    """`text` with what UTF-8 has no word for, such as the odd bytes of a file's name, as escapes."""
    return text.encode(errors="backslashreplace").decode()


def _forbids_retries(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(NonRetryableError) is not None
    return isinstance(error, NonRetryableError)


def type_name(error: BaseException) -> str:
    """`ValueError` for builtins, `package.module.Class` for everything else."""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ in ("builtins", "__main__") else f"{cls.__module__}.{cls.__qualname__}"

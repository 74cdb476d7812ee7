"""How a call can fail, and the one type it fails with.

Rules:

1. What leaves this room for a failed call is `grpclib.GRPCError`, always.  `OSError`, `ssl.SSLError`, HTTP/2 errors,
   grpclib's `StreamTerminatedError` and malformed messages are translated here and nowhere else.
2. The message says what happened, to which peer, and what to do about it.
3. Inside the room a lost stream is a `StreamLost`.  `refused` on it means that the peer cannot have seen the call, so
   that sending it again is safe (RFC 9113 section 8.7: REFUSED_STREAM, or above the last id of a GOAWAY).
4. A cancelled Trio scope is not a failure: `trio.Cancelled` passes through untouched.
"""

from __future__ import annotations

import socket
import ssl

from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.errors import ErrorCodes

__all__ = ["StreamLost", "connect_failure", "copy_error", "is_unknown_instance", "reset_failure", "tls_failure"]

# A peer's RST_STREAM code and the status the caller sees (gRPC over HTTP/2, "Errors").  Codes that are not here are
# UNAVAILABLE: the stream broke through no fault of the call, and durable clients retry exactly that status.
_RESET_STATUS = {
    ErrorCodes.CANCEL: Status.CANCELLED,
    ErrorCodes.ENHANCE_YOUR_CALM: Status.RESOURCE_EXHAUSTED,
    ErrorCodes.INADEQUATE_SECURITY: Status.PERMISSION_DENIED,
}


class StreamLost(StreamTerminatedError):
    """The stream, or the connection under it, ended before the call did.

    `status` is what the caller is told; `refused` says that the peer has not seen the call and it may be sent again.
    """

    def __init__(self, message: str, *, status: Status = Status.UNAVAILABLE, refused: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.refused = refused

    def fresh(self) -> StreamLost:
        """A copy to raise: one exception object raised in many tasks would collect all their tracebacks."""
        return StreamLost(self.message, status=self.status, refused=self.refused)

    def as_grpc_error(self) -> GRPCError:
        return GRPCError(self.status, self.message)


def copy_error(error: GRPCError) -> GRPCError:
    """A copy of `error` to raise in another task."""
    return GRPCError(error.status, error.message, error.details)


def is_unknown_instance(error: GRPCError) -> bool:
    """Whether a sidecar says that there is no such instance; the Go one says it in words, under the status UNKNOWN."""
    return error.status is Status.NOT_FOUND or "no such instance" in (error.message or "")


def reset_failure(code: int | ErrorCodes | None, peer: str) -> StreamLost:
    """The peer sent RST_STREAM with this HTTP/2 error code."""
    try:
        known = ErrorCodes(code) if code is not None else None
    except ValueError:
        known = None
    name = known.name if known is not None else str(code)
    if known is ErrorCodes.REFUSED_STREAM:
        return StreamLost(f"{peer} refused the call (RST_STREAM {name})", refused=True)
    status = _RESET_STATUS.get(known, Status.UNAVAILABLE) if known is not None else Status.UNAVAILABLE
    return StreamLost(f"{peer} reset the call's stream (RST_STREAM {name})", status=status)


def _leaves(error: BaseException) -> list[BaseException]:
    """The plain errors at the bottom of an exception group or of trio's "all attempts to connect failed"."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for child in error.exceptions for leaf in _leaves(child)]
    if isinstance(error, OSError) and error.errno is None and error.__cause__ is not None:
        return _leaves(error.__cause__)
    return [error]


def connect_failure(error: BaseException, peer: str) -> GRPCError:
    """No connection to `peer` came about."""
    leaves = _leaves(error)
    what = "; ".join(dict.fromkeys(str(leaf) or type(leaf).__name__ for leaf in leaves))
    if any(isinstance(leaf, ConnectionRefusedError) for leaf in leaves):
        hint = "nothing listens there: start the sidecar, or correct the address"
    elif any(isinstance(leaf, FileNotFoundError) for leaf in leaves):
        hint = "the socket file does not exist: start the sidecar, or correct the path"
    elif any(isinstance(leaf, socket.gaierror) for leaf in leaves):
        hint = "the host name did not resolve: correct the address or the name service"
    else:
        hint = "check the address and the network"
    return GRPCError(Status.UNAVAILABLE, f"cannot connect to {peer}: {what} ({hint})")


def tls_failure(error: BaseException, peer: str) -> GRPCError:
    """The TCP connection was made, the TLS handshake over it failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        what = f"certificate refused: {error.verify_message or error}"
        hint = (
            "pass the CA that signed it with ssl=client_tls(ca_file=...); Python 3.13 and newer also refuse "
            "CA certificates without key usage or subject key identifier unless strict=False"
        )
    elif isinstance(error, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        what = str(error)
        hint = "the peer does not speak TLS on this port: use grpc:// or http:// for plain text"
    else:
        what = str(error) or type(error).__name__
        hint = "check that the peer speaks TLS here and trusts this certificate"
    return GRPCError(Status.UNAVAILABLE, f"TLS handshake with {peer} failed: {what} ({hint})")

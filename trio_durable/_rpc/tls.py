"""TLS contexts for both ends, with what gRPC demands of them: TLS 1.2 or newer and ALPN "h2"."""

from __future__ import annotations

import ssl
from pathlib import Path

__all__ = ["client_tls", "prepare", "server_tls"]

PathLike = str | Path


def client_tls(
    *,
    ca_file: PathLike | None = None,
    ca_data: str | bytes | None = None,
    cert_file: PathLike | None = None,
    key_file: PathLike | None = None,
    key_password: str | None = None,
    strict: bool = False,
) -> ssl.SSLContext:
    """A client's context: the system's CAs, or only those given (PEM files, PEM text or DER bytes).

    `cert_file` and `key_file` are this client's own certificate, where the server asks for one (mTLS).
    Python 3.13 and newer set VERIFY_X509_STRICT, which refuses CA certificates without key usage or subject key
    identifier that older Pythons and grpcio accept.  Private CAs often lack those, so the flag is cleared where a CA
    is given, unless `strict`.
    """
    context = ssl.create_default_context(cafile=ca_file, cadata=ca_data)
    if (ca_file is not None or ca_data is not None) and not strict:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if cert_file is not None:
        context.load_cert_chain(cert_file, key_file, key_password)
    return prepare(context)


def server_tls(
    cert_file: PathLike,
    key_file: PathLike | None = None,
    *,
    key_password: str | None = None,
    client_ca_file: PathLike | None = None,
) -> ssl.SSLContext:
    """A server's context.  With `client_ca_file`, clients must show a certificate that this CA signed (mTLS)."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert_file, key_file, key_password)
    if client_ca_file is not None:
        context.load_verify_locations(client_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return prepare(context)


def prepare(context: ssl.SSLContext) -> ssl.SSLContext:
    """Set on a context, in place, what HTTP/2 needs."""
    context.set_alpn_protocols(["h2"])
    if context.minimum_version < ssl.TLSVersion.TLSv1_2:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context

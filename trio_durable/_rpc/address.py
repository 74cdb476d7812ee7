"""Where a sidecar is: the spellings people use, made one.

    host:port               grpc://host:port    http://host:port    plain text
    grpcs://host[:port]     https://host[:port]                     TLS; port 443 if none is given
    dns:host:port           dns:///host:port                        as grpc's resolver writes it
    [::1]:port                                                      IPv6 in brackets
    unix:path               unix:///absolute/path                   a UNIX socket
    ...?tls=true|false                                              Dapr's way to choose TLS
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

__all__ = ["Address", "parse_address"]

_SCHEMES = {"grpc": False, "http": False, "dns": False, "grpcs": True, "https": True}
_EXPECTED = "expected host:port, grpc://host:port, grpcs://host[:port], https://host[:port] or unix:path"


@dataclass(frozen=True)
class Address:
    """One endpoint: `path` for a UNIX socket, else `host` and `port`."""

    host: str
    port: int
    tls: bool
    path: str | None = None

    @property
    def authority(self) -> str:
        """What goes into the :authority header."""
        if self.path is not None:
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path is not None else self.authority


def parse_address(text: str) -> Address:
    """Read one of the spellings above.  Raises ValueError that says what was expected."""
    raw = text.strip()
    if raw.startswith("unix:"):
        rest = raw[len("unix:") :]
        path = rest[2:] if rest.startswith("//") else rest
        if not path:
            raise ValueError(f"{text!r} names no socket file: {_EXPECTED}")
        return Address("", 0, tls=False, path=path)
    scheme, separator, rest = raw.partition("://")
    if not separator:
        scheme, rest = "grpc", raw
        if raw.startswith("dns:"):
            scheme, rest = "dns", raw[len("dns:") :]
    if scheme not in _SCHEMES:
        raise ValueError(f"{text!r} has the unknown scheme {scheme!r}: {_EXPECTED}")
    if scheme == "dns":
        rest = rest.lstrip("/").rpartition("/")[2]
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{text!r} is not an address ({error}): {_EXPECTED}") from None
    if not host or parts.path not in ("", "/") or parts.username is not None:
        raise ValueError(f"{text!r} is not an address: {_EXPECTED}")
    tls = _SCHEMES[scheme]
    choice = parse_qs(parts.query).get("tls", [""])[-1].lower()
    if choice in ("true", "false"):
        tls = choice == "true"
    elif choice or (parts.query and not choice):
        raise ValueError(f"{text!r} has the query {parts.query!r}: only ?tls=true or ?tls=false means anything here")
    if port is None:
        if scheme in ("grpc", "grpcs", "dns") and not tls:
            raise ValueError(f"{text!r} names no port: {_EXPECTED}")
        port = 443 if tls else 80
    return Address(host, port, tls)

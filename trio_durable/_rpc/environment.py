"""What the environment says about the sidecar, under the names that Dapr and the earlier SDKs use.

    DAPR_GRPC_ENDPOINT    the whole address, in any spelling that `parse_address` reads; before all others
    DAPR_GRPC_HOST        the host alone; DAPR_RUNTIME_HOST is its other name
    DAPR_GRPC_PORT        the port alone
    DAPR_API_TOKEN        sent with every call as `dapr-api-token`

An address or metadata given in code comes before the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from trio_durable._rpc.address import parse_address

__all__ = ["DEFAULT_ADDRESS", "channel_settings", "default_address"]

DEFAULT_ADDRESS = "127.0.0.1:4001"

_TOKEN = "dapr-api-token"


def default_address(environ: Mapping[str, str] = os.environ) -> str:
    """The sidecar's address according to the environment; 127.0.0.1:4001 if it says nothing.

    Raises ValueError where that is no address.
    """
    endpoint = environ.get("DAPR_GRPC_ENDPOINT")
    if endpoint:
        return _checked(endpoint, "DAPR_GRPC_ENDPOINT")
    host = environ.get("DAPR_GRPC_HOST") or environ.get("DAPR_RUNTIME_HOST")
    port = environ.get("DAPR_GRPC_PORT")
    if not host and not port:
        return DEFAULT_ADDRESS
    default_host, _, default_port = DEFAULT_ADDRESS.partition(":")
    host = host or default_host
    host = f"[{host}]" if ":" in host and "[" not in host else host
    return _checked(f"{host}:{port or default_port}", "DAPR_GRPC_PORT and DAPR_GRPC_HOST (or DAPR_RUNTIME_HOST)")


def _checked(address: str, variables: str) -> str:
    """`address`, if it is one; ValueError says which environment variables to correct."""
    try:
        parse_address(address)
    except ValueError as error:
        raise ValueError(f"the environment's {variables}: {error}") from error
    return address


def channel_settings(options: Mapping[str, Any] | None, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The keyword arguments of `open_channel`: `options`, and the environment's token among the metadata."""
    settings = dict(options or {})
    token = environ.get("DAPR_API_TOKEN")
    if token:
        given = settings.get("metadata")
        pairs = list(given.items() if isinstance(given, Mapping) else given or ())
        if not any(key.lower() == _TOKEN for key, _ in pairs):
            settings["metadata"] = [*pairs, (_TOKEN, token)]
    return settings

"""Metadata that travels with an input.

No action of the protocol has a field for it that reaches an activity *and* a child on every sidecar, so it travels
inside the input, and only where some was set:

    {"$trio_durable":{"metadata":{"tenant":"blue"}},"input":<the input as it would be without metadata>}

An input that happens to begin like an envelope is put into one too, an empty one, so that every input survives.
The inside is the converter's text, untouched; an input that is absent stays absent.  Peers see the envelope as data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["checked", "seal", "unseal"]

_HEAD = '{"$trio_durable":'
_MIDDLE = ',"input":'


def checked(metadata: Mapping[Any, Any], what: str = "metadata") -> dict[str, str]:
    """A copy of `metadata`; raises TypeError if keys and values are not strings."""
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"{what} maps strings to strings, got {key!r}: {value!r}")
    return dict(metadata)


def seal(payload: str | None, metadata: Mapping[str, str]) -> str | None:
    """`payload` with `metadata` around it; `payload` itself where there is none."""
    if not metadata and (payload is None or not payload.startswith(_HEAD)):
        return payload
    head = json.dumps({"metadata": dict(metadata)}, separators=(",", ":"), ensure_ascii=False)
    return f"{_HEAD}{head}" + ("}" if payload is None else f"{_MIDDLE}{payload}" + "}")


def unseal(payload: str | None) -> tuple[str | None, dict[str, str]]:
    """The payload without its envelope, and the metadata; what only looks like an envelope is a payload."""
    if payload is None or not payload.startswith(_HEAD):
        return payload, {}
    try:
        head, end = json.JSONDecoder().raw_decode(payload, len(_HEAD))
    except ValueError:
        return payload, {}
    metadata = head.get("metadata") if isinstance(head, dict) else None
    rest = payload[end:]
    if not isinstance(metadata, dict) or not (rest == "}" or (rest.startswith(_MIDDLE) and rest.endswith("}"))):
        return payload, {}
    inside = None if rest == "}" else rest[len(_MIDDLE) : -1]
    return inside, {str(key): str(value) for key, value in metadata.items()}

"""Metadata: strings that an orchestration gives to everything it starts.

They travel inside inputs (`_core.envelope`) and only where some were set.  An activity reads them from its context; a
child orchestration begins with them as its own, and so passes them on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trio_durable._core.envelope import checked
from trio_durable._core.events import TraceContext
from trio_durable._durable.identity import Identity

__all__ = ["TRACE_STATE", "Travel"]

#: The metadata key under which outbound `tracestate` entries travel; workers put them before what the sidecar says.
TRACE_STATE = "tracestate"


class Travel(Identity):
    """The part of the orchestration context that holds metadata."""

    _metadata: dict[str, str]

    def set_metadata(self, metadata: Mapping[str, str]) -> None:
        """Give `metadata` to every activity, child and detached orchestration called from now on.

        It replaces what was set, or came with the input, before.  Raises TypeError if keys and values are not strings.
        """
        self._metadata = checked(metadata)

    def get_metadata(self) -> dict[str, str]:
        """What was set last, or came with the input; a copy."""
        return dict(self._metadata)

    #: Headers are metadata under another name.
    set_headers = set_metadata
    get_headers = get_metadata

    def append_trace_state(self, key: str, value: str) -> None:
        """Put the entry `key=value` first in the `tracestate` of what is called from now on.

        An older entry of that key is replaced.  Raises ValueError for what W3C trace context does not allow.
        """
        if not key or not value or any(sign in key + value for sign in ",=\r\n") or len(value) > 256:
            raise ValueError(f"not an entry of a tracestate: {key!r}={value!r}")
        old = self._metadata.get(TRACE_STATE, "").split(",")
        kept = [entry for entry in old if entry and entry.partition("=")[0] != key]
        # W3C allows 32 entries; the newest come first.
        self._metadata = {**self._metadata, TRACE_STATE: ",".join([f"{key}={value}", *kept][:32])}

    @property
    def trace_state(self) -> str | None:
        """The W3C `tracestate` of this instance: what was appended on the way here, then what the sidecar gave."""
        parts = [self._metadata.get(TRACE_STATE, ""), super().trace_state or ""]
        return ",".join(filter(None, parts)) or None

    def _metadata_with(self, metadata: Mapping[str, str] | None) -> dict[str, str]:
        return dict(self._metadata) if metadata is None else {**self._metadata, **checked(metadata)}

    def _outbound_trace(self) -> TraceContext | None:
        """The trace context of a detached orchestration, whose action has a field for it; None leaves it out."""
        inherited = self._trace
        if inherited is None or TRACE_STATE not in self._metadata:
            return None
        return replace(inherited, trace_state=self.trace_state)


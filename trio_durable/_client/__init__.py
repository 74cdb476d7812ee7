"""The client: starts orchestrations, looks at them, steers them."""

from __future__ import annotations

from trio_durable._client.client import Client, ReuseIdAction, ReuseIdPolicy
from trio_durable._client.history import HistoryEvent
from trio_durable._client.states import OrchestrationState

__all__ = ["Client", "HistoryEvent", "OrchestrationState", "ReuseIdAction", "ReuseIdPolicy"]

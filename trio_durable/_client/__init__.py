"""The client: starts orchestrations, looks at them, steers them."""

from __future__ import annotations

from trio_durable._client.client import Client
from trio_durable._client.reuse import ReuseIdAction, ReuseIdPolicy
from trio_durable._client.states import OrchestrationState
from trio_durable._core.view import HistoryEvent

__all__ = ["Client", "HistoryEvent", "OrchestrationState", "ReuseIdAction", "ReuseIdPolicy"]

"""The kit's stage, over memory and over gRPC on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from trio_durable.testing import Stage, open_stage


@pytest.fixture(params=["memory", "grpc"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def stage(transport: str) -> AsyncIterator[Stage]:
    async with open_stage(transport) as it:
        yield it

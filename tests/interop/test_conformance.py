"""The testing kit's own check of a sidecar, on the real Go one."""

from __future__ import annotations

import pytest

from tests.patience import PATIENCE
from trio_durable.testing import check_sidecar


@pytest.mark.interop
async def test_the_go_sidecar_passes_the_check(go_sidecar: str) -> None:
    await check_sidecar(go_sidecar, patience=PATIENCE)

"""What every room's tests share: where the peers' interpreters are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import peers


@pytest.fixture(scope="session")
def peer_python() -> Callable[[str], Path]:
    """`peer_python("grpcio")` is the interpreter of that peer's environment; skips the test where it was not made."""

    def find(name: str) -> Path:
        try:
            return peers.python(name)
        except peers.MissingPeerError as error:
            pytest.skip(str(error))

    return find

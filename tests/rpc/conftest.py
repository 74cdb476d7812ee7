"""The law of the rpc room: no asyncio event loop is ever made."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import trustme

from trio_durable._rpc import client_tls, server_tls


@pytest.fixture(autouse=True)
def no_asyncio_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an asyncio event loop was asked for")

    monkeypatch.setattr(asyncio.BaseEventLoop, "__init__", refuse)
    monkeypatch.setattr(asyncio, "new_event_loop", refuse)
    monkeypatch.setattr(asyncio, "get_event_loop", refuse)


@pytest.fixture
def socket_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a socket that is not there yet: relative, as sockets' paths must be short and folders of tests may not be."""
    monkeypatch.chdir(tmp_path)
    return "it.sock"


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A private CA, a server's certificate for localhost and 127.0.0.1, a client's certificate, another CA."""
    folder: Path = tmp_path_factory.mktemp("tls")
    ca, other = trustme.CA(), trustme.CA()
    names = {}
    for name, authority in (("ca", ca), ("other", other)):
        names[name] = str(folder / f"{name}.pem")
        authority.cert_pem.write_to_path(names[name])
    for name, cert in (
        ("server", ca.issue_cert("localhost", "127.0.0.1")),
        ("client", ca.issue_cert("client@example.org")),
    ):
        names[name], names[f"{name}_key"] = str(folder / f"{name}.pem"), str(folder / f"{name}.key")
        cert.private_key_pem.write_to_path(names[f"{name}_key"])
        for index, part in enumerate(cert.cert_chain_pems):
            part.write_to_path(names[name], append=index > 0)
    return names


@pytest.fixture
def server_context(tls_files: dict[str, str]) -> Any:
    return server_tls(tls_files["server"], tls_files["server_key"])


@pytest.fixture
def client_context(tls_files: dict[str, str]) -> Any:
    return client_tls(ca_file=tls_files["ca"])

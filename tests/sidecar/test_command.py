"""The command `trio-durable sidecar`, where it is given what it cannot use."""

from __future__ import annotations

import logging
import socket

import pytest
import trio

from trio_durable._cli import main
from trio_durable.sidecar import open_sidecar


@pytest.fixture(autouse=True)
def levels():
    """The command sets the level of our loggers and a handler; other tests are not to see it."""
    ours, root = logging.getLogger("trio_durable"), logging.getLogger()
    level, handlers = ours.level, list(root.handlers)
    yield
    ours.setLevel(level)
    root.handlers[:] = handlers


@pytest.mark.parametrize("port", ["99999", "65536", "-1", "http"])
def test_a_port_that_there_cannot_be_is_wrong_usage(capsys, port):
    with pytest.raises(SystemExit) as caught:
        main(["sidecar", f"--port={port}"])
    assert caught.value.code == 2
    assert f"'{port}' is no port. Expected 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("port", [65536, 99999, -1])
async def test_serve_refuses_it_too(port):
    async with open_sidecar() as sidecar:
        with pytest.raises(ValueError, match=f"no port {port}"):
            await sidecar.serve(port=port)


@pytest.mark.parametrize("host", ["nohost.invalid", "no..host.invalid"])
def test_a_host_that_is_not_found_is_not_a_port_in_use(monkeypatch, capsys, host):
    if host == "nohost.invalid":  # as the name server says it; the other fails before one is asked

        async def unknown(*_arguments, **_options):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(trio, "open_tcp_listeners", unknown)
    assert main(["sidecar", "--port", "0", "--host", host]) == 1
    said = capsys.readouterr().err
    assert "give one with --host" in said
    assert "--port" not in said


def test_a_port_in_use(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["sidecar", "--port", str(port)]) == 1
    assert "Expected a free port; choose another with --port." in capsys.readouterr().err


def test_an_address_that_cannot_be_read_is_wrong_usage(capsys):
    assert main(["history", "x", "--address", "http//bad"]) == 2
    assert "'http//bad' is not an address" in capsys.readouterr().err


@pytest.mark.parametrize(("more", "level"), [([], logging.INFO), (["-v"], logging.DEBUG)])
def test_it_logs_what_happens_and_with_v_the_details(capsys, more, level):
    assert main(["sidecar", "--port", "0", "--host", "no..host.invalid", *more]) == 1
    assert logging.getLogger("trio_durable").level == level

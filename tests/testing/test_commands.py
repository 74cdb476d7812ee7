"""The commands `trio-durable history`, `replay` and `check`, with the exit status that CI reads."""

from __future__ import annotations

import json
import sys

import pytest
import trio

from tests.patience import PATIENCE
from tests.testing import shop
from tests.testing.conftest import shop_worker
from tests.testing.record import FOLDER
from trio_durable import Client, Worker
from trio_durable._cli import main
from trio_durable.sidecar import open_sidecar
from trio_durable.testing import History, fetch_history, load_history, replay_history


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))


async def test_a_history_goes_from_a_sidecar_to_a_file_and_is_replayed(tmp_path, capsys):
    async with open_sidecar() as sidecar:
        address = await sidecar.serve()
        worker = Worker(sidecar.channel())
        worker.add_orchestrator(shop.fulfil_all)
        worker.add_orchestrator(shop.quick)
        worker.add_activity(shop.ship)
        async with trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
            await nursery.start(worker.serve)
            instance_id = await client.schedule_new_orchestration(shop.fulfil_all, input=2)
            await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
            status = await trio.to_thread.run_sync(main, ["history", instance_id, "--json", "--address", address])
            exported = capsys.readouterr().out
            assert status == 0
            assert await trio.to_thread.run_sync(main, ["history", instance_id, "--address", address]) == 0
            shown = capsys.readouterr().out
            assert await trio.to_thread.run_sync(main, ["history", "nobody", "--json", "--address", address]) == 1
            fetched = await fetch_history(client, instance_id)
            nursery.cancel_scope.cancel()
    assert "ChildCreated quick" in shown
    assert History.from_json(exported) == fetched.without_stack_traces()
    path = tmp_path / "one.json"
    path.write_text(exported)
    replay_history(load_history(path), worker=shop_worker())
    assert main(["replay", "tests.testing.shop", str(path)]) == 0
    assert "1 of 1 histories agree" in capsys.readouterr().out


def test_replay_says_what_disagrees(tmp_path, capsys):
    flow = tmp_path / "changed_shop.py"
    flow.write_text("async def fulfil(ctx, order):\n    return await ctx.call_activity('charge', input=1)\n")
    assert main(["replay", str(flow), str(FOLDER / "order-approved.json")]) == 1
    said = capsys.readouterr().out
    assert "- expected (history): #1 call activity 'reserve'" in said
    assert "0 of 1 histories agree" in said


def test_replay_of_a_folder(capsys):
    assert main(["replay", "tests.testing.shop", str(FOLDER)]) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["replay", "tests.testing.nothing", "x.json"],
        ["replay", "no/such/file.py", "x.json"],
        ["replay", "tests.testing.shop", "no-such.json"],
        ["check", "no/such/folder"],
        ["check", "tests/histories"],  # there is no Python in it
    ],
)
def test_wrong_usage(arguments, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("trio-durable: ")


def test_replay_goes_on_after_what_is_no_history(tmp_path, capsys):
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.json").write_text((FOLDER / "suspended.json").read_text())
    assert main(["replay", "tests.testing.shop", str(tmp_path), "--exact"]) == 2
    told = capsys.readouterr()
    assert "b.json: agrees\n1 of 2 histories agree" in told.out
    assert told.err.count("a.json") == 1


def test_replay_of_a_module_without_the_orchestrator(capsys):
    assert main(["replay", "tests.testing.programs", str(FOLDER / "suspended.json")]) == 2
    assert "orchestrator 'waits', which is not there to replay it" in capsys.readouterr().err


def test_replay_with_a_file_of_a_package(tmp_path, capsys, monkeypatch):
    package = tmp_path / "warehouse" / "flows"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    (package / "names.py").write_text("EVENT = 'go'")
    (package / "main.py").write_text(
        "from .names import EVENT\nasync def waits(ctx):\n    return await ctx.wait_for_external_event(EVENT)\n"
    )
    monkeypatch.setattr("sys.path", sys.path[:])
    assert main(["replay", str(package / "main.py"), str(FOLDER / "suspended.json")]) == 0
    assert "1 of 1 histories agree" in capsys.readouterr().out


def test_replay_of_an_empty_folder(tmp_path):
    assert main(["replay", "tests.testing.shop", str(tmp_path)]) == 2


def test_check(tmp_path, capsys):
    flow = tmp_path / "flow.py"
    flow.write_text("import os\nasync def main(ctx):\n    await ctx.call_activity('x', input=os.getpid())\n")
    assert main(["check", str(flow)]) == 1
    assert "flow.py:3:40: TD1 os.getpid is not deterministic. Instead: ask in an activity" in capsys.readouterr().out
    assert main(["check", str(tmp_path), "--format", "sarif"]) == 1
    assert json.loads(capsys.readouterr().out)["version"] == "2.1.0"
    (tmp_path / "broken.py").write_text("\n\ndef (:")
    assert main(["check", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert "flow.py:3:40: TD1" in told.out  # the others are read all the same
    assert f"{tmp_path / 'broken.py'}:3: not read, as it is no Python: invalid syntax" in told.err
    assert "1 file read, 1 finding\n" in told.err
    (tmp_path / "broken.py").unlink()
    flow.write_text("async def main(ctx):\n    return await ctx.call_activity('x')\n")
    assert main(["check", str(tmp_path), "--sandbox", "off"]) == 0
    assert capsys.readouterr().out == ""

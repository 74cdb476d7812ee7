"""The commands that do what the client does, on a sidecar with a worker in another thread."""

from __future__ import annotations

import json
import threading

import pytest
import trio

from tests.patience import PATIENCE
from trio_durable import Worker
from trio_durable._cli import main
from trio_durable.sidecar import open_sidecar


def echo(ctx, value):
    return value


async def doubles(ctx, n: int):
    first = await ctx.call_activity(echo, input=2 * n)
    return [first, ctx.get_metadata(), ctx.execution_info.tags]


async def listens(ctx):
    return await ctx.wait_for_external_event("word")


@pytest.fixture(scope="module")
def address():
    ready, box = threading.Event(), {}

    async def serve():
        async with open_sidecar() as sidecar, trio.open_nursery() as nursery:
            box["address"], box["stop"] = await sidecar.serve(), trio.Event()
            box["token"] = trio.lowlevel.current_trio_token()
            worker = Worker(box["address"])
            worker.add_orchestrator(doubles)
            worker.add_orchestrator(listens)
            worker.add_activity(echo)
            await nursery.start(worker.serve)
            ready.set()
            await box["stop"].wait()
            nursery.cancel_scope.cancel()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    assert ready.wait(PATIENCE)
    yield box["address"]
    box["token"].run_sync_soon(box["stop"].set)
    thread.join(PATIENCE)


@pytest.fixture
def run(address, capsys, monkeypatch):
    """Run a command; its exit status, and what it printed and said."""
    monkeypatch.setenv("DAPR_GRPC_ENDPOINT", address)

    def command(*arguments):
        status = main(list(arguments))
        told = capsys.readouterr()
        return status, told.out.strip(), told.err.strip()

    return command


def test_start_and_look(run):
    assert run("start", "doubles", "--input", "4", "--id", "look", "--metadata", "a=b=c", "--tag", "x=y") == (
        0, "look", "",
    )  # fmt: skip
    status, told, _ = run("wait", "look", "--timeout", "20")
    assert status == 0
    state = json.loads(told)
    assert (state["output"], state["runtime_status"]) == ([8, {"a": "b=c"}, {"x": "y"}], "COMPLETED")
    assert run("get", "look") == (0, told, "")
    assert "look" in run("list")[1].splitlines()
    status, told, _ = run("start", "doubles", "--input", "0", "--wait")
    assert (status, json.loads(told)["output"]) == (0, [0, {}, {}])
    assert run("history", "look")[0] == 0


def test_steer(run):
    run("start", "listens", "--id", "steer")
    assert json.loads(run("wait", "steer", "--started")[1])["runtime_status"] == "RUNNING"
    assert run("suspend", "steer", "--reason", "lunch") == (0, "", "")
    assert json.loads(run("get", "steer")[1])["runtime_status"] == "SUSPENDED"
    assert run("resume", "steer") == (0, "", "")
    assert run("raise", "steer", "Word", "--data", '"hello"') == (0, "", "")
    assert json.loads(run("wait", "steer")[1])["output"] == "hello"


def test_end_and_forget(run):
    for number, end in enumerate((["terminate", "--output", "[1]", "--not-recursive"], ["cancel", "--reason", "why"])):
        run("start", "listens", "--id", f"end {number}")
        run("wait", f"end {number}", "--started")
        assert run(end[0], f"end {number}", *end[1:]) == (0, "", "")
    status, told, _ = run("wait", "end 0")
    assert (status, json.loads(told)["output"], json.loads(told)["runtime_status"]) == (1, [1], "TERMINATED")
    assert json.loads(run("wait", "end 1")[1])["runtime_status"] == "CANCELED"
    assert run("purge", "end 0") == (0, "1", "")
    assert run("purge", "--status", "canceled", "--created-to", "2100-01-01") == (0, "1", "")
    assert not {"end 0", "end 1"} & set(run("list")[1].splitlines())


def test_rerun(run):
    run("start", "doubles", "--input", "1", "--id", "first", "--wait")
    assert run("rerun", "first", "1", "--id", "second", "--input", "77") == (0, "second", "")
    assert json.loads(run("wait", "second")[1])["output"][0] == 77
    status, made, _ = run("rerun", "first", "1")
    assert status == 0
    assert json.loads(run("wait", made)[1])["output"][0] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["get", "nobody"], "there is no orchestration instance 'nobody'"),
        (["wait", "nobody"], "there is no orchestration instance 'nobody'"),
        (["raise", "nobody", "e"], "there is no orchestration instance"),
        (["rerun", "nobody", "1"], "there is no orchestration instance"),
    ],
)
def test_what_cannot_be_done(run, arguments, said):
    status, told, error = run(*arguments)
    assert (status, told) == (1, "")
    assert error.startswith(f"trio-durable: {said}")


def test_a_wait_that_is_too_long(run):
    run("start", "listens", "--id", "long")
    assert run("wait", "long", "--timeout", "0.05")[0] == 1
    run("terminate", "long")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["start", "doubles", "--input", "{"], "is no JSON"),
        (["start", "doubles", "--at", "soon"], "is no ISO 8601 time"),
        (["start", "doubles", "--tag", "x"], "not of the form key=value"),
        (["purge"], "expected either an ID or a filter"),
        (["purge", "x", "--status", "failed"], "expected either an ID or a filter"),
        (["purge", "--status", "odd"], "there is no status 'odd'; there are RUNNING"),
    ],
)
def test_wrong_usage(run, capsys, arguments, said):
    with pytest.raises(SystemExit) as caught:
        run(*arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err


def test_an_address_that_cannot_be_read(run):
    status, _, error = run("list", "--address", "http//bad")
    assert status == 2
    assert "is not an address" in error

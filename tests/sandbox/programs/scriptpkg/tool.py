"""Run with `python -m scriptpkg.tool`."""

import time

from . import constants

ran = []


def orchestrator():
    return __name__, time.time(), constants.AT, ran


if __name__ == "__main__":
    from trio_durable_sandbox import Sandbox

    ran.append("main block")
    sandbox = Sandbox()
    run = sandbox.new_run("i", "s", lambda: 5_000_000_000)
    function = sandbox.load(orchestrator).instantiate(run)
    with run.active():
        print(function())

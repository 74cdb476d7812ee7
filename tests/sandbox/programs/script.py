"""Run as a script: its orchestrator is defined in `__main__`. Prints what an instance saw."""

import time
from dataclasses import dataclass
from pathlib import Path

import sibling

ran = []


@dataclass
class Answer:
    at: float
    name: str


def orchestrator():
    return Answer(time.time(), __name__), sibling.where(), ran, Answer.__module__


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(Path(__file__).parents[3] / "sandbox"))
    from trio_durable_sandbox import Sandbox

    ran.append("main block")
    sandbox = Sandbox()
    program = sandbox.load(orchestrator)
    for _ in range(2):
        run = sandbox.new_run("i", "s", lambda: 5_000_000_000)
        function = program.instantiate(run)
        with run.active():
            print(function())
        run.close()

"""Another process that replays what happened here: with another hash seed, and in another time zone.

Without the sandbox, the order of a set, `hash` of a text and local times are the same whenever this process runs the
code, and other ones for the next worker.  The process is started at the first history, and lives as long as its
`Elsewhere`; it imports the orchestrators from where this one has them.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from trio_durable._errors import DurableError, NonDeterminismError
from trio_durable._worker.serve import Worker
from trio_durable.testing.histories import History, replay_history

__all__ = ["Elsewhere", "serve"]

#: A seed that nobody is likely to have chosen; this process has a random one, unless it was given one.
_ANOTHER = {"PYTHONHASHSEED": "40507", "TZ": "Pacific/Auckland"}

_START = "from trio_durable.testing.elsewhere import serve; serve()"


class Elsewhere:
    """Replays histories in another process.

    orchestrators: by name.  converter: the worker's.  Raises ValueError for what another process cannot import: local
    functions, lambdas, what is defined in `__main__`.
    """

    def __init__(self, orchestrators: Mapping[str, Callable[..., Any]], converter: Any) -> None:
        for name, function in orchestrators.items():
            if getattr(function, "__module__", None) == "__main__":
                raise ValueError(f"orchestrator {name!r} is defined in __main__, which another process cannot import")
        try:
            self._work = pickle.dumps((dict(orchestrators), converter))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ValueError(f"another process cannot import all orchestrators: {error}") from error
        self._process: subprocess.Popen[str] | None = None

    def replay(self, history: History) -> None:
        """Raises NonDeterminismError where the other process does not agree with it."""
        answer = self._ask(json.loads(history.to_json()))
        if answer is not None:
            raise NonDeterminismError(
                f"in another process, with another hash seed and time zone: {answer}\nWithout the sandbox, what depends"
                " on the order of a set, on hash() or on local time is another thing for every worker."
            )

    def _ask(self, question: object) -> str | None:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise DurableError("the process that replays histories elsewhere has ended; could it import your modules?")
        answer: str | None = json.loads(line)
        return answer

    def _start(self) -> subprocess.Popen[str]:
        process = self._process = subprocess.Popen(
            [sys.executable, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, **_ANOTHER, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        weakref.finalize(self, _end, process)
        assert process.stdin is not None
        process.stdin.write(base64.b64encode(self._work).decode() + "\n")
        return process


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def serve() -> None:
    """What the other process does: a line says what to import, each one after that is a history."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what an orchestration prints is no answer
    orchestrators, converter = pickle.loads(base64.b64decode(sys.stdin.readline()))
    worker = Worker("nowhere", sandbox="off", converter=converter)
    for name, function in orchestrators.items():
        worker.add_orchestrator(function, name=name)
    for line in sys.stdin:
        answer = None
        try:
            replay_history(History.from_json(line), worker=worker, exact=True)
        except NonDeterminismError as error:
            answer = str(error)
        print(json.dumps(answer), file=answers, flush=True)

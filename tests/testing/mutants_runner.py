"""mutmut, with one pytest session for all mutants: `python -P mutants_runner.py run ...`.

mutmut starts pytest anew in each fork, which takes longer than the tests that kill a mutant.  Here the tests are
collected once, before the first fork, and each fork runs those that mutmut chose for its mutant, the fastest first,
until one fails.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from types import FunctionType
from typing import Any

import mutmut.__main__ as mutmut_main
import mutmut.mutation.trampoline as detours
import pytest
from _pytest.config import _prepareconfig
from mutmut.runners.harness import PytestRunner
from mutmut.state import state
from mutmut.utils.file_utils import change_cwd
from mutmut.workers.isolation import ForkRunner

CPU_SECONDS_OF_A_TEST = 8
CPU_SECONDS_OF_A_MUTANT = 60
ADDRESS_SPACE = 4 << 30
KILLED, SURVIVED, TIMED_OUT = 1, 0, 36


class OneSession(PytestRunner):
    """Runs the tests of a mutant in a session that was collected in the parent."""

    session: pytest.Session

    def collect(self) -> None:
        arguments = ["--rootdir=.", "--tb=no", "-q", "-x", "-s"]
        arguments += ["-p", "no:logging", "-p", "no:faulthandler"]
        arguments += self._pytest_add_cli_args_test_selection
        arguments += self._pytest_add_cli_args
        nowhere = open(os.devnull, "w")  # noqa: SIM115 -- what the session reports to, in every fork
        with change_cwd("mutants"), redirect_stdout(nowhere):
            config = _prepareconfig(arguments)
            config._do_configure()
            self.session = pytest.Session.from_config(config)
            config.hook.pytest_sessionstart(session=self.session)
            config.hook.pytest_collection(session=self.session)

    def run_tests(self, *, mutant_name: str | None, tests: Iterable[str]) -> int:
        if mutant_name is None:
            return super().run_tests(mutant_name=None, tests=tests)
        take_out_trampolines(mutant_name)
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        # The engine under test may catch whatever is raised, and loop on: only the end of the process is sure.
        signal.signal(signal.SIGPROF, lambda number, frame: os._exit(TIMED_OUT))
        found = {item.nodeid: item for item in self.session.items}
        items = [found[test] for test in fastest(tests)]
        with change_cwd("mutants"):
            for item, following in zip(items, [*items[1:], None], strict=True):
                with at_most(CPU_SECONDS_OF_A_TEST):
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self.session.testsfailed or self.session.shouldfail or self.session.shouldstop:
                    return KILLED
        return SURVIVED


def fastest(tests: Iterable[str]) -> Iterator[str]:
    """The first of `tests`, which come in the order of their times, as far as `--quick` goes."""
    left = float(os.environ.get("MUTANTS_QUICK", "inf"))
    for test in tests:
        left -= state().duration_by_test[test]
        if left < 0:
            return
        yield test


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """The process ends where the block takes more of the processor than that."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


class Forks(ForkRunner):
    """Forks after the collection."""

    test_runner: OneSession

    def startup(self) -> None:
        self.test_runner.collect()
        super().startup()

    def submit(self, mutant_name: str, tests: list[str], cpu_time_limit: int, estimated_time: float) -> None:
        super().submit(mutant_name, tests, CPU_SECONDS_OF_A_MUTANT, estimated_time)


def take_out_trampolines(name: str) -> None:
    """All functions but the broken one are themselves again: mutmut's detours take as long as the engine."""
    broken_module, _, mutant = name.rpartition(".")
    for module, loaded in list(sys.modules.items()):
        if not module.startswith("trio_durable._core."):
            continue
        broken = mutant.rpartition("__mutmut_")[0] if module == broken_module else None
        for key, value in list(vars(loaded).items()):
            if isinstance(value, type) and value.__module__ == module:
                for method, wrapper in list(vars(value).items()):
                    plain = behind(wrapper)
                    if plain is not None and broken != f"xǁ{value.__name__}ǁ{method}":
                        setattr(value, method, plain)
            elif behind(value) is not None and value.__module__ != broken_module:
                setattr(loaded, key, behind(value))


def behind(wrapper: Any) -> Any:
    """What a trampoline of mutmut stands for; None for anything else."""
    if isinstance(wrapper, FunctionType) and wrapper.__code__.co_name == "_trampoline_wrapper":
        return wrapper.__wrapped__  # type: ignore[attr-defined]
    return None


def runner(max_workers: int = 1) -> Forks:
    return Forks(max_workers=max_workers, test_runner=OneSession())


if __name__ == "__main__":
    mutmut_main.get_mutant_runner = runner
    # The engine names the line that asked: the nearest frame outside this package, and mutmut's are none of the user's.
    detours.__name__ = "trio_durable._detours"
    mutmut_main.cli()

"""A worker program, as users write it; tests/worker/test_signals.py interrupts it.

    python serve_script.py ADDRESS serve|run
"""

from __future__ import annotations

import logging
import signal
import sys
import time

import trio

from trio_durable import Worker


async def spin(ctx, seconds: float):
    end = 0
    print("spinning")
    while end < 10**12:  # an orchestration must not do this
        end += 1


async def stuck(ctx):
    await ctx.call_activity(sleepy)


def sleepy(ctx):
    print("asleep", flush=True)
    time.sleep(1000)


async def gentle(ctx):
    return await ctx.call_activity(short)


def short(ctx):
    print("begun", flush=True)
    time.sleep(1)
    return "answered"


if __name__ == "__main__":
    # Whoever starts the tests in the background may have had SIGINT ignored, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    worker = Worker(sys.argv[1], drain_seconds=1000)
    for function in (spin, stuck, gentle):
        worker.add_orchestrator(function)
    for function in (sleepy, short):
        worker.add_activity(function)
    if sys.argv[2] == "run":
        worker.run()
        print("left", flush=True)
    else:
        trio.run(worker.serve)

"""Violations are sticky: what the code catches is recorded all the same."""
import contextlib
import os
import time


def case_except():
    try:
        time.sleep(1)  # refused: time.sleep
    except Exception:
        return "swallowed"


def case_suppress():
    with contextlib.suppress(Exception):
        os.getpid()  # refused: os.getpid
    return "swallowed"


def case_finally():
    try:
        open("/x")  # refused: open
    finally:
        return "swallowed"


def case_hasattr():
    return hasattr(os.environ, "x") or "swallowed"  # refused: os.environ


def case_unsafe():  # works
    from trio_durable_sandbox import unsafe
    with unsafe():
        os.getpid(), time.sleep(0), open(os.devnull).close()
    return "escaped"

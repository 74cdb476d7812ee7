"""Small programs that say what Trio means.  Each runs on real Trio and on the durable one."""

from tests.durable.programs import (  # noqa: F401
    channels,
    corners,
    locks,
    lowlevel,
    nurseries,
    scopes,
    starting,
    timeouts,
    together,
    words,
)
from tests.durable.programs.register import PROGRAMS, RACY

__all__ = ["PROGRAMS", "RACY"]

"""Room for sources that nest deeply: an `elif` chain of 500, a sum of 900 terms.

Python compiles those, but whoever walks their tree with recursive functions in Python meets the recursion limit. Where
a tree needs it, the limit is raised while it is being looked at.
"""

from __future__ import annotations

import ast
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_FRAMES_A_LEVEL: Final = 5
"""`visit`, a visitor, `generic_visit`, and one or two of ours."""
_ROOM: Final = 500
_raising = threading.Lock()  # two that raise and restore the limit in turns would restore each other's


@contextmanager
def room_for(tree: ast.AST) -> Iterator[None]:
    """Within the block, recursive functions may walk this tree."""
    with _raising:
        before = sys.getrecursionlimit()
        needed = _depth_of(tree) * _FRAMES_A_LEVEL + _frames() + _ROOM
        sys.setrecursionlimit(max(needed, before))
        try:
            yield
        finally:
            sys.setrecursionlimit(before)


def _frames() -> int:
    count, frame = 0, sys._getframe()
    while (above := frame.f_back) is not None:
        count, frame = count + 1, above
    return count


def _depth_of(tree: ast.AST) -> int:
    depth, level = 0, [tree]
    while level:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth

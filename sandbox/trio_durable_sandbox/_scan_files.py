"""Which files a scan reads, and how: as Python itself would, whatever their encoding."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ._scan_model import Finding, Source
from ._scan_source import scan

__all__ = ["scan_paths"]

_NOT_OURS = frozenset({"__pycache__", "node_modules", "site-packages"})


def scan_paths(
    paths: Iterable[str | os.PathLike[str]],
    *,
    mode: str = "strict",
    seen: Callable[[Path, SyntaxError | None], None] | None = None,
) -> list[Finding]:
    """What `scan_source` finds in files and folders (all their `.py` files, but for hidden folders and virtual
    environments); helpers that one file imports from another are followed.

    seen: called for each file; where it is no Python, with what is wrong with it, and then it is left out.

    Raises FileNotFoundError for a path that is not there; SyntaxError, with the file's name, for a file that is no
    Python where `seen` is not given.
    """
    sources = []
    for path in paths:
        for file in source_files(path):
            wrong = None
            try:
                sources.append(read(file))
            except SyntaxError as error:
                if seen is None:
                    raise
                wrong = error
            if seen is not None:
                seen(file, wrong)
    return scan(sources, mode)


def read(file: Path) -> Source:
    """The file, decoded as Python does it (a byte order mark, a coding line) and parsed.

    Raises SyntaxError that names the file.
    """
    try:
        return Source(str(file), importlib.util.decode_source(file.read_bytes()))
    except SyntaxError as error:
        if error.filename is None:  # the coding line
            raise SyntaxError(error.msg, (str(file), 1, 1, None)) from error
        raise
    except ValueError as error:  # what cannot be decoded, and bytes of zero
        raise SyntaxError(str(error), (str(file), 1, 1, None)) from error


def source_files(path: str | os.PathLike[str]) -> list[Path]:
    """A file, or all `.py` files of a folder in order; raises FileNotFoundError for a path that is not there."""
    found = Path(path)
    if not found.exists():
        raise FileNotFoundError(f"there is no {found}")
    return sorted(_below(found)) if found.is_dir() else [found]


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [
            each
            for each in folders
            if not each.startswith(".") and each not in _NOT_OURS and not Path(place, each, "pyvenv.cfg").exists()
        ]
        yield from (Path(place, each) for each in files if each.endswith(".py"))

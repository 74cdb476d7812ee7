"""The map and the commands in CONTRIBUTING.md are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import trio_durable

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
#: Where the package is: in this checkout, or wherever its wheel was installed.
PACKAGE = Path(trio_durable.__file__).parent


def rows(heading: str) -> list[tuple[str, str]]:
    """The rows of the table below a heading: its first column, and what that is said to be."""
    _, _, section = CONTRIBUTING.partition(f"## {heading}\n")
    found = re.findall(r"^\| (`.+?) \| (.+) \|$", section.partition("\n## ")[0], re.MULTILINE)
    assert found
    return found


def place(name: str) -> Path:
    inside = name.removeprefix("trio_durable/")
    return ROOT / name if inside == name else PACKAGE / inside


def test_every_place_on_the_map_exists() -> None:
    names = [first.strip("`") for first, _ in rows("The map")]
    assert [name for name in names if not place(name).exists()] == []
    assert [name for name in names if name.endswith(".py") != place(name).is_file()] == []
    said = dict(rows("The map"))
    assert [room for room in re.findall(r"`(\w+)`:", said["`tests/`"]) if not (ROOT / "tests" / room).is_dir()] == []


def test_every_room_is_on_the_map() -> None:
    names = {place(first.strip("`")) for first, _ in rows("The map")}
    rooms = {path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert rooms - names == {PACKAGE / "__init__.py", PACKAGE / "__main__.py"}


def test_every_command_is_in_the_table() -> None:
    made = set(re.findall(r"^([a-z-]+):.*?## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    listed = {name for first, _ in rows("How to run things") for name in re.findall(r"`make ([\w-]+)`", first)}
    assert listed == made - {"help", "clean"}

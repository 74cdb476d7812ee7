"""The pages for users: their code runs, their links lead somewhere, the index leaves none out.

`docs/testing.md` has a reader of its own, tests/testing/test_docs.py; `docs/migrating.md` too, in tests/authoring.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from trio_durable import OrchestrationStatus
from trio_durable._core.envelope import seal, unseal
from trio_durable.testing import play

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def blocks(page: str, language: str) -> list[str]:
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def test_the_guide_is_a_program_that_prints_what_it_says(tmp_path: Path) -> None:
    script = tmp_path / "guide.py"
    script.write_text("\n\n".join(blocks("guide.md", "python")), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )
    assert ran.returncode == 0, ran.stderr
    (printed,) = blocks("guide.md", "text")
    assert ran.stdout == printed


def orchestrator(body: str, tmp_path: Path, name: str) -> object:
    """The orchestrator `flow(ctx)` with this body, from a file of its own, as the sandbox wants it."""
    path = tmp_path / f"{name}.py"
    path.write_text(f"import trio\n\n\n{body}", encoding="utf-8")
    sys.path.insert(0, str(tmp_path))
    try:
        return __import__(name).flow
    finally:
        sys.path.remove(str(tmp_path))


SCOPES = [
    # the words of the script, and the result
    ("start\nturn root\nraise approved\nturn root", "shipped"),
    ("start\nturn root\nfire root #2\nturn root", "expired"),
]


@pytest.mark.parametrize(("script", "result"), SCOPES)
def test_the_first_block_on_structured_concurrency(tmp_path: Path, script: str, result: str) -> None:
    block = blocks("structured-concurrency.md", "python")[0]
    around = (
        "class Order:\n    items = ['tea', 'cake']\n\n\n"
        "async def reserve(ctx, item):\n    await ctx.call_activity('reserve', input=item)\n\n\n"
        "ship = 'ship'\n\n\n"
        f"{block}\n\n"
        "async def flow(ctx):\n    return await fulfil(ctx, Order())\n"
    )
    flow = orchestrator(around.replace("input=order", "input=order.items"), tmp_path, f"fulfils_{result}")
    outcome = play(flow, script, activities={"reserve": lambda item: None, "ship": lambda items: "shipped"})
    assert outcome.result == result


def test_the_other_blocks_on_structured_concurrency(tmp_path: Path) -> None:
    finishes, reminds, refunds = (
        next(block for block in blocks("structured-concurrency.md", "python") if word in block)
        for word in ("ctx.gather", "remind", "refund")
    )
    names = "remind, charge, refund, order = 'remind', 'charge', 'refund', 17\n\n\n"
    asked: list[str] = []
    known = ("remind", "charge", "refund", "pack", "label")
    activities = {name: lambda value, name=name: asked.append(name) for name in known}

    works = "".join(f"async def {name}(ctx):\n    await ctx.call_activity('{name}')\n\n\n" for name in known[3:])
    flow = orchestrator(works + "async def flow(ctx):\n" + textwrap.indent(finishes, "    "), tmp_path, "finishes")
    assert play(flow, "start\nturn root\ncancel", activities=activities).status is OrchestrationStatus.CANCELED
    assert sorted(asked) == ["label", "pack"]
    asked.clear()

    flow = orchestrator(names + "async def flow(ctx):\n" + textwrap.indent(reminds, "    "), tmp_path, "reminds")
    reminded = "start\nturn root\nfire root #2\nturn root\ncomplete root #3\nturn root\nraise approved true"
    assert play(flow, reminded, activities=activities).result is True

    flow = orchestrator(names + "async def flow(ctx):\n" + textwrap.indent(refunds, "    "), tmp_path, "refunds")
    play(flow, "start\nturn root\ncomplete root #1\nturn root\ncancel", activities=activities)
    assert asked == ["refund"]


def test_the_envelope_on_the_page_about_metadata_is_the_one_that_is_written() -> None:
    (block,) = blocks("metadata.md", "json")
    assert seal('{"order":17}', {"tenant": "blue"}) == block.strip()
    assert unseal(block.strip()) == ('{"order":17}', {"tenant": "blue"})


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", (DOCS / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (DOCS / link).exists()] == []


def test_the_index_has_every_page_and_every_example_in_its_own_words() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert page.name == "README.md" or f"]({page.name})" in index
    for example in (ROOT / "examples").glob("*.py"):
        described = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8"))) or ""
        words = " ".join(described.split("\n\n")[0].split())
        assert f"| [{example.name}](../examples/{example.name}) | {words} |" in index

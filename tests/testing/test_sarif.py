"""The SARIF that the static check writes keeps the rules of SARIF 2.1.0, which notice what does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.testing.sarif_rules import problems
from trio_durable._cli import main
from trio_durable.testing import check_paths, check_source, render_findings

SOURCE = "async def main(ctx):\n    x = open('ü')\n    await ctx.call_activity('a', input=x)\n"


def report(filename: str = "flow.py"):
    return json.loads(render_findings(check_source(SOURCE, filename), "sarif"))


def test_a_report_of_every_planted_fault_is_valid():
    findings = check_paths([Path(__file__).parent / "planted"])
    log = json.loads(render_findings(findings, "sarif"))
    assert problems(log) == []
    assert len(log["runs"][0]["results"]) == len(findings) > 20


def test_a_report_of_nothing_is_valid():
    log = json.loads(render_findings([], "sarif"))
    assert problems(log) == []
    assert log["runs"][0]["results"] == []  # "nothing was found"; without it: "nothing was looked for"


def test_what_the_command_prints_is_valid(tmp_path, capsys):
    (tmp_path / "a flow.py").write_text(SOURCE)
    assert main(["check", str(tmp_path), "--format", "sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    assert problems(log) == []
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("/a%20flow.py")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_any_file_name_makes_a_valid_uri(filename):
    assert problems(report(filename)) == []


def broken(change):
    log = report()
    run = log["runs"][0]
    change(log, run, run["results"][0], run["results"][0]["locations"][0]["physicalLocation"])
    return problems(log)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda log, run, result, place: log.pop("version"), "log: 'version' is missing"),
        (lambda log, run, result, place: log.update(version="2.0.0"), "log.version: one of"),
        (lambda log, run, result, place: run.pop("tool"), "'tool' is missing"),
        (lambda log, run, result, place: run.update(columnKind="bytes"), "columnKind: one of"),
        (lambda log, run, result, place: run["tool"]["driver"].pop("name"), "'name' is missing"),
        (lambda log, run, result, place: run["tool"]["driver"]["rules"][0].pop("id"), "'id' is missing"),
        (lambda log, run, result, place: run["tool"]["driver"]["rules"].clear(), "is no rule of the driver"),
        (lambda log, run, result, place: result.pop("message"), "'message' is missing"),
        (lambda log, run, result, place: result.update(level="fatal"), "level: one of"),
        (lambda log, run, result, place: result.update(file="x"), "'file' is unknown"),
        (lambda log, run, result, place: place["region"].update(startLine=0), "startLine: an integer from 1 on"),
        (lambda log, run, result, place: place["region"].update(endLine=1), "it ends before it starts"),
        (lambda log, run, result, place: place["artifactLocation"].update(uri="a flow.py"), "a URI reference"),
        (lambda log, run, result, place: place["artifactLocation"].update(uri="50%"), "a URI reference"),
    ],
)
def test_the_rules_notice_what_is_broken(change, said):
    assert any(said in problem for problem in broken(change)), broken(change)

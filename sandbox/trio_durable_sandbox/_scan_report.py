"""What a static scan found, as people, editors and CI read it: text, JSON, SARIF 2.1.0, GitHub annotations."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from . import _scan_source
from ._scan_source import Finding

__all__ = ["FORMATS", "render"]

FORMATS = ("text", "json", "sarif", "github")


def render(findings: Sequence[Finding], form: str = "text") -> str:
    """The findings as text; form is one of FORMATS. Raises ValueError for another one."""
    if form == "text":
        return "".join(f"{each}\n" for each in findings)
    if form == "json":
        plain = [{name: getattr(each, name) for name in Finding.__slots__} for each in findings]
        return json.dumps(plain, indent=2) + "\n"
    if form == "sarif":
        return json.dumps(_sarif(findings), indent=2) + "\n"
    if form == "github":
        return "".join(_annotation(each) for each in findings)
    raise ValueError(f"the form must be one of {', '.join(FORMATS)}; got {form!r}")


def _rules() -> dict[str, str]:
    """Code -> what it means, from the table at the head of `_scan_source`."""
    found = {}
    for line in (_scan_source.__doc__ or "").splitlines():
        words = line.split(maxsplit=1)
        if len(words) == 2 and words[0].startswith("TD") and words[0][2:].isdecimal():
            found[words[0]] = " ".join(words[1].split())
    return found


def _sarif(findings: Sequence[Finding]) -> dict[str, object]:
    rules = [{"id": code, "shortDescription": {"text": text}} for code, text in _rules().items()]
    results = [
        {
            "ruleId": each.code,
            "level": "error",
            "message": {"text": f"{each.message}. Instead: {each.remedy}"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": _uri(each.filename)},
                        "region": {
                            "startLine": each.line,
                            "startColumn": each.column,
                            "endLine": each.end_line,
                            "endColumn": each.end_column,
                        },
                    }
                }
            ],
        }
        for each in findings
    ]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": "trio-durable", "rules": rules}}, "results": results}],
    }


def _uri(filename: str) -> str:
    path = Path(filename)
    return path.as_uri() if path.is_absolute() else filename.replace(os.sep, "/")


def _annotation(each: Finding) -> str:
    text = f"{each.message}. Instead: {each.remedy}".replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    place = f"file={each.filename},line={each.line},endLine={each.end_line},col={each.column}"
    place += f",title={each.code} {each.api}"
    return f"::error {place}::{text}\n"

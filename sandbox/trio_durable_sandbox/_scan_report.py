"""What a static scan found, as people, editors and CI read it: text, JSON, SARIF 2.1.0, GitHub annotations."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from ._scan_model import RULE_TEXTS, Finding

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


def _sarif(findings: Sequence[Finding]) -> dict[str, object]:
    rules = [
        {"id": code, "name": name.title().replace(" ", ""), "shortDescription": {"text": text}}
        for code, (name, text) in RULE_TEXTS.items()
    ]
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
        "runs": [
            {
                "tool": {"driver": {"name": "trio-durable", "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }


def _uri(filename: str) -> str:
    path = Path(filename)
    return path.as_uri() if path.is_absolute() else quote(filename.replace(os.sep, "/"))


def _annotation(each: Finding) -> str:
    place = f"file={_property(each.filename)},line={each.line},endLine={each.end_line},col={each.column}"
    place += f",title={_property(f'{each.code} {each.api}')}"
    return f"::error {place}::{_escaped(f'{each.message}. Instead: {each.remedy}')}\n"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """A property of a workflow command: a colon or comma would end it."""
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")

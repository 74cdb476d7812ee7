"""Writes the generated modules of trio_durable_proto; with --check, fails when the committed ones are stale.

    python proto/generate.py            writes _messages.py and _fast.py
    python proto/generate.py --check    exit status 1 and a word for each stale file; writes nothing

Needs the `generate` extra. README.md says how to add a field.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from generator import schema  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the committed output is stale; write nothing")
    parser.parse_args()
    compiled = schema.compile_descriptors(HERE)
    own = schema.own_descriptors(compiled)
    (HERE / "trio_durable_proto" / "_messages.py").write_text(schema.betterproto_source(own, compiled))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

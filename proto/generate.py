"""Writes the generated modules of trio_durable_proto; with --check, fails when the committed ones are stale.

    python proto/generate.py            writes _messages.py, _fast.py and contract.binpb
    python proto/generate.py --check    exit status 1 and a word for each stale file; writes nothing

Needs the `generate` extra. README.md says how to add a field.
"""

from __future__ import annotations

import argparse
import ast
import sys
import types
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from generator import codec, model, schema  # noqa: E402
from google.protobuf.descriptor_pb2 import FileDescriptorSet  # noqa: E402

MESSAGES = "trio_durable_proto/_messages.py"
CODEC = "trio_durable_proto/_fast.py"
CONTRACT = "contract.binpb"
"""Our .proto files, compiled: for tests and tools which have protobuf but no compiler. Not installed."""


def generate() -> dict[str, bytes]:
    """Each generated file, by its path from here."""
    compiled = schema.compile_descriptors(HERE)
    own = schema.own_descriptors(compiled)
    messages = schema.betterproto_source(own, compiled)
    module = types.ModuleType("_trio_durable_proto_messages")
    sys.modules[module.__name__] = module  # dataclasses and betterproto look names up there
    exec(compile(messages, "_messages.py", "exec"), module.__dict__)
    return {
        MESSAGES: messages.encode(),
        CODEC: codec.source(model.build(own, module)).encode(),
        CONTRACT: schema.contract(compiled).SerializeToString(deterministic=True),
    }


def same(name: str, committed: bytes, fresh: bytes) -> bool:
    """Whether two versions of a file say the same. What other tools wrote may differ in what their versions vary."""
    if committed == fresh:
        return True
    if name == MESSAGES:
        return ast.dump(ast.parse(committed)) == ast.dump(ast.parse(fresh))
    if name == CONTRACT:
        return FileDescriptorSet.FromString(committed) == FileDescriptorSet.FromString(fresh)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the committed output is stale; write nothing")
    check = parser.parse_args().check
    status = 0
    for name, fresh in generate().items():
        path = HERE / name
        if not check:
            path.write_bytes(fresh)
        elif not path.exists() or not same(name, path.read_bytes(), fresh):
            print(f"{path.relative_to(HERE.parent)} is stale: run `python proto/generate.py` and commit what it writes")
            status = 1
    return status


if __name__ == "__main__":
    raise SystemExit(main())

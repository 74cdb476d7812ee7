"""Run by the interpreter of the peer dapr-1.19: writes the descriptors in its wheel to standard output.

Each *_pb2.py holds its file's descriptor as a bytes literal. They are read out of the source, not imported: importing
would pull in the whole package, and register names.
"""

from __future__ import annotations

import ast
import sys
from importlib.metadata import distribution

from google.protobuf.descriptor_pb2 import FileDescriptorSet


def main() -> None:
    found = FileDescriptorSet()
    for path in distribution("dapr").files or ():
        if "_durabletask" in path.parts and path.name.endswith("_pb2.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                if is_call and node.func.attr == "AddSerializedFile":  # type: ignore[attr-defined]
                    found.file.add().ParseFromString(ast.literal_eval(node.args[0]))  # type: ignore[attr-defined]
    sys.stdout.buffer.write(found.SerializeToString())


main()

"""The .proto files as descriptors, and betterproto's classes made from them.

Two well-known types are replaced before betterproto's compiler sees them, by messages of our own with the same
fields, so that nothing is lost and every class on the wire is ours:

- google.protobuf.Timestamp becomes `Timestamp` (seconds, nanos). betterproto would make it a datetime, which has no
  nanoseconds and cannot tell an absent timestamp from the epoch; peers compare both exactly.
- google.protobuf.Empty becomes `Empty`.

The wire does not know the name of a message, so this changes no byte.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.resources import as_file, files
from pathlib import Path

from google.protobuf.compiler.plugin_pb2 import CodeGeneratorRequest, CodeGeneratorResponse
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

SOURCES = (
    "orchestration.proto",
    "attestation.proto",
    "history_events.proto",
    "orchestrator_actions.proto",
    "orchestrator_service.proto",
)
REPLACED = {".google.protobuf.Timestamp": ".Timestamp", ".google.protobuf.Empty": ".Empty"}


def compile_descriptors(folder: Path) -> FileDescriptorSet:
    """Compile the .proto files in `folder`, comments and imports included; raises CalledProcessError on a mistake."""
    with tempfile.TemporaryDirectory() as scratch, as_file(files("grpc_tools") / "_proto") as google:
        out = Path(scratch, "all.binpb")
        subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"-I{google}", "--include_imports",
             "--include_source_info", f"--descriptor_set_out={out}", *SOURCES],
            check=True,
        )
        return FileDescriptorSet.FromString(out.read_bytes())


def own_descriptors(compiled: FileDescriptorSet) -> list[FileDescriptorProto]:
    """Our files only, with the well-known types of `REPLACED` turned into messages of ours (in a first file)."""
    own = FileDescriptorProto(name="well_known.proto", syntax="proto3")
    stamp = own.message_type.add(name="Timestamp")
    for number, (name, kind) in enumerate(
        [("seconds", FieldDescriptorProto.TYPE_INT64), ("nanos", FieldDescriptorProto.TYPE_INT32)], start=1
    ):
        stamp.field.add(name=name, number=number, type=kind, label=FieldDescriptorProto.LABEL_OPTIONAL, json_name=name)
    own.message_type.add(name="Empty")
    for path, text in [
        ((4, 0), " A point in time: seconds since the epoch, and nanoseconds (0 to 999,999,999) after them.\n"),
        ((4, 1), " A message without a field.\n"),
    ]:
        own.source_code_info.location.add(path=path, span=(0, 0, 0), leading_comments=text)

    result = [own]
    for file in compiled.file:
        if file.name not in SOURCES:
            continue
        copy = FileDescriptorProto()
        copy.CopyFrom(file)
        for message in copy.message_type:
            _replace_types(message)
        for service in copy.service:
            for method in service.method:
                method.input_type = REPLACED.get(method.input_type, method.input_type)
                method.output_type = REPLACED.get(method.output_type, method.output_type)
        result.append(copy)
    return result


def _replace_types(message: DescriptorProto) -> None:
    for field in message.field:
        if field.type_name in REPLACED:
            field.type_name = REPLACED[field.type_name]
    for nested in message.nested_type:
        _replace_types(nested)


def betterproto_source(own: list[FileDescriptorProto], compiled: FileDescriptorSet) -> str:
    """The module that betterproto's compiler writes for `own`."""
    foreign = [file for file in compiled.file if file.name not in SOURCES]
    request = CodeGeneratorRequest(
        file_to_generate=[file.name for file in own], proto_file=[*foreign, *own]
    )
    answer = subprocess.run(
        [sys.executable, "-m", "betterproto.plugin"],
        input=request.SerializeToString(),
        capture_output=True,
        check=False,
    )
    if answer.returncode:
        raise SystemExit(f"betterproto's compiler failed:\n{answer.stderr.decode()}")
    response = CodeGeneratorResponse.FromString(answer.stdout)
    if response.error or not response.file:
        raise SystemExit(f"betterproto's compiler answered without a file: {response.error or answer.stderr.decode()}")
    (module,) = [file for file in response.file if file.content]
    return module.content


def contract(compiled: FileDescriptorSet) -> FileDescriptorSet:
    """Our files as they are written, without comments."""
    result = FileDescriptorSet()
    for file in compiled.file:
        if file.name in SOURCES:
            result.file.add().CopyFrom(file)
            result.file[-1].ClearField("source_code_info")
    return result

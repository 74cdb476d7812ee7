"""Our .proto files against the descriptors in the wheel of dapr 1.19.0, and what is generated against our files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FileDescriptorSet

from tests.patience import PATIENCE

HERE = Path(__file__).resolve().parent
PROTO = HERE.parents[1] / "proto"
FILES = ["attestation", "history_events", "orchestration", "orchestrator_actions", "orchestrator_service"]


def message_table(message: DescriptorProto, path: str) -> dict[str, Any]:
    """Everything about a message that the wire or generated code can show, line by line."""
    table: dict[str, Any] = {f"{path} reserved": sorted((r.start, r.end) for r in message.reserved_range)}
    table[f"{path} reserved names"] = sorted(message.reserved_name)
    table[f"{path} map"] = message.options.map_entry
    for field in message.field:
        oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else None
        table[f"{path}.{field.name}"] = (
            field.number, field.type, field.type_name, field.label, field.proto3_optional, oneof,
            field.options.packed if field.options.HasField("packed") else None, field.default_value,
        )  # fmt: skip
    for nested in message.nested_type:
        table |= message_table(nested, f"{path}.{nested.name}")
    for enum in message.enum_type:
        table |= enum_table(enum, f"{path}.{enum.name}")
    return table


def enum_table(enum: EnumDescriptorProto, path: str) -> dict[str, Any]:
    table: dict[str, Any] = {f"{path}.{value.name}": value.number for value in enum.value}
    table[f"{path} reserved"] = sorted((r.start, r.end) for r in enum.reserved_range)
    table[f"{path} alias"] = enum.options.allow_alias
    return table


def contract_table(files: FileDescriptorSet) -> dict[str, Any]:
    """All of a contract, whatever file each part stands in (file names are not on the wire).

    Serialised descriptors are compared; nothing is registered anywhere, so the two cannot clash.
    """
    table: dict[str, Any] = {}
    for file in files.file:
        assert (file.syntax, file.package) == ("proto3", "")
        for message in file.message_type:
            table |= {f"message {message.name}": True} | message_table(message, message.name)
        for enum in file.enum_type:
            table |= enum_table(enum, enum.name)
        for service in file.service:
            for rpc in service.method:
                table[f"/{service.name}/{rpc.name}"] = (
                    rpc.input_type, rpc.output_type, rpc.client_streaming, rpc.server_streaming,
                )  # fmt: skip
    return table


def ours() -> FileDescriptorSet:
    return FileDescriptorSet.FromString((PROTO / "contract.binpb").read_bytes())


@pytest.mark.peer
def test_field_by_field_as_in_dapr(peer_python: Callable[[str], Path]) -> None:
    interpreter = peer_python("dapr-1.19")
    answer = subprocess.run(
        [interpreter, HERE / "print_descriptors.py"],
        stdout=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        check=True,
        timeout=PATIENCE,
    )
    theirs = FileDescriptorSet()
    for file in FileDescriptorSet.FromString(answer.stdout).file:
        if Path(file.name).stem in FILES:
            theirs.file.add().CopyFrom(file)
    assert sorted(Path(file.name).stem for file in theirs.file) == FILES
    expected, found = contract_table(theirs), contract_table(ours())
    assert len(expected) > 500
    assert {key: (expected.get(key), found.get(key)) for key in expected.keys() | found.keys()
            if expected.get(key) != found.get(key)} == {}  # fmt: skip


def test_our_files_and_no_others() -> None:
    assert sorted(Path(file.name).stem for file in ours().file) == FILES
    assert sorted(path.stem for path in PROTO.glob("*.proto")) == FILES


def test_every_difference_would_be_seen() -> None:
    """The comparison is worth something: each kind of change shows."""
    before = contract_table(ours())

    def changed(change: Any) -> bool:
        files = ours()
        message = next(m for file in files.file for m in file.message_type if m.name == "CreateTimerAction")
        service = next(file.service[0] for file in files.file if file.service)
        change(message, service, next(file.enum_type[0] for file in files.file if file.enum_type))
        return contract_table(files) != before

    assert not changed(lambda message, service, enum: None)
    assert changed(lambda message, service, enum: setattr(message.field[0], "number", 9))
    assert changed(lambda message, service, enum: setattr(message.field[0], "type_name", ".TaskRouter"))
    assert changed(lambda message, service, enum: setattr(message.field[0], "label", 3))
    assert changed(lambda message, service, enum: message.field[2].ClearField("oneof_index"))
    assert changed(lambda message, service, enum: setattr(message.field[1], "proto3_optional", False))
    assert changed(lambda message, service, enum: message.reserved_range.add(start=90, end=91))
    assert changed(lambda message, service, enum: setattr(message, "name", "Other"))
    assert changed(lambda message, service, enum: setattr(service.method[0], "server_streaming", True))
    assert changed(lambda message, service, enum: enum.value.add(name="NEW", number=77))


def test_the_paths_of_the_service_have_no_package() -> None:
    import trio_durable_proto as pb

    paths = set(pb.TaskHubSidecarServiceBase().__mapping__())
    assert "/TaskHubSidecarService/GetWorkItems" in paths
    assert paths == {key for key in contract_table(ours()) if key.startswith("/")}


def generate(*arguments: str, folder: Path = PROTO) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, folder / "generate.py", *arguments],
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )


@pytest.mark.skipif(find_spec("grpc_tools") is None, reason="needs the `generate` extra")
def test_what_is_committed_is_fresh_and_staleness_is_noticed(tmp_path: Path) -> None:
    answer = generate("--check")
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stdout + answer.stderr
    copy = tmp_path / "proto"
    (copy / "trio_durable_proto").mkdir(parents=True)
    (copy / "generator").mkdir()
    for path in [*PROTO.glob("*.proto"), *PROTO.glob("*.py"), *PROTO.glob("*.binpb"), *PROTO.glob("*/*.py")]:
        (copy / path.relative_to(PROTO)).write_bytes(path.read_bytes())
    source = copy / "orchestration.proto"
    known = "string instanceID = 1;"
    source.write_text(source.read_text().replace(known, known + "\n  bool added = 2;", 1))
    stale = generate("--check", folder=copy)
    assert stale.returncode == 1
    assert stale.stdout.count("is stale") == 3
    assert generate(folder=copy).returncode == 0
    assert generate("--check", folder=copy).returncode == 0
    assert "self.added" in (copy / "trio_durable_proto" / "_fast.py").read_text()


def test_generated_files_name_no_machine() -> None:
    import trio_durable_proto as pb

    package = Path(str(pb.__file__)).parent  # the installed one, where that is what is tested
    for file in (package / "_messages.py", package / "_fast.py", PROTO / "contract.binpb"):
        content = file.read_bytes()
        for path in (b"/home", b"/root", b"/tmp", b"/usr", str(PROTO.parent).encode()):
            assert path not in content

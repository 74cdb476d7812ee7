"""What the codec generator needs to know of each message: the fields, under the names that betterproto gave them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import betterproto
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

WRAPPERS = {"StringValue": "str", "Int32Value": "int32", "BoolValue": "bool"}
SCALARS = {
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_UINT32: "uint32",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_ENUM: "enum",
}


@dataclass(frozen=True)
class Field:
    """One field. `kind` is a value of SCALARS, or `message`, `wrapper` or `map`."""

    name: str
    number: int
    kind: str
    type: str = ""
    """The class of a message or enum; the kind of value in a wrapper."""
    repeated: bool = False
    optional: bool = False
    group: str | None = None
    """The oneof, by the name that betterproto knows it by."""

    @property
    def wire_type(self) -> int:
        return 0 if self.kind in ("int32", "int64", "uint32", "bool", "enum") else 2

    @property
    def tag(self) -> int:
        return self.number << 3 | self.wire_type

    @property
    def tag_bytes(self) -> bytes:
        return varint(self.tag)


@dataclass(frozen=True)
class MessageModel:
    """One message class: its fields in the order of betterproto's dataclass, and by number."""

    name: str
    fields: tuple[Field, ...]

    @property
    def by_number(self) -> list[Field]:
        return sorted(self.fields, key=lambda field: field.number)

    @property
    def groups(self) -> dict[str, list[Field]]:
        found: dict[str, list[Field]] = {}
        for field in self.by_number:
            if field.group is not None:
                found.setdefault(field.group, []).append(field)
        return found


def varint(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def build(files: list[FileDescriptorProto], module: ModuleType) -> list[MessageModel]:
    """The messages of `files` as betterproto's classes in `module` have them; stops where the two disagree."""
    classes = {name.lower(): name for name in vars(module)}

    def class_name(proto_name: str) -> str:
        return classes[proto_name.rsplit(".", 1)[-1].lower()]

    return [
        _message(message, getattr(module, class_name(message.name)), class_name)
        for file in files
        for message in file.message_type
    ]


def _message(
    message: DescriptorProto, cls: type[betterproto.Message], class_name: Callable[[str], str]
) -> MessageModel:
    maps = {nested.name for nested in message.nested_type if nested.options.map_entry}
    if unknown := [nested.name for nested in message.nested_type if nested.name not in maps]:
        raise SystemExit(f"{message.name}: nested messages are not supported: {unknown}")
    meta: Any = vars(betterproto.Message)["_betterproto"].__get__(None, cls)
    fields = {}
    for field in message.field:
        name = meta.field_name_by_number[field.number]
        short = field.type_name.rsplit(".", 1)[-1]
        repeated = field.label == FieldDescriptorProto.LABEL_REPEATED
        kind, type_name = SCALARS.get(field.type, "message"), ""
        if kind == "enum":
            type_name = class_name(field.type_name)
        elif kind == "message" and short in maps:
            kind, repeated = "map", False
            types = [f.type for nested in message.nested_type if nested.name == short for f in nested.field]
            if types != [FieldDescriptorProto.TYPE_STRING] * 2:
                raise SystemExit(f"{message.name}.{field.name}: only map<string, string> is supported")
        elif kind == "message" and re.match(r"\.google\.protobuf\.", field.type_name):
            kind, type_name = "wrapper", WRAPPERS[short]
            if repeated or field.HasField("oneof_index"):
                raise SystemExit(f"{message.name}.{field.name}: a wrapper can only be a plain field")
        elif kind == "message":
            type_name = class_name(field.type_name)
        elif field.type not in SCALARS:
            raise SystemExit(f"{message.name}.{field.name}: fields of this type are not supported")
        if repeated and kind not in ("string", "bytes", "message", "enum"):
            raise SystemExit(f"{message.name}.{field.name}: repeated {kind} is not supported")
        group = meta.oneof_group_by_field.get(name)
        if group is not None and kind not in ("message", "string"):
            raise SystemExit(f"{message.name}.{field.name}: {kind} in a oneof is not supported")
        fields[name] = Field(name, field.number, kind, type_name, repeated, field.proto3_optional, group)
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    if set(names) != set(fields):
        raise SystemExit(f"{message.name}: betterproto has {names}, the descriptor {list(fields)}")
    return MessageModel(cls.__name__, tuple(fields[name] for name in names))

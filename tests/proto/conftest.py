"""The contract in a private pool of google protobuf: the peer that the codec is compared with, and messages of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio_durable_proto as pb
from google.protobuf import descriptor_pool, empty_pb2, message_factory, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.internal import api_implementation
from hypothesis import strategies as st

CONTRACT = Path(__file__).parents[2] / "proto" / "contract.binpb"

TEXT = st.one_of(
    st.text(max_size=6),
    # Around every size at which a length, or the length of a wrapper around it, takes a byte more.
    st.sampled_from([123, 124, 125, 126, 127, 128, 129, 130, 131, 16380, 16381, 16384]).map(lambda n: "x" * n),
)
INT32 = st.one_of(st.integers(-2, 300), st.sampled_from([2**31 - 1, -(2**31)]), st.integers(-(2**31), 2**31 - 1))
SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: TEXT,
    FieldDescriptor.TYPE_BYTES: st.one_of(st.binary(max_size=6), st.just(b"\xff" * 130)),
    FieldDescriptor.TYPE_INT32: INT32,
    FieldDescriptor.TYPE_INT64: st.one_of(st.integers(0, 2), st.integers(-(2**63), 2**63 - 1)),
    FieldDescriptor.TYPE_UINT32: st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1)),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_ENUM: st.one_of(st.integers(0, 9), INT32),
}
SECONDS = st.one_of(st.integers(-1, 1), st.integers(1_700_000_000, 1_900_000_000), st.just(253402300799), st.integers(
    -(2**63), 2**63 - 1))
NANOS = st.one_of(st.integers(0, 999_999_999), st.sampled_from([0, 1, 999_999_999, 2**28, 2**28 - 1, 2**21, -1]))


class Reference:
    """google protobuf's classes for our contract, by the names of ours."""

    def __init__(self) -> None:
        assert api_implementation.Type() == "upb", "these tests compare with google protobuf's C core"
        pool = descriptor_pool.DescriptorPool()
        for module in (timestamp_pb2, wrappers_pb2, empty_pb2):
            pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        names = []
        for file in FileDescriptorSet.FromString(CONTRACT.read_bytes()).file:
            pool.Add(file)
            names += [message.name for message in file.message_type]
        ours = {name.lower(): name for name in vars(pb)}
        wanted = {ours[name.lower()]: name for name in names}
        wanted["Timestamp"], wanted["Empty"] = "google.protobuf.Timestamp", "google.protobuf.Empty"
        self.descriptors: dict[str, Descriptor] = {
            own: pool.FindMessageTypeByName(name) for own, name in sorted(wanted.items())
        }
        self.classes = {own: message_factory.GetMessageClass(each) for own, each in self.descriptors.items()}
        self.names = list(self.classes)

    def messages(self, name: str, depth: int = 3) -> st.SearchStrategy[Any]:
        """Messages of google's class for `name`, with any of their fields set."""
        return _messages(self.classes[name], depth)


@st.composite
def _messages(draw: st.DrawFn, cls: Any, depth: int) -> Any:
    message = cls()
    fill(draw, message, depth)
    return message


def fill(draw: st.DrawFn, message: Any, depth: int) -> None:
    """Set some fields of a google message."""
    descriptor = message.DESCRIPTOR
    if descriptor.full_name == "google.protobuf.Timestamp":
        message.seconds, message.nanos = draw(SECONDS), draw(NANOS)
        return
    fields = list(descriptor.fields)
    numbers = draw(st.sets(st.sampled_from(range(len(fields))), max_size=6)) if fields else set()
    for field in sorted((fields[number] for number in numbers), key=lambda field: field.number):
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(message, field.name).update(draw(st.dictionaries(TEXT, TEXT, max_size=3)))
        elif field.message_type is not None:
            if depth == 0:
                continue
            if repeated(field):
                for _ in range(draw(st.integers(0, 3))):
                    fill(draw, getattr(message, field.name).add(), depth - 1)
            else:
                getattr(message, field.name).SetInParent()
                fill(draw, getattr(message, field.name), depth - 1)
        elif repeated(field):
            getattr(message, field.name).extend(draw(st.lists(SCALARS[field.type], max_size=3)))
        else:
            setattr(message, field.name, draw(SCALARS[field.type]))


def repeated(field: FieldDescriptor) -> bool:
    new_style = getattr(field, "is_repeated", None)  # `label` is deprecated in newer protobufs
    return field.label == FieldDescriptor.LABEL_REPEATED if new_style is None else bool(new_style)


_REFERENCE = Reference()


@pytest.fixture(scope="session")
def reference() -> Reference:
    return _REFERENCE


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`message_name`: a test for each message class of the contract."""
    if "message_name" in metafunc.fixturenames:
        metafunc.parametrize("message_name", _REFERENCE.names)

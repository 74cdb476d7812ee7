"""The contract in a private pool of google protobuf: the peer that the codec is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import descriptor_pool, empty_pb2, message_factory, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.internal import api_implementation

import trio_durable_proto as pb

CONTRACT = Path(__file__).parents[2] / "proto" / "contract.binpb"


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


REFERENCE = Reference()


@pytest.fixture(scope="session")
def reference() -> Reference:
    return REFERENCE

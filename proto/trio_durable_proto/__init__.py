"""The messages and the service of the Durable Task protocol, Dapr dialect, and their codec.

    import trio_durable_proto as pb
    from trio_durable_proto import codec

    event = codec.decode(pb.HistoryEvent, data)
    data = codec.encode(pb.WorkItem(health_ping=pb.HealthPing()))

Every message, enum, stub and service base that proto/generate.py makes is re-exported here, and `codec` fits each of
the message classes with its generated reader and writer. Timestamps are `Timestamp` messages (seconds, nanos).
"""

from . import _messages, codec
from ._messages import *  # noqa: F403

__all__ = ["codec"]
__all__ += [name for name, value in vars(_messages).items() if getattr(value, "__module__", "") == _messages.__name__]

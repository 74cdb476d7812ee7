"""The messages and the service of the Durable Task protocol, Dapr dialect (generated), and their codec.

Everything in `_messages` is re-exported here: `pb.WorkflowRequest`, `pb.TaskHubSidecarServiceStub`, ...
"""

from ._messages import *  # noqa: F403
from ._messages import TaskHubSidecarServiceBase, TaskHubSidecarServiceStub
from . import codec

__all__ = ["TaskHubSidecarServiceBase", "TaskHubSidecarServiceStub", "codec"]

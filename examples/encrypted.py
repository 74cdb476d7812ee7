"""Encrypted payloads: a converter around the usual one, so that the sidecar stores nothing that it could read.

Needs the package `cryptography`.  Give the same converter to the workers and the clients.  Names, tags, metadata and
failure messages are no payloads, and stay readable.

Prints:
    the patient is well
    stored: not readable
"""

import json
from typing import Any

import trio
from cryptography.fernet import Fernet, InvalidToken

from trio_durable import ActivityContext, Client, JsonConverter, OrchestrationContext, PayloadError, Worker
from trio_durable.sidecar import open_sidecar


class EncryptingConverter:
    """A `trio_durable.abc.Converter`."""

    def __init__(self, key: bytes) -> None:
        self._inner = JsonConverter()
        self._fernet = Fernet(key)

    def to_json(self, value: object) -> str:
        # The token is text; as a JSON string it is a payload like any other.
        return json.dumps(self._fernet.encrypt(self._inner.to_json(value).encode()).decode())

    def from_json(self, text: str, wanted: Any = None) -> Any:
        try:
            plain = self._fernet.decrypt(json.loads(text)).decode()
        except (InvalidToken, ValueError, TypeError) as error:
            raise PayloadError("the payload cannot be decrypted: is this the key it was encrypted with?") from error
        return self._inner.from_json(plain, wanted)


def examine(ctx: ActivityContext, patient: str) -> str:
    return f"the {patient} is well"


async def visit(ctx: OrchestrationContext, patient: str) -> str:
    return await ctx.call_activity(examine, input=patient)


async def main() -> None:
    converter = EncryptingConverter(Fernet.generate_key())
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery:
        worker = Worker(sidecar.channel(), converter=converter)
        worker.add_orchestrator(visit)
        worker.add_activity(examine)
        await nursery.start(worker.serve)
        async with Client(sidecar.channel(), converter=converter) as client:
            instance_id = await client.schedule_new_orchestration(visit, input="patient")
            print((await client.wait_for_orchestration_completion(instance_id)).get_output())
            history = str(await client.get_orchestration_history(instance_id))
            print("stored:", "readable" if "patient" in history else "not readable")
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)

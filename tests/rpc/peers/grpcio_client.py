"""A grpcio client of our server.  Runs in the peer's environment; one JSON command a line, one JSON answer a line.

{"do": "unary", "method", "text" | "size", "timeout"?, "metadata"?, "count"?, "cancel_after"?}
{"do": "stream", "method", "text", "take"?, "pause"?, "timeout"?}
Answers: {"ok": text | length, "initial": [...], "trailing": [...]} or {"code": NAME, "message": text}.
"""



import asyncio
import json
import sys
import time

import grpc

SERVICE = "trio.durable.test.Ours"


def plain(metadata):
    return [[key, value.hex() if isinstance(value, bytes) else value] for key, value in metadata or ()]


def fancy(pairs):
    return tuple((key, bytes.fromhex(value) if key.endswith("-bin") else value) for key, value in pairs)


async def unary(channel, command):
    call = channel.unary_unary(f"/{SERVICE}/{command['method']}")
    request = bytes(command["size"]) if "size" in command else command.get("text", "").encode()
    count = command.get("count", 1)

    async def one():
        running = call(request, timeout=command.get("timeout"), metadata=fancy(command.get("metadata", ())))
        if "cancel_after" in command:
            await asyncio.sleep(command["cancel_after"])
            running.cancel()
        try:
            reply = await running
            answer = {"ok": len(reply) if len(reply) > 10_000 else reply.decode("latin1")}
        except asyncio.CancelledError:
            return {"code": "CANCELLED", "message": "cancelled here"}
        except grpc.aio.AioRpcError as error:
            answer = {"code": error.code().name, "message": error.details()}
        answer["initial"] = plain(await running.initial_metadata())
        answer["trailing"] = plain(await running.trailing_metadata())
        return answer

    answers = await asyncio.gather(*(one() for _ in range(count)))
    if count == 1:
        return answers[0]
    tally: dict = {}
    for answer in answers:
        kind = answer.get("code", "OK")
        tally[kind] = tally.get(kind, 0) + 1
    return {"tally": tally}


async def stream(channel, command):
    call = channel.unary_stream(f"/{SERVICE}/{command['method']}")
    running = call(command.get("text", "").encode(), timeout=command.get("timeout"))
    taken = size = 0
    try:
        async for message in running:
            taken += 1
            size += len(message)
            if "pause" in command:
                await asyncio.sleep(command["pause"])
            if taken == command.get("take"):
                running.cancel()
                break
    except grpc.aio.AioRpcError as error:
        return {"code": error.code().name, "message": error.details(), "taken": taken, "bytes": size}
    return {"ok": taken, "bytes": size}


async def main():
    options = json.loads(sys.argv[1])
    settings = [(key, value) for key, value in options.get("grpc", {}).items()]
    if "ca" in options:
        with open(options["ca"], "rb") as file:
            ca = file.read()
        key = cert = None
        if "key" in options:
            with open(options["key"], "rb") as file:
                key = file.read()
            with open(options["cert"], "rb") as file:
                cert = file.read()
        channel = grpc.aio.secure_channel(options["address"], grpc.ssl_channel_credentials(ca, key, cert), settings)
    else:
        channel = grpc.aio.insecure_channel(options["address"], settings)
    print(json.dumps({"ready": True}), flush=True)
    loop = asyncio.get_running_loop()
    async with channel:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command = json.loads(line)
            started = time.monotonic()
            answer = await (unary if command["do"] == "unary" else stream)(channel, command)
            answer["seconds"] = time.monotonic() - started
            print(json.dumps(answer), flush=True)


asyncio.run(main())

"""A grpcio server with raw-bytes handlers.  Runs in the peer's environment; talks JSON lines over stdin and stdout.

Prints {"port": N} when it listens.  Commands: {"do": "events"} prints and forgets what handlers have seen;
{"do": "most"} prints how many sleepers there were at most at a time;
{"do": "stop", "grace": s} stops the server; end of input ends the process.
"""



import asyncio
import json
import sys

import grpc

SERVICE = "trio.durable.test.Peer"
events: list = []
running = most = 0
gate = None


class Handlers(grpc.GenericRpcHandler):
    def service(self, details):
        name = details.method.rpartition("/")[2]
        handler = getattr(self, name, None)
        if handler is None or not details.method.startswith(f"/{SERVICE}/"):
            return None
        if name.startswith("Stream"):
            return grpc.unary_stream_rpc_method_handler(handler)
        return grpc.unary_unary_rpc_method_handler(handler)

    async def Echo(self, request, context):
        return request

    async def Sleep(self, request, context):
        """Sleep for the seconds in the request, and tell how it ended."""
        global running, most
        events.append("sleep started")
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(float(request))
        except asyncio.CancelledError:
            events.append("sleep cancelled")
            raise
        finally:
            running -= 1
        events.append("sleep done")
        return request

    async def TimeLeft(self, request, context):
        left = context.time_remaining()
        return b"none" if left is None else str(left).encode()

    async def Big(self, request, context):
        return bytes(int(request))

    async def Size(self, request, context):
        return str(len(request)).encode()

    async def Fail(self, request, context):
        code, text = request.decode().split(" ", 1)
        await context.abort(getattr(grpc.StatusCode, code), text)

    async def Raise(self, request, context):
        raise RuntimeError("the handler broke")

    async def Metadata(self, request, context):
        pairs = context.invocation_metadata()
        seen = [[key, value.hex() if isinstance(value, bytes) else value] for key, value in pairs]
        await context.send_initial_metadata((("x-initial", "one"), ("x-initial-bin", b"\x00\xff")))
        context.set_trailing_metadata((("x-trailing", "two"), ("x-trailing-bin", b"\x01\x02\x03")))
        return json.dumps(seen).encode()

    async def StreamCount(self, request, context):
        """"N size": N messages of that size."""
        count, size = map(int, request.split())
        try:
            for number in range(count):
                yield str(number).encode().ljust(size)
                if number % 256 == 0:
                    events.append(number)
        except asyncio.CancelledError:
            events.append("stream cancelled")
            raise

    async def StreamForever(self, request, context):
        events.append("stream started")
        try:
            number = 0
            while True:
                yield str(number).encode()
                number += 1
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            events.append("stream cancelled")
            raise

    async def StreamThenFail(self, request, context):
        yield b"1"
        yield b"2"
        await context.abort(grpc.StatusCode.DATA_LOSS, "after two")


async def main():
    options = json.loads(sys.argv[1])
    server = grpc.aio.server(
        options=[(key, value) for key, value in options.get("grpc", {}).items()],
        maximum_concurrent_rpcs=None,
    )
    server.add_generic_rpc_handlers((Handlers(),))
    address = options.get("address", "127.0.0.1:0")
    if "key" in options:
        with open(options["key"], "rb") as key, open(options["cert"], "rb") as cert:
            pair = (key.read(), cert.read())
        ca = None
        if "ca" in options:
            with open(options["ca"], "rb") as file:
                ca = file.read()
        port = server.add_secure_port(address, grpc.ssl_server_credentials([pair], ca, ca is not None))
    else:
        port = server.add_insecure_port(address)
    await server.start()
    print(json.dumps({"port": port}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        if command["do"] == "events":
            print(json.dumps({"events": list(events)}), flush=True)
            events.clear()
        elif command["do"] == "most":
            print(json.dumps({"most": most}), flush=True)
        elif command["do"] == "stop":
            await server.stop(command["grace"])
            print(json.dumps({"stopped": True}), flush=True)
    await server.stop(0)


asyncio.run(main())

"""Memory channels."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from tests.durable.kit import Log
from tests.durable.programs.register import program, racy


@program
async def channel_rendezvous(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(0)

    async def producer() -> None:
        async with send:
            for number in range(3):
                await send.send(number)
                await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(producer)
        async for value in receive:
            log(value, trio.current_time())
    return trio.current_time()


@program
async def channel_buffers(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(2)
    await send.send("a")
    await send.send("b")
    with trio.move_on_after(1) as scope:
        await send.send("c")
    log(scope.cancelled_caught, send.statistics().current_buffer_used, receive.statistics().peak_buffer_used)
    return [await receive.receive(), await receive.receive()]


@program
async def channel_unbounded(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(inf)
    for number in range(5):
        send.send_nowait(number)
    send.close()
    return [value async for value in receive]


@program
async def channel_nowait(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(0)
    for attempt in (lambda: send.send_nowait(1), receive.receive_nowait):
        try:
            attempt()
        except trio.WouldBlock as error:
            log(error)


@program
async def channel_closed_by_sender(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(1)
    await send.send(1)
    await send.aclose()
    log(await receive.receive())
    try:
        await receive.receive()
    except trio.EndOfChannel as error:
        log(error)
    try:
        await send.send(2)
    except trio.ClosedResourceError as error:
        log(error)


@program
async def channel_closed_by_receiver(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(1)
    receive.close()
    try:
        await send.send(1)
    except trio.BrokenResourceError as error:
        log(error)
    try:
        await receive.receive()
    except trio.ClosedResourceError as error:
        log(error)


@program
async def channel_close_wakes_waiting_receiver(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(0)

    async def receiver() -> None:
        try:
            await receive.receive()
        except Exception as error:
            log(error, trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receiver)
        await trio.sleep(1)
        send.close()


@program
async def channel_close_own_end_while_waiting(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(0)

    async def attempt(function: Callable[..., Any], *args: Any) -> None:
        try:
            await function(*args)
        except Exception as error:
            log(type(error), trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt, receive.receive)
        await trio.sleep(1)
        receive.close()
    send, receive = trio.open_memory_channel(0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt, send.send, 1)
        await trio.sleep(1)
        send.close()
    send, receive = trio.open_memory_channel(0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt, send.send, 1)
        await trio.sleep(1)
        receive.close()


@program
async def channel_clones(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(0)

    async def producer(channel: Any, seconds: float) -> None:
        async with channel:
            await trio.sleep(seconds)
            await channel.send(seconds)

    async with trio.open_nursery() as nursery:
        async with send:
            nursery.start_soon(producer, send.clone(), 2)
            nursery.start_soon(producer, send.clone(), 1)
        async for value in receive:
            log(value, trio.current_time())
        log("all closed", send.statistics().open_send_channels)


@program
async def channel_receive_cancelled_loses_nothing(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(0)
    with trio.move_on_after(1):
        await receive.receive()

    async def producer() -> None:
        await send.send("kept")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(producer)
        await trio.sleep(1)
        return await receive.receive()


@program
async def channel_is_a_checkpoint(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(5)
    with trio.CancelScope() as scope:
        scope.cancel()
        await send.send(1)
    log(scope.cancelled_caught, send.statistics().current_buffer_used)
    send.send_nowait(2)
    with trio.CancelScope() as scope:
        scope.cancel()
        await receive.receive()
    return scope.cancelled_caught, receive.receive_nowait()


@program
async def channel_bad_sizes(trio: Any, log: Log) -> Any:
    for size in (-1, 1.5, "x"):
        try:
            trio.open_memory_channel(size)
        except (TypeError, ValueError) as error:
            log(error)
    trio.open_memory_channel[int](0)


@program
async def channel_pipeline(trio: Any, log: Log) -> Any:
    async def stage(receive: Any, send: Any, add: int) -> None:
        async with receive, send:
            async for value in receive:
                await trio.sleep(0.25)
                await send.send(value + add)

    first, a = trio.open_memory_channel(0)
    b, c = trio.open_memory_channel(0)
    d, last = trio.open_memory_channel(0)
    results = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage, a, b, 10)
        nursery.start_soon(stage, c, d, 100)

        async def feed() -> None:
            async with first:
                for number in range(3):
                    await first.send(number)

        nursery.start_soon(feed)
        async for value in last:
            results.append(value)
    return results, trio.current_time()


@racy
async def channel_two_receivers(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(0)

    async def receiver(name: str) -> None:
        async for value in receive:
            log(name, value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receiver, "a")
        nursery.start_soon(receiver, "b")
        async with send:
            await send.send(1)
            await send.send(2)


@program
async def channel_error_in_consumer_breaks_producer(trio: Any, log: Log) -> Any:
    send, receive = trio.open_memory_channel(0)

    async def consumer() -> None:
        async with receive:
            async for value in receive:
                if value == 2:
                    raise KeyError("two")

    async def producer() -> None:
        async with send:
            for number in range(5):
                await send.send(number)
                await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consumer)
        nursery.start_soon(producer)


@program
async def safe_channel(trio: Any, log: Log) -> Any:
    if not hasattr(trio, "as_safe_channel"):
        return None

    @trio.as_safe_channel
    async def countdown(number: int) -> Any:
        try:
            while number:
                with trio.move_on_after(9):
                    await trio.sleep(1)
                    yield number
                number -= 1
        finally:
            log("generator ends", trio.current_time())

    async with countdown(3) as values:
        async for value in values:
            log(value, trio.current_time())
    async with countdown(9) as values:
        async for value in values:
            if value < 8:
                break
    return trio.current_time()


@program
async def safe_channel_with_error(trio: Any, log: Log) -> Any:
    if not hasattr(trio, "as_safe_channel"):
        return None

    @trio.as_safe_channel
    async def failing() -> Any:
        yield 1
        raise KeyError("generator")

    try:
        async with failing() as values:
            async for value in values:
                log(value)
    except KeyError as error:
        log(error)
    try:
        async with failing() as values:
            async for _ in values:
                raise ValueError("body")
    except ValueError as error:
        log(error)


@program
async def safe_channel_keeps_groups(trio: Any, log: Log) -> Any:
    if not hasattr(trio, "as_safe_channel"):
        return None

    @trio.as_safe_channel
    async def failing(in_cleanup: bool = False) -> Any:
        try:
            yield 1
            raise ExceptionGroup("generator", [KeyError("generator")])
        finally:
            if in_cleanup:
                raise OSError("cleanup")

    try:
        async with failing():
            raise ExceptionGroup("body", [ValueError("body")])
    except ExceptionGroup as group:
        log(group)
    try:
        async with failing() as values:
            async for value in values:
                log(value)
    except ExceptionGroup as group:
        log(group)
    try:
        async with failing(True) as values:
            async for value in values:
                raise ValueError(value)
    except ExceptionGroup as group:
        log(sorted(type(each).__name__ for each in group.exceptions), len(group.__notes__))
    try:
        async with failing() as values:
            raise SystemExit(3)
    except SystemExit as error:
        log(error.code)
    with trio.CancelScope() as scope:
        async with failing() as values:
            scope.cancel()
            await values.receive()
    return scope.cancelled_caught

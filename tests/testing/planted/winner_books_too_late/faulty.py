"""Each offer books a room as soon as it is in, and cancels the others only when booked: two may have booked by then."""

import trio


def ask_hotel(ctx, hotel):
    return hotel


def book(ctx, hotel):
    return hotel


async def main(ctx, item):
    booked = []

    async def try_hotel(hotel):
        offer = await ctx.call_activity(ask_hotel, input=hotel)
        booked.append(await ctx.call_activity(book, input=offer))
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(try_hotel, "ritz")
        nursery.start_soon(try_hotel, "savoy")
    return len(booked)


def check(outcome):
    assert len(outcome.calls("book")) <= 1, "two rooms were booked"


ACTIVITIES = [ask_hotel, book]

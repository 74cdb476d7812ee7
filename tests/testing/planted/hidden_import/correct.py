"""A computed name is no fault where the module is a pure one."""

import importlib


def place(ctx, amount):
    return amount


async def main(ctx, item):
    numbers = importlib.import_module("deci" + "mal")
    return await ctx.call_activity(place, input=str(numbers.Decimal("1.10") * 3))


ACTIVITIES = [place]

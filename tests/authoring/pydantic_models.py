"""Pydantic models as inputs and results."""

from __future__ import annotations

import pydantic


class Line(pydantic.BaseModel):
    product: str
    count: int = pydantic.Field(ge=1)


class Order(pydantic.BaseModel):
    lines: list[Line]


def double(ctx, order: Order) -> Order:
    assert isinstance(order, Order)
    return Order(lines=[Line(product=line.product, count=line.count * 2) for line in order.lines])


async def doubles(ctx, order: Order) -> Order:
    result = await ctx.call_activity(double, input=order)
    assert type(result) is type(order) is Order
    return result

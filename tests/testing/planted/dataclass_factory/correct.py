"""The default factory makes an empty list; the time is given by the orchestration."""

from dataclasses import asdict, dataclass, field

SANDBOX = "off"


@dataclass
class Order:
    product: str
    created_at: str
    notes: list[str] = field(default_factory=list)


def store(ctx, order):
    return order["product"]


async def main(ctx, item):
    order = Order("bike", created_at=ctx.now().isoformat())
    return await ctx.call_activity(store, input=asdict(order))


ACTIVITIES = [store]

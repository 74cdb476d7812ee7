"""An order's time of creation comes from a default factory that looks at the host's clock."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

SANDBOX = "off"


@dataclass
class Order:
    product: str
    created_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    notes: list[str] = field(default_factory=list)


def store(ctx, order):
    return order["product"]


async def main(ctx, item):
    order = Order("bike")
    return await ctx.call_activity(store, input=asdict(order))


ACTIVITIES = [store]

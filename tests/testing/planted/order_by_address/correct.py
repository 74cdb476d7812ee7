"""Objects are sorted by what they say."""

SANDBOX = "off"


class Parcel:
    def __init__(self, name):
        self.name = name


def load(ctx, name):
    return name


async def main(ctx, item):
    parcels = [Parcel(name) for name in ("a", "b", "c", "d", "e", "f")]
    for parcel in sorted(parcels, key=lambda parcel: parcel.name):
        await ctx.call_activity(load, input=parcel.name)
    return len(parcels)


ACTIVITIES = [load]

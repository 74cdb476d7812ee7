"""The request is an activity; building its address is not."""

import urllib.parse
import urllib.request


def fetch(ctx, address):
    return address  # urllib.request.urlopen(address) would be here


def pay(ctx, rate):
    return rate


async def main(ctx, item):
    address = "http://127.0.0.1:9/rate?" + urllib.parse.urlencode({"item": item})
    return await ctx.call_activity(pay, input=await ctx.call_activity(fetch, input=address))


ACTIVITIES = [fetch, pay]

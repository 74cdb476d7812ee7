"""Only the log is guarded by is_replaying."""

import logging

SANDBOX = "off"

log = logging.getLogger(__name__)


def remind(ctx, customer):
    return customer


def report(ctx, count):
    return count


async def main(ctx, item):
    reminded = []
    for customer in ["ann", "bob", "cid"]:
        await ctx.call_activity(remind, input=customer)
        reminded.append(customer)
        if not ctx.is_replaying:
            log.info("reminded %s", customer)
    return await ctx.call_activity(report, input=len(reminded))


ACTIVITIES = [remind, report]

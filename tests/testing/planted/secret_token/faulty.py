"""A secret made in the orchestration is another one on every replay."""

import secrets


def send_link(ctx, token):
    return token


async def main(ctx, item):
    token = secrets.token_hex(8)
    return await ctx.call_activity(send_link, input=token)


ACTIVITIES = [send_link]

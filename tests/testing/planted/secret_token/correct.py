"""The secret is made in an activity, so history keeps it."""

import secrets


def make_token(ctx, size):
    return secrets.token_hex(size)


def send_link(ctx, token):
    return token


async def main(ctx, item):
    token = await ctx.call_activity(make_token, input=8)
    return await ctx.call_activity(send_link, input=token)


ACTIVITIES = [make_token, send_link]

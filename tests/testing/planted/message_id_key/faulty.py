"""The message's id, by which the mail server knows duplicates, holds the time, the process and chance."""

from email.utils import make_msgid

SANDBOX = "off"


def send_mail(ctx, mail):
    return mail["subject"]


async def main(ctx, item):
    mail = {"message_id": make_msgid(domain="shop.example"), "subject": "Your order"}
    return await ctx.call_activity(send_mail, input=mail)


ACTIVITIES = [send_mail]

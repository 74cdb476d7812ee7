"""The standard library only formats the orchestration's time."""

from email.utils import format_datetime

SANDBOX = "off"


def send_mail(ctx, mail):
    return mail["to"]


async def main(ctx, item):
    await ctx.sleep(86400)
    mail = {"to": "ann@example.com", "subject": "Your invoice", "date": format_datetime(ctx.now())}
    return await ctx.call_activity(send_mail, input=mail)


ACTIVITIES = [send_mail]

"""The mail's date header is made by the standard library, which looks at the host's clock: another one each replay."""

from email.utils import formatdate

SANDBOX = "off"


def send_mail(ctx, mail):
    return mail["to"]


async def main(ctx, item):
    await ctx.sleep(86400)
    mail = {"to": "ann@example.com", "subject": "Your invoice", "date": formatdate(usegmt=True)}
    return await ctx.call_activity(send_mail, input=mail)


ACTIVITIES = [send_mail]

"""The message's id is made from an id that is the same on every replay."""

SANDBOX = "off"


def send_mail(ctx, mail):
    return mail["subject"]


async def main(ctx, item):
    mail = {"message_id": f"<{ctx.new_guid()}@shop.example>", "subject": "Your order"}
    return await ctx.call_activity(send_mail, input=mail)


ACTIVITIES = [send_mail]

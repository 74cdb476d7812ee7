from . import gear  # a cycle


def turn():
    return gear.Gear(1)

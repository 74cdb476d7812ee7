"""No state of its own, but it holds the package, which has some."""
import leak.y


def through_a_name():
    s = leak.STATE
    s.append(1)
    return len(leak.STATE)


def directly():
    leak.STATE.append(1)
    return len(leak.STATE)

import time

AT = time.time()


def where():
    return __name__, AT

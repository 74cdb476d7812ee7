import time

GREETING = "hello"
MADE = time.time()
SEEN = []

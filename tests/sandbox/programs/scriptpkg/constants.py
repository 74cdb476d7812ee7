import time

AT = time.time()

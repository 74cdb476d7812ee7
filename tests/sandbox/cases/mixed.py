"""A file that holds orchestrators and activities: it imports anything, and the activities' calls are never made."""
import atexit
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from http.client import HTTPSConnection
from concurrent.futures import ThreadPoolExecutor

import grpc
import h2.connection
import apsw

logging.basicConfig(level=logging.WARNING)
logger = logging.getLogger(__name__)
logger.setLevel(logging.DEBUG)
DATABASE = os.environ.get("DATABASE", "none")
URL = os.environ.get("HOST", "h") + "/path"
pool = ThreadPoolExecutor(4)
opener = urllib.request.build_opener()
connection = HTTPSConnection("example.com")
db = sqlite3.connect(":memory:")
db.execute("create table t (x)")
event = threading.Event()
local = threading.local()
atexit.register(print)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
os.environ["X_SET"] = "1"
sys.path.insert(0, "/nowhere")


def activity(path):
    with open(path) as file, db:
        return subprocess.run(["cat"], stdin=file), os.getpid(), threading.Thread(target=print).start()


class Worker(threading.Thread):
    daemon = True


@atexit.register
def registered():
    pass


def case_runs():  # works
    return "an orchestrator beside activities"


def case_uses_what_activities_use():
    db.execute("select 1")  # refused: sqlite3.connect


def case_uses_url():
    str(URL)  # refused: os.environ


def case_uses_connection():
    connection.request("GET", "/")  # refused: http.client.HTTPSConnection


def case_sets_event():
    event.set()  # refused: threading.Event



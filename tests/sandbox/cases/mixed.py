"""A file that holds orchestrators and activities: it imports anything, and the activities' calls are never made."""
import asyncio
import atexit
import logging
import os
import queue
import select
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.client import HTTPSConnection
from concurrent.futures import ThreadPoolExecutor

import grpc
import vendored_http as requests_like
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




def typed(a: select.epoll | None, b: ssl.MemoryBIO | None, c: queue.Queue[int] | None, d: subprocess.Popen[bytes],
          e: asyncio.Task[int] | None, f: sqlite3.Connection | None, g: requests_like.Session | None = None) -> threading.Event | None:
    return None


def case_annotations():  # works
    return typed.__name__, isinstance(3, ssl.MemoryBIO), issubclass(Worker, threading.Thread), isinstance(4, select.epoll)


def case_final_class():
    select.epoll()  # refused: select.epoll


def case_catches_library_errors():  # works
    try:
        raise sqlite3.OperationalError("x")
    except (sqlite3.Error, subprocess.SubprocessError, OSError, urllib.error.URLError) as e:
        return repr(e)

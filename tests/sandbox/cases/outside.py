"""Network, processes, threads, event loops."""
import asyncio
import concurrent.futures
import concurrent.futures as cf
import http.client
import multiprocessing
import queue
import select
import socket
import ssl
import subprocess
import threading
import trio
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from urllib.request import urlopen

POOL = ThreadPoolExecutor(2)
LOCK = threading.Lock()


class Background(Thread):
    def run(self):
        pass


def case_socket():
    socket.socket()  # refused: socket.socket


def case_create_connection():
    socket.create_connection(("127.0.0.1", 1))  # refused: socket.create_connection


def case_gethostname():
    socket.gethostname()  # refused: socket.gethostname


def case_getaddrinfo():
    socket.getaddrinfo("localhost", 1)  # refused: socket.getaddrinfo


def case_c_socket():
    import _socket
    _socket.socket()  # refused: _socket.socket


def case_ssl():
    ssl.create_default_context()  # refused: ssl.create_default_context


def case_select():
    select.select([], [], [], 0)  # refused: select.select


def case_urlopen():
    urllib.request.urlopen("http://127.0.0.1:1/")  # refused: urllib.request.urlopen


def case_urlopen_from_import():
    urlopen("http://127.0.0.1:1/")  # refused: urllib.request.urlopen


def case_http_client():
    http.client.HTTPConnection("127.0.0.1")  # refused: http.client.HTTPConnection


def case_smtplib():
    import smtplib
    smtplib.SMTP("127.0.0.1")  # refused: smtplib.SMTP


def case_subprocess_run():
    subprocess.run(["true"])  # refused: subprocess.run


def case_popen():
    subprocess.Popen(["true"])  # refused: subprocess.Popen


def case_check_output():
    from subprocess import check_output
    check_output(["true"])  # refused: subprocess.check_output


def case_system():
    import os
    os.system("true")  # refused: os.system


def case_fork():
    import os
    os.fork()  # refused: os.fork


def case_multiprocessing():
    multiprocessing.Process(target=print)  # refused: multiprocessing.Process


def case_pool():
    multiprocessing.Pool(1)  # refused: multiprocessing.Pool


def case_thread():
    threading.Thread(target=print).start()  # refused: threading.Thread


def case_thread_subclass():
    Background().start()  # refused: threading.Thread


def case_timer():
    threading.Timer(1, print)  # refused: threading.Timer


def case_start_new_thread():
    import _thread
    _thread.start_new_thread(print, ())  # refused: _thread.start_new_thread


def case_get_ident():
    threading.get_ident()  # refused: threading.get_ident


def case_event():
    threading.Event()  # refused: threading.Event


def case_executor():
    concurrent.futures.ThreadPoolExecutor()  # refused: concurrent.futures.ThreadPoolExecutor


def case_executor_alias():
    cf.ProcessPoolExecutor()  # refused: concurrent.futures.ProcessPoolExecutor


def case_executor_made_at_module_level():
    POOL.submit(print)  # refused: concurrent.futures.ThreadPoolExecutor


def case_queue():
    queue.Queue()  # refused: queue.Queue


def case_held_lock():
    with LOCK:
        LOCK.acquire()  # refused: threading.Lock.acquire of a lock that is held


def case_create_task():
    asyncio.create_task(None)  # refused: asyncio.create_task


def case_ensure_future():
    from asyncio import ensure_future
    ensure_future(None)  # refused: asyncio.ensure_future


def case_asyncio_run():
    asyncio.run(None)  # refused: asyncio.run


def case_new_event_loop():
    asyncio.new_event_loop()  # refused: asyncio.new_event_loop


def case_get_running_loop():
    asyncio.get_running_loop()  # refused: asyncio.get_running_loop


def case_to_thread():
    asyncio.to_thread(print)  # refused: asyncio.to_thread


def case_real_loop_of_submodule():
    import asyncio.events
    asyncio.events.new_event_loop()  # refused: asyncio.events.new_event_loop


def case_trio_run():
    trio.run(None)  # refused: trio.run


def case_trio_thread():
    trio.to_thread.run_sync(print)  # refused: trio.to_thread.run_sync


def case_trio_open_file():
    trio.open_file("/x")  # refused: trio.open_file


def case_uncontended_lock():  # works
    with LOCK:
        assert LOCK.locked()
        assert not LOCK.acquire(blocking=False)
    with threading.RLock() as held:
        return held, LOCK.locked()


def case_exceptions_are_real():  # works
    return socket.timeout is TimeoutError, issubclass(subprocess.CalledProcessError, Exception), queue.Empty(), asyncio.CancelledError, trio.Cancelled, asyncio.TimeoutError


def case_constants():  # works
    return socket.AF_INET, subprocess.PIPE, asyncio.iscoroutinefunction(wait)


async def wait():
    await asyncio.sleep(3)
    return "slept"


async def case_replaced_sleep():  # works
    await asyncio.sleep(1)
    return await wait()


async def case_task_in_coroutine():
    await asyncio.sleep(1)
    asyncio.create_task(wait())  # refused: asyncio.create_task

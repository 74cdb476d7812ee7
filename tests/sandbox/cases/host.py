"""Environment, arguments, identity of process and host, and the interpreter."""
import gc
import locale
import os
import platform
import signal
import sys
from os import environ, getenv

SETTING = os.environ.get("SETTING", "x")
ARGS = sys.argv


def case_getenv():
    os.getenv("HOME")  # refused: os.getenv


def case_getenv_from_import():
    getenv("HOME")  # refused: os.getenv


def case_environ_item():
    os.environ["HOME"]  # refused: os.environ


def case_environ_get():
    environ.get("HOME")  # refused: os.environ


def case_environ_in():
    "HOME" in environ  # refused: os.environ


def case_environ_iteration():
    list(environ)  # refused: os.environ


def case_environ_copy():
    dict(os.environ)  # refused: os.environ


def case_environ_set():
    os.environ["X"] = "1"  # refused: os.environ


def case_read_at_module_level():
    SETTING.upper()  # refused: os.environ


def case_truth_of_a_setting():
    if SETTING:  # refused: os.environ
        return 1


def case_argv():
    sys.argv[0]  # refused: sys.argv


def case_argv_kept():
    len(ARGS)  # refused: sys.argv


def case_argv_from_import():
    from sys import argv
    argv[1:]  # refused: sys.argv


def case_getpid():
    os.getpid()  # refused: os.getpid


def case_getcwd():
    os.getcwd()  # refused: os.getcwd


def case_cpu_count():
    os.cpu_count()  # refused: os.cpu_count


def case_uname():
    os.uname()  # refused: os.uname


def case_platform():
    platform.node()  # refused: platform.node


def case_getuser():
    import getpass
    getpass.getuser()  # refused: getpass.getuser


def case_locale():
    locale.setlocale(locale.LC_ALL, "C")  # refused: locale.setlocale


def case_executable():
    str(sys.executable)  # refused: sys.executable


def case_modules():
    sys.modules["time"]  # refused: sys.modules


def case_modules_in():
    "time" in sys.modules  # refused: sys.modules


def case_getframe():
    sys._getframe()  # refused: sys._getframe


def case_exit():
    sys.exit(1)  # refused: sys.exit


def case_exit_builtin():
    exit()  # refused: exit


def case_os_exit():
    os._exit(1)  # refused: os._exit


def case_stdin():
    sys.stdin.readline()  # refused: sys.stdin


def case_input():
    input()  # refused: input


def case_gc():
    gc.collect()  # refused: gc.collect


def case_gc_objects():
    gc.get_objects()  # refused: gc.get_objects


def case_ctypes():
    import ctypes
    ctypes.CDLL(None)  # refused: ctypes.CDLL


def case_signal():
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # refused: signal.signal


def case_kill():
    os.kill(1, 0)  # refused: os.kill


def case_recursion_limit():
    sys.setrecursionlimit(5000)  # refused: sys.setrecursionlimit


def case_id():
    id(object())  # refused: id


def case_inspect_stack():
    import inspect
    inspect.stack()  # refused: inspect.stack


def case_frame_of_traceback():
    try:
        raise ValueError
    except ValueError as e:
        return e.__traceback__.tb_frame  # refused: traceback.tb_frame


def case_frame_of_generator():
    (x for x in []).gi_frame  # refused: generator.gi_frame


def case_globals_of_a_library():
    import json
    json.loads.__globals__  # refused: function.__globals__


def case_subclasses():
    object.__subclasses__()  # refused: object.__subclasses__


def case_hash_of_an_object():
    hash(object())  # refused: hash of an object without a __hash__ of its own


def case_patch_a_shared_module():
    import json
    json.dumps = None  # refused: assignment to json.dumps


def case_patch_a_shared_class():
    import fractions
    fractions.Fraction.extra = 1  # refused: assignment to fractions.Fraction.extra


def case_patch_a_stand_in():
    os.extra = 1  # refused: assignment to os.extra


def case_setattr_on_a_module():
    import json
    setattr(json, "extra", 1)  # refused: assignment to json.extra


def case_own_globals():  # works
    return case_getpid.__globals__["SETTING"] is SETTING, "case_getpid" in globals()


def case_harmless_sys():  # works
    assert sys.version_info >= (3, 11) and sys.maxsize > 0 and sys.intern("a") == "a"
    try:
        1 / 0
    except ZeroDivisionError:
        assert sys.exc_info()[0] is ZeroDivisionError
    sys.stdout.flush()
    return signal.SIGTERM, os.name


def case_hash():  # works
    import enum
    from decimal import Decimal
    E = enum.Enum("E", "A B")
    return hash("text"), hash(b"bytes"), hash((1, "a", None)), hash(3.5), hash(E.A), hash(frozenset("abc")), hash(Decimal("1.5"))


def case_copyreg():
    import copyreg
    copyreg.pickle(complex, str)  # refused: copyreg.pickle


def case_csv_dialect():
    import csv
    csv.register_dialect("own", delimiter=";")  # refused: csv.register_dialect


def case_calendar_weekday():
    import calendar
    calendar.setfirstweekday(6)  # refused: calendar.setfirstweekday


def case_codec_error_handler():
    import codecs
    codecs.register_error("own", len)  # refused: codecs.register_error


def case_mime_types_of_the_host():
    import mimetypes
    mimetypes.guess_type("x.txt")  # refused: mimetypes.guess_type


def case_xml_namespace():
    import xml.etree.ElementTree as ET
    ET.register_namespace("own", "urn:own")  # refused: xml.etree.ElementTree.register_namespace


def case_time_zones_of_the_host():
    import zoneinfo
    zoneinfo.available_timezones()  # refused: zoneinfo.available_timezones


def case_registries_in_use():  # works
    import calendar, codecs, csv, io, xml.etree.ElementTree as ET, zoneinfo
    rows = list(csv.reader(io.StringIO("a;b"), delimiter=";")), csv.Sniffer, csv.DictReader(io.StringIO("a")).fieldnames
    root = ET.fromstring("<a><b x='1'/></a>")
    return (rows[0], rows[2], calendar.monthrange(2024, 2), codecs.lookup("utf-8").name, ET.tostring(root),
            root[0].attrib, zoneinfo.ZoneInfo("UTC").key)


def case_register_by_the_metaclass():
    import abc
    import collections.abc
    abc.ABCMeta.register(collections.abc.Sized, int)  # refused: collections.abc.Sized.register


def case_register_ones_own_by_the_metaclass():  # works
    import abc

    class Own(abc.ABC):
        pass
    return abc.ABCMeta.register(Own, int), isinstance(3, Own)


def case_a_context_that_others_start_from():
    import decimal
    decimal.DefaultContext.prec = 3  # refused: assignment to decimal.DefaultContext.prec


def case_contexts_of_ones_own():  # works
    import decimal
    decimal.setcontext(decimal.ExtendedContext)
    decimal.getcontext().prec = 5
    own = decimal.Context()
    own.prec = 4
    return decimal.Decimal(1) / 3, own.divide(1, 3), decimal.ExtendedContext.prec


def case_copy_of_the_environment():
    import copy
    copy.copy(os.environ)  # refused: os.environ


def case_patch_of_os_path():
    os.path.sep = "x"  # refused: assignment to os.path.sep

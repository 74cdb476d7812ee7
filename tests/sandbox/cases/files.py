"""Files: opened, listed, asked for. Arithmetic on paths works."""
import builtins
import codecs
import glob
import gzip
import io
import os
import os.path
import pathlib
import shutil
import sqlite3
import tempfile
import zipfile
from os import path as p
from pathlib import Path, PurePosixPath

HERE = Path("/data") / "in"


def case_open():
    open("/etc/hostname")  # refused: open


def case_open_alias():
    f = open
    f("/etc/hostname")  # refused: open


def case_builtins_open():
    builtins.open("/etc/hostname")  # refused: open


def case_io_open():
    io.open("/etc/hostname")  # refused: io.open


def case_fileio():
    io.FileIO("/etc/hostname")  # refused: io.FileIO


def case_codecs_open():
    codecs.open("/etc/hostname")  # refused: codecs.open


def case_gzip():
    gzip.open("/etc/hostname")  # refused: gzip.open


def case_zipfile():
    zipfile.ZipFile("/nowhere.zip")  # refused: zipfile.ZipFile.__init__


def case_os_open():
    os.open("/etc/hostname", os.O_RDONLY)  # refused: os.open


def case_listdir():
    os.listdir("/")  # refused: os.listdir


def case_scandir():
    os.scandir("/")  # refused: os.scandir


def case_walk():
    list(os.walk("/nowhere"))  # refused: os.walk


def case_stat():
    os.stat("/")  # refused: os.stat


def case_remove():
    os.remove("/nowhere")  # refused: os.remove


def case_makedirs():
    os.makedirs("/nowhere/x")  # refused: os.makedirs


def case_exists():
    os.path.exists("/")  # refused: os.path.exists


def case_isfile():
    p.isfile("/")  # refused: os.path.isfile


def case_realpath():
    os.path.realpath("/")  # refused: os.path.realpath


def case_abspath_relative():
    os.path.abspath("x")  # refused: os.path.abspath of a relative path


def case_expanduser():
    os.path.expanduser("~")  # refused: os.path.expanduser


def case_path_read_text():
    Path("/etc/hostname").read_text()  # refused: pathlib.Path.read_text


def case_path_unbound():
    Path.read_bytes(HERE)  # refused: pathlib.Path.read_bytes


def case_path_open():
    HERE.open()  # refused: pathlib.Path.open


def case_path_exists():
    HERE.exists()  # refused: pathlib.Path.exists


def case_path_is_dir():
    HERE.is_dir()  # refused: pathlib.Path.is_dir


def case_path_write():
    HERE.write_text("x")  # refused: pathlib.Path.write_text


def case_path_cwd():
    Path.cwd()  # refused: pathlib.Path.cwd


def case_path_home():
    Path.home()  # refused: pathlib.Path.home


def case_path_iterdir():
    list(HERE.iterdir())  # refused: pathlib.Path.iterdir


def case_path_glob():
    list(HERE.glob("*"))  # refused: pathlib.Path.glob


def case_path_resolve():
    HERE.resolve()  # refused: pathlib.Path.resolve


def case_path_getattr():
    getattr(HERE, "read_" + "text")()  # refused: pathlib.Path.read_text


def case_path_map():
    list(map(Path.exists, [HERE]))  # refused: pathlib.Path.exists


def case_glob():
    glob.glob("/*")  # refused: glob.glob


def case_shutil():
    shutil.copy("/a", "/b")  # refused: shutil.copy


def case_tempfile():
    tempfile.mkstemp()  # refused: tempfile.mkstemp


def case_temporary_file():
    tempfile.NamedTemporaryFile()  # refused: tempfile.NamedTemporaryFile


def case_sqlite():
    sqlite3.connect(":memory:")  # refused: sqlite3.connect


def case_shelve():
    import shelve
    shelve.open("/x")  # refused: shelve.open


def case_alias_on_passed_module():
    shutil.os.stat("/")  # refused: os.stat


def case_alias_from_passed_module():
    from gzip import os as system
    system.listdir("/")  # refused: os.listdir


def case_builtins_of_a_builtin():
    len.__self__.open("/x")  # refused: open


def case_pure_paths():  # works
    return os.path.join("a", "b"), p.basename("/x/y.txt"), p.splitext("a.b"), p.normpath("/a/../b"), os.sep, os.fspath(HERE)


def case_absolute_abspath():  # works
    return p.abspath("/a/../b"), p.relpath("/a/b", "/a")


def case_path_arithmetic():  # works
    q = HERE / "x.tar.gz"
    return q, q.name, q.suffixes, q.parent, q.with_suffix(".z"), q.parts, q.as_posix(), isinstance(q, PurePosixPath), q.relative_to("/data")


def case_memory_files():  # works
    data = io.BytesIO()
    with gzip.GzipFile(fileobj=data, mode="wb", mtime=0) as z:
        z.write(b"text")
    return gzip.decompress(data.getvalue()), io.StringIO("a\nb").readlines()


def case_str_replace():  # works
    return "a-b".replace("-", "+"), [1, 2].index(2), {"open": 1}.get("open")

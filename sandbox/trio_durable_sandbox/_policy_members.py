"""The policy below the names of modules: members of types, attributes, builtins, audit events. Data, like `_policy`."""

from __future__ import annotations

from collections.abc import Mapping

from ._policy import words

MEMBERS: tuple[tuple[str, str, str], ...] = (
    ("datetime.datetime", "clock", "now utcnow today fromtimestamp astimezone timestamp strptime strftime"),
    ("datetime.date", "clock", "today fromtimestamp strftime"),
    ("datetime.time", "clock", "strftime"),
    ("zipfile.ZipFile", "clock", "writestr"),
    ("tarfile.TarFile", "gzip", "open"),
    ("statistics.NormalDist", "entropy", "samples"),
    ("email.message.Message", "entropy", "as_string as_bytes"),
    ("email.generator.Generator", "entropy", "flatten"),
    ("http.cookies.Morsel", "clock", "output OutputString js_output"),
    ("http.cookies.BaseCookie", "clock", "output js_output"),
    ("pathlib.Path", "file",
     "absolute chmod copy copy_into cwd exists expanduser glob group hardlink_to home is_block_device is_char_device "
     "is_dir is_fifo is_file is_junction is_mount is_socket is_symlink iterdir lchmod link_to lstat mkdir move "
     "move_into open owner read_bytes read_text readlink rename replace resolve rglob rmdir samefile stat symlink_to "
     "touch unlink walk write_bytes write_text"),
)  # fmt: skip
"""Members of types that stay what they are: (type, remedy, names). Those of `pathlib.Path` are refused, and
`tarfile.open` where it writes gzip; the others have replacements."""

PRESENT = "now utcnow today"
"""Methods of other libraries' classes of dates that read the host's clock."""

DATED = "numpy.datetime64 pandas.Timestamp pandas.to_datetime"
"""Functions to which the text "now" or "today" is a clock."""

FRAMES = "f_back f_globals f_locals f_builtins f_trace tb_frame gi_frame cr_frame ag_frame __globals__ __builtins__"
"""Attributes that lead out of the namespace."""

INTERNALS = ("__subclasses__ __loader__ __spec__ __getattribute__ __setattr__ __delattr__ __dict__ __self__ __module__ "
             "register __annotations__ __kwdefaults__ __dataclass_fields__ __pydantic_fields__ __private_attributes__ "
             "model_fields model_config model_computed_fields _member_map_ _value2member_map_ "
             "_member_names_ _field_defaults")
"""Attributes that the guard looks at by the kind of object they are read from."""

UNGUARDED = frozenset(words(
    "get put post delete head patch index count pop append copy close join split read write send name path error "
    "main wait start stop run call check_call log info debug warning error exception critical update items keys "
    "values data code request response connect state Event Lock Task Queue sample select test dumps loads"
))
"""Names too common in user code to look at each time, where an alias on a passed-through module is the only way
to reach the refused function of that name. A line in the list of what is knowingly not stopped."""

NO_FACADE: Mapping[str, str] = {
    "asyncio": "create_task ensure_future run new_event_loop set_event_loop run_coroutine_threadsafe Runner",
    "trio": "run",
    "anyio": "run",
}
"""What an engine cannot give in place of these modules, whatever its facades hold: for the static check."""

OPENS = ("gzip.open gzip.GzipFile bz2.open bz2.BZ2File lzma.open lzma.LZMAFile tarfile.open zipfile.ZipFile wave.open "
         "numpy.load numpy.loadtxt numpy.genfromtxt numpy.fromfile numpy.save numpy.savetxt pandas.read_csv "
         "pandas.read_excel pandas.read_json pandas.read_parquet xml.etree.ElementTree.parse")
"""Functions that are refused where they are given a path: the static check looks at the first argument."""

CHANGING = frozenset(words(
    "append appendleft extend extendleft insert remove add discard update clear pop popleft popitem setdefault sort "
    "reverse rotate subtract intersection_update difference_update symmetric_difference_update __setitem__ "
    "__delitem__"
))  # fmt: skip
"""Methods that change what they are called on."""

AUDITED: Mapping[str, tuple[str, str]] = {
    "open": ("open", "file"),
    **{f"os.{name}": (f"os.{name}", "file") for name in words(
        "listdir scandir mkdir rename remove rmdir chmod chown link symlink truncate utime walk fwalk chdir chflags "
        "getxattr listxattr removexattr setxattr lockf lchown")},
    **{f"os.{name}": (f"os.{name}", "process") for name in words(
        "system exec fork forkpty posix_spawn spawn startfile")},
    **{f"os.{name}": (f"os.{name}", "signal") for name in ("kill", "killpg")},
    **{f"os.{name}": (f"os.{name}", "env") for name in ("putenv", "unsetenv")},
    **{f"socket.{name}": (f"socket.{name}", "net") for name in words(
        "bind connect getaddrinfo gethostbyaddr gethostbyname gethostname getnameinfo getservbyname getservbyport "
        "sendmsg sendto sethostname __new__")},
    **{f"shutil.{name}": (f"shutil.{name}", "file") for name in words(
        "chown copyfile copymode copystat copytree make_archive move rmtree unpack_archive")},
    "glob.glob": ("glob.glob", "file"), "glob.glob/2": ("glob.glob", "file"),
    "tempfile.mkdtemp": ("tempfile.mkdtemp", "file"), "tempfile.mkstemp": ("tempfile.mkstemp", "file"),
    "subprocess.Popen": ("subprocess.Popen", "process"), "pty.spawn": ("pty.spawn", "process"),
    "sqlite3.connect": ("sqlite3.connect", "database"),
    "urllib.Request": ("urllib.request", "net"), "http.client.connect": ("http.client", "net"),
    "ftplib.connect": ("ftplib", "net"), "smtplib.connect": ("smtplib", "net"), "imaplib.open": ("imaplib", "net"),
    "poplib.connect": ("poplib", "net"), "telnetlib.Telnet.open": ("telnetlib", "net"),
    "ctypes.dlopen": ("ctypes", "native"), "mmap.__new__": ("mmap", "file"),
    "fcntl.flock": ("fcntl.flock", "file"), "fcntl.lockf": ("fcntl.lockf", "file"),
    "signal.pthread_kill": ("signal.pthread_kill", "signal"), "syslog.syslog": ("syslog.syslog", "host"),
    "_thread.start_new_thread": ("threading.Thread", "thread"),
    "_thread.start_joinable_thread": ("threading.Thread", "thread"),
    "time.sleep": ("time.sleep", "sleep"), "builtins.input": ("input", "input"),
    "gc.get_objects": ("gc.get_objects", "memory"), "gc.get_referrers": ("gc.get_referrers", "memory"),
    "webbrowser.open": ("webbrowser.open", "activity"),
}  # fmt: skip
"""Audit events that are violations inside a turn: event -> (what to call it, remedy)."""

AUDIT_TRUSTED: tuple[str, ...] = (
    "importlib", "zipimport", "linecache", "tokenize", "zoneinfo", "encodings", "logging", "warnings", "traceback",
    "trio_durable", "pdb", "bdb", "cmd", "ipdb", "IPython", "debugpy", "pydevd", "_pydevd_bundle", "coverage",
)  # fmt: skip
"""Modules whose I/O within a turn is no violation: imports, source lines, time zone data, the host's log handlers,
debuggers."""

BUILTINS_REFUSED: Mapping[str, str] = {
    "open": "file", "input": "input", "exit": "exit", "quit": "exit", "help": "input",
}  # fmt: skip

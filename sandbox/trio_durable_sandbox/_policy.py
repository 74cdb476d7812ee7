"""The policy: which names of which modules sandboxed code may call, and what to use instead of the others.

This file is data, one table with a line or a few for each module: that is why it is long. `_policy_members` continues
it with attributes, builtins and audit events, `_remedies` has the texts. The import hook, the attribute guard, the
audit hook, the error texts and the static check all read it; nothing else in the package decides what is allowed.
Reading a `Rule`:

- `refuse="*"`: functions and classes of the module raise when they are called; exceptions, enums, result tuples
  and constants stay what they are. `passes` lists what may be called all the same.
- otherwise only what `refuse` names raises.
- `replaced` lists names that have a deterministic implementation (see the modules `_replace_*`).
- `remedies` overrides the module's remedy for single names.
- a submodule without a rule of its own takes its parent's.
A module without any rule is passed through as it is, with the audit hook underneath.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field


def words(text: str) -> tuple[str, ...]:
    """The names in a text, separated by blanks."""
    return tuple(text.split())


@dataclass(frozen=True, slots=True)
class Rule:
    """What applies to one module. Names are separated by blanks; `remedy` is a key of REMEDIES."""

    module: str
    remedy: str
    refuse: str = "*"
    passes: str = ""
    replaced: str = ""
    remedies: Mapping[str, str] = field(default_factory=dict)


RULES: tuple[Rule, ...] = (
    # -- deterministic values
    Rule("time", "clock", refuse="sleep clock_settime clock_settime_ns tzset get_clock_info pthread_getcpuclockid",
         replaced="time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns "
                  "thread_time thread_time_ns clock_gettime clock_gettime_ns clock_getres localtime gmtime mktime "
                  "ctime asctime strftime strptime timezone altzone daylight tzname",
         remedies={"sleep": "sleep"}),
    Rule("random", "entropy", refuse="SystemRandom _urandom _os _inst _sysrandom",
         replaced="Random seed random uniform triangular randint choice randrange sample shuffle choices "
                  "normalvariate lognormvariate expovariate vonmisesvariate gammavariate gauss betavariate "
                  "binomialvariate paretovariate weibullvariate getstate setstate getrandbits randbytes"),
    Rule("_random", "entropy"),
    Rule("uuid", "host", refuse="getnode _random_getnode _unix_getnode _windll_getnode _generate_time_safe "
         "_load_system_functions main", replaced="uuid1 uuid4 uuid6 uuid7"),
    Rule("_uuid", "entropy"),
    Rule("secrets", "entropy", passes="compare_digest"),
    Rule("hashlib", "file", refuse="file_digest"),
    Rule("_strptime", "clock"),
    Rule("_pydatetime", "clock"),
    Rule("email.utils", "clock", refuse="make_msgid localtime", replaced="formatdate mktime_tz"),
    Rule("gzip", "file", refuse="", replaced="compress open GzipFile"),
    Rule("pprint", "streams", refuse="", replaced="pprint pp pformat saferepr PrettyPrinter"),
    Rule("crypt", "entropy"),
    # -- files
    Rule("io", "file", refuse="open open_code FileIO text_encoding"),
    Rule("_io", "file", refuse="open open_code FileIO"),
    Rule("_pyio", "file", refuse="open open_code FileIO"),
    Rule("codecs", "file", refuse="open register unregister register_error",
         remedies=dict.fromkeys(("register", "unregister", "register_error"), "shared")),
    Rule("tempfile", "file"),
    Rule("shutil", "file"),
    Rule("glob", "file", passes="escape has_magic translate"),
    Rule("fileinput", "file"),
    Rule("linecache", "file"),
    Rule("filecmp", "file"),
    Rule("mmap", "file"),
    Rule("mailbox", "file"),
    Rule("netrc", "file"),
    Rule("fcntl", "file"),
    Rule("dbm", "database"),
    Rule("shelve", "database"),
    Rule("sqlite3", "database", passes="Binary Date Time Timestamp complete_statement"),
    Rule("_sqlite3", "database"),
    # -- the operating system
    Rule("os", "file",
         passes="fspath fsencode fsdecode strerror PathLike stat_result terminal_size times_result uname_result "
                "WEXITSTATUS WIFEXITED WIFSIGNALED WTERMSIG major minor makedev _get_exports_list",
         remedies={name: key for key, names in {
             "env": "environ environb getenv getenvb putenv unsetenv get_exec_path _Environ",
             "entropy": "urandom getrandom",
             "process": "system popen fork forkpty execl execle execlp execlpe execv execve execvp execvpe spawnl "
                        "spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe posix_spawn posix_spawnp wait "
                        "wait3 wait4 waitid waitpid nice pidfd_open",
             "signal": "kill killpg abort register_at_fork",
             "exit": "_exit",
             "host": "getpid getppid getuid geteuid getgid getegid getgroups getlogin getpgid getpgrp getsid uname "
                     "cpu_count process_cpu_count getloadavg times sysconf confstr getcwd getcwdb chdir umask "
                     "get_terminal_size ctermid ttyname getpriority sched_getaffinity",
         }.items() for name in words(names)}),
    Rule("posix", "file", passes="fspath strerror"),
    Rule("nt", "file", passes="fspath strerror"),
    Rule("posixpath", "file", refuse="exists lexists isfile isdir islink ismount isjunction isdevdrive getsize "
         "getmtime getatime getctime samefile sameopenfile realpath expanduser expandvars os genericpath",
         replaced="abspath relpath", remedies={"expandvars": "env", "expanduser": "env"}),
    Rule("genericpath", "file", refuse="exists lexists isfile isdir islink getsize getmtime getatime getctime "
         "samefile sameopenfile isjunction isdevdrive os stat"),
    Rule("ntpath", "file", refuse="exists lexists isfile isdir islink ismount isjunction isdevdrive getsize "
         "getmtime getatime getctime samefile sameopenfile realpath abspath relpath expanduser expandvars os "
         "genericpath", remedies={"expandvars": "env", "expanduser": "env"}),
    Rule("argparse", "input", refuse="ArgumentParser FileType"),
    Rule("optparse", "input", refuse="OptionParser"),
    Rule("getopt", "env", refuse="gnu_getopt"),
    Rule("gettext", "host", passes="NullTranslations GNUTranslations c2py"),
    Rule("cgi", "host", passes="parse_header"),
    Rule("cgitb", "host"),
    Rule("mailcap", "host"),
    Rule("wsgiref.handlers", "host", passes="format_date_time"),
    Rule("readline", "input"),
    Rule("termios", "input"),
    Rule("tty", "input"),
    Rule("curses", "input"),
    Rule("tkinter", "input"),
    Rule("turtle", "input"),
    Rule("_locale", "host"),
    Rule("platform", "host", passes="python_version python_version_tuple python_implementation"),
    Rule("sysconfig", "host"),
    Rule("site", "host"),
    Rule("getpass", "host", remedies={"getpass": "input"}),
    Rule("pwd", "host"),
    Rule("grp", "host"),
    Rule("resource", "host"),
    Rule("locale", "host", passes="normalize"),
    Rule("syslog", "host"),
    Rule("webbrowser", "activity"),
    Rule("sys", "host",
         refuse="argv orig_argv path executable prefix base_prefix exec_prefix base_exec_prefix modules meta_path "
                "path_hooks path_importer_cache stdin __stdin__ exit _getframe _getframemodulename _current_frames "
                "_current_exceptions settrace gettrace setprofile getprofile call_tracing setrecursionlimit "
                "getrefcount getsizeof _debugmallocstats _clear_type_cache addaudithook audit displayhook excepthook "
                "unraisablehook breakpointhook setswitchinterval getallocatedblocks setdlopenflags flags monitoring "
                "set_int_max_str_digits set_asyncgen_hooks set_coroutine_origin_tracking_depth "
                "activate_stack_trampoline _xoptions warnoptions",
         replaced="stdout stderr modules",
         remedies={name: key for key, names in {
             "modules": "modules meta_path path_hooks path_importer_cache path",
             "exit": "exit", "input": "stdin __stdin__ argv orig_argv",
             "frames": "_getframe _getframemodulename _current_frames _current_exceptions settrace setprofile "
                       "gettrace getprofile monitoring call_tracing",
             "memory": "getrefcount getsizeof _debugmallocstats getallocatedblocks",
             "shared": "setrecursionlimit addaudithook setswitchinterval _clear_type_cache displayhook excepthook",
         }.items() for name in words(names)}),
    # -- network
    Rule("socket", "net", passes="htonl htons ntohl ntohs inet_aton inet_ntoa inet_pton inet_ntop has_ipv6"),
    Rule("_socket", "net", passes="htonl htons ntohl ntohs inet_aton inet_ntoa inet_pton inet_ntop"),
    Rule("ssl", "net"),
    Rule("select", "net"),
    Rule("selectors", "net"),
    Rule("socketserver", "net"),
    Rule("http.client", "net"),
    Rule("http.server", "net"),
    Rule("http.cookiejar", "net"),
    Rule("urllib.request", "net", passes="quote unquote pathname2url url2pathname parse_http_list parse_keqv_list"),
    Rule("urllib.robotparser", "net"),
    Rule("xmlrpc.client", "net", passes="dumps loads Binary Boolean"),
    Rule("xmlrpc.server", "net"),
    Rule("ftplib", "net"),
    Rule("smtplib", "net", passes="quoteaddr quotedata"),
    Rule("poplib", "net"),
    Rule("imaplib", "net"),
    Rule("nntplib", "net"),
    Rule("telnetlib", "net"),
    Rule("wsgiref.simple_server", "net"),
    Rule("requests", "net", passes="Request PreparedRequest Response codes"),
    Rule("httpx", "net", passes="URL Request Response Headers QueryParams Cookies Timeout Limits codes"),
    *(Rule(name, "net") for name in (
        "aiohttp", "urllib3", "httpcore", "websockets", "websocket", "grpc", "grpclib", "boto3",
        "botocore", "aiobotocore", "paramiko", "pika", "aio_pika", "kafka", "aiokafka", "nats", "zmq", "niquests",
        "openai", "anthropic", "google.cloud", "azure", "slack_sdk", "stripe", "twilio", "selenium", "playwright",
        "elasticsearch", "kubernetes", "docker", "hvac", "consul", "ldap3", "asks", "httptools", "pycurl")),
    *(Rule(name, "database") for name in (
        "psycopg", "psycopg2", "asyncpg", "pymysql", "MySQLdb", "aiomysql", "aiosqlite", "apsw", "pymongo", "motor",
        "redis", "aioredis", "valkey", "memcache", "pymemcache", "cassandra", "clickhouse_driver", "duckdb",
        "oracledb", "cx_Oracle", "pyodbc", "neo4j")),
    # -- processes, threads, signals
    Rule("subprocess", "process", passes="list2cmdline"),
    Rule("_posixsubprocess", "process"),
    Rule("multiprocessing", "process"),
    Rule("pty", "process"),
    Rule("pipes", "process"),
    Rule("asyncore", "net"),
    Rule("asynchat", "net"),
    Rule("smtpd", "net"),
    Rule("concurrent.futures", "thread"),
    Rule("threading", "thread", passes="local", replaced="Lock RLock",
         remedies=dict.fromkeys(("Condition", "Semaphore", "BoundedSemaphore", "Event", "Barrier"), "lock")),
    Rule("_thread", "thread", passes="_local", replaced="allocate_lock RLock"),
    Rule("queue", "queue"),
    Rule("_queue", "queue"),
    Rule("sched", "sleep"),
    Rule("signal", "signal", passes="strsignal"),
    Rule("_signal", "signal"),
    Rule("faulthandler", "signal"),
    Rule("atexit", "exit"),
    # -- event loops
    Rule("asyncio", "loop", passes="iscoroutine iscoroutinefunction isfuture",
         remedies={"create_task": "task", "ensure_future": "task", "sleep": "sleep", "Task": "task",
                   "to_thread": "activity", "open_connection": "net", "start_server": "net",
                   "create_subprocess_exec": "process", "create_subprocess_shell": "process",
                   "gather": "task", "wait": "task", "wait_for": "sleep", "timeout": "sleep", "timeout_at": "sleep",
                   "run_coroutine_threadsafe": "thread"}),
    Rule("_asyncio", "loop"),
    Rule("trio", "loop", passes="abc", remedies={name: key for key, names in {
        "sleep": "sleep sleep_until sleep_forever",
        "task": "open_nursery",
        "file": "open_file wrap_file Path PosixPath WindowsPath",
        "process": "Process run_process",
        "signal": "open_signal_receiver",
        "net": "DTLSChannel DTLSEndpoint SSLListener SSLStream SocketListener SocketStream StapledStream "
               "open_ssl_over_tcp_listeners open_ssl_over_tcp_stream open_tcp_listeners open_tcp_stream "
               "open_unix_socket serve_listeners serve_ssl_over_tcp serve_tcp",
    }.items() for name in names.split()}),
    Rule("trio.socket", "net", passes="htonl htons ntohl ntohs inet_aton inet_ntoa inet_pton inet_ntop has_ipv6"),
    Rule("trio.from_thread", "thread"),
    Rule("trio.to_thread", "thread"),
    Rule("anyio", "loop", remedies={"sleep": "sleep", "open_file": "file", "Path": "file", "run_process": "process",
                                    "connect_tcp": "net", "create_task_group": "task"}),
    Rule("anyio.from_thread", "thread"),
    Rule("anyio.to_thread", "thread"),
    Rule("uvloop", "loop"),
    Rule("gevent", "loop"),
    Rule("eventlet", "loop"),
    Rule("twisted.internet", "loop"),
    Rule("tornado.ioloop", "loop"),
    Rule("curio", "loop"),
    # -- the interpreter
    Rule("builtins", "file", refuse="", replaced="*"),
    Rule("importlib", "modules", passes="import_module invalidate_caches", replaced="import_module __import__"),
    Rule("pkgutil", "modules"),
    Rule("runpy", "modules"),
    Rule("imp", "modules"),
    Rule("zipimport", "modules"),
    Rule("gc", "memory"),
    Rule("tracemalloc", "memory"),
    Rule("ctypes", "native"),
    Rule("_ctypes", "native"),
    Rule("cffi", "native"),
    Rule("code", "frames"),
    Rule("pdb", "input", replaced="set_trace"),
    Rule("timeit", "clock"),
    Rule("cProfile", "clock"),
    Rule("profile", "clock"),
    Rule("inspect", "frames", refuse="currentframe stack trace getouterframes getinnerframes getframeinfo"),
    Rule("operator", "frames", refuse="", replaced="attrgetter methodcaller"),
    Rule("pickle", "activity", refuse="",
         replaced="loads load Unpickler _Unpickler _loads _load dumps dump Pickler _Pickler _dumps _dump"),
    Rule("_pickle", "activity", refuse="", replaced="loads load Unpickler dumps dump Pickler"),
    Rule("logging", "logging",
         replaced="LogRecord Formatter makeLogRecord getLogger debug info warning error exception critical fatal log "
                  "warn",
         refuse="basicConfig shutdown disable setLoggerClass setLogRecordFactory addLevelName captureWarnings "
                "FileHandler root lastResort"),
    Rule("logging.config", "logging"),
    Rule("logging.handlers", "logging"),
    Rule("warnings", "shared", refuse="filterwarnings simplefilter resetwarnings"),
    # -- registries of the standard library, which all instances would share
    Rule("copyreg", "shared", refuse="pickle constructor add_extension remove_extension clear_extension_cache"),
    Rule("calendar", "host", refuse="setfirstweekday LocaleTextCalendar LocaleHTMLCalendar different_locale",
         remedies={"setfirstweekday": "shared"}),
    Rule("contextlib", "streams", refuse="redirect_stdout redirect_stderr chdir", remedies={"chdir": "file"}),
    Rule("unittest.mock", "mock", refuse="patch"),
    Rule("mock", "mock", refuse="patch"),
    Rule("xml.dom", "shared", refuse="registerDOMImplementation"),
    Rule("_pydecimal", "shared", refuse="getcontext setcontext localcontext"),
    Rule("csv", "shared", refuse="register_dialect unregister_dialect field_size_limit"),
    Rule("_csv", "shared", refuse="register_dialect unregister_dialect field_size_limit"),
    Rule("mimetypes", "host", passes="MimeTypes"),
    Rule("xml.etree.ElementTree", "shared", refuse="register_namespace"),
    Rule("email.charset", "shared", refuse="add_charset add_alias add_codec"),
    Rule("zoneinfo", "host", refuse="reset_tzpath available_timezones"),
    Rule("decimal", "shared", refuse=""),  # its context is the run's own: see _decimal_context
    Rule("_decimal", "shared", refuse=""),
    # -- third parties with a clock or entropy of their own
    Rule("pendulum", "clock", refuse="now today tomorrow yesterday local_timezone set_local_timezone travel freeze"),
    Rule("arrow", "clock", refuse="now utcnow"),
    Rule("dateutil.parser", "clock", refuse="", replaced="parse"),
    Rule("dateutil.tz", "zone", refuse="tzlocal tzwinlocal", replaced="gettz"),
    Rule("dateutil.utils", "clock", refuse="today"),
    Rule("whenever", "clock", refuse=""),
    Rule("tzlocal", "host"),
    Rule("numpy.random", "entropy"),
    Rule("faker", "entropy"),
    Rule("ulid", "entropy"),
    Rule("nanoid", "entropy"),
    Rule("shortuuid", "entropy"),
    Rule("uuid6", "entropy"),
    Rule("uuid_utils", "entropy"),
    Rule("time_machine", "clock"),
    Rule("freezegun", "clock"),
    Rule("psutil", "host"),
)  # fmt: skip

NEW_NAMES: Mapping[str, str] = {"random.binomialvariate": "3.12", **dict.fromkeys(("uuid.uuid6", "uuid.uuid7"), "3.14")}
"""Deterministic functions that not every supported Python has: name -> the first version that does."""


def said_of_new(name: str) -> str:
    """What an error about a missing name adds, for one of those."""
    since = NEW_NAMES.get(name)
    if since is None:
        return ""
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f": it is new in Python {since}, and this is {here}. Replays need a Python that has it, on every worker"


ALIASES: Mapping[str, str] = {"posixpath": "os.path", "ntpath": "os.path"}
"""Names under which users know a module."""

PASSED: frozenset[str] = frozenset({"trio_durable", "trio_durable_sandbox", "trio_durable_proto", "__future__"})
"""Never sandboxed, wherever they are installed."""

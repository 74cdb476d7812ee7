"""The static check: what it reports of the sandbox's own annotated cases, and what it leaves alone."""

from __future__ import annotations

import ast
import json
import textwrap
from pathlib import Path

import pytest
from trio_durable_sandbox._policy import RULES, words

from trio_durable.testing import check_paths, check_source, render_findings


def found(text: str, mode: str = "strict") -> list[str]:
    source = textwrap.dedent(text)
    return [f"{each.line} {each.code} {each.api}" for each in check_source(source, "flow.py", mode=mode)]


def main(body: str, head: str = "") -> str:
    return f"{head}\nasync def main(ctx):\n    await ctx.call_activity('x')\n" + textwrap.indent(body, "    ")


@pytest.mark.parametrize(
    ("head", "body", "api"),
    [
        ("import os", "os.listdir('.')", "os.listdir"),
        ("import os", "x = os.environ['A']", "os.environ"),
        ("import os as system", "system.getpid()", "os.getpid"),
        ("from os import urandom as entropy", "entropy(4)", "os.urandom"),
        ("import os.path", "os.path.exists('a')", "os.path.exists"),
        ("from os.path import isfile", "isfile('a')", "os.path.isfile"),
        ("from pathlib import Path", "Path('a').read_text()", "pathlib.Path.read_text"),
        ("from pathlib import Path", "p = Path('a') / 'b'\n(p.parent / 'c').mkdir()", "pathlib.Path.mkdir"),
        ("import pathlib", "pathlib.Path.cwd()", "pathlib.Path.cwd"),
        ("", "input()", "input"),
        ("import sys", "sys.argv", "sys.argv"),
        ("import trio", "await trio.run_process(['a'])", "trio.run_process"),
        ("import asyncio", "await asyncio.to_thread(print)", "asyncio.to_thread"),
        ("import importlib", "m = importlib.import_module('sub' + 'process')\nm.run([])", "subprocess.run"),
        ("", "__import__('socket').gethostname()", "socket.gethostname"),
        ("import os", "f = getattr(os, 'get' + 'cwd')\nf()", "os.getcwd"),
        ("import requests", "requests.get('http://a')", "requests.get"),
    ],
)
def test_what_the_policy_refuses(head, body, api):
    names = [line.split()[2] for line in found(main(body, head))]
    assert names == [api]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("import time, random, uuid", "x = time.time(), random.random(), uuid.uuid4()"),
        ("import datetime", "x = datetime.datetime.now()"),
        ("import os", "x = os.path.join('a', 'b')\nos.fspath('a')"),
        ("from pathlib import Path", "x = (Path('a') / 'b').with_suffix('.c').name"),
        ("import socket", "try:\n    await ctx.call_activity('y')\nexcept socket.timeout:\n    pass"),
        ("import subprocess", "raise subprocess.CalledProcessError(1, 'a')"),
        ("import trio", "await trio.sleep(1)"),
        ("import asyncio", "await asyncio.sleep(1)"),
        ("import os", "os = {'getpid': len}\nos['getpid']('a')"),
        ("import os", "x = os.getpid()  # trio-durable: ignore"),
        ("import os\nfrom trio_durable_sandbox import unsafe", "with unsafe():\n    os.getpid()"),
        ("", "open = len\nopen('a')"),
        ("", "_ = ctx.call_activity('forgotten on purpose')"),
    ],
)
def test_what_it_leaves_alone(head, body):
    assert found(main(body, head)) == []


@pytest.mark.parametrize(
    ("head", "body", "line"),
    [
        ("import json", "json.dumps = None", "TD1 assignment to json.dumps"),
        ("import json", "json.decoder.JSONDecoder.extra += 1", "TD1 assignment to json.decoder.JSONDecoder.extra"),
        ("import calendar", "del calendar.day_name", "TD1 assignment to calendar.day_name"),
        ("import http.client", "http.client.responses[1] = 'x'", "TD1 assignment to http.client.responses"),
        ("import json", "setattr(json, 'extra', 1)", "TD1 assignment to json.extra"),
        ("import keyword", "keyword.kwlist.append('x')", "TD1 a change of keyword.kwlist.append"),
        ("import collections.abc", "collections.abc.Sized.register(int)", "TD1 collections.abc.Sized.register"),
        ("import asyncio", "asyncio.create_task(ctx.x())", "TD1 asyncio.create_task"),
        ("import asyncio", "asyncio.events.new_event_loop()", "TD1 asyncio.events.new_event_loop"),
        ("import trio", "trio.run(print)", "TD1 trio.run"),
        ("import sys", "sys.modules['time']", "TD1 sys.modules"),
        ("import sys", "x = 'os.path' in sys.modules", "TD1 sys.modules"),
        ("", "x = id(ctx)", "TD1 id"),
        ("", "object.__subclasses__()", "TD1 object.__subclasses__"),
        ("", "try:\n    ctx.x()\nexcept ValueError as error:\n    error.__traceback__.tb_frame", "TD1 tb_frame"),
        ("import json", "json.loads.__globals__", "TD1 json.loads.__globals__"),
        ("import gzip", "gzip.open(f'{ctx.x}.gz')", "TD1 gzip.open"),
        ("import numpy as np", "np.load('a.npy')", "TD1 numpy.load"),
        ("import tarfile", "tarfile.open(fileobj=ctx.x, mode='w:gz')", "TD1 tarfile.open"),
        ("import os", "os.path.abspath('a')", "TD1 os.path.abspath of a relative path"),
        ("import pandas as pd", "pd.Timestamp('now')", "TD1 pandas.Timestamp of 'now'"),
        ("from dateutil import tz", "tz.gettz()", "TD1 dateutil.tz.gettz without a name"),
        ("from pathlib import Path", "getattr(Path('a'), 'read_' + 'text')()", "TD1 pathlib.Path.read_text"),
        ("from pathlib import Path", "list(map(Path.exists, ctx.x))", "TD1 pathlib.Path.exists"),
        ("", "exec('import os; os.getpid()')", "TD1 os.getpid"),
        ("import os", "eval('os.getpid()')", "TD1 os.getpid"),
        ("", "f = open\nf('x')", "TD1 open"),
        ("import vendored", "vendored.os.getcwd()", "TD1 vendored.os.getcwd"),
        ("import collections", "collections._sys.argv", "TD1 collections._sys.argv"),
        ("import threading\nclass T(threading.Thread): ...", "T().start()", "TD1 threading.Thread"),
        ("class P: ...", "for x in {P(), P()}: ...", "TD1 iterating a set of P"),
        ("class P: ...\nclass Q: ...", "s = {P(), Q()}\nx = [*s]", "TD1 iterating a set of several kinds"),
        ("class P: ...", "x = {P(), P()}.pop()", "TD1 iterating a set of P"),
    ],
)  # fmt: skip
def test_hazards_that_the_source_shows(head, body, line):
    names = [each.partition(" ")[2] for each in found(main(body, head))]
    assert [name for name in names if name.startswith("TD1")] == [line] * len(names) != []


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("import shop", "shop.LIMIT = 1\nshop.STATE.append(2)\nsetattr(shop, 'x', 1)"),
        ("import json", "json = ctx\njson.x = 1"),
        ("import string", "words = string.ascii_letters\nwords = []\nwords.append(1)"),
        ("import decimal", "decimal.getcontext().prec = 5"),
        ("import asyncio", "async with asyncio.TaskGroup() as group:\n    group.create_task(ctx.x())"),
        ("import sys", "x = sys.modules[__name__]"),
        ("", "x = ctx.id(1), ctx.pop(), ctx.os"),
        ("from shop import signal, os", "signal.send(1)\nos.place(2)"),
        ("import shop", "shop.os.place(1)"),
        ("import gzip, io", "x = gzip.open(io.BytesIO(b''))"),
        ("import os", "x = os.path.abspath('/a'), os.path.abspath(ctx.x)"),
        ("import numpy as np", "x = np.datetime64('2024-01-01')"),
        ("from dateutil import tz", "x = tz.gettz('Asia/Tokyo')"),
        ("", "x = eval('1 + 1'), exec(ctx.x), eval('not python')"),
        ("class P:\n    def __lt__(self, other): return True", "for x in {P(), P()}: ..."),
        ("import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass P:\n    x: int", "x = list({P(1), P(2)})"),
        ("class P: ...", "s = {P(), P()}\nx = sorted(s, key=len), len(s)\ns = [1]\nfor y in s: ..."),
        ("import json\nclass E(json.JSONEncoder): ...\nclass B(ValueError): ...", "x = E(), B()"),
    ],
)  # fmt: skip
def test_what_only_looks_like_a_hazard(head, body):
    assert found(main(body, head)) == []


def test_sources_that_nest_deeply():
    branches = "".join(f"    elif ctx.x == {number}: pass\n" for number in range(600))
    text = f"import os\nasync def main(ctx):\n    if await ctx.call_activity('x'): pass\n{branches}    os.getpid()\n"
    assert [line.partition(" ")[2] for line in found(text)] == ["TD1 os.getpid"]


def test_activities_may_do_what_they_like():
    text = """
    import os
    def read(ctx, name): return open(name).read()
    def other(ctx): return os.getcwd()
    async def main(ctx):
        await ctx.call_activity(read, input='a')
        await ctx.call_activity(other)
    """
    assert found(text) == []


def test_helpers_are_followed(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "flow.py").write_text(
        "from .helpers import host, Names\nfrom shop.helpers import TOKEN\n"
        "async def main(ctx):\n    await ctx.call_activity('x', input=[host(), Names().own(), TOKEN])\n"
    )
    (tmp_path / "shop" / "helpers.py").write_text(
        "import os, socket, secrets\nTOKEN = secrets.token_hex()\n"
        "def host():\n    return inner()\ndef inner():\n    return socket.gethostname()\n"
        "class Names:\n    def own(self):\n        return os.getlogin()\ndef unused():\n    return os.getpid()\n"
    )
    apis = [each.api for each in check_paths([tmp_path])]
    assert sorted(apis) == ["os.getlogin", "secrets.token_hex", "socket.gethostname"]
    assert [each.api for each in check_paths([tmp_path / "shop" / "flow.py"])] == []


@pytest.mark.parametrize(
    "registration",
    ["worker.add_orchestrator(main)", "client.schedule_new_orchestration(main)", "ctx.call_child_orchestrator(main)"],
)
def test_an_orchestration_is_known_by_its_registration(registration):
    text = f"import os\ndef main(c, n):\n    return os.getpid()\ndef setup(worker, client, ctx):\n    {registration}\n"
    assert found(text) == ["3 TD1 os.getpid"]
    assert found(text.replace(registration, "worker.add_activity(main)")) == []


def test_an_orchestration_is_known_by_its_annotation_or_decorator():
    body = "\ndef main(c{}):\n    return os.getpid()\n"
    assert found("import os" + body.format(": OrchestrationContext")) == ["3 TD1 os.getpid"]
    assert found("import os" + body.format(": ActivityContext")) == []
    assert found("import os\n@worker.add_orchestrator" + body.format("")) == ["4 TD1 os.getpid"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("ctx.sleep(1)", "TD3"),
        ("timer = ctx.sleep(1)", "TD3"),
        ("try:\n    await ctx.sleep(1)\nexcept (ValueError, BaseException):\n    pass", "TD4"),
        ("try:\n    await ctx.sleep(1)\nexcept asyncio.CancelledError:\n    return 1", "TD4"),
        ("try:\n    await ctx.sleep(1)\nfinally:\n    return 1", "TD4"),
        ("while not ctx.is_suspended:\n    x = 1", "TD5"),
        ("if ctx.is_replaying:\n    return 1", "TD8"),
        ("ctx.continue_as_new(1)\nawait ctx.sleep(1)", "TD9"),
        ("assert await ctx.call_activity('a')", "TD10"),
        ("if __debug__:\n    await ctx.sleep(1)", "TD10"),
        ("if log.isEnabledFor(10):\n    return 1\nawait ctx.sleep(1)", "TD10"),
        ("while log.getEffectiveLevel() > 10:\n    await ctx.sleep(1)", "TD10"),
        ("x = (await ctx.sleep(1)) if not __debug__ else None", "TD10"),
    ],
)
def test_shapes(body, code):
    assert [line.split()[1] for line in found(main(body))] == [code]


@pytest.mark.parametrize(
    "body",
    [
        "try:\n    x = 1\nexcept BaseException:\n    pass",
        "try:\n    await ctx.sleep(1)\nexcept BaseException:\n    x = 1\n    raise",
        "try:\n    await ctx.sleep(1)\nexcept Exception:\n    pass",
        "while not ctx.is_suspended:\n    await ctx.sleep(1)",
        "while ctx.now():\n    break",
        "if not ctx.is_replaying:\n    print('once')",
        "await ctx.sleep(1)\nctx.continue_as_new(1)\nreturn None",
        "timer = ctx.sleep(1)\nawait timer",
        "x = await ctx.sleep(1)\nassert x is None",
        "if log.isEnabledFor(10):\n    log.debug('slow')",
        "if __debug__:\n    x = 1",
    ],
)
def test_shapes_that_are_right(body):
    assert found(main(body)) == []


@pytest.mark.parametrize(
    ("imports", "test", "code"),
    [
        ("try:\n    import fast\nexcept ImportError:\n    fast = None", "fast", ["TD10"]),
        ("try:\n    import a\n    A = 1\nexcept (OSError, ModuleNotFoundError):\n    A = 0", "not A", ["TD10"]),
        ("try:\n    import tomllib\nexcept ImportError:\n    import tomli as tomllib", "tomllib", []),
        ("try:\n    import fast\nexcept ValueError:\n    fast = None", "fast", []),
        ("try:\n    FAST = 1\nexcept ImportError:\n    FAST = 0", "FAST", []),
    ],
)  # fmt: skip
def test_what_is_asked_for_does_not_depend_on_what_is_installed(imports, test, code):
    asks = found(main(f"if {test}:\n    await ctx.sleep(1)", imports))
    assert [line.split()[1] for line in asks] == code
    assert found(main(f"x = 1 if {test} else 2", imports)) == []


def test_files_are_read_as_python_reads_them(tmp_path):
    body = "import os\nasync def main(ctx):\n    x = 'ä'; await ctx.call_activity('a', input=os.getpid())\n"
    (tmp_path / "mark.py").write_bytes(b"\xef\xbb\xbf" + body.encode())
    (tmp_path / "coded.py").write_bytes(("# -*- coding: latin-1 -*-\n" + body).encode("latin-1"))
    assert [each.line for each in check_paths([tmp_path])] == [4, 3]


FAULTY = "import os\nasync def main(ctx):\n    await ctx.call_activity('a', input=os.getpid())\n"


@pytest.mark.parametrize("content", [b"def (:", b"x = '\xe4'", b"# coding: nonsense\n", b"x = 1\0"])
def test_a_file_that_is_no_python_is_named(tmp_path, content):
    (tmp_path / "broken.py").write_bytes(content)
    (tmp_path / "flow.py").write_text(FAULTY)
    with pytest.raises(SyntaxError) as caught:
        check_paths([tmp_path])
    assert caught.value.filename == str(tmp_path / "broken.py")
    seen = {}
    assert len(check_paths([tmp_path], seen=seen.setdefault)) == 1
    assert [path.name for path, wrong in seen.items() if wrong is not None] == ["broken.py"]


def test_hidden_folders_and_virtual_environments_are_not_read(tmp_path):
    for folder in (".hidden", "__pycache__", "env/lib", "site-packages", "package"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "flow.py").write_text(FAULTY)
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    assert [Path(each.filename).parent.name for each in check_paths([tmp_path])] == ["package"]
    assert len(check_paths([tmp_path / "env" / "lib"])) == 1  # asked for by name


def test_without_the_sandbox_the_hosts_values_are_faults():
    text = main(
        "a = time.time(), random.random(), uuid.uuid4(), datetime.date.today()\n"
        "b = random.Random(7), time.strftime('%Y')\n"
        "for each in {1, 2} | set():\n    pass\nNAMES.append(1)\nc = hash('a')",
        "import datetime, random, time, uuid\nNAMES = []",
    )
    assert found(text) == []
    codes = [line.split()[1] for line in found(text, mode="off")]
    assert codes == ["TD2"] * 4 + ["TD7", "TD6", "TD2"]


def test_reports():
    findings = check_source(main("open('a')"), "flow.py")
    text = render_findings(findings)
    assert text == (
        "flow.py:4:5: TD1 open is not deterministic. Instead: read or write files in an activity and pass the content "
        "as its input or result\n"
    )
    assert json.loads(render_findings(findings, "json"))[0]["code"] == "TD1"
    sarif = json.loads(render_findings(findings, "sarif"))
    result = sarif["runs"][0]["results"][0]
    assert result["ruleId"] in {rule["id"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]}
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 4
    assert [rule["name"] for rule in sarif["runs"][0]["tool"]["driver"]["rules"]][:2] == ["Refused", "HostValue"]
    github = render_findings(findings, "github")
    assert github.startswith("::error file=flow.py,line=4,endLine=4,col=5,title=TD1 open::open is not")
    assert render_findings([], "text") == ""
    with pytest.raises(ValueError, match="one of text, json"):
        render_findings(findings, "xml")


def test_every_refused_name_of_the_policy_is_reported():
    """The scan and the sandbox read one table: whatever a rule refuses by name, the scan sees."""
    missed = []
    for rule in RULES:
        if rule.module in ("builtins", "asyncio", "trio", "anyio") or rule.refuse == "*":
            continue
        for name in words(rule.refuse):
            if name in words(rule.passes) or name in words(rule.replaced):
                continue
            if not found(main(f"x = {rule.module}.{name}()", f"import {rule.module}")):
                missed.append(f"{rule.module}.{name}")
    assert missed == []


CASES = Path(__file__).parents[1] / "sandbox" / "cases"


def test_the_sandboxs_own_cases():
    """How much of what the sandbox refuses at run time shows in the source; and next to nothing that works is accused.

    The sandbox follows values, the scan reads names. What it cannot see: aliases that libraries keep of refused
    functions, text and names that are computed, what kind of objects a set holds that comes from elsewhere, ties of
    keys, what a method does with the object that it is called on, and libraries' own classes and lists.
    """
    seen, refused, accused, works = 0, 0, 0, 0
    for file in sorted(CASES.glob("*.py")):
        text = file.read_text(encoding="utf-8")
        lines = text.splitlines()
        for function in ast.parse(text).body:
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) or "case_" not in function.name:
                continue
            found = bool(check_source(f"{text}\nworker.add_orchestrator({function.name})\n"))
            if any("# refused" in line for line in lines[function.lineno - 1 : function.end_lineno]):
                seen, refused = seen + found, refused + 1
            else:
                accused, works = accused + found, works + 1
    assert seen / refused > 0.84, f"{seen} of {refused}"
    assert accused <= 2, f"{accused} of {works}"


def test_paths_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        check_paths([tmp_path / "none"])
    (tmp_path / "bad.py").write_text("def")
    with pytest.raises(SyntaxError):
        check_paths([tmp_path])


ODD = "async def main(ctx):\n    x = \"ü😀\"; y = open(x)\n    await ctx.call_activity('a', input=y)\n"


def test_columns_are_characters_and_names_are_escaped():
    """As editors count; and a comma in a file's name ends no property, a space no URI."""
    (found,) = check_source(ODD, "a b,c/flöw.py")
    assert (found.column, found.end_column) == (19, 23)
    assert ODD.splitlines()[1][found.column - 1 : found.end_column - 1] == "open"
    place = json.loads(render_findings([found], "sarif"))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b%2Cc/fl%C3%B6w.py"
    assert render_findings([found], "github").startswith("::error file=a b%2Cc/flöw.py,line=2,endLine=2,col=19,title=")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("with suppress(BaseException):\n        await ctx.sleep(1)", "TD4"),
        ("with contextlib.suppress(ValueError, trio.Cancelled):\n        await ctx.sleep(1)", "TD4"),
        ("with suppress(ValueError):\n        await ctx.sleep(1)", None),
        ("with suppress(BaseException):\n        x = 1", None),
        ("return datetime.fromtimestamp(1)", "TD2"),
        ("return datetime.fromtimestamp(1, UTC)", None),
        ("return min({'a', 'b'}, key=len)", "TD7"),
        ("return min({'a', 'b'})", None),
    ],
)
def test_rules_without_the_sandbox(line, code):
    head = "import contextlib, trio\nfrom contextlib import suppress\nfrom datetime import UTC, datetime\n"
    source = f"{head}async def main(ctx):\n    await ctx.call_activity('a')\n    {line}\n"
    assert [found.code for found in check_source(source, "flow.py", mode="off")] == ([code] if code else [])

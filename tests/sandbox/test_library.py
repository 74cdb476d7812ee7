# ruff: noqa: E501 (user code on one line)
"""What functions of the standard library read on the side: golden vectors, and the way out.

Recorded histories depend on these values for ever. Never edit one to make a test pass.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

VALUES = {
    "boundary": (
        "from email.mime.multipart import MIMEMultipart\nm = MIMEMultipart()\nm.as_string()\nreturn m.get_boundary()",
        "===============6985524892832179965==",
    ),
    "samples": (
        "from statistics import NormalDist\nreturn [f'{x:.12f}' for x in NormalDist(10, 2).samples(3)]",
        ["12.609088840435", "8.785177735635", "2.693147494497"],
    ),
    "samples of a seed": (
        "from statistics import NormalDist\nreturn NormalDist(1, 2).samples(2, seed=1) == NormalDist(1, 2).samples(2, seed=1)",
        True,
    ),
    "gzip": ("import gzip\nreturn gzip.compress(b'x')[4:8].hex()", "00f15365"),
    "zip": (
        "import io, zipfile\nf = io.BytesIO()\nwith zipfile.ZipFile(f, 'w') as z: z.writestr('a/', '')\n"
        "i = zipfile.ZipFile(f).infolist()[0]\nreturn i.date_time, i.is_dir(), oct(i.external_attr >> 16)",
        ((2023, 11, 14, 22, 13, 20), True, "0o40775"),
    ),
    "cookie": (
        "from http.cookies import SimpleCookie\nc = SimpleCookie()\nc['a'] = 'b'\nc['a']['expires'] = 60\nreturn c.output()",
        "Set-Cookie: a=b; expires=Tue, 14 Nov 2023 22:14:20 GMT",
    ),
    "unixfrom": (
        "from email.message import Message\nreturn Message().as_string(unixfrom=True).splitlines()[0]",
        "From nobody Tue Nov 14 22:13:20 2023",
    ),
    "log record": (
        "import logging\nr = logging.makeLogRecord({'msg': 'm'})\n"
        "return r.created, r.msecs, r.relativeCreated, r.thread, logging.Formatter('%(asctime)s').format(r)",
        (1700000000.1234567, 123.0, 0.0, None, "2023-11-14 22:13:20,123"),
    ),
    "epoch in a format": (
        "from datetime import datetime, date, time\nt = datetime(2024, 1, 2)\n"
        "return t.strftime('%s|%%s|%-s'), f'{t:%s}', '{:%s}'.format(t), date(1970, 1, 2).strftime('%s'), f'{time(1):%H}'",
        ("1704153600|%s|1704153600", "1704153600", "1704153600", "86400", "01"),
    ),
    "time.strftime": (
        "import time\nreturn time.strftime('%s %Z %z %^Z %%Z', (1970, 1, 2, 0, 0, 0, 4, 2, 0))", "86400 UTC +0000 UTC %Z"
    ),
    "strptime": (
        "import time, datetime\nd = datetime.datetime.strptime('2020 UTC', '%Y %Z')\n"
        "return type(d) is datetime.datetime, d.year, time.strptime('2020 GMT', '%Y %Z').tm_year, time.strptime('Sat Feb  3 04:05:06 2024')[:6]",
        (True, 2020, 2020, (2024, 2, 3, 4, 5, 6)),
    ),
    "strptime of a foreign zone": (
        "from datetime import datetime\ntry:\n    return datetime.strptime('2020 JST', '%Y %Z')\nexcept ValueError as e:\n    return str(e)",
        "time data '2020 JST' does not match format '%Y %Z'",
    ),
    "what modules that are refused import from others": (
        "import importlib.resources\nfrom importlib.resources import abc\nfrom contextlib import suppress\nassert importlib.resources\n"
        "with suppress(ValueError):\n    int('x')\nreturn suppress.__name__",
        "suppress",
    ),
    "types": (
        "import gzip, io, logging\nreturn isinstance(logging.LogRecord('n', 1, 'p', 1, 'm', (), None), logging.LogRecord), "
        "issubclass(gzip.GzipFile, io.BufferedIOBase), logging.Formatter.__name__",
        (True, True, "Formatter"),
    ),
}  # fmt: skip


@pytest.fixture
def in_japan(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.delenv("TZ")
    time.tzset()


def function(workshop: Any, body: str) -> Any:
    return workshop.module("def f():\n" + "\n".join("    " + line for line in body.splitlines()) + "\n").f


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a Windows process cannot be set")
@pytest.mark.parametrize("what", VALUES)
def test_values(workshop: Any, in_japan: None, what: str) -> None:
    body, expected = VALUES[what]
    run, f = workshop.start(function(workshop, body))
    with run.active():
        assert f() == expected
    assert run.violations == []


def test_the_host_keeps_its_zone(workshop: Any, in_japan: None) -> None:
    from datetime import datetime

    run, f = workshop.start(function(workshop, VALUES["strptime of a foreign zone"][0]))
    with run.active():
        f()
    assert datetime.strptime("2020 JST", "%Y %Z").year == 2020
    assert time.strptime("2020 JST", "%Y %Z").tm_isdst == 0


def test_unsafe_gives_the_hosts(workshop: Any) -> None:
    run, f = workshop.start(function(workshop, (
        "import gzip, logging\nfrom trio_durable_sandbox import unsafe\nfrom email.mime.multipart import MIMEMultipart\n"
        "with unsafe():\n"
        "    return gzip.compress(b'x')[4:8], logging.makeLogRecord({}).process, MIMEMultipart().as_string()"
    )))  # fmt: skip
    with run.active():
        stamp, process, text = f()
    assert abs(int.from_bytes(stamp, "little") - time.time()) < 60
    assert process == os.getpid()
    assert "6985524892832179965" not in text


ALIASES = {
    "collections._sys.argv[0]": "sys.argv",
    "random._os.getcwd()": "os.getcwd",
    "alias_keeper.s.gethostname()": "socket.gethostname",
    "alias_keeper.environ['HOME']": "os.environ",
    "getattr(alias_keeper, 'e')['HOME']": "os.environ",
    "e.get('HOME')": "os.environ",
    "a[0]": "sys.argv",
    "alias_keeper.inner.gethostname()": "socket.gethostname",
    "(lambda m: m.argv[0])(alias_keeper.sysmod)": "sys.argv",
}


@pytest.mark.parametrize("expression", ALIASES)
def test_modules_under_other_names(workshop: Any, monkeypatch: pytest.MonkeyPatch, expression: str) -> None:
    (workshop.folder / "site-packages").mkdir()
    workshop.write(
        "import sys as sysmod, socket as s\nfrom os import environ, environ as e\nfrom sys import argv as a\nimport socket as inner\n", "site-packages.alias_keeper"
    )
    monkeypatch.syspath_prepend(str(workshop.folder / "site-packages"))
    main = workshop.module(f"import collections, random, alias_keeper\nfrom alias_keeper import a, e\ndef f(): return {expression}\n")
    run, f = workshop.start(main.f)
    with run.active(), pytest.raises(Exception, match="is not deterministic"):
        f()
    assert [violation.api for violation in run.violations] == [ALIASES[expression]]

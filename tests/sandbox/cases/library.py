"""Clocks, entropy and settings that functions of the standard library read on the side."""
import argparse
import calendar
import collections
import contextlib
import email.generator
import email.message
import email.mime.multipart
import email.mime.text
import email.utils
import gettext
import getopt
import gzip
import http.cookies
import io
import json.decoder
import logging
import optparse
import random
import statistics
import tarfile
import types
import unittest.mock
import zipfile
from datetime import datetime, timezone
from gzip import GzipFile, compress
from http.cookies import SimpleCookie
from unittest import mock
from zipfile import ZipFile


def case_gzip_compress():  # works
    return gzip.compress(b"data"), compress(b"data"), gzip.decompress(gzip.compress(b"data", mtime=0))


def case_gzip_file():  # works
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb") as file:
        file.write(b"data")
    other = io.BytesIO()
    with gzip.open(other, "wt") as file:
        file.write("data")
    assert isinstance(GzipFile(fileobj=io.BytesIO(out.getvalue())), gzip.GzipFile)
    return out.getvalue(), other.getvalue(), GzipFile(fileobj=io.BytesIO(out.getvalue())).read()


def case_gzip_open_path():
    gzip.open("/tmp/x.gz")  # refused: gzip.open


def case_gzip_file_path():
    GzipFile("/tmp/x.gz")  # refused: gzip.GzipFile


def case_zip_writestr():  # works
    out = io.BytesIO()
    with ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "text")
        archive.writestr(zipfile.ZipInfo("b.txt", (2000, 1, 1, 0, 0, 0)), b"text")
    assert [info.date_time[0] for info in ZipFile(out).infolist()] == [2023, 2000]
    return out.getvalue()


def case_tar_in_memory():  # works
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    return out.getvalue()


def case_tar_with_gzip():
    tarfile.open(fileobj=io.BytesIO(), mode="w:gz")  # refused: tarfile.open


def case_tar_path():
    tarfile.open("/tmp/x.tar")  # refused: tarfile.open


def parts():
    message = email.mime.multipart.MIMEMultipart()
    message.attach(email.mime.text.MIMEText("one"))
    message.attach(email.mime.text.MIMEText("two"))
    return message


def case_mail_boundaries():  # works
    return parts().as_string(), parts().as_bytes(), parts().as_string(unixfrom=True)


def case_mail_boundary_in_text():  # works
    return str(parts()), f"{parts()}"


def case_mail_generator():  # works
    out = io.StringIO()
    email.generator.Generator(out).flatten(parts())
    return out.getvalue()


def case_mail_attachment():  # works
    message = email.message.EmailMessage()
    message.set_content("text")
    message.add_attachment(b"data", maintype="application", subtype="octet-stream")
    return message.as_string(), message.get_boundary()


def case_mail_date_without_zone():  # works
    return email.utils.mktime_tz((2024, 1, 2, 3, 4, 5, 0, 1, -1, None))


def case_cookie_expires():  # works
    cookie = SimpleCookie()
    cookie["a"] = "b"
    cookie["a"]["expires"] = 3600
    texts = cookie.output(), cookie["a"].OutputString(), str(cookie), f"{cookie['a']}"
    assert cookie["a"]["expires"] == 3600
    return texts


def case_log_records():  # works
    record = logging.makeLogRecord({"msg": "text", "levelname": "INFO"})
    other = logging.LogRecord("name", 20, "path", 1, "text", (), None)
    assert isinstance(other, logging.LogRecord)
    text = logging.Formatter("%(asctime)s %(message)s").format(record)
    return record.created, record.msecs, record.thread, record.process, other.created, text


def case_asking_for_a_level():  # works
    log = logging.getLogger("some.name")
    return log.isEnabledFor(logging.DEBUG), log.getEffectiveLevel(), log.level


def case_normal_distribution():  # works
    return statistics.NormalDist(10, 2).samples(3), random.random()


def case_text_of_zone():  # works
    found = []
    for zone in ("JST", "EST", "NZDT"):
        try:
            found.append(datetime.strptime("2020 " + zone, "%Y %Z"))
        except ValueError as error:
            found.append(str(error))
    return found, datetime.strptime("2020 UTC", "%Y %Z"), datetime.strptime("2020 +0100", "%Y %z")


def case_epoch_by_format():  # works
    at = datetime(2024, 1, 2, 3, 4, 5)
    day = at.date()
    texts = at.strftime("%s"), f"{at:%s %%s %Y}", format(at, "%s"), "{:%s}".format(at), day.strftime("%s")
    assert texts[0] == str(int(at.replace(tzinfo=timezone.utc).timestamp()))
    return texts, datetime.strftime(at, "%10s"), f"{at}", f"{day:%d.%m.}", str(at), at.time().strftime("%H")


def case_private_alias_of_sys():
    collections._sys.argv[0]  # refused: sys.argv


def case_private_alias_of_os():
    random._os.getpid()  # refused: os.getpid


def case_private_alias_kept():
    module = collections._sys
    module.argv[0]  # refused: sys.argv


def case_private_alias_by_getattr():
    getattr(collections, "_sys").argv[0]  # refused: sys.argv


def case_private_alias_of_time():  # works
    return logging.time.time(), getattr(logging, "time").time(), json.decoder.scanner.NUMBER_RE.pattern


def case_mock_patch():
    with mock.patch("json.dumps"):  # refused: unittest.mock.patch
        pass


def case_mock_patch_object():
    unittest.mock.patch.object(json, "dumps", None)  # refused: unittest.mock.patch.object


def case_mock_objects():  # works
    made = mock.Mock(return_value=3)
    return made(1), made.call_count


def case_own_module_objects():  # works
    made = types.ModuleType("made")
    made.a = 1
    exec("b = a + 1", made.__dict__)
    setattr(made, "c", 3)
    return made.a, made.b, made.c


def case_exec_with_builtins():  # works
    import builtins
    names = {"__builtins__": builtins}
    exec("import time\nx = time.time()\ny = [w for w in {'a', 'b', 'c'}]", names)
    few = {"__builtins__": {"len": len}}
    exec("n = len('abc')", few)
    return names["x"], names["y"], few["n"], eval("1 + 1", {"__builtins__": {}})


class Fails:
    def __del__(self):
        raise ValueError("nobody sees this")


def case_error_in_del():  # works
    made = Fails()
    del made
    return "alive"


def case_redirected_output():
    with contextlib.redirect_stdout(io.StringIO()):  # refused: contextlib.redirect_stdout
        pass


def case_print_to_a_buffer():  # works
    out = io.StringIO()
    print("text", file=out)
    return out.getvalue()


def case_argument_parser():
    argparse.ArgumentParser()  # refused: argparse.ArgumentParser


def case_option_parser():
    optparse.OptionParser()  # refused: optparse.OptionParser


def case_gnu_getopt():
    getopt.gnu_getopt(["-a"], "a")  # refused: getopt.gnu_getopt


def case_getopt():  # works
    return getopt.getopt(["-a", "x"], "a")


def case_translations():
    gettext.translation("domain")  # refused: gettext.translation


def case_calendar_of_a_locale():
    calendar.LocaleTextCalendar()  # refused: calendar.LocaleTextCalendar

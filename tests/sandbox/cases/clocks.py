"""Every clock reader answers from the orchestration's clock."""
import calendar
import datetime
import datetime as dt
import email.utils
import time
import time as t
from datetime import date, datetime as D, timedelta, timezone
from operator import attrgetter, methodcaller
from time import perf_counter, time as now_alias

LOADED = time.time()
HOUR = timedelta(hours=1)


class Late(D):
    pass


class Own(D):
    @classmethod
    def now(cls, tz=None):
        return "mine", super().now(tz)


def defaulted(at=time.time(), day=date.today()):
    return at, day


def case_time():  # works
    return time.time(), time.time_ns(), t.time(), now_alias(), LOADED


def case_monotonic():  # works
    return time.monotonic(), time.monotonic_ns(), perf_counter(), time.perf_counter_ns()


def case_process_time():  # works
    return time.process_time(), time.process_time_ns(), time.thread_time(), time.thread_time_ns()


def case_clock_gettime():  # works
    return time.clock_gettime(time.CLOCK_REALTIME), time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def case_local_time_is_utc():  # works
    return time.localtime(), time.localtime(0), time.gmtime(), time.tzname, time.timezone, time.daylight


def case_mktime():  # works
    assert time.mktime(time.localtime(86400)) == 86400
    return time.mktime((2024, 2, 29, 12, 0, 0, 0, 0, 0))


def case_text_of_time():  # works
    return time.ctime(), time.asctime(), time.strftime("%Y-%m-%d %H:%M:%S %Z %z"), time.strftime("%Z", (2024, 1, 1, 0, 0, 0, 0, 1, 0))


def case_strptime():  # works
    return time.strptime("2024-02-29", "%Y-%m-%d")[:3], D.strptime("2024-02-29", "%Y-%m-%d")


def case_datetime_now():  # works
    return D.now(), D.now(timezone.utc), D.now(tz=timezone(HOUR)), datetime.datetime.now(), dt.datetime.now()


def case_utcnow_and_today():  # works
    return D.utcnow(), D.today(), date.today(), dt.date.today()


def case_through_an_instance():  # works
    return D(2000, 1, 1).now(), date(2000, 1, 1).today()


def case_through_a_subclass():  # works
    made = Late.now()
    assert type(made) is Late
    return Late.now(), Late.today()


def case_own_override():  # works
    return Own.now()


def case_through_getattr():  # works
    return getattr(D, "now")(), getattr(date, "to" + "day")()


def case_through_operator():  # works
    return attrgetter("now")(D)(), methodcaller("now")(D), methodcaller("today")(date)


def case_through_type():  # works
    return type(D(2000, 1, 1)).now(), type.__getattribute__(D, "now")()


def case_through_dict():  # works
    return D.__dict__["now"](), [f() for f in map(lambda c: c.today, (D, date))]


def case_bound_earlier():  # works
    clock = D.now
    return clock(), sorted([D.now(), D.min])[-1]


def case_fromtimestamp():  # works
    return D.fromtimestamp(0), D.fromtimestamp(0.5, timezone.utc), date.fromtimestamp(86399)


def case_naive_timestamp():  # works
    return D(1970, 1, 2).timestamp(), D.timestamp(D(1970, 1, 2)), D(1970, 1, 2, tzinfo=timezone.utc).timestamp()


def case_astimezone():  # works
    return D(2024, 1, 1).astimezone(), D(2024, 1, 1).astimezone(timezone(HOUR)), D(2024, 1, 1, tzinfo=timezone(HOUR)).astimezone()


def case_defaults():  # works
    return defaulted()


def case_isinstance_stays_true():  # works
    assert type(D.now()) is D and isinstance(D.now(), datetime.date) and isinstance(D.now(), dt.datetime)
    return calendar.timegm((1970, 1, 2, 0, 0, 0))


def case_email_date():  # works
    return email.utils.formatdate()


def case_clock_stands_still_in_a_turn():  # works
    return time.time_ns() - time.time_ns()


def case_imported_in_function():  # works
    from time import time as inner
    import time as other
    return inner(), other.time(), __import__("time").time()


def case_importlib():  # works
    import importlib
    return importlib.import_module("time").time(), importlib.import_module("datetime").datetime.now()


def case_sleep():
    time.sleep(0)  # refused: time.sleep


def case_sleep_alias():
    from time import sleep as nap
    nap(1)  # refused: time.sleep


def case_sleep_getattr():
    getattr(time, "sl" + "eep")(1)  # refused: time.sleep


def case_make_msgid():
    return email.utils.make_msgid()  # refused: email.utils.make_msgid


def case_timeit():
    import timeit
    timeit.timeit("1")  # refused: timeit.timeit


def case_tzset():
    time.tzset()  # refused: time.tzset


def case_vars():  # works
    return vars(D)["now"](), sorted(vars(Own(2000, 1, 1)))


def case_locals():  # works
    x = 1
    return vars() == locals() == {"x": 1}, dir()

"""Libraries for dates and arrays with a clock of their own."""
import datetime

import dateutil.utils
import numpy as np
import vendored_dates
from dateutil import parser, tz
from dateutil.parser import ParserError, parse
from vendored_dates import Stamp


class Own(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2001, 2, 3)


def case_now_of_a_librarys_class():
    Stamp.now()  # refused: vendored_dates.Stamp.now


def case_now_of_its_instance():
    Stamp(2024, 1, 1).utcnow()  # refused: vendored_dates.Stamp.utcnow


def case_today_by_getattr():
    getattr(vendored_dates.Stamp, "today")()  # refused: vendored_dates.Stamp.today


def case_now_of_a_class_that_inherits_it():
    class Mine(Stamp):
        pass
    Mine.now()  # refused: dates.case_now_of_a_class_that_inherits_it.<locals>.Mine.now


def case_now_of_ones_own_class():  # works
    return Own.now(), vendored_dates.Plain.now(), vendored_dates.Plain.today()


def case_dates_of_a_library():  # works
    return Stamp(2024, 1, 1).plus(3), Stamp.fromisoformat("2024-01-01"), Stamp(2024, 1, 1) < Stamp(2024, 1, 2)


def case_datetime64_now():
    np.datetime64("now")  # refused: numpy.datetime64 of 'now'


def case_datetime64_today_by_a_variable():
    word = "to" + "day"
    np.datetime64(word, "D")  # refused: numpy.datetime64 of 'today'


def case_datetime64():  # works
    from numpy import datetime64
    return str(datetime64("2024-01-01")), str(np.datetime64("2024-01-02T03:04") + np.timedelta64(1, "D"))


def case_parse_a_time_of_day():  # works
    assert parse("10:30").date() == parser.parse("10:30").date() == datetime.date.today()
    return parse("10:30"), parse("11:00", default=datetime.datetime(2020, 1, 1)), parse("12:00 LOCAL").tzinfo


def case_parse_errors():  # works
    try:
        parse("nonsense")
    except ParserError as error:
        return str(error)


def case_local_zone_of_dateutil():
    tz.tzlocal()  # refused: dateutil.tz.tzlocal


def case_gettz_without_a_name():
    tz.gettz()  # refused: dateutil.tz.gettz without a name


def case_gettz():  # works
    return datetime.datetime(2024, 7, 1, tzinfo=tz.gettz("Asia/Tokyo")).utcoffset()


def case_today_of_dateutil():
    dateutil.utils.today()  # refused: dateutil.utils.today

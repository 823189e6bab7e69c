"""Days and reporting periods as the centre counts them: calendar years and quarters of Krasnoyarsk."""

import re
from calendar import monthrange
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct

from ckr_es.rules import Invalid

KRASNOYARSK = ZoneInfo("Asia/Krasnoyarsk")

_MONTH = re.compile(r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])")
_LABEL = re.compile(r"(?P<year>[0-9]{4})(-Q(?P<quarter>[1-4]))?")


class Period(Struct, frozen=True):
    """A calendar year or quarter; `first` and `last` are both inside it."""

    label: str
    first: date
    last: date


@lru_cache(maxsize=1_000)  # a report says its day by it, at every fold
def period(label: str) -> Period:
    """The quarter "2021-Q2" or the year "2021"; anything else is Invalid("period-invalid")."""
    found = _LABEL.fullmatch(label)
    if found is None or not (year := int(found["year"])):  # there is no year 0
        raise Invalid("period-invalid", "Период записывается как «2021-Q2» (квартал) или «2021» (год)")
    if found["quarter"] is None:
        return Period(label, date(year, 1, 1), date(year, 12, 31))
    last = 3 * int(found["quarter"])
    return Period(label, date(year, last - 2, 1), date(year, last, monthrange(year, last)[1]))


def quarter(label: str) -> Period:
    """The quarter "2021-Q2"; a year or anything else is Invalid("period-invalid")."""
    if "Q" not in label:
        raise Invalid("period-invalid", "Квартал записывается как «2021-Q2»")
    return period(label)


def month_end(label: str) -> date:
    """The last day of the month "2021-06"; anything else is Invalid("period-invalid")."""
    found = _MONTH.fullmatch(label)
    if found is None or not (year := int(found["year"])):
        raise Invalid("period-invalid", "Месяц записывается как «2021-06»")
    month = int(found["month"])
    return date(year, month, monthrange(year, month)[1])


def periods_of(day: date) -> tuple[str, str]:
    """Labels of the quarter and the year a day lies in, e.g. ("2021-Q2", "2021")."""
    return f"{day.year:04}-Q{(day.month + 2) // 3}", f"{day.year:04}"


def day_of_next_month(day: date, number: int) -> date:
    """The day of that number (1 to 28) in the month after this day's; weekends do not move it."""
    return date(day.year + day.month // 12, day.month % 12 + 1, number)


def today(now: datetime) -> date:
    """The day it is in Krasnoyarsk at this instant; a naive instant is a ValueError."""
    if now.utcoffset() is None:
        raise ValueError("an instant needs an offset")
    return now.astimezone(KRASNOYARSK).date()

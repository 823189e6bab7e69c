"""Days and reporting periods as the centre counts them: calendar years and quarters of Krasnoyarsk."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from ckr_es.rules import Invalid

KRASNOYARSK = ZoneInfo("Asia/Krasnoyarsk")

_LABEL = re.compile(r"(?P<year>[0-9]{4})(-Q(?P<quarter>[1-4]))?")


class Period(Struct, frozen=True):
    """A calendar year or quarter; `first` and `last` are both inside it."""

    label: str
    first: date
    last: date


def period(label: str) -> Period:
    """The quarter "2021-Q2" or the year "2021"; anything else is Invalid("period-invalid")."""
    found = _LABEL.fullmatch(label)
    # A year ends where the next one begins, and the last year of the calendar has no next one.
    if found is None or not date.min.year <= (year := int(found["year"])) < date.max.year:
        raise Invalid("period-invalid", "Период записывается как «2021-Q2» (квартал) или «2021» (год).")
    if found["quarter"] is None:
        return Period(label, date(year, 1, 1), date(year, 12, 31))
    month = 3 * int(found["quarter"]) - 2
    following = date(year + 1, 1, 1) if month == 10 else date(year, month + 3, 1)
    return Period(label, date(year, month, 1), following - timedelta(days=1))


def quarter(label: str) -> Period:
    """The quarter "2021-Q2"; a year or anything else is Invalid("period-invalid")."""
    if "Q" not in label:
        raise Invalid("period-invalid", "Квартал записывается как «2021-Q2».")
    return period(label)


def periods_of(day: date) -> tuple[str, str]:
    """Labels of the quarter and the year a day lies in, e.g. ("2021-Q2", "2021")."""
    return f"{day.year:04}-Q{(day.month + 2) // 3}", f"{day.year:04}"


def today(now: datetime) -> date:
    """The day it is in Krasnoyarsk at this instant; a naive instant is a ValueError."""
    if now.utcoffset() is None:
        raise ValueError("an instant needs an offset")
    return now.astimezone(KRASNOYARSK).date()

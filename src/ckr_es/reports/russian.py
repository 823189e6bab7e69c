"""Figures, days and periods as Russian papers have them. No locale is asked."""

import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from ckr_es.rules.calendar import KRASNOYARSK, period

NOT_APPLICABLE: Final = "н/п"
NONE: Final = "—"
_QUARTERS: Final = {"1": "I", "2": "II", "3": "III", "4": "IV"}
# Controls, marks that turn the direction of writing, and what is no character at all.
_UNSEEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufdd0-\ufdef\ufff9-\uffff]+"
)


def number(value: int | Decimal, digits: int) -> str:
    """1 234,5 with no-break spaces; a minus is the true one."""
    shown = Decimal(value).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return f"{shown:,f}".replace(",", "\u00a0").replace(".", ",").replace("-", "−")


def lower_first(label: str) -> str:
    """A label after another: «Номер» as «номер», «ИНН» as it is."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def day(value: date) -> str:
    return f"{value.day:02}.{value.month:02}.{value.year:04}"


def moment(value: datetime) -> str:
    """Minutes of Krasnoyarsk."""
    local = value.astimezone(KRASNOYARSK)
    return f"{day(local)} {local.hour:02}:{local.minute:02}"


def of_period(label: str) -> str:
    """«II квартал 2021 года», «2021 год»."""
    period(label)
    year, _, quarter = label.partition("-Q")
    return f"{_QUARTERS[quarter]} квартал {year} года" if quarter else f"{year} год"


def plain(text: str) -> str:
    """One line of what a person can see; the text itself stays in report.json."""
    return _UNSEEN.sub(" ", text)

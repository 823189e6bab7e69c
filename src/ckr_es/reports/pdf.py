"""A report as PDF/A-3b, typeset by Typst with the fonts it brings: nothing of the machine's shows in the bytes.

The template is `template/report.typ`; what it shows is handed over as JSON, never as markup. The canonical report is
attached as report.json, so a copy proves itself by its digest.
"""

import re
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from ckr_es.reports import russian
from ckr_es.reports.layout import printed
from ckr_es.reports.report import AnyReport, encoded
from ckr_es.reports.tables import Cell, Column, Table
from ckr_es.rules.calendar import KRASNOYARSK

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
# Isolated: neither the environment nor the folder it was started in changes what is imported.
_TYPESET: Final = (sys.executable, "-I", "-m", "ckr_es.reports.typesetting")
_PATIENCE: Final = 120.0  # seconds; a year of 548 services takes one
_SIZES: Final = {True: 7.5, False: 9.0}  # points, of a wide table and another


class TypesettingFailed(Exception):
    """A fault of ours: whatever people wrote, it must print."""


def rendered(report: AnyReport) -> bytes:
    """The bytes of the .pdf file. A second of another process for a long list."""
    shown = printed(report)
    dated_at = (shown.dated_at or _EPOCH).replace(microsecond=0)
    said = {
        "title": shown.title,
        "subtitle": shown.subtitle,
        "mark": shown.mark,
        "facts": [(name, _text(value)) for name, value in shown.facts],
        "tables": [_table(table) for table in shown.tables],
        "approved_by": _text(shown.approved_by) if shown.approved_by else None,
        "day": russian.day(dated_at.astimezone(KRASNOYARSK)),
        "date": {"year": dated_at.year, "month": dated_at.month, "day": dated_at.day},
        "digest": shown.digest,
    }
    asked = {
        "shown": msgspec.json.encode(said).decode(),
        "canonical": encoded(report).decode(),
        "dated_at": int(dated_at.timestamp()),
    }
    made = subprocess.run(  # noqa: S603 (a list of our own making, no shell parses it)
        _TYPESET, input=msgspec.json.encode(asked), capture_output=True, timeout=_PATIENCE, check=False
    )
    if made.returncode:
        raise TypesettingFailed(made.stderr.decode(errors="replace")[-2_000:])
    return made.stdout


@cache
def _unprintable() -> re.Pattern[str]:
    """What the fonts have no glyph for: PDF/A forbids the empty box, so such a character is shown as U+FFFD.

    `characters.txt` holds the code points, in hexadecimal ranges, that the regular and bold fonts of the template have.
    """
    ranges = (files("ckr_es.reports") / "template" / "characters.txt").read_text("ascii").split()
    covered = "".join(
        "-".join(f"\\U{int(point, 16):08x}" for point in between.split("-")) for between in ranges
    )
    return re.compile(f"[^{covered}]")


def _text(text: str) -> str:
    return _unprintable().sub("\ufffd", russian.plain(text))


def _table(table: Table) -> dict[str, Any]:
    """A row of one string is the heading of a group."""
    columns = [column for column in table.columns if not column.group]
    rows: list[list[str]] = []
    before: Cell = None
    for cells in table.rows:
        again, before = cells[0] == before, cells[0]
        shown = [_shown(column, cell, again) for column, cell in zip(table.columns, cells, strict=True)]
        if table.columns[0].group and not again:
            rows.append(shown[:1])
        rows.append(shown[len(table.columns) - len(columns) :])
    return {
        "title": table.title,
        "columns": columns,
        "rows": rows,
        "total": table.total,
        "struck": sorted(table.struck),
        "wide": table.wide,
        "size": _SIZES[table.wide],
    }


def _shown(column: Column, cell: Cell, again: bool) -> str:
    match cell:
        case _ if column.once and again:
            return ""
        case None:
            return russian.NONE
        case str():
            return _text(cell)
        case Decimal():
            return russian.number(cell, column.digits)
        case int():
            return russian.number(cell, 0)
        case _:
            return russian.day(cell)

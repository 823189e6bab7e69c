"""A report as PDF/A-3b, typeset by Typst with the fonts it brings: nothing of the machine's shows in the bytes.

The template is `template/report.typ`; what it shows is handed over as JSON, never as markup, and it can read no file
outside its folder. The canonical report is attached as report.json, so a copy proves itself by its digest.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import as_file, files
from typing import Any, Final

import msgspec
import typst

from ckr_es.reports import russian
from ckr_es.reports.layout import Cell, Column, Table, printed
from ckr_es.reports.report import AnyReport, encoded
from ckr_es.rules.calendar import KRASNOYARSK

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_SIZES: Final = {True: 7.5, False: 9.0}  # points, of a wide table and another


def rendered(report: AnyReport) -> bytes:
    """The bytes of the .pdf file. The work of seconds for a long list, outside Python's lock."""
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
    with as_file(files("ckr_es.reports") / "template") as folder:
        made = typst.compile(
            folder / "report.typ",
            root=folder,
            font_paths=_fonts(),
            sys_inputs={"shown": msgspec.json.encode(said).decode(), "canonical": encoded(report).decode()},
            format="pdf",
            pdf_standards="a-3b",
            timestamp=dated_at,
            pdf_tags=False,  # they make the file ten times as large, and PDF/A-3b asks for none
        )
    assert isinstance(made, bytes)
    return made


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


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)


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

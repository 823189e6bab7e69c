"""A report as a workbook: a sheet of its heading and a sheet for each table, the same bytes everywhere.

XlsxWriter writes the parts; they are packed again without compression, dates or attributes, so that neither zlib's
version nor the machine shows. Texts stay texts, whatever they begin with.
"""

from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from math import ceil
from typing import Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from ckr_es.reports import russian
from ckr_es.reports.layout import Printed, printed
from ckr_es.reports.report import AnyReport
from ckr_es.reports.tables import Cell, Column, Table

_OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "dd.mm.yyyy",
}
_EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001  # the document's own property has no zone
_A4: Final = 9
_LINE, _HIGHEST = 13, 409  # points of a line, and of the highest row there may be
_CHARACTERS: Final = 0.62  # of a column's width to a millimetre of a printed one
_UNIX: Final = 3
_ZIP_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_BREAKS: Final = {0xAD: None, 0x2060: None}  # where a printed title may be parted, and where not
_LONGEST: Final = 32_767  # characters of a cell


class _Formats:
    """`figures` are by the number of digits after the comma."""

    def __init__(self, book: Workbook) -> None:
        edged = {"font_name": "Times New Roman", "font_size": 10, "valign": "top", "border": 1}
        plain = {"font_name": "Times New Roman", "font_size": 11, "valign": "top", "text_wrap": True}
        self.title = book.add_format({**plain, "bold": True, "font_size": 14, "text_wrap": False})
        self.name = book.add_format({**plain, "bold": True})
        self.plain = book.add_format(plain)
        self.head = book.add_format(
            {**edged, "bold": True, "text_wrap": True, "align": "center", "valign": "vcenter"}
        )
        self.text = book.add_format({**edged, "text_wrap": True})
        self.right = book.add_format({**edged, "align": "right"})
        self.ordinal = book.add_format({**edged, "align": "center"})
        self.day = book.add_format({**edged, "num_format": "dd.mm.yyyy", "align": "center"})
        self.struck = book.add_format({**edged, "text_wrap": True, "font_strikeout": True})
        self.figures = [
            book.add_format({**edged, "num_format": pattern}) for pattern in ("#,##0", "#,##0.0", "#,##0.00")
        ]


def rendered(report: AnyReport) -> bytes:
    """The bytes of the .xlsx file."""
    shown, file = printed(report), BytesIO()
    with Workbook(file, _OPTIONS) as book:
        book.set_properties(
            {
                "title": f"{shown.title} {shown.subtitle}",
                "author": "ckr_es",
                "comments": f"SHA-256 {shown.digest}",
                "created": shown.dated_at.replace(tzinfo=None, microsecond=0) if shown.dated_at else _EPOCH,
            }
        )
        formats = _Formats(book)
        _heading(book.add_worksheet("Отчёт"), shown, formats)
        for table in shown.tables:
            _table(book.add_worksheet(table.name), table, formats)
    return _packed(file)


def _heading(sheet: Worksheet, shown: Printed, formats: _Formats) -> None:
    sheet.set_paper(_A4)
    sheet.set_portrait()
    sheet.fit_to_pages(1, 0)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 70)
    sheet.write_string(0, 0, f"{shown.title} {shown.subtitle}", formats.title)
    row = 2
    for name, value in [*([("Статус", shown.mark)] if shown.mark else []), *shown.facts]:
        sheet.write_string(row, 0, name, formats.name)
        sheet.write_string(row, 1, value[:_LONGEST], formats.plain)
        row += 1
    if shown.approved_by:
        sheet.write_string(row + 1, 0, "Утвердил", formats.name)
        sheet.write_string(row + 1, 1, russian.plain(shown.approved_by)[:_LONGEST], formats.plain)


def _table(sheet: Worksheet, table: Table, formats: _Formats) -> None:
    """The title, the header (both stay in sight and on every printed page), the rows, and what they sum to."""
    sheet.set_paper(_A4)
    if table.wide:
        sheet.set_landscape()
    sheet.set_margins(left=1.18, right=0.39, top=0.79, bottom=0.79)  # inches: 30, 10, 20, 20 mm
    sheet.fit_to_pages(1, 0)
    sheet.set_footer("&C&P из &N")
    sheet.repeat_rows(0, 1)
    sheet.freeze_panes(2, 0)
    sheet.write_string(0, 0, table.title, formats.title)
    for at, column in enumerate(table.columns):
        sheet.set_column(at, at, column.share * _CHARACTERS)
        sheet.write_string(1, at, column.title.translate(_BREAKS), formats.head)
    _fit(sheet, 1, [(column, column.title.translate(_BREAKS)) for column in table.columns])
    for row, cells in enumerate(table.rows, 2):
        _fit(sheet, row, list(zip(table.columns, cells, strict=True)))
        for at, (column, cell) in enumerate(zip(table.columns, cells, strict=True)):
            if row - 2 in table.struck and not column.stays and isinstance(cell, str):
                sheet.write_string(row, at, russian.plain(cell)[:_LONGEST], formats.struck)
            else:
                _cell(sheet, row, at, column, cell, formats)
    if table.rows:
        sheet.autofilter(1, 0, len(table.rows) + 1, len(table.columns) - 1)
    sheet.write_string(len(table.rows) + 3, 0, table.total, formats.title)


def _fit(sheet: Worksheet, row: int, cells: list[tuple[Column, Cell]]) -> None:
    """A height for wrapped texts: not every program works it out when it opens the file."""
    lines = max(
        ceil(0.8 * len(cell) / (column.share * _CHARACTERS)) if isinstance(cell, str) else 1
        for column, cell in cells
    )
    if lines > 1:
        sheet.set_row(row, min(_LINE * lines + 2, _HIGHEST))


def _cell(sheet: Worksheet, row: int, at: int, column: Column, cell: Cell, formats: _Formats) -> None:
    match cell:
        case None:
            sheet.write_blank(row, at, None, formats.text)
        case str():
            shown = formats.right if column.kind == "number" else formats.text
            sheet.write_string(row, at, russian.plain(cell)[:_LONGEST], shown)
        case Decimal():
            sheet.write_number(row, at, float(cell), formats.figures[column.digits])
        case int():
            sheet.write_number(
                row, at, cell, formats.figures[0] if column.kind == "number" else formats.ordinal
            )
        case date():
            sheet.write_datetime(row, at, datetime(cell.year, cell.month, cell.day), formats.day)  # noqa: DTZ001


def _packed(file: BytesIO) -> bytes:
    packed = BytesIO()
    with ZipFile(file) as written, ZipFile(packed, "w", ZIP_STORED) as stored:
        for name in written.namelist():
            info = ZipInfo(name, _ZIP_EPOCH)
            info.create_system, info.external_attr = _UNIX, 0o644 << 16
            stored.writestr(info, written.read(name))
    return packed.getvalue()

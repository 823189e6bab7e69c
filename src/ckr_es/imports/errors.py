"""What is refused in a file, for whoever mends it: row, column, value, message; as NDJSON or as a workbook."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from xlsxwriter import Workbook

from ckr_es.imports import course, lists, rows
from ckr_es.imports.course import Import

Conn = course.Conn
MOST_IN_WORKBOOK: Final = 1_000_000
COLUMNS: Final = (("Лист", 16), ("Строка", 9), ("Столбец", 24), ("Значение", 28), ("Ошибка", 90), ("Код", 26))


class Error(Struct, frozen=True):
    """One thing that is wrong. `value` is never one that may identify a natural person."""

    sheet: str | None
    row: int
    column: str
    value: Any
    message: str
    code: str


def of(conn: Conn, one: Import) -> Iterator[Error]:
    """Every error of the rows that are refused, in the order of the file."""
    for told in rows.all_told(conn, one.id, phase_of(one), "refused"):
        refusal = told["error"]
        wrong = refusal["errors"] or [{"pointer": "", "code": refusal["code"], "detail": refusal["detail"]}]
        if refusal["status"] == 409:
            # Of a decision: what it says as a whole matters, its verdicts explain it.
            wrong = [
                {"pointer": "", "code": refusal["code"], "detail": refusal["detail"]},
                *refusal["errors"],
            ]
        for each in wrong:
            column = lists.column_of(told["kind"], each["pointer"])
            yield Error(told["sheet"], told["line"], column, each.get("given"), each["detail"], each["code"])


def phase_of(one: Import) -> rows.Phase:
    """Of which of its two judgements the import is."""
    return (
        "preview" if one.reached in ("reading", "previewing", "previewed", "failed", "expired") else "commit"
    )


def lines(found: Iterator[Error]) -> Iterator[bytes]:
    encoder = msgspec.json.Encoder()
    for error in found:
        yield encoder.encode(error) + b"\n"


def workbook(found: Iterator[Error], path: Path) -> None:
    """A workbook, written row by row; a value is text, whatever it begins with."""
    with Workbook(path, {"constant_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet("Ошибки")
        bold = book.add_format({"bold": True})
        for n, (title, width) in enumerate(COLUMNS):
            sheet.set_column(n, n, width)
            sheet.write_string(0, n, title, bold)
        sheet.freeze_panes(1, 0)
        for n, error in enumerate(found, start=1):
            if n > MOST_IN_WORKBOOK:
                break
            value = "" if error.value is None else str(error.value)
            sheet.write_string(n, 0, error.sheet or "")
            sheet.write_number(n, 1, error.row)
            for column, text in enumerate((error.column, value, error.message, error.code), start=2):
                sheet.write_string(n, column, text[:32_000])

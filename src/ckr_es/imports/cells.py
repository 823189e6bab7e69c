"""Cells of a list as commands take them: days, sums in roubles, whole numbers, texts; exact, or refused."""

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

Cell = str | int | float | bool | date | datetime | None
Type = Literal["text", "day", "roubles", "number"]

ERRORS: Final = (
    "#N/A",
    "#REF!",
    "#VALUE!",
    "#DIV/0!",
    "#NAME?",
    "#NUM!",
    "#NULL!",
    "#Н/Д",
    "#ССЫЛКА!",
    "#ЗНАЧ!",
)


def value(type_: Type, cell: Cell) -> Any:
    """As a command takes it, None for an empty cell; ValueError with what is wrong with it.

    A day that is none goes on as it is written: the command refuses it.
    """
    if isinstance(cell, str):
        cell = cell.strip()
        if cell.startswith("="):
            raise ValueError("Формула вместо значения")
        if cell in ERRORS:
            raise ValueError("Ошибка формулы вместо значения")
    if cell is None or cell == "":
        return None
    match type_:
        case "day":
            return _day(cell)
        case "roubles":
            return _kopecks(cell)
        case "number":
            return _number(cell)
        case "text":
            return _text(cell)


def _text(cell: Cell) -> str:
    """A number as it is written, so that an INN in a cell of numbers is its digits."""
    if isinstance(cell, bool):
        raise ValueError("Нужен текст")  # noqa: TRY004 - it is the cell that is wrong
    if isinstance(cell, float):
        if not cell.is_integer() or abs(cell) >= 2**53:
            raise ValueError("Нужен текст, а в ячейке дробное число")
        return str(int(cell))
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _day(cell: Cell) -> str:
    if isinstance(cell, datetime):
        if cell.time() != datetime.min.time():
            raise ValueError("Нужна дата без времени")
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    text = str(cell)
    day, _, rest = text.partition(".")
    month, _, year = rest.partition(".")
    if len(day) == len(month) == 2 and len(year) == 4:
        return f"{year}-{month}-{day}"
    return text


def _number(cell: Cell) -> Any:
    number = _decimal(cell)
    if number != number.to_integral_value():
        raise ValueError("Нужно целое число")
    return int(number)


def _kopecks(cell: Cell) -> int:
    kopecks = _decimal(cell) * 100
    if kopecks != kopecks.to_integral_value():
        raise ValueError("Сумма с долями копейки")
    return int(kopecks)


def _decimal(cell: Cell) -> Decimal:
    """A float by its shortest decimal, which is what was typed; a text with a comma or a point."""
    if isinstance(cell, bool | date):
        raise ValueError("Нужно число")  # noqa: TRY004 - it is the cell that is wrong
    try:
        text = repr(cell) if isinstance(cell, float) else str(cell)
        number = Decimal("".join(text.split()).replace(",", "."))
    except InvalidOperation:
        raise ValueError("Нужно число") from None
    if not number.is_finite() or abs(number) >= 10**15:
        raise ValueError("Нужно число")
    return number

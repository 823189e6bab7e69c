"""XLSX and CSV, read in a child process with limited memory: each row of a list as the commands it asks for."""

import csv
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import Any, Final

import msgspec
from python_calamine import CalamineError, load_workbook
from python_calamine import ZipError as CalamineZipError

from ckr_es.imports import lists
from ckr_es.imports.cells import Cell
from ckr_es.imports.deciding import Refusal, Row
from ckr_es.registry.archive import harmless, refused, unzipped
from ckr_es.registry.reading import die_with_parent, limit_memory
from ckr_es.rules import Invalid

MOST_PARTS: Final = 1_000  # files in a workbook
LARGEST: Final = 256 * 2**20  # bytes that a workbook may unpack to
MOST_COLUMNS: Final = 100
LONGEST_CELL: Final = 10_000  # characters
HEADER_WITHIN: Final = 10  # rows; lists have a title above
BATCH: Final = 500
ENCODINGS: Final = ("utf-8-sig", "cp1251")

Cells = Sequence[Cell]


def read(path: Path, format: str, name: str) -> Iterator[Row]:
    """The commands of all lists in the file. Invalid for what is no list; ending the iteration ends the child."""
    if format == "xlsx":
        with unzipped(path, name) as archive:
            harmless(archive.infolist(), archive.start_dir, MOST_PARTS, LARGEST)
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_work, args=(theirs, path, format, name), daemon=True)
    with theirs:
        child.start()
    try:
        while True:
            try:
                told = ours.recv()
            except (EOFError, OSError) as error:
                detail = "Чтение оборвалось: файлу нужно слишком много памяти или процесс остановлен"
                raise refused("reader-died", detail) from error
            match told:
                case None:
                    return
                case Refusal():
                    raise Invalid(told.code, told.detail, told.errors)
                case _:
                    yield from told
    finally:
        child.terminate()
        child.join()
        ours.close()


def _work(pipe: Any, path: Path, format: str, name: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_memory()
    Thread(target=die_with_parent, daemon=True).start()
    with suppress(BrokenPipeError):
        try:
            found = _rows(_xlsx(path, name) if format == "xlsx" else _csv(path, name))
            while batch := list(islice(found, BATCH)):
                pipe.send(batch)
            pipe.send(None)
        except Invalid as wrong:
            pipe.send(Refusal(422, wrong.code, wrong.detail, wrong.problems))
        except MemoryError:
            pipe.send(Refusal(422, "memory-exceeded", "Для чтения нужно слишком много памяти"))


def _rows(found: Iterator[tuple[str | None, int, Cells]]) -> Iterator[Row]:
    """Rows under a header are commands, until a sheet ends. A sheet without one is no list."""
    no = 0
    sheet: str | None = None
    titles: list[str] = []
    one: lists.List | None = None
    begun = False
    for at, line, cells in found:
        if not begun or at != sheet:
            begun, sheet, one = True, at, None
        if all(cell in (None, "") for cell in cells):
            continue
        if one is None:
            titles = [cell.strip() if isinstance(cell, str) else "" for cell in cells]
            one = lists.list_of(titles)
            if one is None and line >= HEADER_WITHIN:
                where = f"На листе «{sheet}»" if sheet else "В файле"
                known = "; ".join(", ".join(c.title for c in each.columns) for each in lists.LISTS)
                raise refused("list-unknown", f"{where} нет строки с заголовками списка. Бывают: {known}")
            continue
        asked = lists.commands(one, titles, cells)
        for each in asked:
            no += 1
            if isinstance(each, lists.Asked):
                yield Row(no, line, sheet, each.kind, each.path, None, each.body)
            else:
                refusal = Refusal(422, each.code, each.detail, tuple(asked))  # type: ignore[arg-type]
                yield Row(no, line, sheet, one.name, None, None, None, msgspec.to_builtins(refusal))
                break
    if no == 0:
        known = "; ".join(", ".join(c.title for c in each.columns) for each in lists.LISTS)
        raise refused("list-empty", f"В файле нет ни одной строки известного списка. Бывают: {known}")


def _xlsx(path: Path, name: str) -> Iterator[tuple[str, int, Cells]]:
    try:
        with load_workbook(path) as book:
            for title in book.sheet_names:
                sheet = book.get_sheet_by_name(title)
                first = (sheet.start or (0, 0))[0] + 1
                if sheet.width > MOST_COLUMNS:
                    raise refused("list-too-wide", f"На листе «{title}» больше {MOST_COLUMNS} столбцов")
                for line, cells in enumerate(sheet.iter_rows(), start=first):
                    yield title[:100], line, [_short(cell) for cell in cells]
    except (CalamineError, CalamineZipError, OSError, ValueError) as error:
        raise refused(
            "workbook-damaged", f"«{name}» не читается как XLSX: файл повреждён или зашифрован"
        ) from error


def _csv(path: Path, name: str) -> Iterator[tuple[None, int, Cells]]:
    encoding = _encoding(path, name)
    csv.field_size_limit(LONGEST_CELL)
    with path.open(encoding=encoding, newline="") as file:
        start = file.read(2**14)
        file.seek(0)
        delimiter = max(";,\t", key=start.count)
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            for cells in rows:
                if len(cells) > MOST_COLUMNS:
                    raise refused("list-too-wide", f"В строке {rows.line_num} больше {MOST_COLUMNS} столбцов")
                yield None, rows.line_num, [_short(cell) for cell in cells]
        except csv.Error as error:
            detail = f"Строка {rows.line_num} не читается как CSV"
            raise refused("csv-damaged", detail) from error


def _encoding(path: Path, name: str) -> str:
    """UTF-8 where the whole file is, else what Russian spreadsheets write."""
    for encoding in ENCODINGS:
        try:
            with path.open(encoding=encoding, newline="") as file:
                while piece := file.read(2**20):
                    if "\0" in piece:
                        raise refused("encoding-unknown", f"«{name}» — не текст")
        except UnicodeDecodeError:
            continue
        return encoding
    raise refused("encoding-unknown", f"«{name}» не в UTF-8 и не в Windows-1251")


def _short(cell: Any) -> Cell:
    if isinstance(cell, str):
        # What no command takes as text anyway, and the database not at all.
        return cell[:LONGEST_CELL].replace("\0", "\N{REPLACEMENT CHARACTER}")
    return cell if isinstance(cell, Cell) else str(cell)

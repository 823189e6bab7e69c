"""A file of commands as it came: which format it is by its bytes, and its rows, one after the other."""

import codecs
import hashlib
from collections.abc import Generator, Iterator
from datetime import date
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from msgspec import Struct

from ckr_es.imports import sheets
from ckr_es.imports.course import Format
from ckr_es.imports.deciding import Refusal, Row, malformed
from ckr_es.registry.archive import refused
from ckr_es.rules import Invalid
from ckr_es.rules.validation import parse
from ckr_es.rules.values import Private

LONGEST_PATH: Final = 4_000
LONGEST_LINE: Final = 1_000_000  # bytes, as the body of a call
PIECE: Final = 2**16


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of NDJSON. A row without a key is this import's own, and nothing can refer to it."""

    path: str
    body: msgspec.Raw
    key: str | None = None


class File(Struct, frozen=True):
    """`sha256` in hex, `size` in bytes."""

    path: Path
    format: Format
    sha256: str
    size: int
    name: str

    @classmethod
    def open(cls, path: Path, name: str) -> "File":
        """Raises Invalid for what is no file of commands; `name` is what errors call it."""
        try:
            if not path.is_file():
                raise refused("file-not-found", f"Нет файла «{name}»")
            with path.open("rb") as file:
                start = file.read(PIECE)
                file.seek(0)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(path, _format(start, name), digest, path.stat().st_size, name)
        except OSError as error:
            raise refused("file-unreadable", f"«{name}» не читается") from error

    def rows(self) -> Generator[tuple[Row, int], None, None]:
        """The rows, each with how much of the file is read by then (of a workbook, nobody knows)."""
        if self.format == "ndjson":
            with self.path.open("rb") as opened:
                yield from lines(opened)
        else:
            for row in sheets.read(self.path, self.format, self.name):
                yield row, 0


def _format(start: bytes, name: str) -> Format:
    if start.startswith(b"PK"):
        return "xlsx"
    if not start.strip():
        raise refused("file-empty", f"«{name}» пуст")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refused("encoding-unknown", f"«{name}» в UTF-16: сохраните его в UTF-8")
    if b"\0" in start or start.startswith(b"\xd0\xcf\x11\xe0"):
        raise refused("file-unknown", f"«{name}» — не NDJSON, не CSV и не XLSX")
    return "ndjson" if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith((b"{", b"[")) else "csv"


def lines(file: IO[bytes]) -> Iterator[tuple[Row, int]]:
    """Every line that is not empty as a row, with the bytes read so far; one that can't be read says why."""
    number = no = read = 0
    while piece := file.readline(LONGEST_LINE + 2):
        number += 1
        read += len(piece)
        whole = piece
        while not piece.endswith(b"\n") and (piece := file.readline(PIECE)):
            read += len(piece)
        text = whole.removeprefix(codecs.BOM_UTF8).strip() if number == 1 else whole.strip()
        if not text:
            continue
        no += 1
        too_long = len(text) > LONGEST_LINE
        yield _row(no, number, None if too_long else text), read


def _row(no: int, line: int, text: bytes | None) -> Row:
    if text is None:
        return _unreadable(no, line, "line-too-long", f"Строка длиннее {LONGEST_LINE} байт")
    try:
        found = _LINE.decode(text)
        body = bytes(found.body).decode()
    except UnicodeDecodeError:
        return _unreadable(no, line, "encoding-invalid", "Строка не в UTF-8")
    except msgspec.ValidationError:
        return unreadable(no, line, _explained(text))
    except (msgspec.DecodeError, RecursionError):
        return _unreadable(no, line, "malformed-json", "Строка не читается как JSON")
    if not (found.path.isprintable() and (found.key or "").isprintable() and len(found.path) <= LONGEST_PATH):
        return _unreadable(no, line, "text-invalid", "В path и key нужны печатные знаки")
    return Row(no, line, None, None, found.path, found.key, body)


def unreadable(no: int, line: int, refusal: Refusal) -> Row:
    """A row that asks for nothing, and why."""
    return Row(no, line, None, None, None, None, None, msgspec.to_builtins(refusal))


def _unreadable(no: int, line: int, code: str, detail: str) -> Row:
    return unreadable(no, line, malformed(code, detail))


def _explained(text: bytes) -> Refusal:
    """What is wrong with a line that is JSON: every field."""
    try:
        parse(_Shape, msgspec.json.decode(text), date.max)
    except Invalid as wrong:
        return Refusal(422, wrong.code, wrong.detail, wrong.problems)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    return malformed("malformed-json", "Строка не читается как JSON")


class _Shape(Struct, frozen=True, forbid_unknown_fields=True):
    path: Private
    body: Any
    key: Private | None = None


_LINE: Final = msgspec.json.Decoder(Line)

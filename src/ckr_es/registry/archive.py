"""A register's file as it came: an archive, one XML file or a folder; its members, their sizes, its digest.

Everything is judged by the directory of the archive before anything is unpacked.
"""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Literal

from msgspec import Struct

from ckr_es.rules import Invalid, Problem
from ckr_es.rules.validation import escape

MOST_MEMBERS: Final = 50_000  # a real archive has some thousands
LARGEST_DIRECTORY: Final = 8 * 2**20  # bytes; takes about 15 times as much when it is read
LARGEST_MEMBER: Final = 2 * 2**30  # bytes unpacked
LARGEST_ARCHIVE: Final = 200 * 2**30
BOMB_RATIO: Final = 400  # our registers pack 15 to 100 times
BOMB_FLOOR: Final = 2**20  # smaller members may pack as they like
LONGEST_NAME: Final = 255
HEADER: Final = 30  # bytes before a member's name and data, at least

# What zipfile raises for bytes that are not what its directory says.
DAMAGE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)


class Member(Struct, frozen=True):
    """An XML file of the register; `size` in bytes, unpacked."""

    name: str
    size: int


class Source(Struct, frozen=True, kw_only=True):
    """`sha256` (hex) is of the file; of a folder, over the lines "name sha256" of its files. `size` in bytes."""

    path: Path
    kind: Literal["zip", "xml", "dir"]
    members: tuple[Member, ...]
    sha256: str
    size: int

    @classmethod
    def open(cls, path: Path, name: str | None = None) -> "Source":
        """Raises Invalid for what is no register's file, or could do harm when unpacked.

        `name` is what errors call a file that is not called so by whoever gave it.
        """
        path = Path(path)
        name = name or path.name
        try:
            return _folder(path) if path.is_dir() else _file(path, name)
        except OSError as error:
            raise refused("file-unreadable", f"«{name}» не читается") from error

    @property
    def unpacked(self) -> int:
        return sum(member.size for member in self.members)

    @contextmanager
    def opened(self) -> Iterator[Callable[[Member], IO[bytes]]]:
        """What opens the bytes of a member; the directory of an archive is read once."""
        if self.kind == "zip":
            with unzipped(self.path, self.path.name) as archive:
                yield lambda member: _begun(archive, member)
        elif self.kind == "xml":
            yield lambda _: self.path.open("rb")
        else:
            yield lambda member: (self.path / member.name).open("rb")


def refused(code: str, detail: str, member: str = "", line: int | None = None) -> Invalid:
    """Invalid that names the member and the line, in one line."""
    detail, shown = _printable(detail), _printable(member)
    pointer = f"/{escape(shown)}" + (f"/{line}" if line else "") if member else ""
    where = f"{shown}{f', строка {line}' if line else ''}: " if member else ""
    return Invalid(code, f"{where}{detail}", [Problem(pointer, code, detail)])


def damaged(member: str) -> Invalid:
    return refused("archive-damaged", "Данные повреждены: они не распаковываются", member)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _file(path: Path, name: str) -> Source:
    if not path.is_file():
        raise refused("file-not-found", f"Нет файла «{name}»")
    with path.open("rb") as file:
        start = file.read(4)
    size = path.stat().st_size
    if start[:2] == b"PK":
        members = _directory(path, name)
        return Source(path=path, kind="zip", members=members, sha256=_digest(path), size=size)
    if not start.startswith((b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise refused("file-unknown", f"«{name}» — не ZIP и не XML")
    _named(name)
    return Source(path=path, kind="xml", members=(Member(name, size),), sha256=_digest(path), size=size)


def _folder(path: Path) -> Source:
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".xml" and file.is_file())
    if not files:
        raise refused("archive-empty", f"В папке «{path.name}» нет файлов XML")
    digest = hashlib.sha256()
    for file in files:
        _named(file.name)
        digest.update(f"{file.name} {_digest(file)}\n".encode())
    members = tuple(Member(file.name, file.stat().st_size) for file in files)
    return Source(
        path=path, kind="dir", members=members, sha256=digest.hexdigest(), size=sum(m.size for m in members)
    )


class _Sparing(io.FileIO):
    """An archive whose directory is not read when it is larger than any register's."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > LARGEST_DIRECTORY:
            raise refused("archive-bomb", f"Оглавление архива больше {LARGEST_DIRECTORY // 2**20} МБ")
        return super().read(size)


@contextmanager
def unzipped(path: Path, name: str) -> Iterator[zipfile.ZipFile]:
    with _Sparing(path) as file:
        try:
            archive = zipfile.ZipFile(file)
        except DAMAGE as error:
            detail = f"Архив «{name}» обрезан или повреждён: нет оглавления"
            raise refused("archive-damaged", detail) from error
        with archive:
            yield archive


def _begun(archive: zipfile.ZipFile, member: Member) -> IO[bytes]:
    try:
        return archive.open(member.name)
    except DAMAGE as error:
        raise damaged(member.name) from error


def _directory(path: Path, name: str) -> tuple[Member, ...]:
    with unzipped(path, name) as archive:
        entries = archive.infolist()
        directory_at = archive.start_dir
    if not entries:
        raise refused("archive-empty", "В архиве нет файлов")
    harmless(entries, directory_at, MOST_MEMBERS, LARGEST_ARCHIVE, _of_register)
    return tuple(sorted((Member(e.filename, e.file_size) for e in entries), key=lambda m: m.name))


def _named(name: str) -> None:
    if len(name) > LONGEST_NAME or not name.isprintable() or "/" in name or "\\" in name:
        raise refused("archive-unknown-file", "Недопустимое имя файла", name[:LONGEST_NAME])


def _of_register(name: str) -> None:
    _named(name)
    if not name.lower().endswith(".xml"):
        raise refused("archive-unknown-file", "В архиве реестра бывают только файлы XML", name)


def harmless(
    entries: list[zipfile.ZipInfo],
    directory_at: int,
    most: int,
    largest: int,
    named: Callable[[str], None] = lambda _: None,
) -> None:
    """What a directory says of its members promises to unpack, to no more than `largest` bytes, each byte once.

    `named` refuses names that have no place there.
    """
    if len(entries) > most:
        raise refused("archive-bomb", f"В архиве {len(entries)} файлов, допустимо {most}")
    names: set[str] = set()
    for entry in entries:
        name = entry.filename
        named(name)
        if name in names:
            raise refused("archive-damaged", "Два файла с одним именем", name)
        names.add(name)
        if entry.flag_bits & 1:
            raise refused("archive-encrypted", "Файл зашифрован", name)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise refused("archive-damaged", "Неизвестный способ сжатия", name)
        bomb = entry.file_size > BOMB_FLOOR and entry.file_size > BOMB_RATIO * max(entry.compress_size, 1)
        if bomb or entry.file_size > LARGEST_MEMBER:
            packed = f"{entry.compress_size} байт распаковываются в {entry.file_size}"
            raise refused("archive-bomb", f"Похоже на zip-бомбу: {packed}", name)
    if sum(entry.file_size for entry in entries) > largest:
        raise refused("archive-bomb", f"Архив распаковывается более чем в {largest // 2**20} МБ")
    _apart(entries, directory_at)


def _apart(entries: list[zipfile.ZipInfo], directory_at: int) -> None:
    """Entries that share their bytes unpack to far more than the archive holds."""
    end, last = 0, ""
    for entry in sorted(entries, key=lambda e: e.header_offset):
        if entry.header_offset < end:
            raise refused("archive-bomb", "Файлы архива накладываются друг на друга", entry.filename)
        end, last = entry.header_offset + HEADER + entry.compress_size, entry.filename
    if end > directory_at:
        raise refused("archive-bomb", "Файл архива накладывается на его оглавление", last)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

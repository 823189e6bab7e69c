"""A register's file as it came: an archive, one XML file or a folder; its members, their sizes, its digest.

Everything is judged by the directory of the archive before anything is unpacked.
"""

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Literal

from msgspec import Struct

from ckr_es.rules import Invalid, Problem
from ckr_es.rules.validation import escape

MOST_MEMBERS: Final = 200_000
LARGEST_MEMBER: Final = 4 * 2**30  # bytes unpacked
LARGEST_ARCHIVE: Final = 200 * 2**30
BOMB_RATIO: Final = 400  # our registers pack 15 to 100 times
BOMB_FLOOR: Final = 2**20  # smaller members may pack as they like
HEADER: Final = 30  # bytes before a member's name and data, at least


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
    def open(cls, path: Path) -> "Source":
        """Raises Invalid for what is no register's file, or could do harm when unpacked."""
        path = Path(path)
        if path.is_dir():
            return _folder(path)
        if not path.is_file():
            raise refused("file-not-found", f"Нет файла «{path.name}»")
        with path.open("rb") as file:
            start = file.read(4)
        if start[:2] == b"PK":
            members = _directory(path)
            return cls(path=path, kind="zip", members=members, sha256=_digest(path), size=path.stat().st_size)
        if not start.startswith((b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
            raise refused("file-unknown", f"«{path.name}» — не ZIP и не XML")
        size = path.stat().st_size
        return cls(path=path, kind="xml", members=(Member(path.name, size),), sha256=_digest(path), size=size)

    @property
    def unpacked(self) -> int:
        return sum(member.size for member in self.members)

    @contextmanager
    def opened(self) -> Iterator[Callable[[Member], IO[bytes]]]:
        """What opens the bytes of a member; the directory of an archive is read once."""
        if self.kind == "zip":
            with zipfile.ZipFile(self.path) as archive:
                yield lambda member: archive.open(member.name)
        elif self.kind == "xml":
            yield lambda _: self.path.open("rb")
        else:
            yield lambda member: (self.path / member.name).open("rb")


def refused(code: str, detail: str, member: str = "", line: int | None = None) -> Invalid:
    """Invalid that names the member and the line."""
    pointer = f"/{escape(member)}" + (f"/{line}" if line else "") if member else ""
    where = f"{member}{f', строка {line}' if line else ''}: " if member else ""
    return Invalid(code, f"{where}{detail}", [Problem(pointer, code, detail)])


def _folder(path: Path) -> Source:
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".xml")
    if not files:
        raise refused("archive-empty", f"В папке «{path.name}» нет файлов XML")
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name} {_digest(file)}\n".encode())
    members = tuple(Member(file.name, file.stat().st_size) for file in files)
    return Source(
        path=path, kind="dir", members=members, sha256=digest.hexdigest(), size=sum(m.size for m in members)
    )


def _directory(path: Path) -> tuple[Member, ...]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
        raise refused(
            "archive-damaged", f"Архив «{path.name}» обрезан или повреждён: нет оглавления"
        ) from error
    if not entries:
        raise refused("archive-empty", "В архиве нет файлов")
    if len(entries) > MOST_MEMBERS:
        raise refused("archive-bomb", f"В архиве {len(entries)} файлов, допустимо {MOST_MEMBERS}")
    names: set[str] = set()
    for entry in entries:
        _harmless(entry, names)
    if sum(entry.file_size for entry in entries) > LARGEST_ARCHIVE:
        raise refused("archive-bomb", f"Архив распаковывается более чем в {LARGEST_ARCHIVE // 2**30} ГБ")
    _apart(entries)
    return tuple(sorted((Member(e.filename, e.file_size) for e in entries), key=lambda m: m.name))


def _harmless(entry: zipfile.ZipInfo, names: set[str]) -> None:
    name = entry.filename
    if name in names:
        raise refused("archive-damaged", "Два файла с одним именем", name)
    names.add(name)
    if not name.lower().endswith(".xml"):
        raise refused("archive-unknown-file", "В архиве реестра бывают только файлы XML", name)
    if name.startswith("/") or "\\" in name or ".." in Path(name).parts:
        raise refused("archive-unknown-file", "Недопустимое имя файла", name)
    if entry.flag_bits & 1:
        raise refused("archive-encrypted", "Файл зашифрован", name)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refused("archive-damaged", "Неизвестный способ сжатия", name)
    bomb = entry.file_size > BOMB_FLOOR and entry.file_size > BOMB_RATIO * max(entry.compress_size, 1)
    if bomb or entry.file_size > LARGEST_MEMBER:
        packed = f"{entry.compress_size} байт распаковываются в {entry.file_size}"
        raise refused("archive-bomb", f"Похоже на zip-бомбу: {packed}", name)


def _apart(entries: list[zipfile.ZipInfo]) -> None:
    """Entries that share their bytes unpack to far more than the archive holds."""
    end = 0
    for entry in sorted(entries, key=lambda e: e.header_offset):
        if entry.header_offset < end:
            raise refused("archive-bomb", "Файлы архива накладываются друг на друга", entry.filename)
        end = entry.header_offset + HEADER + entry.compress_size


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""The documents of one XML member, one at a time: no DTD, no entities, no more memory than one document takes."""

import codecs
import re
import zlib
from collections.abc import Iterator
from typing import IO, Any, Final
from zipfile import BadZipFile

from lxml import etree

from ckr_es.registry.archive import refused

PROLOG: Final = 64 * 1024  # bytes within which the root begins
LARGEST_DOCUMENT: Final = 4 * 2**20  # bytes; a real one has a few kilobytes
ROOT = "Файл"
DOCUMENT = "Документ"
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ROOT = re.compile(r"<([^\s<>!?/]+)")
_ENCODINGS: Final = {"utf-8": "utf-8", "utf8": "utf-8", "windows-1251": "cp1251", "cp1251": "cp1251"}


class _Guarded:
    """A stream that knows its line, and ends what is too large for one document before it is parsed."""

    def __init__(self, start: bytes, file: IO[bytes], member: str) -> None:
        self._start = start
        self._file = file
        self._member = member
        self.line = 1
        self.read_bytes = 0
        self.since = 0  # bytes since the last document ended

    def read(self, size: int = -1) -> bytes:
        if self._start:
            chunk, self._start = self._start, b""
        else:
            try:
                chunk = self._file.read(size)
            except (BadZipFile, zlib.error, EOFError, OSError) as error:
                raise refused(
                    "archive-damaged", "Данные повреждены: они не распаковываются", self._member
                ) from error
        self.since += len(chunk)
        if self.since > LARGEST_DOCUMENT:
            detail = f"Документ больше {LARGEST_DOCUMENT // 2**20} МБ: в реестре таких не бывает"
            raise refused("document-too-large", detail, self._member, self.line)
        self.line += chunk.count(b"\n")
        self.read_bytes += len(chunk)
        return chunk


def documents(file: IO[bytes], member: str) -> Iterator[tuple[Any, Any]]:
    """Each (root, document) element of the member; the document is gone when the next one is asked for.

    Raises Invalid, naming the member and the line.
    """
    start = _prolog(file, member)
    stream = _Guarded(start, file, member)
    try:
        parsed = etree.iterparse(
            stream,
            events=("end",),
            tag=DOCUMENT,
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
            remove_blank_text=True,
            collect_ids=False,
        )
        for _, document in parsed:
            stream.since = 0
            root = document.getparent()
            if root is None or root.getparent() is not None:
                raise refused("xml-wrong-layout", f"«{DOCUMENT}» не на своём месте", member, stream.line)
            yield root, document
            document.clear(keep_tail=False)
            # What lies before it is done with: documents that were read, and the header.
            while root[0] is not document:
                del root[0]
    except etree.XMLSyntaxError as error:
        line = error.lineno or stream.line
        raise refused("xml-malformed", f"XML не читается: {error.msg}", member, line) from error


def _prolog(file: IO[bytes], member: str) -> bytes:
    """The first bytes, after a look at the encoding, at entities and at the root."""
    try:
        start = file.read(PROLOG)
    except (BadZipFile, zlib.error, EOFError, OSError) as error:
        raise refused("archive-damaged", "Данные повреждены: они не распаковываются", member) from error
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start[:64]:
        raise refused("xml-encoding", "Допустимы кодировки UTF-8 и windows-1251", member, 1)
    text = start.removeprefix(b"\xef\xbb\xbf")
    declared = _DECLARED.match(text)
    encoding = _ENCODINGS.get(declared[1].decode().lower() if declared else "utf-8")
    if encoding is None:
        raise refused("xml-encoding", "Допустимы кодировки UTF-8 и windows-1251", member, 1)
    try:
        head = codecs.getincrementaldecoder(encoding)().decode(text)
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise refused("xml-encoding", f"Байты не в объявленной кодировке {encoding}", member, line) from error
    head = re.sub(r"<!--.*?-->", "", head, flags=re.DOTALL)
    if "<!DOCTYPE" in head or "<!ENTITY" in head:
        line = text[: text.find(b"<!")].count(b"\n") + 1
        raise refused("xml-entities-refused", "Определения типов и сущностей не допускаются", member, line)
    root = _ROOT.search(head)
    if root is None or root[1] != ROOT:
        found = f"«{root[1][:50]}»" if root else "ничего"
        raise refused("xml-wrong-root", f"Корень — {found}, а должен быть «{ROOT}»", member, 1)
    return start

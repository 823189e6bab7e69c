"""The documents of one XML member, one at a time: no DTD, no entities, no more memory than one document takes."""

import codecs
import re
from collections import deque
from collections.abc import Iterator
from typing import IO, Any, Final

from lxml import etree

from ckr_es.registry.archive import DAMAGE, damaged, refused
from ckr_es.rules import Invalid

PROLOG: Final = 64 * 1024  # bytes within which the root begins
CHUNK: Final = 64 * 1024  # bytes
LARGEST_DOCUMENT: Final = 8 * 2**20  # bytes; a real one has a few kilobytes
LARGE_DOCUMENT: Final = 2**20  # bytes; from here on its tags and attributes are counted
MOST_NODES: Final = 200_000  # of them: they take up to 200 bytes of memory each
LONGEST_TAG: Final = 256 * 1024  # bytes; also of a text
MOST_ATTRIBUTES: Final = 200
NUMBERED: Final = 65_535  # lines that libxml2 tells apart
ROOT: Final = "Файл"
DOCUMENT: Final = "Документ"
HEADER: Final = "ИдОтпр"

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ENCODINGS: Final = {"utf-8": "utf-8", "utf8": "utf-8", "windows-1251": "cp1251", "cp1251": "cp1251"}
# Atomic: what was passed is not tried again, however the rest looks.
_BEFORE_ROOT = re.compile(r"(?>\s+|<!--.*?-->|<\?.*?\?>)*+", re.DOTALL)
_TAG = re.compile(r"<([^\s<>!?/]+)")

# The parser's own words may repeat a value, and with it a person's name.
_REASONS: Final[dict[str, tuple[str, str]]] = {
    "ERR_NO_MEMORY": ("memory-exceeded", "Для чтения нужно слишком много памяти"),
    "ERR_RESOURCE_LIMIT": ("xml-too-deep", "Элементы вложены слишком глубоко"),
    "ERR_INVALID_ENCODING": ("xml-encoding", "Байты не в объявленной кодировке"),
    "ERR_INVALID_CHAR": ("xml-malformed", "XML не читается: недопустимый символ"),
    "ERR_UNDECLARED_ENTITY": ("xml-malformed", "XML не читается: неизвестная сущность"),
    "ERR_TAG_NAME_MISMATCH": ("xml-malformed", "XML не читается: закрыт не тот элемент"),
    "ERR_TAG_NOT_FINISHED": ("xml-malformed", "XML не читается: файл обрывается"),
    "ERR_DOCUMENT_END": ("xml-malformed", "XML не читается: после корня есть лишнее"),
    "ERR_ATTRIBUTE_REDEFINED": ("xml-malformed", "XML не читается: атрибут указан дважды"),
}


def documents(file: IO[bytes], member: str) -> Iterator[tuple[Any, Any, int]]:
    """Each (root, document, line); the document is gone when the next chunk is read.

    Raises Invalid, naming the member and the line.
    """
    chunks = _Chunks(file, member)
    parser = etree.XMLPullParser(
        events=("start",),
        tag=ROOT,
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    root: Any = None
    try:
        for chunk in chunks:
            parser.feed(chunk)
            for _, element in parser.read_events():
                if root is None:
                    root = element
                    if len(root.attrib) > MOST_ATTRIBUTES:
                        raise many_attributes(member, root.sourceline)
            # An element is complete when the next one has begun. Walking them spares an event for every tag.
            done = root[:-1] if root is not None else ()
            for element in done:
                if element.tag == DOCUMENT:
                    yield root, element, chunks.line_of(element)
                else:
                    _pass_by(element, member)
            if done:
                del root[: len(done)]
                chunks.settle()
        parser.close()
        for element in root:
            if element.tag == DOCUMENT:
                yield root, element, chunks.line_of(element)
            else:
                _pass_by(element, member)
    except etree.XMLSyntaxError as error:
        raise _malformed(error, parser, member, chunks.line) from error


def many_attributes(member: str, line: int) -> Invalid:
    return refused("xml-too-many-attributes", f"У элемента больше {MOST_ATTRIBUTES} атрибутов", member, line)


def _pass_by(element: Any, member: str) -> None:
    if element.tag != HEADER or element.find(f".//{DOCUMENT}") is not None:
        detail = f"В «{ROOT}» бывают только «{HEADER}» и «{DOCUMENT}»"
        raise refused("xml-wrong-layout", detail, member, element.sourceline)


class _Chunks:
    """The bytes of a member: their lines, and an end to what is too large for one document before it is parsed."""

    def __init__(self, file: IO[bytes], member: str) -> None:
        self._file = file
        self._member = member
        self._start, encoding = _prolog(file, member)
        self._lines = _Lines(f"<{DOCUMENT}".encode(encoding))
        self._since = self._nodes = 0  # bytes, tags and attributes since the last document ended
        self._run = 0  # bytes since the last tag began

    @property
    def line(self) -> int:
        """At the end of what was given out."""
        return self._lines.passed

    def __iter__(self) -> Iterator[bytes]:
        chunk = self._start
        while chunk:
            self._limit(chunk)
            self._lines.take(chunk)
            yield chunk
            chunk = _read(self._file, self._member, CHUNK)

    def line_of(self, document: Any) -> int:
        line: int = document.sourceline
        return self._lines.of(line) if self._lines.begun else line

    def settle(self) -> None:
        """All documents that ended in the last chunk were given out."""
        self._since = self._nodes = 0
        self._lines.settle()

    def _limit(self, chunk: bytes) -> None:
        self._since += len(chunk)
        if self._since > LARGE_DOCUMENT:
            self._nodes += chunk.count(b"<") + chunk.count(b"=")
        last = chunk.rfind(b"<")  # stands in no attribute's value
        self._run = self._run + len(chunk) if last < 0 else len(chunk) - last
        if self._run > LONGEST_TAG:
            if chunk.count(b'="') + chunk.count(b"='") > MOST_ATTRIBUTES:
                raise many_attributes(self._member, self.line)
            detail = f"Элемент или текст больше {LONGEST_TAG // 1024} КБ: в реестре таких не бывает"
            raise refused("document-too-large", detail, self._member, self.line)
        if self._since > LARGEST_DOCUMENT or self._nodes > MOST_NODES:
            detail = (
                f"Документ больше {LARGEST_DOCUMENT // 2**20} МБ или {MOST_NODES} элементов и атрибутов: "
                "в реестре таких не бывает"
            )
            raise refused("document-too-large", detail, self._member, self.line)


class _Lines:
    """Lines at which documents begin. Past those that libxml2 tells apart, opening tags are counted in the bytes."""

    def __init__(self, mark: bytes) -> None:
        self.passed = 1
        self._mark = mark
        self._last = b""  # where a mark may have begun
        self.begun: deque[int] = deque()

    def take(self, chunk: bytes) -> None:
        if self.passed > NUMBERED // 4:
            text = self._last + chunk
            line, at = self.passed - self._last.count(b"\n"), 0
            while (found := text.find(self._mark, at)) >= 0:
                line += text.count(b"\n", at, found)
                self.begun.append(line)
                at = found + len(self._mark)
            self._last = text[1 - len(self._mark) :]
        self.passed += chunk.count(b"\n")

    def of(self, told: int) -> int:
        """The line of the next document, of which libxml2 tells `told`."""
        if told >= NUMBERED and self.begun:
            return self.begun.popleft()
        # The lines that are known keep both counts in step.
        while self.begun and self.begun[0] < told:
            self.begun.popleft()
        if self.begun and self.begun[0] == told:
            self.begun.popleft()
        return told

    def settle(self) -> None:
        """What is left may be one document under way and a tag that is not read to its end."""
        while len(self.begun) > 2:
            self.begun.popleft()


def _read(file: IO[bytes], member: str, size: int) -> bytes:
    try:
        return file.read(size)
    except DAMAGE as error:
        raise damaged(member) from error


def _malformed(error: Any, parser: Any, member: str, line: int) -> Invalid:
    told = parser.feed_error_log or error.error_log  # an unknown entity is in the former alone
    first = told[0] if len(told) else None
    name = first.type_name if first is not None else ""
    code, detail = _REASONS.get(name, ("xml-malformed", "XML не читается: нарушены его правила"))
    return refused(code, detail, member, (first.line if first is not None else error.lineno) or line)


def _prolog(file: IO[bytes], member: str) -> tuple[bytes, str]:
    """The first bytes and their encoding, after a look at the encoding, at entities and at the root."""
    start = _read(file, member, PROLOG)
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
    before = _BEFORE_ROOT.match(head)
    at = before.end() if before else 0
    line = head.count("\n", 0, at) + 1
    if head.startswith("<!DOCTYPE", at):
        raise refused("xml-entities-refused", "Определения типов и сущностей не допускаются", member, line)
    root = _TAG.match(head, at)
    if root is None or root[1] != ROOT:
        found = f"Корень — «{root[1][:50]}», а должен быть" if root else "В начале файла нет корня"
        raise refused("xml-wrong-root", f"{found} «{ROOT}»", member, line)
    return start, encoding

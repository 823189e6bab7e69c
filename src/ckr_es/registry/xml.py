"""The documents of one XML member, one at a time: no DTD, no entities, no more memory than one document takes.

All bytes pass a parser that builds nothing; a tree is built of the documents that somebody asks for.
"""

import codecs
import re
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
ROOT: Final = "Файл"
DOCUMENT: Final = "Документ"
HEADER: Final = "ИдОтпр"
SAFE: Final[dict[str, Any]] = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "load_dtd": False,
    "no_network": True,
    "huge_tree": False,
    "collect_ids": False,
}

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ENCODINGS: Final = {"utf-8": "utf-8", "utf8": "utf-8", "windows-1251": "cp1251", "cp1251": "cp1251"}
# Atomic: what was passed is not tried again, however the rest looks.
_BEFORE_ROOT = re.compile(r"(?>\s+|<!--.*?-->|<\?.*?\?>)*+", re.DOTALL)
_TAG = re.compile(r"<([^\s<>!?/]+)")
_ROOT_TAG = re.compile(rf"""(<{ROOT}(?:[^<>"'/]|"[^"]*"|'[^']*')*+)(/?)>""".encode())
_CLOSING: Final = f"</{ROOT}>".encode()
_BEGIN: Final = f"<{DOCUMENT}".encode()
_END = re.compile(rf"</{DOCUMENT}\s*+>".encode())
_ATTRIBUTE: Final = r'''\s++[\x80-\xff]++="[^"<]*+"'''  # its name is of Cyrillic letters: no xmlns
_ODD = re.compile(rb"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[(.*?)\]\]>|(<[!?].*)", re.DOTALL)
_OPEN = re.compile(rb"<(?:[!?]|\Z)")

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


class Documents:
    """The documents of a member, each as its bytes in UTF-8; `line` is where the last one given out begins.

    The parser has passed them: it checks every byte and builds nothing. Only what is asked for is built, by `parsed`.
    Raises Invalid, naming the member and the line.
    """

    def __init__(self, file: IO[bytes], member: str) -> None:
        self._file = file
        self._member = member
        self._builder = etree.XMLParser(**SAFE)
        self.root: Any = None  # known with the first document
        self._opening = b""  # its tag
        self._rest = b""  # a document under way
        self._searched = 0  # up to here it has no end
        self._at = 0  # here the last one given out begins, or what stands before it
        self._line, self._counted = 1, 0  # the line up to which lines were counted, and where that is
        self._open = b""  # a comment or the like without its end
        self._run = self._nodes = 0  # bytes since the last tag began; tags and attributes of a large document

    def __iter__(self) -> Iterator[bytes]:
        checker = etree.XMLParser(target=_Nothing(), **SAFE)
        try:
            for chunk, rest in self._chunks():
                checker.feed(chunk)
                text, self._open = _plain(self._open + rest)
                self._rest += text
                if self.root is not None or self._begun():
                    yield from self._ended()
            checker.close()
        except etree.XMLSyntaxError as error:
            raise malformed(error, checker, self._member, self._passed) from error
        tail = self._rest[: self._rest.rindex(b"</")]
        if _BEGIN in tail:
            yield tail
        else:
            self.parsed(tail)

    @property
    def line(self) -> int:
        begun = max(self._rest.find(_BEGIN, self._at), self._at)
        self._line += self._rest.count(b"\n", self._counted, begun)
        self._counted = begun
        return self._line

    def parsed(self, text: bytes) -> list[Any]:
        """These documents as elements, mostly one; where one stands elsewhere than in the root, all are refused."""
        try:
            self._builder.feed(self._opening + text + _CLOSING)
            root = self._builder.close()
        except etree.XMLSyntaxError as error:
            wrong = malformed(error, self._builder, self._member, self.line)
            if wrong.code == "xml-malformed":  # it was well-formed where it stood
                raise self._layout() from error
            raise refused(wrong.code, wrong.problems[0].detail, self._member, self.line) from error
        for element in root:
            if element.tag != DOCUMENT and (
                element.tag != HEADER or element.find(f".//{DOCUMENT}") is not None
            ):
                raise self._layout()
        return root.findall(DOCUMENT)  # type: ignore[no-any-return]

    def _chunks(self) -> Iterator[tuple[bytes, bytes]]:
        """What the parser is to see next, and what of it stands in the root or behind it."""
        chunk, encoding, at = prolog(self._file, self._member)
        self._line += chunk.count(b"\n", 0, at)
        decoder = codecs.getincrementaldecoder(encoding)()
        while chunk:
            self._limit(chunk)
            yield chunk, chunk[at:]
            at = 0
            chunk = _read(self._file, self._member, CHUNK)
            if encoding != "utf-8":
                try:
                    chunk = decoder.decode(chunk).encode()
                except UnicodeDecodeError as error:
                    line = self._passed + chunk.count(b"\n", 0, error.start)
                    raise wrong_encoding(encoding, self._member, line) from error

    def _begun(self) -> bool:
        tag = _ROOT_TAG.match(self._rest)
        if tag is None:
            return False
        self._opening = tag[1] + b">"
        self._builder.feed(b"\n" * (self._line - 1) + self._opening + _CLOSING)
        self.root = self._builder.close()
        self._line += tag[0].count(b"\n")
        if len(self.root.attrib) > MOST_ATTRIBUTES:
            raise many_attributes(self._member, self.root.sourceline)
        self._rest = (_CLOSING if tag[2] else b"") + self._rest[tag.end() :]
        return True

    def _ended(self) -> Iterator[bytes]:
        at = 0
        for end in _END.finditer(self._rest, self._searched):
            self._at, at = at, end.end()
            yield self._rest[self._at : at]
        if at:
            self._line += self._rest.count(b"\n", self._counted, at)
            self._rest, self._at, self._counted = self._rest[at:], 0, 0
        self._searched = max(self._rest.rfind(b"<"), 0)

    @property
    def _passed(self) -> int:
        """The line at the end of what was taken."""
        return self._line + self._rest.count(b"\n", self._counted) + self._open.count(b"\n")

    def _limit(self, chunk: bytes) -> None:
        """An end to what is too large for one document before it is parsed."""
        last = chunk.rfind(b"<")  # stands in no attribute's value
        self._run = self._run + len(chunk) if last < 0 else len(chunk) - last
        if max(self._run, len(self._open)) > LONGEST_TAG:
            if chunk.count(b'="') + chunk.count(b"='") > MOST_ATTRIBUTES:
                raise many_attributes(self._member, self._passed)
            detail = f"Элемент или текст больше {LONGEST_TAG // 1024} КБ: в реестре таких не бывает"
            raise refused("document-too-large", detail, self._member, self._passed)
        size = len(self._rest) + len(chunk)
        self._nodes = self._nodes + chunk.count(b"<") + chunk.count(b"=") if size > LARGE_DOCUMENT else 0
        if size > LARGEST_DOCUMENT or self._nodes > MOST_NODES:
            detail = (
                f"Документ больше {LARGEST_DOCUMENT // 2**20} МБ или {MOST_NODES} элементов и атрибутов: "
                "в реестре таких не бывает"
            )
            raise refused("document-too-large", detail, self._member, self._passed)

    def _layout(self) -> Invalid:
        detail = f"В «{ROOT}» бывают только «{HEADER}» и «{DOCUMENT}»"
        return refused("xml-wrong-layout", detail, self._member, self.line)


class _Nothing:
    """What a parser builds that only checks."""

    def close(self) -> None:
        pass


def tag(name: str, attribute: str, value: str) -> str:
    """A pattern of an opening tag as the registers write it, up to its end: `value` is the one group."""
    return rf'\s*+<{name}(?:{_ATTRIBUTE})*?\s++{attribute}="({value})"(?:{_ATTRIBUTE})*+\s*+'


def many_attributes(member: str, line: int) -> Invalid:
    return refused("xml-too-many-attributes", f"У элемента больше {MOST_ATTRIBUTES} атрибутов", member, line)


def wrong_encoding(encoding: str, member: str, line: int) -> Invalid:
    return refused("xml-encoding", f"Байты не в объявленной кодировке {encoding}", member, line)


def _plain(text: bytes) -> tuple[bytes, bytes]:
    """Bytes where each < begins a tag: lines in place of comments and instructions, CDATA as text.

    And what has no end yet.
    """
    if not (b"!" in text or b"?" in text or text.endswith(b"<")):  # much faster to find out than two bytes
        return text, b""
    text = _ODD.sub(_as_plain, text)
    at = found.start() if (found := _OPEN.search(text)) else len(text)
    return text[:at], text[at:]


def _as_plain(odd: re.Match[bytes]) -> bytes:
    whole, cdata, unfinished = odd[0], odd[1], odd[2]
    if unfinished is not None:
        return whole
    if cdata is not None:
        return cdata.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    return b"\n" * whole.count(b"\n")


def _read(file: IO[bytes], member: str, size: int) -> bytes:
    try:
        return file.read(size)
    except DAMAGE as error:
        raise damaged(member) from error


def malformed(error: Any, parser: Any, member: str, line: int) -> Invalid:
    told = parser.feed_error_log or error.error_log  # an unknown entity is in the former alone
    first = told[0] if len(told) else None
    name = first.type_name if first is not None else ""
    code, detail = _REASONS.get(name, ("xml-malformed", "XML не читается: нарушены его правила"))
    return refused(code, detail, member, (first.line if first is not None else error.lineno) or line)


def prolog(file: IO[bytes], member: str) -> tuple[bytes, str, int]:
    """The first bytes in UTF-8, the encoding that they came in, and where the root begins: no DTD stands before it."""
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
        raise wrong_encoding(encoding, member, line) from error
    before = _BEFORE_ROOT.match(head)
    at = before.end() if before else 0
    line = head.count("\n", 0, at) + 1
    if head.startswith("<!DOCTYPE", at):
        raise refused("xml-entities-refused", "Определения типов и сущностей не допускаются", member, line)
    root = _TAG.match(head, at)
    if root is None or root[1] != ROOT:
        found = f"Корень — «{root[1][:50]}», а должен быть" if root else "В начале файла нет корня"
        raise refused("xml-wrong-root", f"{found} «{ROOT}»", member, line)
    return (text if encoding == "utf-8" else head.encode()), encoding, len(head[:at].encode())

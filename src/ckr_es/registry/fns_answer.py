"""The answer to a file that we sent to the register of support recipients (reference.md, 4.3), document by document.

It comes from outside: no DTD, no entities, nothing is built but the few attributes that are asked for, and of those
none that names a person.
"""

from io import BytesIO
from typing import Any, Final
from uuid import UUID

from lxml import etree

from ckr_es.aggregates.support_file import Result
from ckr_es.registry.archive import refused
from ckr_es.registry.xml import MOST_ATTRIBUTES, SAFE, malformed, many_attributes, prolog, wrong_encoding
from ckr_es.rules import Invalid

LARGEST: Final = 2**20  # bytes; a result has two hundred, a file a thousand documents
RESULT: Final = "РезОбр"
ACCEPTED: Final = {"01": True, "02": False}
NAME: Final = "ответ"


def results(content: bytes) -> tuple[Result, ...]:
    """What is said of each document, in the order of the answer; Invalid names the line of what is wrong."""
    if len(content) > LARGEST:
        raise refused("answer-too-large", f"Ответ больше {LARGEST // 2**20} МБ", NAME)
    _, encoding, _ = prolog(BytesIO(content), NAME)
    try:
        text = content.decode(encoding).encode()
    except UnicodeDecodeError as error:
        raise wrong_encoding(encoding, NAME, content.count(b"\n", 0, error.start) + 1) from error
    found = _Results()
    parser = etree.XMLParser(target=found, **SAFE)
    try:
        parser.feed(text)
        parser.close()
    except etree.XMLSyntaxError as error:
        raise malformed(error, parser, NAME, 1) from error
    if not found.told:
        raise refused("answer-empty", f"В ответе нет ни одного «{RESULT}»", NAME)
    return tuple(found.told.values())


class _Results:
    """What the parser hears: attributes of results, wherever they stand in the file."""

    def __init__(self) -> None:
        self.told: dict[UUID, Result] = {}
        self._no = 0

    def start(self, tag: str, attributes: Any) -> None:
        if len(attributes) > MOST_ATTRIBUTES:
            raise many_attributes(NAME, 1)
        if tag == RESULT:
            self._no += 1
            self._tell(attributes)

    def close(self) -> None:
        pass

    def _tell(self, attributes: Any) -> None:
        id = self._id(attributes.get("ИдДок"))
        accepted = ACCEPTED.get(attributes.get("КодРезОбр", "").strip())
        if accepted is None:
            raise self._refused("result-unknown", "КодРезОбр бывает 01 (принят) и 02 (не принят)")
        if id in self.told:
            raise self._refused("document-duplicate", f"Документ {id} назван дважды")
        said = attributes.get("ИдПоддерж", "").strip()
        if said and not (len(said) <= 36 and said.isascii() and said.replace("-", "").isalnum()):
            raise self._refused("support-id-invalid", "ИдПоддерж: до 36 латинских букв, цифр и «-»")
        self.told[id] = Result(document_id=id, accepted=accepted, registered_as=said or None)

    def _id(self, text: str | None) -> UUID:
        try:
            return UUID((text or "").strip())
        except ValueError:
            raise self._refused("document-unknown", "ИдДок — не из наших файлов") from None

    def _refused(self, code: str, detail: str) -> Invalid:
        return refused(code, f"{RESULT} № {self._no}: {detail}", NAME)

"""A file to the register of support recipients in structure 4.04 (reference.md, 4.2): same facts, same bytes.

The body of the FNS order was not at hand: names and order of elements are those of the register's own files, with the
sign of the operation and the support's id that senders add (4.3).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from lxml import etree

from ckr_es.aggregates.support_file import FileMade, Sent
from ckr_es.registry.fns_support import TYPE
from ckr_es.rules.support import Category, Recipient
from ckr_es.rules.support_codes import ROUBLE, Codes, Named, Sender

VERSION: Final = "4.04"
PROGRAM: Final = "ckr_es"
LONGEST_NAME: Final = 1000
_CATEGORIES: Final[Mapping[Category | None, str]] = {"micro": "1", "small": "2", "medium": "3", None: "4"}
_NO_VIOLATION: Final = "2"


def written(made: FileMade, recipients: Mapping[UUID, Recipient], contact: Sequence[str] = ()) -> bytes:
    """The bytes of the file. `contact`: surname, given name and patronymic of whoever answers for it."""
    root = etree.Element(
        "Файл",
        {
            "ИдФайл": made.name,
            "ВерсФорм": VERSION,
            "ТипИнф": TYPE,
            "ВерсПрог": PROGRAM,
            "КолДок": str(len(made.documents)),
        },
    )
    sender = etree.SubElement(root, "ИдОтпр")
    if contact:
        _named(sender, "ФИООтв", *contact)
    for document in made.documents:
        _document(root, made, document, recipients[document.participant_id])
    found: bytes = etree.tostring(root, encoding=made.codes.encoding, xml_declaration=True)
    return found


def _document(root: Any, made: FileMade, sent: Sent, who: Recipient) -> None:
    codes = made.codes
    document = etree.SubElement(
        root,
        "Документ",
        {
            "ИдДок": str(sent.document_id),
            "ДатаСост": _day(made.made_on),
            "ПрОбр": getattr(codes.operations, sent.operation),
            "ИдПоддерж": sent.registered_as or str(sent.support_id),
        },
    )
    if who.name:
        firm = {"ИННЮЛ": who.inn, "ОГРН": who.ogrn or "", "НаимОрг": who.name[:LONGEST_NAME]}
        etree.SubElement(document, "СвЮЛ", firm)
    else:
        person = etree.SubElement(
            document, "СвФЛ", {"ИННФЛ": who.inn, **({"ОГРНИП": who.ogrn} if who.ogrn else {})}
        )
        _named(person, "ФИО", who.surname, who.given, who.patronymic)
    _support(document, made, sent, kind="1" if who.name else "2")


def _support(document: Any, made: FileMade, sent: Sent, *, kind: str) -> None:
    codes, told = made.codes, sent.service
    sender, coding = _sender(codes), codes.of(told.service)
    support = etree.SubElement(
        document,
        "СвПредПод",
        {
            "ДатаСвед": _day(made.made_on),
            "ВидПП": kind,
            "КатСуб": _CATEGORIES[sent.category],
            "НаимОрг": sender.name[:LONGEST_NAME],
            "ИННЮЛ": sender.inn,
            "ДатаПрин": _day(told.decided_on),
            "СрокПод": _day(told.accepted_on),
            "ИнфНаруш": _NO_VIOLATION,
        },
    )
    unit = codes.unit(told.service, told.unit)
    hundredths = told.cost_kopecks if unit == ROUBLE else told.quantity * 100
    etree.SubElement(
        support, "ФормПод", {"КодФорм": coding.form, "НаимФорм": _name(codes.forms, coding.form)}
    )
    etree.SubElement(support, "ВидПод", {"КодВид": coding.kind, "НаимВид": _name(codes.kinds, coding.kind)})
    size = f"{hundredths // 100}.{hundredths % 100:02}"
    etree.SubElement(support, "РазмПод", {"РазмПод": size, "ЕдПод": unit})


def _named(parent: Any, element: str, surname: str, given: str, patronymic: str = "") -> None:
    parts = {"Фамилия": surname, "Имя": given, **({"Отчество": patronymic} if patronymic else {})}
    etree.SubElement(parent, element, parts)


def _sender(codes: Codes) -> Sender:
    assert codes.sender is not None, "no file is made without one"
    return codes.sender


def _name(table: Sequence[Named], code: str) -> str:
    return next(named.name for named in table if named.code == code)


def _day(day: date) -> str:
    return f"{day:%d.%m.%Y}"

"""The file that goes to the FNS and the answer that comes: its structure, the same bytes, and what is made to harm."""

from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from lxml import etree
from msgspec.structs import replace

from ckr_es.aggregates.support_file import FileMade, Sent, Service
from ckr_es.registry import fns_answer
from ckr_es.registry.archive import Source
from ckr_es.registry.fns_support_file import written
from ckr_es.registry.reading import Batch, Keep, _member
from ckr_es.rules import Invalid
from ckr_es.rules.support import Recipient
from ckr_es.rules.support_codes import Operation, Sender, default_codes

FIRM, PERSON = UUID(int=1), UUID(int=2)
NAMED = {
    FIRM: Recipient(inn="2466000017", ogrn="1022400000127", name="ООО «Ромашка & <Ко>»"),
    PERSON: Recipient(
        inn="246500000152", ogrn="321246800001239", surname="Ёлкина", given="Анна", patronymic="Ильинична"
    ),
}
CODES = replace(default_codes(), sender=Sender(inn="2460066195", name="АНО «Центр»"))


def service(code: str = "SVC.и", **other: Any) -> Service:
    told = Service(
        service=code,
        decided_on=date(2021, 3, 10),
        accepted_on=date(2021, 3, 25),
        quantity=8,
        unit="час",
        cost_kopecks=1_234_56,
    )
    return replace(told, **other)


def sent(n: int, who: UUID, told: Service, operation: Operation = "report", **other: Any) -> Sent:
    return Sent(
        document_id=UUID(int=100 + n),
        support_id=UUID(int=200 + n),
        case_id=UUID(int=300 + n),
        component_no=1,
        participant_id=who,
        cluster="organic",
        operation=operation,
        service=told,
        **other,
    )


MADE = FileMade(
    file_id=UUID(int=9),
    made_on=date(2021, 4, 5),
    name="VO_SVMSP_0000_9965_20210405_9",
    codes=CODES,
    documents=(
        sent(1, FIRM, service(), category="small"),
        sent(2, PERSON, service("SVC.м", unit="услуга", quantity=1), "correct", registered_as="4711"),
        sent(3, FIRM, service("SVC.а"), "annul", category="micro"),
    ),
)


def tree(made: FileMade = MADE, *contact: str) -> Any:
    return etree.fromstring(written(made, NAMED, contact))


def test_the_structure_is_that_of_the_reference() -> None:
    root = tree(MADE, "Белых", "Егор")
    assert (root.tag, dict(root.attrib)) == (
        "Файл",
        {
            "ИдФайл": MADE.name,
            "ВерсФорм": "4.04",
            "ТипИнф": "РЕЕСТРМСП-ПП",
            "ВерсПрог": "ckr_es",
            "КолДок": "3",
        },
    )
    assert [child.tag for child in root] == ["ИдОтпр", "Документ", "Документ", "Документ"]
    assert dict(root.find("ИдОтпр/ФИООтв").attrib) == {"Фамилия": "Белых", "Имя": "Егор"}
    first, second, third = root.findall("Документ")
    assert dict(first.attrib) == {
        "ИдДок": str(UUID(int=101)),
        "ДатаСост": "05.04.2021",
        "ПрОбр": "01",
        "ИдПоддерж": str(UUID(int=201)),
    }
    assert [child.tag for child in first] == ["СвЮЛ", "СвПредПод"]
    assert dict(first[0].attrib) == {
        "ИННЮЛ": "2466000017",
        "ОГРН": "1022400000127",
        "НаимОрг": "ООО «Ромашка & <Ко>»",
    }
    support = first.find("СвПредПод")
    assert dict(support.attrib) == {
        "ДатаСвед": "05.04.2021",
        "ВидПП": "1",
        "КатСуб": "2",
        "НаимОрг": "АНО «Центр»",
        "ИННЮЛ": "2460066195",
        "ДатаПрин": "10.03.2021",
        "СрокПод": "25.03.2021",
        "ИнфНаруш": "2",
    }
    assert [(child.tag, dict(child.attrib)) for child in support] == [
        ("ФормПод", {"КодФорм": "0500", "НаимФорм": "Образовательная поддержка"}),
        ("ВидПод", {"КодВид": "0501", "НаимВид": "Проведение обучения"}),
        ("РазмПод", {"РазмПод": "8.00", "ЕдПод": "3"}),
    ]
    assert (second.get("ПрОбр"), second.get("ИдПоддерж")) == ("02", "4711")
    assert [child.tag for child in second] == ["СвФЛ", "СвПредПод"]
    assert dict(second[0].attrib) == {"ИННФЛ": "246500000152", "ОГРНИП": "321246800001239"}
    assert dict(second[0][0].attrib) == {"Фамилия": "Ёлкина", "Имя": "Анна", "Отчество": "Ильинична"}
    assert (second[1].get("ВидПП"), second[1].get("КатСуб")) == ("2", "4")
    assert third.get("ПрОбр") == "03"


def test_what_is_paid_for_goes_in_roubles_where_the_table_says_so() -> None:
    services = tuple(replace(c, unit="1") if c.service == "SVC.и" else c for c in CODES.services)
    made = replace(MADE, codes=replace(CODES, services=services))
    size = tree(made).find("Документ/СвПредПод/РазмПод")
    assert dict(size.attrib) == {"РазмПод": "1234.56", "ЕдПод": "1"}


def test_without_an_ogrnip_and_a_patronymic_there_are_no_empty_attributes() -> None:
    bare = Recipient(inn="246500000152", ogrn=None, surname="Белых", given="Егор")
    root = etree.fromstring(written(MADE, {**NAMED, PERSON: bare}))
    assert [dict(element.attrib) for element in root.iter("СвФЛ", "ФИО")] == [
        {"ИННФЛ": "246500000152"},
        {"Фамилия": "Белых", "Имя": "Егор"},
    ]
    assert root.find("ИдОтпр/ФИООтв") is None


def test_the_same_facts_are_the_same_bytes_in_either_encoding() -> None:
    assert written(MADE, NAMED) == written(MADE, dict(reversed(NAMED.items())))
    assert written(MADE, NAMED).startswith(b"<?xml version='1.0' encoding='UTF-8'?>")
    other = replace(MADE, codes=replace(CODES, encoding="windows-1251"))
    content = written(other, {**NAMED, FIRM: replace(NAMED[FIRM], name="ООО «Şair»")})
    assert content.startswith(b"<?xml version='1.0' encoding='windows-1251'?>")
    assert "ООО «&#350;air»".encode("cp1251") in content
    assert etree.fromstring(content).find("Документ/СвЮЛ").get("НаимОрг") == "ООО «Şair»"


@pytest.mark.parametrize("encoding", ["UTF-8", "windows-1251"])
def test_what_is_written_our_reader_of_the_register_reads(tmp_path: Path, encoding: Any) -> None:
    path = tmp_path / "VO_1.xml"
    path.write_bytes(written(replace(MADE, codes=replace(CODES, encoding=encoding)), NAMED))
    source = Source.open(path)
    keep = Keep(frozenset({"2466000017", "246500000152"}), None)
    with source.opened() as stream:
        batches = [
            item
            for item in _member(stream, source.members[0], "support", keep, date(2021, 5, 1))
            if isinstance(item, Batch)
        ]
    records = [record for batch in batches for record in batch.records]
    told = [(r.inn, s.form, s.kind, s.decided_on, s.until) for r in records for s in r.supports]
    decided, until = date(2021, 3, 10), date(2021, 3, 25)
    assert told == [
        ("2466000017", "0500", "0501", decided, until),
        ("246500000152", "0300", "0301", decided, until),
        ("2466000017", "0400", "0401", decided, until),
    ]


# --- answers

OK = '<РезОбр ИдДок="00000000-0000-0000-0000-000000000065" КодРезОбр="01" ИдПоддерж="4711" НаимПолуч="Ёлкина"/>'
NO = '<РезОбр ИдДок="00000000-0000-0000-0000-000000000066" КодРезОбр="02" НаимПолуч="ООО"/>'


def answer(*results: str, encoding: str = "utf-8", head: str = "") -> bytes:
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n{head}<Файл ИдФайл="1">{"".join(results)}</Файл>'
    return text.encode("cp1251" if encoding == "windows-1251" else encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1251"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_answer_is_read_wherever_its_results_stand(encoding: str, wrapped: bool) -> None:
    results = [f"<Документ>{one}</Документ>" if wrapped else one for one in (OK, NO)]
    first, second = fns_answer.results(answer(*results, encoding=encoding))
    assert (first.document_id, first.accepted, first.registered_as) == (UUID(int=101), True, "4711")
    assert (second.document_id, second.accepted, second.registered_as) == (UUID(int=102), False, None)


MANY = " ".join(f'а{n}=""' for n in range(300))
BILLION = '<!DOCTYPE x [<!ENTITY a "лол"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>\n'
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (answer(OK, head=BILLION), "xml-entities-refused"),
        (answer(OK, head=EXTERNAL), "xml-entities-refused"),
        (answer("&a;", OK), "xml-malformed"),
        (answer(), "answer-empty"),
        (answer(OK, OK), "document-duplicate"),
        (answer(OK.replace('"01"', '"03"')), "result-unknown"),
        (answer('<РезОбр КодРезОбр="01"/>'), "document-unknown"),
        (answer(OK.replace("4711", "Ёлкина Анна")), "support-id-invalid"),
        (answer(OK)[:-3], "xml-malformed"),
        (answer(OK) + b"<x/>", "xml-malformed"),
        (answer(OK).replace("Файл".encode(), "Ответ".encode()), "xml-wrong-root"),
        (answer(OK, encoding="windows-1251").replace(b"windows-1251", b"utf-8"), "xml-encoding"),
        (answer(OK).replace(b"utf-8", b"koi8-r"), "xml-encoding"),
        (answer(OK).decode().encode("utf-16"), "xml-encoding"),
        (b"", "xml-wrong-root"),
        (b"{}", "xml-wrong-root"),
        (b"PK\x03\x04" + b"\0" * 100, "xml-encoding"),
        (b"\x80" * 100, "xml-encoding"),
        (answer("<а>" * 5_000), "xml-malformed"),
        (answer(" " * fns_answer.LARGEST), "answer-too-large"),
        (answer(f"<а {MANY}/>", OK), "xml-too-many-attributes"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_is_wrong_or_made_to_harm_is_one_refusal(content: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        fns_answer.results(content)
    assert refused.value.code == code, refused.value.detail
    assert "Ёлкина" not in refused.value.detail

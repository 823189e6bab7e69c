"""An extract says in Russian what records hold, strikes through what is void, keeps from the firm what is inside."""

import json
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any, get_args
from uuid import UUID

import msgspec
import openpyxl
import pytest
from pypdf import PdfReader
from reports.test_forms import assert_within_the_fields, words

from ckr_es.aggregates import participant, service_case
from ckr_es.reports import forms, pdf, xlsx
from ckr_es.reports.extract import (
    Amended,
    Audience,
    Checkpoint,
    Extract,
    Given,
    Line,
    Membership,
    Recorded,
    Subject,
)
from ckr_es.reports.history import FOR_FIRM
from ckr_es.reports.layout import printed
from ckr_es.reports.report import digest, encoded, signed
from ckr_es.reports.telling import told
from ckr_es.reports.words import EVENTS

EVENT_TYPES = {
    str(event.__struct_config__.tag): event
    for event in (*get_args(participant.Event), *get_args(service_case.Event))
}
CASE = UUID(int=7)
AT = datetime(2021, 7, 5, 3, 4, 5, 678901, UTC)


def line(position: int, type: str, audience: Audience, struck: bool = False, **body: Any) -> Line:
    amended = (Amended(position=position + 1, kind="voided_by", reason="не тот акт"),) if struck else ()
    recorded = Recorded(
        position=position, event_id=UUID(int=position), recorded_at=AT, actor="key-1", role="operator",
        late_reason="проверка" if struck else None, struck=struck, amended=amended, leaf=f"{position:064x}",
    )  # fmt: skip
    return Line(
        no=1 if type.startswith("service-case") else None,
        effective_on=date(2021, 4, 21),
        type=type,
        body=body,
        recorded=recorded if audience == "audit" else None,
    )


def extract(audience: Audience, name: str = "ООО «Топинамбур»", **other: Any) -> Extract:
    given = Given(
        no=1, case_id=CASE, applied_on=date(2021, 4, 1), cluster="organic", complex=False, decision="eligible",
        decided_on=date(2021, 4, 2), agreement_number="Д-7", signed_on=date(2021, 4, 3), cancelled_on=None,
        service="SVC.е", cost_kopecks=123_456_78, participant_payment_kopecks=0, act_number="А-1",
        accepted_on=date(2021, 4, 21),
    )  # fmt: skip
    history = (
        line(
            901,
            "service-case.service-accepted",
            audience,
            True,
            act_number="А-1",
            service="SVC.е",
            quantity=1,
        ),
        line(902, "service-case.voided", audience, voids=str(UUID(int=901)), reason="не тот акт"),
        line(
            903,
            "participant.product-launched",
            audience,
            title="Чипсы",
            case_id=str(CASE),
            markets=["russian"],
        ),
    )
    made = Extract(
        audience=audience,
        as_of=date(2021, 6, 30),
        known_position=903,
        known_recorded_at=AT,
        cluster=None,
        subject=Subject(
            id=UUID(int=1 << 96), kind="legal_entity", name=name, inn="2466000017", ogrn=None,
            registered_on=date(2020, 7, 1),
        ),
        memberships=(Membership(cluster="organic", title="Органика", joined_on=date(2020, 7, 1), left_on=None),),
        services=(given,),
        history=tuple(one for one in history if audience == "audit" or one.type in FOR_FIRM),
        ledger_root="0f" * 32 if audience == "audit" else None,
        checkpoint=Checkpoint(size=950, note="ckr/log\n950\nAAAA\n\n— ckr/log BBBB\n") if audience == "audit" else None,
    )  # fmt: skip
    return signed(msgspec.structs.replace(made, **other))


def test_what_a_firm_is_told_are_fields_that_there_are() -> None:
    for kind, names in FOR_FIRM.items():
        assert set(names) <= set(EVENT_TYPES[kind].__struct_fields__), kind
        assert kind in EVENTS
    assert not {"service-case.scored", "participant.support-checked"} & set(FOR_FIRM)
    inside = {
        "score",
        "conclusion",
        "checks",
        "overrides",
        "conflicts_answered",
        "notes",
        "rule_set",
        "answer_sha256",
        "proposed_by",
    }
    assert not inside & {name for names in FOR_FIRM.values() for name in names}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"quarter": "2021-Q1", "amount_kopecks": 123456789}, "квартал: 2021-Q1; продажи: 1 234 567,89 руб."),
        ({"agreement": {"number": "С-1", "date": "2020-02-01"}}, "соглашение: № С-1 от 01.02.2020"),
        ({"document": {"title": "Приказ", "number": "12", "date": "2021-01-11"}},
         "документ: Приказ № 12 от 11.01.2021"),
        ({"checks": [{"condition": "E0", "verdict": "pass", "inputs": {}}, {"condition": "E4", "verdict": "review"}]},
         "условия: E0 да, E4 решает человек"),
        ({"overrides": [{"condition": "E4", "ground": "не используется"}]},
         "отклонено с основанием: условие: E4; основание: не используется"),
        ({"corrects": str(CASE), "replacement": {"type": "service-case.agreement-signed", "number": "Д-1",
          "signed_on": "2021-01-02"}}, "что исправлено: дело 1; теперь: №: Д-1; подписан: 02.01.2021"),
        ({"complex": True, "service": "SVC.ж", "markets": ["russian", "foreign"]},
         "комплексная: да; услуга: ж; рынки: российский, зарубежный"),
        ({"support_id": "a1b2c3d4-0000-4000-8000-000000000000", "supports": [], "note": None},
         "номер поддержки: a1b2c3d4; примечание: —"),
        ({"score": 85, "answers": {"export_share": 10}, "unheard_of": "x"}, "балл: 85; unheard_of: x"),
        ({"conflicts_answered": [{"component_no": 2, "answer": "других нет"}], "grade": 5},
         "о конфликте интересов: компонент: 2; обоснование: других нет; оценка услуги: 5"),
        ({"notes": [{"code": "analogous-support", "verdict": "not_checked", "explanation": "Сведений нет."}]},
         "о прежней поддержке: Сведений нет."),
    ],
)  # fmt: skip
def test_a_record_is_told_in_russian(body: dict[str, Any], said: str) -> None:
    assert told(body, {str(CASE): "дело 1"}).replace("\u00a0", " ") == said


def test_an_audit_sees_who_when_what_was_struck_and_what_proves_it() -> None:
    report = extract("audit")
    content = pdf.rendered(report)
    said = words(content)
    for text in (
        "Выпискаобучастникедлявыборочнойпроверки", "отмененазаписью902:нетотакт",
        "внесенопозже:проверка", "key-1,operator", "чтоотменено:запись901", "поделу:дело1",
        "0f" * 32, "ckr/log,записей950,кореньAAAA", "BBBB", "05.07.202110:04", report.digest,
    ):  # fmt: skip
        assert text in said, text
    assert f"{901:064x}" in PdfReader(BytesIO(content)).pages[-1].extract_text()  # to be copied whole
    assert_within_the_fields(content)
    assert printed(report).tables[2].struck == {0}
    sheet = openpyxl.load_workbook(BytesIO(xlsx.rendered(report)))["История"]
    assert [bool(row[4].font.strike) for row in sheet.iter_rows(min_row=3, max_row=5)] == [True, False, False]
    assert pdf.rendered(extract("audit")) == content


def test_a_firm_sees_neither_who_nor_positions() -> None:
    report = extract("firm")
    text = encoded(report).decode()
    for inside in ("key-1", "operator", "leaf", "0f0f", 'struck":true'):
        assert inside not in text
        assert inside not in words(pdf.rendered(report))
    assert [table.name for table in printed(report).tables] == ["Кластеры", "Услуги", "История"]
    assert json.loads(text)["digest"] == digest(encoded(report))
    assert forms.file_name(report, "pdf") == "ckr-extract-firm-00000001-2021-06-30-903.pdf"
    assert "123456,78" in words(pdf.rendered(report))


def test_an_empty_history_and_a_hostile_name_print_too() -> None:
    bare = extract("audit", "#panic() " + "Щ" * 300, memberships=(), services=(), history=(), checkpoint=None)
    content = pdf.rendered(bare)
    assert "Нетзаписей." in words(content)
    assert "нотариусещёнеподписал" in words(content)
    assert_within_the_fields(content)
    assert xlsx.rendered(bare) == xlsx.rendered(bare)

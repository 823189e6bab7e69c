"""Lists of staff: each row of a workbook or a CSV as the commands it asks for, exact, or refused by row and column."""

import io
import zipfile
from datetime import date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from api.centre import firm_inn
from imports.commands import cluster, firm, written
from imports.test_importing import looked, query, recorded, told
from xlsxwriter import Workbook

from ckr_es.application import ServiceTracking
from ckr_es.imports import course, errors, sheets
from ckr_es.registry import archive
from ckr_es.rules import Refused

numbers = count(90_000, 100)
codes = (f"l{n}" for n in count())
SERVICES = (
    "ИНН", "Кластер", "Услуга", "Номер заявки", "Дата заявки", "Стоимость, руб.", "Дата решения", "Номер акта",
    "Дата акта", "Количество", "Единица",
)  # fmt: skip
SALES = ("ИНН", "Квартал", "Выручка, руб.", "Основание")


def book(path: Path, *sheets: tuple[str, list[tuple[Any, ...]]]) -> Path:
    with Workbook(path, {"default_date_format": "dd.mm.yyyy"}) as made:
        for name, rows in sheets:
            sheet = made.add_worksheet(name)
            for n, row in enumerate(rows):
                sheet.write_row(n, 0, row)
    return path


def text(path: Path, rows: list[tuple[Any, ...]], encoding: str = "utf-8", delimiter: str = ";") -> Path:
    path.write_bytes("\r\n".join(delimiter.join(map(str, row)) for row in rows).encode(encoding))
    return path


@pytest.fixture
def ready(tracking: ServiceTracking, tmp_path: Path) -> tuple[int, str]:
    """A firm that is ready for a service, and its cluster."""
    n, code = next(numbers), next(codes)
    recorded(
        tracking,
        looked(tracking, written(tmp_path / "ready.ndjson", [*cluster(code), *firm(n, code)[:5]])).id,
    )
    return n, code


def problems(tracking: ServiceTracking, path: Path) -> list[tuple[int, str, str]]:
    one = looked(tracking, path)
    with tracking.recorder.connect() as conn:
        return [(e.row, e.column, e.code) for e in errors.of(conn, course.find(conn, one.id))]


def test_a_workbook_of_services_and_reports(
    tracking: ServiceTracking, tmp_path: Path, ready: tuple[int, str]
) -> None:
    n, code = ready
    inn = firm_inn(n)
    path = book(
        tmp_path / "день.xlsx",
        (
            "Услуги",
            [
                ("Услуги за день",),
                (),
                SERVICES,
                (int(inn), code, "SVC.е", f"З-{n}/1", date(2021, 3, 10), 1234.56, date(2021, 3, 11), "А-1",
                 date(2021, 4, 20), 2, "час"),
                (inn, code, "SVC.е", f"З-{n}/2", "10.03.2021", "1 000,50"),
            ],
        ),
        ("Выручка", [SALES, (inn, "2021-Q1", 0.29, "справка")]),
        ("Рабочие места", [
            ("ИНН", "Квартал", "Численность", "Создано рабочих мест", "Основание"),
            (inn, "2021-Q1", 12, 3, "справка"),
        ]),
    )  # fmt: skip
    one = looked(tracking, path)
    assert (one.format, one.rows) == ("xlsx", 6)
    done = recorded(tracking, one.id)
    assert done.recorded is not None
    assert done.recorded["rows"] == {"recorded": 6, "unchanged": 0, "replayed": 0, "refused": 0}
    costs = query(
        tracking,
        "select (body ->> 'cost_kopecks')::bigint from ckr.event where correlation_id = %s"
        " and type = 'service-case.component-added' order by position",
        one.id,
    )
    assert costs == [(123456,), (100050,)]
    ((amount,),) = query(
        tracking,
        "select body ->> 'amount_kopecks' from ckr.event where correlation_id = %s and type like '%%sales%%'",
        one.id,
    )
    assert amount == "29"
    assert [(t["sheet"], t["line"]) for t in told(tracking, one.id, "commit")] == [
        ("Услуги", 4), ("Услуги", 4), ("Услуги", 4), ("Услуги", 5), ("Выручка", 2), ("Рабочие места", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8", ","), ("utf-8-sig", ";"), ("cp1251", ";"), ("utf-8", "\t")]
)
def test_csv_of_any_spreadsheet(
    tracking: ServiceTracking, tmp_path: Path, ready: tuple[int, str], encoding: str, delimiter: str
) -> None:
    n, code = ready
    rows = [
        ("Вид", "ИНН", "Наименование", "Дата регистрации"),
        ("ЮЛ", firm_inn(n + 1), "ООО «Ёлка»", "01.03.2020"),
        ("юридическое лицо", firm_inn(n + 2), "Берёза", "2020-03-01"),
    ]
    path = text(tmp_path / "участники.csv", rows, encoding, delimiter)
    done = recorded(tracking, looked(tracking, path).id)
    assert done.recorded is not None
    assert done.recorded["events"] == {"participant.registered": 2}
    joins = [("ИНН", "Кластер", "Дата вступления"), (firm_inn(n + 1), code, "02.03.2020")]
    done = recorded(tracking, looked(tracking, text(tmp_path / "j.csv", joins, encoding, delimiter)).id)
    assert done.recorded is not None
    assert done.recorded["events"] == {"participant.joined-cluster": 1}


def test_what_is_wrong_is_told_by_row_and_column(
    tracking: ServiceTracking, tmp_path: Path, ready: tuple[int, str]
) -> None:
    n, _ = ready
    inn = firm_inn(n)
    rows = [
        SALES,
        (inn, "2021-Q1", "=1+1", "x"),
        (inn, "2021-Q9", "5", "x"),
        (inn, "2021-Q1", "5,001", "x"),
        (inn, "2021-Q1", "много", "#Н/Д"),
        (inn, "2021-Q1", "", "x"),
        (inn[:-1], "2021-Q1", "5", "x"),
        (inn, "2021-Q1", "-5", "x"),
    ]
    assert problems(tracking, text(tmp_path / "sales.csv", rows)) == [
        (2, "Выручка, руб.", "cell-invalid"),
        (3, "Квартал", "period-invalid"),
        (4, "Выручка, руб.", "cell-invalid"),
        (5, "Выручка, руб.", "cell-invalid"),
        (5, "Основание", "cell-invalid"),
        (6, "Выручка, руб.", "required"),
        (7, "", "not-found"),
        (8, "Выручка, руб.", "out-of-range"),
    ]
    timed = book(
        tmp_path / "t.xlsx",
        (
            "Список",
            [
                ("ИНН", "Кластер", "Дата вступления"),
                (inn, "x", datetime(2021, 3, 1, 12, 30)),
                (inn, 1.5, "31.02.2021"),
                (inn, "x", "завтра"),
            ],
        ),
    )
    assert problems(tracking, timed) == [
        (2, "Дата вступления", "cell-invalid"),
        (3, "Кластер", "cell-invalid"),
        (4, "Дата вступления", "date-invalid"),
    ]


def test_a_formula_as_text_is_refused_in_a_workbook(tracking: ServiceTracking, tmp_path: Path) -> None:
    path = tmp_path / "f.xlsx"
    with Workbook(path, {"strings_to_formulas": False}) as made:
        sheet = made.add_worksheet()
        sheet.write_row(0, 0, SALES)
        sheet.write_row(1, 0, (firm_inn(1), "2021-Q1", 5, '=HYPERLINK("http://x")'))
    assert problems(tracking, path) == [(2, "Основание", "cell-invalid")]


def refusal(tracking: ServiceTracking, path: Path) -> Refused:
    with pytest.raises(Refused) as refused:
        looked(tracking, path)
    assert "\n" not in refused.value.detail
    return refused.value


def test_what_is_no_list_is_refused_whole(tracking: ServiceTracking, tmp_path: Path) -> None:
    for name, rows, code in (
        ("a", [("ИНН", "Что-то"), *[("1", "2")] * 20], "list-unknown"),
        ("b", [SALES], "list-empty"),
        ("c", [("просто текст",)], "list-empty"),
        ("d", [SALES, tuple("x" * 200)], "list-too-wide"),
        ("e", [SALES, ('"' + "x" * 20_000 + '"', "a", "b", "c")], "csv-damaged"),
    ):
        assert refusal(tracking, text(tmp_path / f"{name}.csv", rows)).code == code, name
    mixed = tmp_path / "f.csv"
    mixed.write_bytes("ИНН;Квартал".encode() + b"\x98\xff\n")  # neither UTF-8 nor Windows-1251
    assert refusal(tracking, mixed).code == "encoding-unknown"
    state = "select state, error ->> 'code' from imports.import order by started_at desc limit 1"
    assert query(tracking, state) == [("failed", "encoding-unknown")]


def test_a_damaged_workbook_is_refused(tracking: ServiceTracking, tmp_path: Path) -> None:
    whole = book(tmp_path / "whole.xlsx", ("S", [SALES, (firm_inn(1), "2021-Q1", 5, "x")])).read_bytes()
    cut = tmp_path / "cut.xlsx"
    cut.write_bytes(whole[: len(whole) // 2])
    assert refusal(tracking, cut).code == "archive-damaged"
    other = tmp_path / "other.xlsx"
    with zipfile.ZipFile(other, "w") as made:
        made.writestr("hello.txt", "hello")
    assert refusal(tracking, other).code == "workbook-damaged"
    spoilt = tmp_path / "spoilt.xlsx"
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(spoilt, "w") as made:
        for name in old.namelist():
            made.writestr(name, b"<broken" if "sheet1" in name else old.read(name))
    assert refusal(tracking, spoilt).code in ("workbook-damaged", "list-empty")


def test_a_bomb_is_refused_by_its_directory(
    tracking: ServiceTracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("xl/worksheets/sheet1.xml", b" " * (archive.BOMB_FLOOR * 4))
    assert refusal(tracking, path).code == "archive-bomb"
    monkeypatch.setattr(sheets, "LARGEST", 1000)
    fine = book(tmp_path / "large.xlsx", ("S", [SALES]))
    assert refusal(tracking, fine).code == "archive-bomb"


def test_a_sheet_that_claims_to_be_endless_takes_one_child_only(
    tracking: ServiceTracking, tmp_path: Path
) -> None:
    """Two cells at the corners of the largest sheet: a dense table of them would take hundreds of gigabytes."""
    path = tmp_path / "corners.xlsx"
    with Workbook(path) as made:
        sheet = made.add_worksheet()
        sheet.write_row(0, 0, SALES)
        sheet.write_string(1_048_575, 16_383, "x")
    assert refusal(tracking, path).code in (
        "reader-died",
        "memory-exceeded",
        "list-too-wide",
        "workbook-damaged",
    )

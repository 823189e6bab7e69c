"""One report, three forms: the same bytes in every process, the same figures in each, and no text that acts."""

import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import msgspec
import openpyxl
import pytest
from msgspec.structs import replace
from pypdf import PdfReader
from reports import samples

from ckr_es.reports import forms, pdf, xlsx
from ckr_es.reports.layout import printed
from ckr_es.reports.report import AnyReport, Report, digest, encoded, exact, signed
from ckr_es.rules.kpi_sets import Policy

# Of the sample in each form. Another template, another release of Typst or XlsxWriter gives other bytes: then closed
# periods render anew, so whoever changes these lines says in the README from which release on.
GOLDEN = {
    "json": "5ce08a3f64b0f6dd089eabdddee5cf893f1055cc710be7939816ef523ff14ea0",
    "xlsx": "d1719c14181e9098eea8d810b6d731ab2de285521000ed1721743aff079df986",
    "pdf": "cd379fea1c9447e4f6c962de4c02fc00e44d65b55693baf5e650c0fd9dff34cc",
}
IN_A_PROCESS = """
import sys, hashlib
sys.path.insert(0, sys.argv[1])
from ckr_es.reports import forms
from reports import samples
for report in (samples.report(), samples.restatement(), samples.empty()):
    for form in forms.FORMS:
        print(hashlib.sha256(forms.rendered(report, form)).hexdigest())
"""
HOSTILE = (
    '#read("/etc/passwd")',
    "=1+1",
    "+1",
    "@SUM(A1)",
    "<b>жирно</b>",
    "$x^2$ *жирно* _курсив_ `код` \\ #panic()",
    "http://example.org/",
    "12345",
    "_x0041_",
    "Щ" * 2000,
    "w" * 2000,
    "слово " * 333,
    "кавычки \" ' и \\u0041",
)


def sheets(content: bytes) -> dict[str, Any]:
    book = openpyxl.load_workbook(BytesIO(content))
    return {sheet.title: sheet for sheet in book.worksheets}


def words(content: bytes) -> str:
    """The text of the PDF without spaces, so that no line's end matters."""
    read = PdfReader(BytesIO(content))
    return re.sub(r"[\s\u200b\u00ad]+", "", "".join(page.extract_text() for page in read.pages))


@cache
def sample_pdf() -> bytes:
    return pdf.rendered(samples.report())


def test_the_digest_is_the_last_member_and_proves_all_before_it() -> None:
    text = encoded(samples.report())
    said = json.loads(text)
    assert list(said)[-1] == "digest"
    before = text[: text.rindex(b',"digest":"')] + b"}"
    assert hashlib.sha256(before).hexdigest() == said["digest"] == digest(text)
    assert digest(text.replace(b"545", b"546")) != said["digest"]
    assert msgspec.json.decode(text, type=Report) == samples.report()
    assert b'"actual":204318.55501' in text


@pytest.mark.parametrize(
    ("stored", "written"),
    [(5, "5"), (5.0, "5"), (204318.5, "204318.5"), (Decimal("204318.50000"), "204318.5"), (0.00001, "0.00001"),
     (Decimal("1E+5"), "100000"), (100.0, "100"), (10**15, "1000000000000000"), (None, "None")],
)  # fmt: skip
def test_a_figure_is_written_in_one_way(stored: Any, written: str) -> None:
    assert str(exact(stored)) == written


def test_two_processes_that_share_nothing_give_the_same_bytes(tmp_path: Path) -> None:
    tests = str(Path(__file__).parents[1])
    settings = (
        {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "UTC", "RAYON_NUM_THREADS": "1"},
        {"PYTHONHASHSEED": "77", "LC_ALL": "ru_RU.UTF-8", "TZ": "America/Lima", "HOME": str(tmp_path)},
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", IN_A_PROCESS, tests],
            env={**os.environ, **environ},
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for environ, folder in zip(settings, (tmp_path, "/"), strict=True)
    ]
    assert said[0] == said[1]
    assert len(set(said[0])) == 9
    assert dict(zip(forms.FORMS, said[0], strict=False)) == GOLDEN


def test_a_workbook_holds_real_numbers_and_days() -> None:
    found = sheets(xlsx.rendered(samples.report()))
    assert list(found) == ["Отчёт", "КПЭ", "Получатели", "Услуги", "Виды услуг", "Кластеры", "Участники"]
    kpi = found["КПЭ"]
    assert [cell.value for cell in kpi[2]] == [
        "№ п/п", "Показатель", "Ед. изм.", "План", "Факт", "%", "Причина отклонения",
    ]  # fmt: skip
    assert [cell.value for cell in kpi[3]][3:6] == [545, 2, 0.4]
    assert [cell.value for cell in kpi[4]][3:] == [545, "н/п", None, "Центр создан в этом году"]
    sales = kpi[5]
    assert (sales[4].value, sales[4].number_format) == (204318.55501, "#,##0.0")
    firms = found["Получатели"]
    assert (firms["H3"].value, firms["H3"].number_format) == (datetime(2021, 4, 21), "dd.mm.yyyy")
    assert (firms["J3"].value, firms["J3"].number_format) == (123456.78, "#,##0.00")
    assert firms["C3"].value == "2466000017"
    for name, sheet in found.items():
        assert sheet.page_setup.paperSize == 9
        assert sheet.page_setup.fitToHeight == 0
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        if name != "Отчёт":
            assert sheet.freeze_panes == "A3"
            assert sheet.print_title_rows == "$1:$2"
            assert sheet.column_dimensions["B"].width > 7
    assert samples.report().digest in [cell.value for cell in found["Отчёт"]["B"]]


def test_a_workbook_shows_nothing_of_the_machine() -> None:
    with ZipFile(BytesIO(xlsx.rendered(samples.report()))) as packed:
        for info in packed.infolist():
            said = (info.compress_type, info.date_time, info.create_system, info.external_attr, info.extra)
            assert said == (ZIP_STORED, (1980, 1, 1, 0, 0, 0), 3, 0o644 << 16, b"")
        core = packed.read("docProps/core.xml").decode()
    assert "2021-07-05T03:04:05Z" in core


def test_a_pdf_is_an_archival_one_that_brings_its_fonts_and_the_canonical_report() -> None:
    read = PdfReader(BytesIO(sample_pdf()))
    about = read.xmp_metadata
    assert about is not None
    told = about.stream.get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in told
    assert "<pdfaid:conformance>B</pdfaid:conformance>" in told
    assert read.attachments["report.json"] == [encoded(samples.report())]
    fonts = {
        font.get_object()["/BaseFont"].split("+")[1]
        for page in read.pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert fonts
    assert all(font.startswith(("LibertinusSerif", "DejaVuSansMono")) for font in fonts)
    assert read.metadata is not None
    assert read.metadata.creation_date_raw == "D:20210705000000Z"
    assert read.metadata.title == "Отчёт о деятельности Центра кластерного развития за II квартал 2021 года"


def test_a_pdf_says_what_the_report_says() -> None:
    said = words(sample_pdf())
    for text in (
        "УТВЕРДИЛ", "Генеральныйдиректор", "05.07.2021", "IIквартал2021года", "204318,6", "н/п", "—",
        "Центрсозданвэтомгоду", "ООО«Топинамбур»", "2466000017", "21.04.2021", "123456,78", samples.report().digest,
        "Индивидуальныйпредпринимательa1b2c3d4", "Всегосубъектов:2,услуг:2", "всего:5", "тыс.рублей",
    ):  # fmt: skip
        assert text in said, text
    pages = [page.extract_text() for page in PdfReader(BytesIO(sample_pdf())).pages]
    assert "ЧЕРНОВИК" not in said
    assert [page.split()[0] for page in pages[1:]] == [str(n) for n in range(2, len(pages) + 1)]
    sizes = [tuple(page.mediabox[2:]) for page in PdfReader(BytesIO(sample_pdf())).pages]
    assert sizes[0] == pytest.approx((595.276, 841.89), abs=0.01)
    assert sizes[1] == pytest.approx((841.89, 595.276), abs=0.01)


def test_a_draft_of_nothing_is_a_report_too() -> None:
    said = words(pdf.rendered(samples.empty()))
    assert "ЧЕРНОВИК" in said
    assert "УТВЕРДИЛ" not in said
    assert "Нетзаписей." in said
    assert sheets(xlsx.rendered(samples.empty()))["Услуги"].max_row >= 2


@pytest.mark.parametrize("part", ["kpi", "supported", "services", "clusters"])
def test_a_part_alone_is_printed_alone(part: str) -> None:
    others = dict.fromkeys({"kpi", "supported", "services", "clusters"} - {part}, msgspec.UNSET)
    alone = samples.report(parts=(part,), **others)
    assert list(json.loads(encoded(alone)))[-2] == ("rows" if part == "kpi" else part)
    assert alone.digest != samples.report().digest
    assert "Контрольнаясумма" in words(pdf.rendered(alone))
    assert forms.file_name(alone, "pdf") == f"ckr-2021-Q2-v1-{part}.pdf"


def test_a_restatement_names_its_events() -> None:
    report = samples.restatement()
    said = words(pdf.rendered(report))
    for text in (
        "УточнениеотчётаЦентра",
        "Записьподелуотменена",
        "−1",
        "н/п",
        "950",
        "редакция№1",
        report.digest,
    ):
        assert text in said, text
    found = sheets(xlsx.rendered(report))
    assert [cell.value for cell in found["События"][3]] == [
        "2", "Запись по делу отменена", "отменено", datetime(2021, 4, 21), 950, -1, "не тот акт; проверка",
        "00000000-0000-0000-0000-000000000007",
    ]  # fmt: skip
    assert [cell.value for cell in found["Уточнение"][3]][3:] == [2, 1, -1]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_a_text_whatever_it_says(text: str) -> None:
    report = with_text(text)
    found = sheets(xlsx.rendered(report))
    for sheet, cell in (("КПЭ", "G3"), ("Получатели", "B3"), ("Получатели", "I3"), ("Кластеры", "B3")):
        assert found[sheet][cell].value == (text[:100] if cell == "I3" else text)
        assert found[sheet][cell].data_type == "s"
    content = pdf.rendered(report)
    assert re.sub(r"\s+", "", text) in words(content)
    assert "root:" not in words(content)
    assert not any(
        "/A" in link.get_object()
        for page in PdfReader(BytesIO(content)).pages
        for link in page.get("/Annots", ())
    )
    assert_within_the_fields(content)


def with_text(text: str) -> Report:
    base = samples.report()
    assert isinstance(base.kpi, tuple)
    assert isinstance(base.supported, tuple)
    assert isinstance(base.clusters, tuple)
    firm = replace(samples.FIRM, name=text)
    act = samples.act(act_number=text[:100], unit=text)
    return samples.report(
        note=text,
        approved_by=text,
        kpi=(replace(base.kpi[0], deviation=text), *base.kpi[1:]),
        supported=(replace(base.supported[0], participant=firm, acts=(act,)),),
        services=replace(base.services, items=(replace(base.services.items[0], participant=firm, act=act),)),
        clusters=(replace(base.clusters[0], title=text),),
    )


def assert_within_the_fields(content: bytes) -> None:
    """No text begins outside the page's fields: 30 mm on the left, 10 on the right, and on no page's lower edge."""
    for page in PdfReader(BytesIO(content)).pages:
        width, begun = float(page.mediabox[2]), []

        def visit(text: str, cm: Any, tm: Any, *_: Any, begun: list[tuple[float, float]] = begun) -> None:
            if text.strip():
                begun.append((tm[4] * cm[0] + cm[4], tm[5] * cm[3] + cm[5]))

        page.extract_text(visitor_text=visit)
        assert begun
        assert min(x for x, _ in begun) >= 30 / 25.4 * 72 - 1
        assert max(x for x, _ in begun) <= width - 10 / 25.4 * 72
        assert min(y for _, y in begun) >= 10 / 25.4 * 72


def test_what_the_fonts_can_not_show_is_marked_and_stays_in_the_canonical_report() -> None:
    report = with_text("тест 😀 中文 \u202e\x07\ufffe конец")
    content = pdf.rendered(report)
    assert "тест���конец" in words(content)
    assert "тест 😀 中文".encode() in PdfReader(BytesIO(content)).attachments["report.json"][0]
    assert sheets(xlsx.rendered(report))["Кластеры"]["B3"].value.startswith("тест 😀 中文")


def test_every_character_said_to_be_in_the_fonts_is() -> None:
    ranges = (Path(pdf.__file__).parent / "template" / "characters.txt").read_text().split()
    points = [range(int(r.split("-")[0], 16), int(r.split("-")[-1], 16) + 1) for r in ranges]
    text = " ".join(chr(point) for between in points for point in between)
    base = samples.report()
    pdf.rendered(replace(base, note=text, clusters=(replace(base.clusters[0], title=text),)))


def test_persons_have_neither_name_nor_inn() -> None:
    for table in printed(samples.report()).tables:
        for row in table.rows:
            if any("a1b2c3d4" in str(cell) for cell in row):
                assert "Индивидуальный предприниматель a1b2c3d4" in row
                inn = [c.title for c in table.columns].index("ИНН")
                assert row[inn] is None


def test_the_rules_of_counting_are_printed() -> None:
    once = replace(samples.report(), policy=Policy(complex_in_services="once"))
    assert ("Правила учёта", "комплексная услуга в числе услуг — один раз") in printed(once).facts


def test_a_report_of_another_kind_of_day_has_a_dated_name() -> None:
    base: AnyReport = samples.report()
    assert forms.file_name(base, "json") == "ckr-2021-Q2-v1.json"
    assert forms.file_name(samples.empty(), "xlsx") == "ckr-2021-Q2-draft-0.xlsx"
    assert forms.file_name(samples.restatement(), "pdf") == "ckr-2021-Q2-v1-restated-1000.pdf"
    assert signed(samples.report()) == base
    assert base.as_of == date(2021, 6, 30)

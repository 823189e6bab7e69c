"""What the registers' files say of a firm, in every layout, and what of it leaves the reader."""

from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pytest
from registry.generator import Received, Sme, sme, write_sme, write_support, xml

from ckr_es.registry.archive import Source
from ckr_es.registry.fns_sme import SmeRecord
from ckr_es.registry.reading import Batch, Keep, MemberRead, _member, read, register_of
from ckr_es.rules import Invalid
from ckr_es.rules.support import Support, Violation

TODAY = date(2021, 4, 1)
FIRM, PERSON, STRANGER = "2460066195", "246500000152", "7707083893"
EVERYBODY = Keep(frozenset(), "24")


def all_of(
    path: Path, keep: Keep = EVERYBODY, processes: int = 1, skip: frozenset[str] = frozenset()
) -> tuple[list[Any], list[MemberRead]]:
    source = Source.open(path)
    records: list[Any] = []
    members: list[MemberRead] = []
    for item in read(source, register_of(source), keep, TODAY, skip=skip, processes=processes):
        if isinstance(item, Batch):
            records += item.records
        else:
            members.append(item)
    return records, members


def test_a_legal_entity_is_read_with_all_that_eligibility_asks(tmp_path: Path) -> None:
    firm = Sme(
        inn=FIRM,
        category="2",
        main="56.10",
        additional=["10.39", "62.01"],
        licences=["Розничная продажа алкогольной продукции"],
        name='"МЁД & ВОСК"',
    )
    [got], [member] = all_of(write_sme(tmp_path / "data.zip", given=[firm]))
    assert got == SmeRecord(
        inn=FIRM,
        kind="legal_entity",
        as_of=date(2021, 3, 10),
        included_on=date(2018, 8, 10),
        category="small",
        region_code="24",
        okved_main="56.10",
        okved_additional=("10.39", "62.01"),
        okved_version="2014",
        headcount=8,
        licences=("Розничная продажа алкогольной продукции; № 24РПО0000; с 01.03.2020; выдал Минпром края",),
        name='"МЁД & ВОСК"',
        ogrn="1022402652469",
        member=member.member,
        line=2,
    )


def test_of_a_person_neither_name_nor_number_leaves_the_reader(tmp_path: Path) -> None:
    firm = Sme(inn=PERSON, name="ПРИМЕТНЫЙ", licences=["Перевозка пассажиров"])
    [got], _ = all_of(write_sme(tmp_path / "data.zip", given=[firm]))
    assert (got.kind, got.name, got.ogrn) == ("entrepreneur", None, None)
    assert got.licences == ("Перевозка пассажиров; с 01.03.2020",)
    assert "ПРИМЕТНЫЙ" not in repr(got)


def test_the_older_layout_lacks_what_came_later(tmp_path: Path) -> None:
    path = write_sme(tmp_path / "data.zip", given=[Sme(inn=FIRM), Sme(inn=PERSON)], layout="old")
    for got in all_of(path)[0]:
        assert (got.ogrn, got.headcount, got.category) == (None, None, "micro")


@pytest.mark.parametrize(
    ("main", "old", "version"), [("10.39", [], "2014"), ("10.39", ["15.11"], "2001"), (None, [], "2014")]
)
def test_one_code_of_2001_makes_the_whole_record_of_2001(
    tmp_path: Path, main: str | None, old: list[str], version: str
) -> None:
    [got], _ = all_of(write_sme(tmp_path / "data.zip", given=[Sme(inn=FIRM, main=main, old=old)]))
    assert (got.okved_main, got.okved_additional, got.okved_version) == (main, tuple(old), version)


def test_kept_is_who_is_asked_for_and_who_is_of_the_region(tmp_path: Path) -> None:
    given = [Sme(inn=FIRM, region="77"), Sme(inn=PERSON), Sme(inn=STRANGER, region="16")]
    path = write_sme(tmp_path / "data.zip", given=given)
    for keep, inns in (
        (Keep(frozenset(), None), set()),
        (Keep(frozenset({FIRM}), None), {FIRM}),
        (Keep(frozenset(), "24"), {PERSON}),
        (Keep(frozenset({FIRM}), "24"), {FIRM, PERSON}),
    ):
        records, [member] = all_of(path, keep)
        assert {r.inn for r in records} == inns
        assert (member.records, member.kept) == (3, len(inns))


@pytest.mark.parametrize("processes", [1, 2])
def test_all_members_are_read_whatever_the_number_of_processes(tmp_path: Path, processes: int) -> None:
    path = write_sme(tmp_path / "data.zip", 3_000, members=7, share_of_region_24=0.5)
    records, members = all_of(path, processes=processes)
    assert len(members) == 7
    assert sum(m.records for m in members) == 3_000
    assert len(records) == sum(m.kept for m in members) == len({r.inn for r in records})
    assert {m.first_as_of for m in members} == {m.last_as_of for m in members} == {date(2021, 3, 10)}
    rest, left = all_of(path, skip=frozenset(m.member for m in members[:4]), processes=processes)
    assert {m.member for m in left} == {m.member for m in members[4:]}
    assert len(rest) == sum(m.kept for m in left)


def test_a_folder_and_a_single_file_are_read_alike(tmp_path: Path) -> None:
    given = [Sme(inn=FIRM), Sme(inn=PERSON)]
    (tmp_path / "folder").mkdir()
    one = write_sme(tmp_path / "folder" / "one.xml", given=given)
    archive = write_sme(tmp_path / "data.zip", given=given)
    kinds = [Source.open(path).kind for path in (archive, one, one.parent)]
    assert kinds == ["zip", "xml", "dir"]
    found = [[r.inn for r in all_of(path)[0]] for path in (archive, one, one.parent)]
    assert found == [[FIRM, PERSON]] * 3


def test_the_same_bytes_have_the_same_digest(tmp_path: Path) -> None:
    one, other = (write_sme(tmp_path / name, given=[Sme(inn=FIRM)]) for name in ("a.xml", "b.xml"))
    assert Source.open(one).sha256 == Source.open(other).sha256
    assert Source.open(one).sha256 != Source.open(write_sme(other, given=[Sme(inn=PERSON)])).sha256


def test_windows_1251_is_read_where_it_is_declared(tmp_path: Path) -> None:
    for path in (
        write_sme(tmp_path / "sme.xml", given=[Sme(inn=FIRM)]),
        write_support(tmp_path / "support.xml", [Received(inn=FIRM)]),
    ):
        keep = Keep(frozenset({FIRM}), None)
        before, _ = all_of(path, keep)
        text = path.read_text("utf-8").replace("UTF-8", "windows-1251")
        path.write_text(text, "windows-1251")
        assert all_of(path, keep)[0] == before


def test_a_mark_of_byte_order_is_no_harm(tmp_path: Path) -> None:
    path = write_sme(tmp_path / "one.xml", given=[Sme(inn=FIRM)])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [r.inn for r in all_of(path)[0]] == [FIRM]


def test_comments_between_documents_are_passed_by(tmp_path: Path) -> None:
    path = write_sme(tmp_path / "one.xml", given=[Sme(inn=FIRM), Sme(inn=PERSON)])
    path.write_text(path.read_text().replace("<Документ", "<!-- <Документ> --><?a b?><Документ"))
    assert [r.inn for r in all_of(path)[0]] == [FIRM, PERSON]


UNUSUAL = (
    ("", ""),
    ("><", ">\n  <"),
    ("</Документ>", "</Документ\n >"),
    ('="', ' = "'),
    (f'"{STRANGER}"', f"'{STRANGER}'"),
    (f'"{STRANGER}"', '"&#55;707083893"'),
    ('НаимОрг="', 'НаимОрг="> ИННЮЛ=&quot;2460066195&quot; '),
    ("НаимОргСокр=", "НаимОргСокр='ИННЮЛ=\"2460066195\"' х="),
    ("<СведМН", "<!-- </Документ> <Документ> --><?a </Документ>?><СведМН"),
    ("<СведМН", "<![CDATA[</Документ><Документ> & ]]><СведМН"),
    ("<СведМН", '<Иное ИННЮЛ="2460066195"/><СведМН'),
    ("<ОргВклМСП", '<Иное><ОргВклМСП ИННЮЛ="2460066195"/><СведМН КодРегион="24"/></Иное><ОргВклМСП'),
    ("/><СведМН", "><Документ/></ОргВклМСП><СведМН"),
    ("<Документ ", '<Документ xml:lang="ru" '),
)


@pytest.mark.parametrize(("usual", "unusual"), UNUSUAL)
@pytest.mark.parametrize("size", [1, 7, 64 * 1024])
def test_however_a_document_is_written_it_is_the_same_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usual: str, unusual: str, size: int
) -> None:
    """The usual ones are told from their first bytes, wherever a chunk may end."""
    monkeypatch.setattr("ckr_es.registry.xml.PROLOG", 200)
    monkeypatch.setattr("ckr_es.registry.xml.CHUNK", size)
    firms = [sme(Sme(inn=inn, region="77")) for inn in (PERSON, STRANGER, FIRM)]
    written = firms[1].replace(usual, unusual)
    path = tmp_path / "one.xml"

    def kept(*inns: str) -> tuple[list[str], int]:
        source = Source.open(path)
        with source.opened() as stream:
            *batches, end = _member(stream, source.members[0], "sme", Keep(frozenset(inns), "24"), TODAY)
        assert isinstance(end, MemberRead)
        return [r.inn for b in batches if isinstance(b, Batch) for r in b.records], end.records

    path.write_bytes(xml([firms[0], written, firms[2]]))
    assert kept(STRANGER) == ([STRANGER], 3)
    assert kept(FIRM) == ([FIRM], 3)
    assert kept() == ([], 3)


def test_what_a_member_says_of_its_number_is_told_and_not_believed(tmp_path: Path) -> None:
    path = write_sme(tmp_path / "one.xml", given=iter([Sme(inn=FIRM)]))  # an iterator: not counted
    _, [member] = all_of(path)
    assert (member.records, member.said) == (1, 0)


@pytest.mark.parametrize("structure", ["2020", "4.04"])
def test_support_is_read_in_both_structures(tmp_path: Path, structure: Any) -> None:
    given = [Received(inn=FIRM), Received(inn=PERSON, until=None), Received(inn=STRANGER)]
    path = write_support(tmp_path / "support.zip", given, structure=structure)
    assert register_of(Source.open(path)) == "support"
    records, _ = all_of(path, Keep(frozenset({FIRM, PERSON}), "24"))
    numbers = ("1", "2") if structure == "4.04" else (None, None)
    assert [(r.inn, r.supports) for r in records] == [
        (
            inn,
            (
                Support(
                    provider_inn=FIRM,
                    form="0400",
                    kind="0402",
                    decided_on=date(2021, 2, 1),
                    until=u,
                    number=n,
                ),
            ),
        )
        for inn, u, n in zip((FIRM, PERSON), (date(2021, 12, 31), None), numbers, strict=True)
    ]


@pytest.mark.parametrize("kind", ["misuse", "other"])
def test_violations_are_read_with_their_days_where_these_are_told(tmp_path: Path, kind: Any) -> None:
    given = [Received(inn=FIRM, violation=kind)]
    keep = Keep(frozenset({FIRM}), None)
    [new], _ = all_of(write_support(tmp_path / "new.zip", given), keep)
    [old], _ = all_of(write_support(tmp_path / "old.zip", given, structure="2020"), keep)
    assert new.supports[0].violations == (
        Violation(kind=kind, found_on=date(2021, 3, 1), remedy_by=date(2021, 4, 1)),
    )
    assert old.supports[0].violations == (Violation(kind=kind),)


@pytest.mark.parametrize(("sign", "kinds"), [("1", ("other",)), ("2", ())])
def test_a_violation_may_come_without_its_details(tmp_path: Path, sign: str, kinds: tuple[str, ...]) -> None:
    path = write_support(tmp_path / "one.xml", [Received(inn=FIRM)])
    path.write_text(path.read_text().replace('ИнфНаруш="2"', f'ИнфНаруш="{sign}"'))
    [got], _ = all_of(path, Keep(frozenset({FIRM}), None))
    assert got.supports[0].violations == tuple(Violation(kind=kind) for kind in kinds)  # type: ignore[arg-type]


def test_what_the_files_are_known_to_get_wrong_is_no_error(tmp_path: Path) -> None:
    path = write_support(tmp_path / "one.xml", [Received(inn=FIRM), Received(inn=FIRM)], structure="2020")
    text = path.read_text().replace("<Документ ", '<Документ ВидСуб="1" ').replace('КолДок="2"', 'КолДок="х"')
    path.write_text(text.replace('РазмПод="1.00"', 'РазмПод="1000000000000"').replace("31.12.2021", "12", 1))
    [first, second], [member] = all_of(path, Keep(frozenset({FIRM}), None))
    assert (first.inn, second.inn, member.said) == (FIRM, FIRM, None)
    assert [s.until for r in (first, second) for s in r.supports] == [None, date(2021, 12, 31)]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('ИННЮЛ="7707083893"', 'ИННЮЛ="770708389"', "inn-invalid"),
        ('ДатаПрин="01.02.2021"', 'ДатаПрин="01.02.2031"', "date-in-future"),
        ('ДатаПрин="01.02.2021" ', "", "required"),
        ('СрокПод="31.12.2021"', 'СрокПод="31.13.2021"', "date-invalid"),
        ('КодФорм="0400"', 'КодФорм="400"', "number-invalid"),
        ('КодВид="0402"', 'КодВид="04.02"', "number-invalid"),
        ('<СвЮЛ ИННЮЛ="2460066195"', '<СвЮЛ ИННЮЛ="24600661"', "inn-invalid"),
        ("<СвЮЛ", "<СвПодл", "firm-missing"),
    ],
)
def test_a_wrong_support_is_named(tmp_path: Path, old: str, new: str, code: str) -> None:
    path = write_support(tmp_path / "one.xml", [Received(inn=FIRM, provider_inn="7707083893")])
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(Invalid) as caught:
        all_of(path, Keep(frozenset({FIRM}), None))
    assert (caught.value.code, caught.value.problems[0].pointer) == (code, "/one.xml/2")


def children() -> list[psutil.Process]:
    """Our readers: whatever multiprocessing keeps beside them reads nothing."""
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def test_ending_the_iteration_ends_the_children(tmp_path: Path) -> None:
    source = Source.open(write_sme(tmp_path / "data.zip", 5_000, members=5, share_of_region_24=1))
    items = read(source, "sme", EVERYBODY, TODAY, processes=2)
    assert isinstance(next(items), Batch)
    assert len(children()) == 2
    items.close()
    assert children() == []


def test_a_child_that_was_killed_ends_the_reading_at_once(tmp_path: Path) -> None:
    path = write_sme(tmp_path / "data.zip", 20_000, members=4, share_of_region_24=1)
    items = read(Source.open(path), "sme", EVERYBODY, TODAY, processes=2)
    next(items)
    for child in children():  # in the midst of telling what it has read: the pipe is full by now
        child.kill()
    with pytest.raises(Invalid) as caught:
        list(items)
    assert caught.value.code == "reader-died"
    assert caught.value.problems[0].pointer.startswith("/VO_RRMSPSV")
    assert children() == []

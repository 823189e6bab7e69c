"""What comes from outside and is damaged, wrong or made to harm: one clear refusal each, with member and line."""

import struct
import zipfile
from datetime import date
from pathlib import Path
from random import Random

import pytest
from registry.generator import HEAD, Sme, sme, write_sme, xml

from ckr_es.registry.archive import Source
from ckr_es.registry.reading import Keep, read, register_of
from ckr_es.rules import Invalid

TODAY = date(2021, 4, 1)
FIRM, PERSON = "2460066195", "246500000152"
GOOD = sme(Sme(inn=FIRM))
KEEP = Keep(frozenset(), "24")


def loaded(path: Path) -> None:
    for _ in read(Source.open(path), "sme", KEEP, TODAY, processes=1):
        pass


def refusal(path: Path) -> Invalid:
    with pytest.raises(Invalid) as caught:
        loaded(path)
    [problem] = caught.value.problems
    assert problem.code == caught.value.code
    assert "\n" not in caught.value.detail
    return caught.value


def member(path: Path, *documents: str) -> Path:
    path.write_bytes(xml(documents))
    return path


# --- archives


def test_a_truncated_archive(tmp_path: Path) -> None:
    path = write_sme(tmp_path / "data.zip", 2_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refusal(path).code == "archive-damaged"


def test_a_byte_changed_inside_a_member(tmp_path: Path) -> None:
    path = write_sme(tmp_path / "data.zip", 2_000)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(raw)
    wrong = refusal(path)
    assert wrong.code in ("archive-damaged", "xml-malformed")
    assert "VO_RRMSPSV" in wrong.detail


def test_a_bomb_is_seen_in_the_directory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("VO_1.xml", b" " * 50_000_000)
    assert refusal(path).code == "archive-bomb"


def test_a_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("VO_1.xml", xml([GOOD]) + b" " * 50_000_000)
    raw = bytearray(path.read_bytes())
    entry = raw.rindex(b"PK\x01\x02")
    raw[entry + 24 : entry + 28] = struct.pack("<I", 2_000)
    path.write_bytes(raw)
    assert refusal(path).code in ("archive-damaged", "xml-malformed")


def test_members_that_share_their_bytes(tmp_path: Path) -> None:
    path = write_sme(tmp_path / "data.zip", 200, members=2)
    raw = bytearray(path.read_bytes())
    first = raw.index(b"PK\x01\x02")
    second = raw.index(b"PK\x01\x02", first + 4)
    raw[second + 42 : second + 46] = raw[first + 42 : first + 46]
    path.write_bytes(raw)
    assert refusal(path).code == "archive-bomb"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("run.exe", "archive-unknown-file"),
        ("../../x.xml", "archive-unknown-file"),
        ("/x.xml", "archive-unknown-file"),
    ],
)
def test_members_that_no_register_has(tmp_path: Path, name: str, code: str) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, xml([GOOD]))
    assert refusal(path).code == code


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "file-unknown"), (b"%PDF-1.7", "file-unknown"), (b"PK\x03\x04", "archive-damaged")],
)
def test_a_file_that_is_neither_archive_nor_xml(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "data.zip"
    path.write_bytes(content)
    assert refusal(path).code == code


def test_no_file_and_an_empty_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.zip").code == "file-not-found"
    assert refusal(tmp_path).code == "archive-empty"


# --- members


BILLION = HEAD.format(encoding="UTF-8").encode() + (
    b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>' + xml([GOOD]).split(b"\n", 1)[1]
)
OUTSIDE = HEAD.format(encoding="UTF-8").encode() + (
    b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + xml([GOOD]).split(b"\n", 1)[1]
)
MANY = " ".join(f'a{n}=">"' for n in range(1_000_000))


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (BILLION, "xml-entities-refused", 2),
        (OUTSIDE, "xml-entities-refused", 2),
        (xml([GOOD.replace("ТАЁЖНЫЙ", "&secret;")]), "xml-malformed", 2),
        (xml([GOOD]).decode().encode("cp1251"), "xml-encoding", 2),
        (xml(["\n", GOOD]).replace("ТАЁЖНЫЙ".encode(), b"\xd2\xc0"), "xml-encoding", 3),
        (
            xml([GOOD] * 200 + ["\n", GOOD.replace("ТАЁЖНЫЙ", "ПОЗДНИЙ")]).replace(
                "ПОЗДНИЙ".encode(), b"\xd2"
            ),
            "xml-malformed",
            3,
        ),
        (xml([GOOD]).decode().replace("UTF-8", "UTF-16").encode("utf-16"), "xml-encoding", 1),
        (xml([GOOD]).decode().replace("UTF-8", "koi8-r").encode("koi8-r"), "xml-encoding", 1),
        (xml([GOOD]).replace("Файл".encode(), b"html"), "xml-wrong-root", 1),
        (xml([GOOD])[:-30], "xml-malformed", 2),
        (xml([GOOD]).replace("РЕЕСТРМСП".encode(), "РЕЕСТРМСП-ПП".encode()), "register-wrong-kind", 1),
        (xml([GOOD]).replace("РЕЕСТРМСП".encode(), "ЕГРЮЛ".encode()), "register-wrong-kind", 1),
        (xml([GOOD, "\n", f"<Документ {MANY}/>"]), "document-too-large", 3),
        (xml([GOOD, "\n", f"<Документ>{'<a/>' * 1_200_000}</Документ>"]), "document-too-large", 3),
        (xml([GOOD, f"<ИдОтпр>{GOOD}</ИдОтпр>"]), "xml-wrong-layout", 2),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_member_that_is_not_what_it_should_be(tmp_path: Path, content: bytes, code: str, line: int) -> None:
    path = tmp_path / "VO_1.xml"
    path.write_bytes(content)
    wrong = refusal(path)
    assert (wrong.code, wrong.problems[0].pointer) == (code, f"/VO_1.xml/{line}")
    assert wrong.detail.startswith(f"VO_1.xml, строка {line}: ")


# --- documents


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('ДатаСост="10.03.2021"', 'ДатаСост="02.04.2021"', "date-in-future"),
        ('ДатаСост="10.03.2021"', 'ДатаСост="31.02.2021"', "date-invalid"),
        ('ДатаСост="10.03.2021"', 'ДатаСост="2021-03-10"', "date-invalid"),
        ('ДатаСост="10.03.2021" ', "", "required"),
        ('ДатаВклМСП="10.08.2018"', 'ДатаВклМСП="10.08.2028"', "date-in-future"),
        (f'ИННЮЛ="{FIRM}"', 'ИННЮЛ="246006619"', "number-invalid"),
        (f'ИННЮЛ="{FIRM}"', 'ИННЮЛ="246006619A"', "number-invalid"),
        ("<СведМН", '<ИПВклМСП ИННФЛ="246500000152"/><СведМН', "firm-ambiguous"),
        ("<ОргВклМСП", "<ДругойМСП", "firm-missing"),
        ("<СведМН", "<СведНМ", "region-missing"),
        ('КодРегион="24"', 'КодРегион="Красноярск"', "number-invalid"),
        ('КатСубМСП="1"', 'КатСубМСП="4"', "category-invalid"),
        ('КодОКВЭД="10.39"', 'КодОКВЭД="1039"', "okved-invalid"),
        ('ВерсОКВЭД="2014"', 'ВерсОКВЭД="2007"', "okved-version-unknown"),
        ('ССЧР="8"', 'ССЧР="-8"', "number-invalid"),
    ],
)
def test_a_document_with_a_wrong_value_is_named(tmp_path: Path, old: str, new: str, code: str) -> None:
    assert old in GOOD
    bad = GOOD.replace(old, new)
    if old == new.replace("СведНМ", "СведМН"):
        bad = bad.replace("</СведМН>", "</СведНМ>")
    wrong = refusal(member(tmp_path / "VO_1.xml", GOOD.replace(FIRM, "7707083893"), "\n", "\n", bad))
    assert (wrong.code, wrong.problems[0].pointer) == (code, "/VO_1.xml/4")
    assert "ИдДок 00000000-0000-0000-0000-000000000001" in wrong.detail


def test_a_persons_number_is_not_repeated(tmp_path: Path) -> None:
    bad = sme(Sme(inn=PERSON)).replace(f'ИННФЛ="{PERSON}"', f'ИННФЛ="{PERSON[:-1]}"')
    wrong = refusal(member(tmp_path / "VO_1.xml", bad))
    assert wrong.code == "number-invalid"
    assert PERSON[:-1] not in wrong.detail


def test_a_future_day_is_wrong_even_in_a_record_that_nobody_keeps(tmp_path: Path) -> None:
    bad = sme(Sme(inn=FIRM, region="77"), date(2021, 4, 2))
    assert refusal(member(tmp_path / "VO_1.xml", bad)).code == "date-in-future"


def test_the_wrong_register_is_told_apart_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "VO_1.xml"
    path.write_bytes(xml([GOOD]).replace("РЕЕСТРМСП".encode(), "ЕГРЮЛ".encode()))
    with pytest.raises(Invalid) as caught:
        register_of(Source.open(path))
    assert caught.value.code == "register-wrong-kind"
    path.write_bytes(xml([]))
    with pytest.raises(Invalid) as caught:
        register_of(Source.open(path))
    assert caught.value.code == "register-empty"


def test_damage_anywhere_is_refused_or_changes_nothing_that_is_kept(tmp_path: Path) -> None:
    """In this process: a reader that fails is the same one, and a hundred children would take a minute."""
    from ckr_es.registry.archive import Member
    from ckr_es.registry.reading import Batch, MemberRead, _member

    rng, whole = Random(7), xml([GOOD, sme(Sme(inn=PERSON))])

    def told(content: bytes) -> list[Batch | MemberRead]:
        path = tmp_path / "VO_1.xml"
        path.write_bytes(content)
        source = Source.open(path)
        with source.opened() as stream:
            return list(_member(stream, Member("VO_1.xml", 0), "sme", KEEP, TODAY))

    [good, _] = told(whole)
    assert isinstance(good, Batch)
    refusals = 0
    for _ in range(300):
        at = rng.randrange(40, len(whole) - 1)
        cut = rng.random() < 0.5
        try:
            told(
                whole[:at]
                if cut
                else whole[:at] + bytes([whole[at] ^ (1 << rng.randrange(8))]) + whole[at + 1 :]
            )
        except Invalid:
            refusals += 1
        else:
            assert not cut, at
    assert refusals > 150

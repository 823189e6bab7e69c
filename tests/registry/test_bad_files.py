"""What comes from outside and is damaged, wrong or made to harm: one clear refusal each, with member and line.

Most are read in this process, by what a child runs: starting a child for each would take a minute.
"""

import struct
import zipfile
from datetime import date
from pathlib import Path
from random import Random

import pytest
from registry.generator import HEAD, Sme, sme, write_sme, xml

from ckr_es.registry import archive
from ckr_es.registry.archive import Source
from ckr_es.registry.reading import Batch, Keep, MemberRead, _member, read, register_of
from ckr_es.rules import Invalid

TODAY = date(2021, 4, 1)
FIRM, PERSON = "2460066195", "246500000152"
GOOD = sme(Sme(inn=FIRM))
OTHER = sme(Sme(inn="7707083893", region="77"))  # nobody keeps it
KEEP = Keep(frozenset(), "24")


def loaded(path: Path) -> list[Batch | MemberRead]:
    source = Source.open(path)
    with source.opened() as stream:
        return [item for member in source.members for item in _member(stream, member, "sme", KEEP, TODAY)]


def refusal(path: Path) -> Invalid:
    with pytest.raises(Invalid) as caught:
        loaded(path)
    [problem] = caught.value.problems
    assert problem.code == caught.value.code
    assert caught.value.detail.isprintable()
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
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("VO_1.xml", b" " * 50_000_000)
    assert refusal(path).code == "archive-bomb"


def test_a_bomb_that_lies_about_its_size(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("VO_1.xml", xml([GOOD]) + b" " * 50_000_000)
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


def test_a_member_that_reaches_into_the_directory(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("VO_1.xml", xml([GOOD]))
    raw = bytearray(path.read_bytes())
    entry = raw.rindex(b"PK\x01\x02")
    raw[entry + 20 : entry + 28] = struct.pack("<II", len(raw), len(raw))
    path.write_bytes(raw)
    wrong = refusal(path)
    assert (wrong.code, wrong.problems[0].pointer) == ("archive-bomb", "/VO_1.xml")


@pytest.mark.parametrize(
    "name",
    [
        "run.exe",
        "../../x.xml",
        "/x.xml",
        "folder/x.xml",
        "folder/",
        "..\\x.xml",
        "a\nb.xml",
        "x" * 300 + ".xml",
    ],
)
def test_members_that_no_register_has(tmp_path: Path, name: str) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("VO_1.xml", xml([GOOD]))
        packed.writestr(name, b"" if name.endswith("/") else xml([GOOD]))
    assert refusal(path).code == "archive-unknown-file"


@pytest.mark.parametrize(
    ("offset", "value", "code"),
    [
        (8, struct.pack("<H", 1), "archive-encrypted"),
        (10, struct.pack("<H", 14), "archive-damaged"),  # LZMA
        (6, struct.pack("<H", 99), "archive-damaged"),  # a version of the format that nobody knows
        (24, struct.pack("<I", 3 * 2**30), "archive-bomb"),
    ],
)
def test_an_entry_of_the_directory_that_cannot_be_unpacked(
    tmp_path: Path, offset: int, value: bytes, code: str
) -> None:
    path = write_sme(tmp_path / "data.zip", given=[Sme(inn=FIRM)])
    raw = bytearray(path.read_bytes())
    entry = raw.rindex(b"PK\x01\x02") + offset
    raw[entry : entry + len(value)] = value
    path.write_bytes(raw)
    assert refusal(path).code == code


def test_a_member_whose_own_header_differs_from_the_directory(tmp_path: Path) -> None:
    path = write_sme(tmp_path / "data.zip", given=[Sme(inn=FIRM)])
    path.write_bytes(path.read_bytes().replace(b"VO_RR", b"VO_XX", 1))
    wrong = refusal(path)
    assert wrong.code == "archive-damaged"
    assert "VO_RRMSPSV" in wrong.detail


def test_two_members_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("VO_1.xml", xml([GOOD]))
        packed.writestr("VO_2.xml", xml([GOOD]))
    path.write_bytes(path.read_bytes().replace(b"VO_2", b"VO_1"))
    assert refusal(path).code == "archive-damaged"


def test_more_members_than_any_register_has(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    entry = struct.pack(
        "<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0
    )
    count = archive.MOST_MEMBERS + 1
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, count * 47, 4, 0)
    path.write_bytes(b"PK\x03\x04" + (entry + b"a") * count + end)
    wrong = refusal(path)
    assert wrong.code == "archive-bomb"
    assert str(count) in wrong.detail


def test_a_directory_too_large_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    size = archive.LARGEST_DIRECTORY + 1
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, size, 4, 0)
    path.write_bytes(b"PK\x03\x04" + b"\0" * size + end)
    wrong = refusal(path)
    assert wrong.code == "archive-bomb"
    assert "Оглавление" in wrong.detail


def test_damage_anywhere_in_an_archive_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    path = write_sme(tmp_path / "data.zip", given=[Sme(inn=FIRM), Sme(inn=PERSON)], members=2)
    rng, whole, good = Random(11), path.read_bytes(), loaded(path)
    refusals = 0
    for _ in range(300):
        at = rng.randrange(2, len(whole))
        cut = rng.random() < 0.3
        path.write_bytes(whole[:at] if cut else whole[:at] + rng.randbytes(1) + whole[at + 1 :])
        try:
            got = loaded(path)
        except Invalid:
            refusals += 1
        else:
            assert not cut
            assert [i.records for i in got if isinstance(i, Batch)] == [
                i.records for i in good if isinstance(i, Batch)
            ]
    assert refusals > 200


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
    (tmp_path / "folder.xml").mkdir()
    (tmp_path / "notes.txt").touch()
    assert refusal(tmp_path).code == "archive-empty"


# --- members


BILLION = HEAD.format(encoding="UTF-8").encode() + (
    b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>' + xml([GOOD]).split(b"\n", 1)[1]
)
OUTSIDE = HEAD.format(encoding="UTF-8").encode() + (
    b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + xml([GOOD]).split(b"\n", 1)[1]
)
# Seen where only the beginning of a file is looked at, the instruction would hide the definition behind it.
HIDDEN = HEAD.format(encoding="UTF-8").encode() + (
    "<?a <Файл ?>".encode()
    + b" " * 70_000
    + b'<!DOCTYPE x [<!ENTITY a "ha">]>'
    + xml([GOOD]).split(b"\n", 1)[1]
)
LATER = HEAD.format(encoding="UTF-8").encode() + (
    b"<!-- <!DOCTYPE x> -->\n<?a b?>\n<!DOCTYPE x>" + xml([GOOD]).split(b"\n", 1)[1]
)
COMMENTS = HEAD.format(encoding="UTF-8").encode() + b"<!--" * 16_000
MANY = " ".join(f'a{n}=">"' for n in range(1_000_000))
SOME = " ".join(f'a{n}=""' for n in range(201))


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (BILLION, "xml-entities-refused", 2),
        (OUTSIDE, "xml-entities-refused", 2),
        (LATER, "xml-entities-refused", 4),
        (HIDDEN, "xml-wrong-root", 2),
        (COMMENTS, "xml-wrong-root", 2),
        (xml([GOOD, "\n", GOOD.replace("ТАЁЖНЫЙ", "&secret;"), "\n", GOOD]), "xml-malformed", 3),
        (xml([GOOD, "\n", f"<Документ>&secret;{GOOD}</Документ>", "\n", GOOD]), "xml-malformed", 3),
        (xml([GOOD]).decode().encode("cp1251"), "xml-encoding", 2),
        (xml(["\n", GOOD]).replace("ТАЁЖНЫЙ".encode(), b"\xd2\xc0"), "xml-encoding", 3),
        (
            xml([GOOD] * 200 + ["\n", GOOD.replace("ТАЁЖНЫЙ", "ПОЗДНИЙ")]).replace(
                "ПОЗДНИЙ".encode(), b"\xd2"
            ),
            "xml-encoding",
            3,
        ),
        (xml([GOOD]).decode().replace("UTF-8", "UTF-16").encode("utf-16"), "xml-encoding", 1),
        (xml([GOOD]).decode().replace("UTF-8", "koi8-r").encode("koi8-r"), "xml-encoding", 1),
        (xml([GOOD]).replace("Файл".encode(), b"html"), "xml-wrong-root", 2),
        (xml([GOOD])[:-30], "xml-malformed", 2),
        (xml([GOOD]).replace("РЕЕСТРМСП".encode(), "РЕЕСТРМСП-ПП".encode()), "register-wrong-kind", 2),
        (xml([GOOD]).replace("РЕЕСТРМСП".encode(), "ЕГРЮЛ".encode()), "register-wrong-kind", 2),
        (xml([GOOD, "\n", f"<Документ {MANY}/>"]), "xml-too-many-attributes", 3),
        (xml([GOOD, "\n", f"<Документ {MANY.replace('>', '')}/>"]), "xml-too-many-attributes", 3),
        (xml([GOOD, "\n", GOOD.replace("<СведМН", f"<СведМН {SOME}")]), "xml-too-many-attributes", 3),
        (xml([GOOD]).replace("<Файл".encode(), f"<Файл {SOME}".encode()), "xml-too-many-attributes", 2),
        (xml([GOOD]).replace("<Файл".encode(), f"<Файл {MANY}".encode()), "xml-too-many-attributes", 2),
        (xml([GOOD, "\n", f"<Документ>{'текст' * 60_000}</Документ>"]), "document-too-large", 3),
        (xml([GOOD, "\n", f"<Документ>{'<a>' * 1_000}{'</a>' * 1_000}</Документ>"]), "xml-too-deep", 3),
        (xml([GOOD, "\n", f"<Документ>{'<a/>' * 1_200_000}</Документ>"]), "document-too-large", 3),
        (xml([GOOD, f"<ИдОтпр>{GOOD}</ИдОтпр>"]), "xml-wrong-layout", 2),
        (xml([GOOD, f"<Список>{GOOD}</Список>"]), "xml-wrong-layout", 2),
        (xml([GOOD, "\n", f"<Список>{OTHER}{OTHER}</Список>"]), "xml-wrong-layout", 3),
        (xml([GOOD, "\n", OTHER.replace("</СведМН>", f"</СведМН>{OTHER}")]), "xml-wrong-layout", 3),
        (xml([GOOD, "\n", OTHER.replace(" ИдДок", ' xmlns="a" ИдДок')]), "xml-wrong-layout", 3),
        (xml([GOOD, "\n", "<Документ/>", OTHER]), "required", 3),
        (xml([GOOD, OTHER, "\n", "<Документ/>"]), "required", 3),
        (xml([GOOD, "\n", OTHER.replace("</Документ>", "&b;</Документ>")]), "xml-malformed", 3),
        (xml([GOOD, "\n", f"<!-- {'<' * 400_000} -->", OTHER]), "document-too-large", 3),
        (xml([GOOD, "\n", f"<!--{'<?a ' * 60_000}", OTHER]), "xml-malformed", 3),
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
        (f'ИННЮЛ="{FIRM}"', 'ИННЮЛ="246006619"', "inn-invalid"),
        (f'ИННЮЛ="{FIRM}"', 'ИННЮЛ="246006619A"', "inn-invalid"),
        ("<СведМН", '<ИПВклМСП ИННФЛ="246500000152"/><СведМН', "firm-ambiguous"),
        ("</СведМН>", '</СведМН><ИПВклМСП ИННФЛ="246500000152"/>', "firm-ambiguous"),
        ("<ОргВклМСП", "<ДругойМСП", "firm-missing"),
        ("<СведМН", "<СведНМ", "region-missing"),
        ('КодРегион="24"', 'КодРегион="Красноярск"', "region-invalid"),
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
    assert wrong.code == "inn-invalid"
    assert PERSON[:-1] not in wrong.detail


def test_what_a_broken_tag_holds_is_not_repeated(tmp_path: Path) -> None:
    bad = sme(Sme(inn=PERSON)).replace('Имя="ИВАН"', 'Имя="ИВ"АНОВИЧ')
    wrong = refusal(member(tmp_path / "VO_1.xml", bad))
    assert wrong.code == "xml-malformed"
    assert "АНОВИЧ" not in str(wrong) + repr(wrong.problems)


@pytest.mark.parametrize("written", ["\n\n\n{}", ">\n<"])
def test_lines_are_told_beyond_those_that_the_parser_numbers(tmp_path: Path, written: str) -> None:
    firm = GOOD.replace("><", written) if "{}" not in written else written.format(GOOD)
    count = 70_000 // firm.count("\n") + 5_000
    late = firm.replace(FIRM, "7707083893").replace('КодРегион="24"', 'КодРегион="2"')
    content = xml([*[firm.replace('КодРегион="24"', 'КодРегион="77"')] * count, late, firm])
    path = tmp_path / "VO_1.xml"
    path.write_bytes(content)
    at = content.index('КодРегион="2"'.encode())
    line = content.count(b"\n", 0, content.rindex("<Документ".encode(), 0, at)) + 1
    assert line > 70_000
    assert refusal(path).problems[0].pointer == f"/VO_1.xml/{line}"


def test_a_refusal_comes_from_the_child_as_it_was_made(tmp_path: Path) -> None:
    path = member(tmp_path / "VO_1.xml", GOOD, "\n", GOOD.replace("10.03.2021", "10.03.2031"))
    with pytest.raises(Invalid) as caught:
        list(read(Source.open(path), "sme", KEEP, TODAY))
    here = refusal(path)
    assert (caught.value.code, caught.value.detail) == (here.code, here.detail)
    assert caught.value.problems == here.problems


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


def test_damage_anywhere_in_a_member_is_refused_or_changes_nothing_else(tmp_path: Path) -> None:
    rng, whole = Random(7), xml([GOOD, sme(Sme(inn=PERSON))])
    path = tmp_path / "VO_1.xml"
    path.write_bytes(whole)
    [good, _] = loaded(path)
    assert isinstance(good, Batch)
    refusals = 0
    for _ in range(400):
        at = rng.randrange(40, len(whole) - 1)
        cut = rng.random() < 0.5
        flipped = bytes([whole[at] ^ (1 << rng.randrange(8))])
        path.write_bytes(whole[:at] if cut else whole[:at] + flipped + whole[at + 1 :])
        try:
            got = loaded(path)
        except Invalid:
            refusals += 1
        else:
            assert not cut, at
            kept = [record for item in got if isinstance(item, Batch) for record in item.records]
            # One character differs: in what is not read, in one value, or in the region that keeps a record.
            assert sum(a != b for a, b in zip(kept, good.records, strict=False)) <= 1 or len(kept) == 1
            assert isinstance(got[-1], MemberRead)
            assert got[-1].records == 2
    assert refusals > 200

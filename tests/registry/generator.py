"""Archives of any size in the layouts of the two FNS registers, written as a stream: invented firms, real fields."""

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from random import Random
from typing import IO, Literal
from uuid import UUID
from xml.sax.saxutils import quoteattr

from msgspec import Struct

HEAD = '<?xml version="1.0" encoding="{encoding}"?>\n'
NAMES = ("СЕВЕРНЫЙ ВЕТЕР", "ТАЁЖНЫЙ МЁД", "СИБИРСКИЕ СИСТЕМЫ", "ЕНИСЕЙ-СЕРВИС", "МОНТАЖ И НАЛАДКА")
CODES = (
    ("41.20", "Строительство жилых и нежилых зданий"),
    ("47.19", "Торговля розничная прочая в неспециализированных магазинах"),
    ("62.01", "Разработка компьютерного программного обеспечения"),
    ("49.41", "Деятельность автомобильного грузового транспорта"),
    ("10.39", "Прочие виды переработки и консервирования фруктов и овощей"),
    ("68.20", "Аренда и управление собственным или арендованным недвижимым имуществом"),
    ("43.21", "Производство электромонтажных работ"),
)


class Sme(Struct, frozen=True, kw_only=True):
    """A record of the register of SMEs; `additional` and `main` are codes, `old` of the classifier of 2001."""

    inn: str
    region: str = "24"
    category: str = "1"
    included_on: date = date(2018, 8, 10)
    main: str | None = "10.39"
    additional: Sequence[str] = ()
    old: Sequence[str] = ()
    headcount: int | None = 8
    licences: Sequence[str] = ()
    name: str = "ТАЁЖНЫЙ МЁД"


class Received(Struct, frozen=True, kw_only=True):
    """A document of the register of support recipients with one support."""

    inn: str
    provider_inn: str = "2460066195"
    form: str = "0400"
    kind: str = "0402"
    decided_on: date = date(2021, 2, 1)
    until: date | None = date(2021, 12, 31)
    violation: Literal["", "misuse", "other"] = ""
    name: str = "ИВАНОВ"


def write_sme(
    path: Path,
    records: int = 0,
    *,
    members: int = 1,
    as_of: date = date(2021, 3, 10),
    given: Iterable[Sme] = (),
    layout: Literal["new", "old"] = "new",
    share_of_region_24: float = 0.02,
    seed: int = 1,
) -> Path:
    """`given` firms first, then `records` invented ones, spread over `members`; a .zip, or one .xml."""
    rng = Random(seed)
    drawn = (_invented(rng, n, share_of_region_24) for n in range(records))
    documents = (_sme(firm, as_of, layout, n) for n, firm in enumerate(_chain(given, drawn)))
    given_count = len(list(given)) if isinstance(given, Sequence) else 0
    stem = f"VO_RRMSPSV_0000_9965_{as_of:%Y%m%d}_"
    kind = 'ВерсФорм="4.06" ТипИнф="РЕЕСТРМСП"' if layout == "new" else 'ВерсФорм="4.01" ТипИнф="РЕЕСТРМСП"'
    return _write(path, documents, given_count + records, members, stem, kind)


def write_support(
    path: Path,
    given: Sequence[Received],
    *,
    members: int = 1,
    as_of: date = date(2021, 2, 15),
    structure: Literal["2020", "4.04"] = "4.04",
) -> Path:
    documents = (_support(one, as_of, structure, n) for n, one in enumerate(given))
    version = "4.04" if structure == "4.04" else "4.01"
    stem = f"VO_SVMSP_0000_9965_{as_of:%Y%m%d}_"
    return _write(path, documents, len(given), members, stem, f'ВерсФорм="{version}" ТипИнф="РЕЕСТРМСП-ПП"')


def xml(documents: Iterable[str], kind: str = 'ВерсФорм="4.06" ТипИнф="РЕЕСТРМСП"', said: int = 1) -> bytes:
    """One member's bytes."""
    return "".join(_member(documents, kind, said)).encode()


def sme(firm: Sme, as_of: date = date(2021, 3, 10)) -> str:
    return _sme(firm, as_of, "new", 1)


def _chain(given: Iterable[Sme], drawn: Iterable[Sme]) -> Iterator[Sme]:
    yield from given
    yield from drawn


def _write(path: Path, documents: Iterator[str], count: int, members: int, stem: str, kind: str) -> Path:
    each = -(-count // members) if count else 0
    if path.suffix == ".xml":
        with path.open("wb") as file:
            _pour(file, documents, kind, count)
        return path
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for n in range(members):
            with archive.open(f"{stem}{UUID(int=n)}.xml", "w", force_zip64=True) as file:
                _pour(file, islice(documents, each), kind, each)
    return path


def _pour(file: IO[bytes], documents: Iterable[str], kind: str, said: int) -> None:
    for piece in _member(documents, kind, said):
        file.write(piece.encode())


def _member(documents: Iterable[str], kind: str, said: int) -> Iterator[str]:
    yield HEAD.format(encoding="UTF-8")
    yield f'<Файл ИдФайл="VO_0000" {kind} ВерсПрог="1.0" КолДок="{said}">'
    yield '<ИдОтпр ДолжОтв="-" Тлф="-"><ФИООтв Фамилия="-" Имя="-"/></ИдОтпр>'
    yield from documents
    yield "</Файл>"


def _invented(rng: Random, n: int, share: float) -> Sme:
    person = rng.random() < 0.5
    codes = rng.sample(CODES, rng.randint(1, 5))
    return Sme(
        inn=f"{50_0000_0000 + n:010d}" + ("00" if person else ""),
        region="24" if rng.random() < share else f"{rng.choice((1, 16, 54, 66, 77)):02d}",
        category=rng.choices("123", (90, 9, 1))[0],
        main=codes[0][0],
        additional=[code for code, _ in codes[1:]],
        headcount=rng.randint(0, 100),
        name=rng.choice(NAMES),
    )


def _sme(firm: Sme, as_of: date, layout: str, n: int) -> str:
    new = layout == "new"
    legal = len(firm.inn) == 10
    titles = dict(CODES)
    name = quoteattr(firm.name)
    if legal:
        ogrn = ' ОГРН="1022402652469"' if new else ""
        full = quoteattr(f"ОБЩЕСТВО С ОГРАНИЧЕННОЙ ОТВЕТСТВЕННОСТЬЮ {firm.name}")
        who = f'<ОргВклМСП НаимОрг={full} НаимОргСокр={name} ИННЮЛ="{firm.inn}"{ogrn}/>'
    else:
        ogrn = ' ОГРНИП="321246800001239"' if new else ""
        who = f'<ИПВклМСП ИННФЛ="{firm.inn}"{ogrn}><ФИОИП Фамилия={name} Имя="ИВАН" Отчество="ИВАНОВИЧ"/></ИПВклМСП>'
    codes = [("СвОКВЭДОсн", firm.main)] if firm.main else []
    codes += [("СвОКВЭДДоп", code) for code in (*firm.additional, *firm.old)]
    told = "".join(
        f'<{tag} КодОКВЭД="{code}" НаимОКВЭД="{titles.get(code, "Иная деятельность")}" '
        f'ВерсОКВЭД="{2001 if code in firm.old else 2014}"/>'
        for tag, code in codes
    )
    licences = "".join(
        f'<СвЛиценз СерЛиценз="24РПО" НомЛиценз="000{i}" ВидЛиценз="-" ДатаЛиценз="01.03.2020" '
        f'ДатаНачЛиценз="01.03.2020" ОргВыдЛиценз="Минпром края"><НаимЛицВД>{licence}</НаимЛицВД></СвЛиценз>'
        for i, licence in enumerate(firm.licences)
    )
    newer = (
        ' СведСоцПред="2"' + (f' ССЧР="{firm.headcount}"' if firm.headcount is not None else "")
        if new
        else ""
    )
    return (
        f'<Документ ИдДок="{UUID(int=n)}" ДатаСост="{as_of:%d.%m.%Y}" ДатаВклМСП="{firm.included_on:%d.%m.%Y}" '
        f'ВидСубМСП="{1 if legal else 2}" КатСубМСП="{firm.category}" ПризНовМСП="2"{newer}>{who}'
        f'<СведМН КодРегион="{firm.region}"><Регион Тип="КРАЙ" Наим="КРАСНОЯРСКИЙ"/><Город Тип="Г" Наим="КРАСНОЯРСК"/>'
        f"</СведМН>{f'<СвОКВЭД>{told}</СвОКВЭД>' if told else ''}{licences}</Документ>"
    )


def _support(one: Received, as_of: date, structure: str, n: int) -> str:
    name = quoteattr(one.name)
    if len(one.inn) == 10:
        ogrn = ' ОГРН="1022402652469"' if structure == "4.04" else ""
        who = f'<СвЮЛ ИННЮЛ="{one.inn}"{ogrn} НаимОрг={name}/>'
    else:
        who = f'<СвФЛ ИННФЛ="{one.inn}"><ФИО Фамилия={name} Имя="ИВАН"/></СвФЛ>'
    until = f' СрокПод="{one.until:%d.%m.%Y}"' if one.until else ""
    common = (
        f'КатСуб="1" НаимОрг="ЦЕНТР" ИННЮЛ="{one.provider_inn}" ДатаПрин="{one.decided_on:%d.%m.%Y}"{until}'
    )
    what = (
        f'<ФормПод КодФорм="{one.form}" НаимФорм="Консультационная поддержка"/>'
        f'<ВидПод КодВид="{one.kind}" НаимВид="Консультация"/><РазмПод РазмПод="1.00" ЕдПод="5"/>'
    )
    broken = 1 if one.violation else 2
    if structure == "4.04":
        told = {"misuse": "1", "other": "2"}.get(one.violation)
        violation = (
            f'<Нарушения ВидНаруш="{told}" ДатаНаруш="01.03.2021" СрокНаруш="01.04.2021"/>' if told else ""
        )
        given = (
            f'<СвПредПод НомерПод="{n + 1}" ДатаСвед="{as_of:%d.%m.%Y}" ВидПП="1" {common} ИнфНаруш="{broken}">'
            f"{what}{violation}</СвПредПод>"
        )
    else:
        misuse = 1 if one.violation == "misuse" else 2
        given = f'<СвПредПод ВидПП="1" {common}>{what}<ИнфНаруш ИнфНаруш="{broken}" ИнфНецел="{misuse}"/></СвПредПод>'
    return f'<Документ ИдДок="{UUID(int=n)}" ДатаСост="{as_of:%d.%m.%Y}">{who}{given}</Документ>'

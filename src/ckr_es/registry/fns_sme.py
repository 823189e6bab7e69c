"""The unified register of SMEs (ЕРСМСП) as its open data tell it (reference.md, 4.1): a record of a firm."""

import re
from datetime import date
from typing import Any, Final, Literal

from msgspec import Struct

from ckr_es.registry.fields import Place, integer, number
from ckr_es.registry.xml import tag
from ckr_es.rules import Invalid, okved

TYPE: Final = "РЕЕСТРМСП"
CATEGORIES: Final[dict[str, Literal["micro", "small", "medium"]]] = {
    "1": "micro",
    "2": "small",
    "3": "medium",
}
ORGANISATION, PERSON = "ОргВклМСП", "ИПВклМСП"
REGIONS: Final = frozenset(f"{n:02d}" for n in range(100))
SUBJECTS: Final = (ORGANISATION, PERSON)
# The beginning of nearly every document, up to what decides whether it is kept: day, INN of either kind, region.
USUAL: Final = re.compile(
    (
        tag("Документ", "ДатаСост", r"[\d.]++")
        + ">(?:"
        + tag(ORGANISATION, "ИННЮЛ", r"\d{10}")
        + "/>|"
        + tag(PERSON, "ИННФЛ", r"\d{12}")
        + rf"(?:/>|>[^<]*+(?:<ФИОИП[^<]*+)?</{PERSON}>))"
        + tag("СведМН", "КодРегион", r"\d\d")
        + "/?>"
    ).encode()
)


class SmeRecord(Struct, frozen=True, kw_only=True):
    """`name` and `ogrn` are a legal entity's: a person's stay in the file. `licences` in words, a person's by activity.

    `okved_version` is "2001" as soon as one code is of the old classifier. `member`, `line`: where it stands.
    """

    inn: str
    kind: Literal["legal_entity", "entrepreneur"]
    as_of: date
    included_on: date
    category: Literal["micro", "small", "medium"]
    region_code: str
    okved_main: str | None
    okved_additional: tuple[str, ...]
    okved_version: Literal["2014", "2001"]
    headcount: int | None
    licences: tuple[str, ...]
    name: str | None
    ogrn: str | None
    member: str
    line: int


def key(document: Any, place: Place) -> tuple[str, str]:
    """INN and region: what decides whether a record is kept. Either of them missing is Invalid."""
    inn = region = None
    for part in document:
        tag = part.tag
        if tag in SUBJECTS:
            if inn is not None:
                raise _ambiguous(place)
            inn = (
                number(part.get("ИННЮЛ"), 10, "ИННЮЛ", place, "inn-invalid")
                if tag == ORGANISATION
                else number(part.get("ИННФЛ"), 12, "ИННФЛ", place, "inn-invalid", shown=False)
            )
        elif tag == "СведМН":
            region = part.get("КодРегион")
            if region not in REGIONS:
                region = number(region, 2, "КодРегион", place, "region-invalid")
            if inn is not None:
                return inn, region
    if inn is None:
        raise place.refused("firm-missing", "В документе нет ни организации, ни предпринимателя")
    if region is None:
        raise place.refused("region-missing", "В документе нет СведМН с кодом региона")
    return inn, region


def _ambiguous(place: Place) -> Invalid:
    return place.refused("firm-ambiguous", "В документе больше одного субъекта")


def record(document: Any, inn: str, region: str, as_of: date, place: Place) -> SmeRecord:
    """The whole of a record that is kept."""
    category = CATEGORIES.get(document.get("КатСубМСП", ""))
    if category is None:
        raise place.refused("category-invalid", f"КатСубМСП «{document.get('КатСубМСП')}»: бывает 1, 2 и 3")
    subjects = [part for part in document if part.tag in SUBJECTS]
    if len(subjects) > 1:
        raise _ambiguous(place)
    legal = len(inn) == 10
    subject = subjects[0] if legal else {}
    main, additional, version = _codes(document.find("СвОКВЭД"), place)
    return SmeRecord(
        inn=inn,
        kind="legal_entity" if legal else "entrepreneur",
        as_of=as_of,
        included_on=place.day(document.get("ДатаВклМСП"), "ДатаВклМСП"),
        category=category,
        region_code=region,
        okved_main=main,
        okved_additional=additional,
        okved_version=version,
        headcount=integer(document.get("ССЧР"), "ССЧР", place),
        licences=tuple(
            text for licence in document.iterfind("СвЛиценз") for text in _licence(licence, legal)
        ),
        name=subject.get("НаимОргСокр") or subject.get("НаимОрг") or None,
        ogrn=number(subject.get("ОГРН"), 13, "ОГРН", place) if subject.get("ОГРН") else None,
        member=place.member,
        line=place.line,
    )


def _codes(given: Any, place: Place) -> tuple[str | None, tuple[str, ...], Literal["2014", "2001"]]:
    main: str | None = None
    additional: dict[str, None] = {}
    version: Literal["2014", "2001"] = "2014"
    for part in given if given is not None else ():
        code = part.get("КодОКВЭД", "").strip()
        if not okved.well_formed(code):
            raise place.refused("okved-invalid", f"КодОКВЭД «{code[:20]}» записан не по форме")
        match part.get("ВерсОКВЭД"):
            case "2014":
                pass
            case "2001":
                version = "2001"
            case other:
                raise place.refused("okved-version-unknown", f"ВерсОКВЭД «{other}»: бывает 2014 и 2001")
        if part.tag == "СвОКВЭДОсн":
            main = code
        else:
            additional[code] = None
    return main, tuple(additional), version


def _licence(licence: Any, legal: bool) -> list[str]:
    """One line an activity. A person's licence is told without its number: that would name the person."""
    said = [" ".join((name.text or "").split())[:1000] for name in licence.iterfind("НаимЛицВД")]
    number_ = f"№ {licence.get('СерЛиценз') or ''}{licence.get('НомЛиценз') or ''}"[:100] if legal else ""
    since = f"с {licence.get('ДатаНачЛиценз') or licence.get('ДатаЛиценз') or '?'}"
    until = f"по {licence.get('ДатаКонЛиценз')}" if licence.get("ДатаКонЛиценз") else ""
    stopped = f"приостановлена {licence.get('ДатаОстЛиценз')}" if licence.get("ДатаОстЛиценз") else ""
    issued = f"выдал {licence.get('ОргВыдЛиценз')}"[:300] if legal and licence.get("ОргВыдЛиценз") else ""
    rest = "; ".join(
        part for part in (number_, " ".join(filter(None, (since, until))), stopped, issued) if part
    )
    return [f"{name}; {rest}" for name in said or ["вид деятельности не указан"]]

"""Daily lists of staff: which columns a list has, and which commands a row of it asks for."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from ckr_es.imports import cells
from ckr_es.imports.cells import Cell, Type
from ckr_es.rules import Problem

KINDS: Final = {
    "юридическое лицо": "legal_entity",
    "юл": "legal_entity",
    "индивидуальный предприниматель": "entrepreneur",
    "ип": "entrepreneur",
    "организация": "organisation",
}


class Column(Struct, frozen=True):
    """A title, what its cells are, and words that stand for values. A list may lack the column if it is `spare`."""

    title: str
    type: Type = "text"
    spare: bool = False
    words: Mapping[str, str] | None = None
    default: str | None = None


class Step(Struct, frozen=True):
    """A command: titles in braces stand in the path, `body` gives each field its title or (after "=") a constant.

    It is asked for in rows that fill in the column `when`.
    """

    path: str
    body: Mapping[str, Any]
    when: str | None = None


class List(Struct, frozen=True):
    name: str
    columns: tuple[Column, ...]
    steps: tuple[Step, ...]


INN: Final = Column("ИНН")
LISTS: Final = (
    List(
        "participants",
        (
            Column("Вид", words=KINDS),
            INN,
            Column("Наименование"),
            Column("Дата регистрации", "day"),
            Column("ОГРН", spare=True),
            Column("Контакты", spare=True),
        ),
        (
            Step(
                "/participants",
                {
                    "kind": "Вид",
                    "inn": "ИНН",
                    "name": "Наименование",
                    "registered_on": "Дата регистрации",
                    "ogrn": "ОГРН",
                    "contacts": "Контакты",
                },
            ),
        ),
    ),
    List(
        "memberships",
        (INN, Column("Кластер"), Column("Дата вступления", "day")),
        (
            Step(
                "/participants/inn:{ИНН}/memberships",
                {"cluster": "Кластер", "joined_on": "Дата вступления"},
            ),
        ),
    ),
    List(
        "services",
        (
            INN,
            Column("Кластер"),
            Column("Услуга"),
            Column("Номер заявки"),
            Column("Дата заявки", "day"),
            Column("Стоимость, руб.", "roubles", spare=True),
            Column("Дата решения", "day", spare=True),
            Column("Номер акта", spare=True),
            Column("Дата акта", "day", spare=True),
            Column("Количество", "number", spare=True),
            Column("Единица", spare=True),
            Column("Источник", spare=True, default="список"),
        ),
        (
            Step(
                "/cases",
                {
                    "participant_id": {"inn": "ИНН"},
                    "cluster": "Кластер",
                    "complex": "=false",
                    "applied_on": "Дата заявки",
                    "service": "Услуга",
                    "cost_kopecks": "Стоимость, руб.",
                    "source": "Источник",
                    "external_id": "Номер заявки",
                },
            ),
            Step(
                "/cases/{Источник}:{Номер заявки}/eligibility-decision",
                {"decision": '="eligible"', "decided_on": "Дата решения"},
                when="Дата решения",
            ),
            Step(
                "/cases/{Источник}:{Номер заявки}/acceptances",
                {
                    "component_no": "=1",
                    "act_number": "Номер акта",
                    "accepted_on": "Дата акта",
                    "quantity": "Количество",
                    "unit": "Единица",
                },
                when="Номер акта",
            ),
        ),
    ),
    List(
        "jobs",
        (
            INN,
            Column("Квартал"),
            Column("Численность", "number"),
            Column("Создано рабочих мест", "number"),
            Column("Основание"),
        ),
        (
            Step(
                "/participants/inn:{ИНН}/jobs-reports",
                {
                    "quarter": "Квартал",
                    "headcount": "Численность",
                    "jobs_created": "Создано рабочих мест",
                    "evidence": "Основание",
                },
            ),
        ),
    ),
    List(
        "sales",
        (INN, Column("Квартал"), Column("Выручка, руб.", "roubles"), Column("Основание")),
        (
            Step(
                "/participants/inn:{ИНН}/sales-reports",
                {"quarter": "Квартал", "amount_kopecks": "Выручка, руб.", "evidence": "Основание"},
            ),
        ),
    ),
)
_BY_NAME: Final = {one.name: one for one in LISTS}


class Asked(Struct, frozen=True):
    """A command of a row, and `kind`: which step of which list it is."""

    kind: str
    path: str
    body: str


def list_of(titles: Sequence[str]) -> List | None:
    """The list with these columns: every title is one of its own, and none that it needs is missing."""
    told = [title for title in titles if title]
    for one in LISTS:
        known = {c.title for c in one.columns}
        needed = {c.title for c in one.columns if not c.spare}
        if needed <= set(told) <= known and len(set(told)) == len(told):
            return one
    return None


def commands(one: List, titles: Sequence[str], given_cells: Sequence[Cell]) -> list[Asked] | list[Problem]:
    """What the row asks for, or what is wrong with its cells; a problem's pointer is a column."""
    given = dict(zip(titles, given_cells, strict=False))
    values: dict[str, Any] = {}
    problems = []
    for column in one.columns:
        try:
            value = cells.value(column.type, given.get(column.title))
        except ValueError as error:
            problems.append(Problem(f"/{column.title}", "cell-invalid", str(error)))
            continue
        if value is None:
            value = column.default
        elif column.words is not None:
            value = column.words.get(value.lower(), value)
        values[column.title] = value
    if problems:
        return problems
    return [
        Asked(
            f"{one.name}:{n}",
            _path(step.path, values),
            msgspec.json.encode(_body(step.body, values)).decode(),
        )
        for n, step in enumerate(one.steps)
        if step.when is None or values[step.when] is not None
    ]


def column_of(kind: str | None, pointer: str) -> str:
    """The column that a pointer into the body of a command means; without a list, the pointer itself."""
    if kind is None or not pointer:
        return pointer
    name, _, n = kind.partition(":")
    body = _BY_NAME[name].steps[int(n)].body if n else {}
    field = pointer.split("/")[1]
    told = body.get(field, field)
    told = next(iter(told.values())) if isinstance(told, Mapping) else told
    return field if told.startswith("=") else told


def _path(template: str, values: Mapping[str, Any]) -> str:
    path = template
    for title, value in values.items():
        path = path.replace(f"{{{title}}}", quote(str(value if value is not None else ""), safe=""))
    return path


def _body(fields: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Columns that are empty are fields that are not there."""
    body: dict[str, Any] = {}
    for name, told in fields.items():
        if isinstance(told, Mapping):
            body[name] = {inner: values[title] for inner, title in told.items()}
        elif told.startswith("="):
            body[name] = msgspec.json.decode(told[1:])
        elif values[told] is not None:
            body[name] = values[told]
    return body

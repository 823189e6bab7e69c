"""The plan of a year: what is promised, how it is counted, and the money."""

from collections.abc import Sequence
from typing import Any, Final

from ckr_es.aggregates import plan
from ckr_es.api.plans import NewFunding, NewPlan
from ckr_es.application import Receipt, stream_id
from ckr_es.rules import Unknown
from ckr_es.rules.kpi_sets import DEFAULT_SET, kpi_sets
from ckr_es.web.fields import Asked, Field, Typed, asked_for, found, shown_in
from ckr_es.web.forms import Form
from ckr_es.web.page import told


def _about(asked: Asked) -> str:
    return f"{asked.steps['year']} год"


def _to_table(_: Receipt, __: Any) -> str:
    return "/kpi"


def _known(asked: Asked) -> dict[str, Any]:
    """The plan that the year has; empty while it has none."""
    label = str(asked.steps["year"])
    try:
        known: dict[str, Any] = told(
            asked.reading.entity(plan.KIND, stream_id("plan", label), label, asked.page.when, None)
        )
    except Unknown:
        return {}
    return known


def _promised(_: Asked, typed: Typed) -> Sequence[Field]:
    rows = kpi_sets().get(typed["kpi_set"], kpi_sets()[DEFAULT_SET]).rows
    return [
        Field(
            name=f"values.{row.kpi}",
            label=f"{row.title}{', тыс. ₽' if row.unit == 'thousand_roubles' else ''}",
            kind="number",
            optional=True,
            group="" if n else "Плановые значения",
        )
        for n, row in enumerate(rows)
    ]


def _as_planned(asked: Asked) -> Typed:
    known = _known(asked)
    first = {"kpi_set": known.get("kpi_set") or DEFAULT_SET}
    fields = (*PLAN, *_promised(asked, first))
    said = {
        field.name: shown_in(field, value)
        for field in fields
        if (value := found(known, field.name)) is not None
    }
    return {**said, **first}


def _as_funded(asked: Asked) -> Typed:
    funding = _known(asked).get("funding") or {}
    return {
        field.name: shown_in(field, value)
        for field in FUNDING
        if (value := found(funding, field.name)) is not None
    }


PLAN: Final = asked_for(
    NewPlan,
    but=("values",),
    kpi_set={
        "kind": "choice",
        "options": tuple((one.id, one.title) for one in kpi_sets().values()),
        "initial": DEFAULT_SET,
    },
    policy_complex_in_services={"label": "Комплексная услуга в числе услуг", "initial": "components"},
    policy_jobs_method={"label": "Как считать рабочие места", "initial": "declared"},
    policy_complex_limit={"label": "Комплексных услуг на участника в год", "initial": "1"},
    policy_centre_created_on={"label": "Центр создан"},
)
FUNDING: Final = asked_for(
    NewFunding,
    federal_kopecks={"label": "Федеральный бюджет, ₽"},
    regional_kopecks={"label": "Краевой бюджет, ₽"},
)

FORMS: Final = (
    Form(
        path="/plans/{year}",
        title="План года",
        lead="Новый план заменяет прежний с этой минуты; прежний остаётся в журнале.",
        about=_about,
        then=_to_table,
        initial=_as_planned,
        more=_promised,
        starts=lambda on: {"year": on.year},
        fields=PLAN,
    ),
    Form(
        path="/plans/{year}/funding",
        title="Субсидия года",
        lead="Сколько денег есть у центра в этом году.",
        about=_about,
        then=_to_table,
        initial=_as_funded,
        starts=lambda on: {"year": on.year},
        fields=FUNDING,
    ),
)

"""Participants: the list, and one firm with all that is known of it."""

from typing import Any, Final
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ckr_es.aggregates import participant
from ckr_es.api.asked import When
from ckr_es.api.auth import READ, roles
from ckr_es.api.moments import Cursor
from ckr_es.api.reads import Reader
from ckr_es.web.asked import PAGE, OrganisationInn, Text, Typed
from ckr_es.web.clusters import titles
from ckr_es.web.page import Shown, told
from ckr_es.web.shown import quarter

Reading = NamedDependency[Reader]
Json = dict[str, Any]
CASES: Final = 100  # of one firm, shown at once


class FirmPages(Controller):
    path = "/participants"
    include_in_schema = False

    @get("/", sync_to_thread=True, **roles(READ))
    def listed(
        self,
        when: When,
        page: Shown,
        reading: Reading,
        q: Text = "",
        inn: Text = "",
        cluster: Text = "",
        kind: Text = "",
        cursor: Cursor = None,
    ) -> Response[Any]:
        """Participants by name; natural persons are looked for by POST /search/persons, as in the API."""
        clusters, typed = titles(reading, when), Typed()
        filters = {
            "q": q.strip() or None,
            "inn": typed.choice("inn", inn, OrganisationInn, "ИНН организации — 10 цифр"),
            "cluster": typed.one_of("cluster", cluster, clusters),
            "kind": typed.choice("kind", kind, participant.PartyKind),
        }
        found = None
        if not typed.problems:
            found = told(reading.participants(when, PAGE, cursor, persons=False, **filters))
        return page.show(
            "firms.html",
            status=typed.status,
            found=found,
            clusters=clusters,
            problems=typed.problems,
            asked={"q": q, "inn": inn, "cluster": cluster, "kind": kind},
        )

    @get("/{id:uuid}", sync_to_thread=True, **roles(READ))
    def show(
        self, id: FromPath[UUID], when: When, page: Shown, reading: Reading, cursor: Cursor = None
    ) -> Response[Any]:
        """One firm: who it is, where it is a member, what it reports, its cases, and every record with both dates."""
        firm = told(reading.entity(participant.KIND, id, str(id), when, None))
        cases = told(
            reading.cases(
                when,
                CASES,
                None,
                participant_id=id,
                cluster=None,
                status=None,
                complex=None,
                eligibility=None,
            )
        )
        history = told(reading.timeline(None, id, when, PAGE, cursor))
        follow_ups = reading.follow_ups(when, CASES, None, status=None, participant_id=id, cluster=None)
        return page.show(
            "firm.html",
            firm=firm,
            check=max(firm["registry_checks"], key=lambda check: check["as_of"], default=None),
            quarters=_quarters(firm),
            sales=_sales(firm),
            jobs=_jobs(firm),
            cases=cases,
            follow_ups=told(follow_ups)["items"],
            history=history,
            names=page.names(reading, firm, cases, history),
        )


def _quarters(firm: Json) -> list[Json]:
    """What was reported of each quarter."""
    jobs = {report["quarter"]: report for report in firm["jobs_reports"]}
    sales = {report["quarter"]: report for report in firm["sales_reports"]}
    return [
        {"quarter": label, "jobs": jobs.get(label), "sales": sales.get(label)}
        for label in sorted({*jobs, *sales})
    ]


def _sales(firm: Json) -> Json:
    """An ECharts option: sales by quarters, in thousand roubles."""
    reports = firm["sales_reports"]
    return {
        "xAxis": {"type": "category", "data": [quarter(report["quarter"]) for report in reports]},
        "yAxis": {"type": "value"},
        "series": [
            {
                "type": "bar",
                "name": "Продажи, тыс. ₽",
                "barMaxWidth": 36,
                "data": [report["amount_kopecks"] / 100_000 for report in reports],
            }
        ],
    }


def _jobs(firm: Json) -> Json:
    """An ECharts option: headcount, and jobs created, by quarters."""
    reports = firm["jobs_reports"]
    return {
        "legend": {"bottom": 0},
        "grid": {"left": 8, "right": 24, "top": 24, "bottom": 32, "containLabel": True},
        "xAxis": {"type": "category", "data": [quarter(report["quarter"]) for report in reports]},
        "yAxis": {"type": "value", "minInterval": 1},
        "series": [
            {
                "type": "line",
                "name": "Численность",
                "data": [report["headcount"] for report in reports],
            },
            {
                "type": "bar",
                "name": "Создано мест",
                "barMaxWidth": 20,
                "data": [report["jobs_created"] for report in reports],
            },
        ],
    }

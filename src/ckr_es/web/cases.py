"""Service cases: the list, and one case step by step, with every condition of eligibility and what it rests on."""

from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ckr_es.aggregates import service_case
from ckr_es.api.asked import When
from ckr_es.api.auth import READ, roles
from ckr_es.api.moments import Cursor
from ckr_es.api.reads import Reader
from ckr_es.projections.directory_reads import CaseStatus
from ckr_es.rules.rule_sets import conditions, rule_set
from ckr_es.web.asked import PAGE, Text, Typed, tab
from ckr_es.web.clusters import titles
from ckr_es.web.page import Shown, told

Reading = NamedDependency[Reader]
Json = dict[str, Any]
RECORDS: Final = 500  # of one case: the most that the API gives at once


class CasePages(Controller):
    path = "/cases"
    include_in_schema = False

    @get("/", sync_to_thread=True, **roles(READ))
    def listed(
        self,
        when: When,
        page: Shown,
        reading: Reading,
        participant_id: Text = "",
        cluster: Text = "",
        status: Text = "",
        complex: Text = "",
        eligibility: Text = "",
        cursor: Cursor = None,
    ) -> Response[Any]:
        """Cases by the day of application; `eligibility=stale`: whose eligibility is to be checked again, and why."""
        clusters, typed = titles(reading, when), Typed()
        participant = tab("participant_id", participant_id, UUID)
        filters = {
            "cluster": typed.one_of("cluster", cluster, clusters),
            "status": typed.choice("status", status, CaseStatus),
            "complex": typed.choice("complex", complex, bool),
            "eligibility": typed.choice("eligibility", eligibility, Literal["stale"]),
        }
        found = None
        if not typed.problems:
            found = told(reading.cases(when, PAGE, cursor, participant_id=participant, **filters))
        return page.show(
            "cases.html",
            status=typed.status,
            found=found,
            problems=typed.problems,
            names=page.names(reading, found, participant_id),
            clusters=clusters,
            asked={"cluster": cluster, "status": status, "complex": complex, "eligibility": eligibility},
            participant=participant_id,
        )

    @get("/{id:uuid}", sync_to_thread=True, **roles(READ))
    def show(self, id: FromPath[UUID], when: When, page: Shown, reading: Reading) -> Response[Any]:
        """One case: its steps, the ten conditions, what was agreed and accepted, every record with both dates."""
        case = told(reading.entity(service_case.KIND, id, str(id), when, None))
        records = told(reading.timeline(id, None, when, RECORDS, None))
        standing = _standing(records["items"])
        judged = _decided(case["decision"]) if case["decision"] else told(reading.eligibility(id, when))
        return page.show(
            "case.html",
            case=case,
            names=page.names(reading, case, records),
            steps=_steps(case, standing),
            judged=judged,
            decision=standing.get("service-case.eligibility-decided", [None])[-1],
            acts=_acts(standing),
            history=records,
            conflicts=told(reading.conflicts(id, when))["items"],
        )


class Step(NamedTuple):
    """`state`: done, next, ahead, or stopped, where the case went no further. `event_id` is the record of it."""

    title: str
    state: str
    on: str | None = None
    said: str = ""
    event_id: str | None = None


def _steps(case: Json, standing: dict[str, list[Json]]) -> list[Step]:
    """The way of the case; what it went past without, and what it will not come to, is left out."""

    def of(kind: str) -> str | None:
        records = standing.get(f"service-case.{kind}")
        return records[-1]["event_id"] if records else None

    scoring, decision, agreement = case["scoring"], case["decision"], case["agreement"]
    components = case["components"]
    accepted = [one for one in components if one["accepted_on"]]
    last = max((one["accepted_on"] for one in accepted), default=None)
    refused = decision is not None and decision["decision"] == "refused"
    over = case["cancelled_on"] is not None or refused
    ahead = [
        Step("Заявка", "done", case["applied_on"], case["external_id"] or "", of("opened")),
        Step("Скоринг", "done", scoring["scored_on"], f"{scoring['score']} из 100", of("scored"))
        if scoring
        else case["complex"] and Step("Скоринг", "ahead"),
        Step(
            "Состав",
            "done" if len(components) >= service_case.COMPONENTS_OF_A_COMPLEX else "ahead",
            said=f"услуг: {len(components)}",
            event_id=of("component-added"),
        )
        if case["complex"]
        else None,
        Step(
            "Решение",
            "stopped" if refused else "done",
            decision["decided_on"],
            "отказано" if refused else "соответствует",
            of("eligibility-decided"),
        )
        if decision
        else Step("Решение", "ahead"),
        Step("Договор", "done", agreement["signed_on"], f"№ {agreement['number']}", of("agreement-signed"))
        if agreement
        else not accepted and Step("Договор", "ahead"),
        Step(
            "Акты",
            "done" if len(accepted) == len(components) or case["status"] == "completed" else "ahead",
            last,
            f"{len(accepted)} из {len(components)}",
            of("service-accepted"),
        )
        if accepted
        else Step("Акты", "ahead"),
        Step("Завершено", "done", case["completed_on"] or last, event_id=of("completed"))
        if case["status"] == "completed"
        else Step("Завершение", "ahead"),
    ]
    way = [step for step in ahead if step and not (over and step.state == "ahead")]
    if case["cancelled_on"]:
        return [*way, Step("Прекращено", "stopped", case["cancelled_on"], event_id=of("cancelled"))]
    next_one = next((n for n, step in enumerate(way) if step.state == "ahead"), None)
    return [step._replace(state="next") if n == next_one else step for n, step in enumerate(way)]


def _standing(records: list[Json]) -> dict[str, list[Json]]:
    """Records that are not struck, by type; each with `now`, its body as it is read today."""
    known = {record["event_id"]: record for record in records}
    found: dict[str, list[Json]] = {}
    for record in records:
        if record["struck"]:
            continue
        now = record["body"]
        for one in record["corrections"]:
            by = known.get(one["event_id"])
            if one["kind"] == "corrected_by" and by is not None and not by["struck"]:
                now = by["body"]["replacement"]
        found.setdefault(record["type"], []).append({**record, "now": now})
    return found


def _acts(standing: dict[str, list[Json]]) -> dict[int, Json]:
    """The record of each component's act."""
    acts = standing.get("service-case.service-accepted", [])
    return {act["now"]["component_no"]: act for act in acts}


def _decided(decision: Json) -> Json:
    """The conditions as they were decided on, each with its words then and what a person decided against it."""
    rules = rule_set(decision["rule_set"])
    worded = conditions(rules.valid_from)
    grounds = {override["condition"]: override["ground"] for override in decision.get("overrides", [])}
    return {
        "rule_set": msgspec.to_builtins(rules.told()),
        "checks": [
            {
                **check,
                **worded[check["condition"]].told(),
                "override": grounds.get(check["condition"]),
                "overridable_by": [],
            }
            for check in decision["checks"]
        ],
        "notes": decision.get("notes", []),
        "obstacle": None,
    }

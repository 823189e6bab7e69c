"""Why a recorded fact does not count in a figure: the first reason that holds, and the event it rests on. Pure.

It asks the same ledger that posts the lines, so what it says and what is counted can't differ.
"""

from collections import defaultdict
from datetime import date
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from ckr_es.aggregates import amend, cluster, participant, service_case
from ckr_es.aggregates.facts import Entry, Fact, Void
from ckr_es.aggregates.service_case import ServiceCase
from ckr_es.projections import kpi
from ckr_es.projections.kpi import Ledger, Line
from ckr_es.projections.log import Heard, Record, tags
from ckr_es.rules.calendar import quarter
from ckr_es.rules.kpi_sets import Measure, Policy, Row, applicable, kpi_sets, measures

Reason = Literal[
    "not-applicable",
    "another-record",
    "not-known-yet",
    "voided",
    "superseded",
    "earlier-quarter",
    "wrong-year",
    "after-as-of",
    "refused",
    "cancelled",
    "not-accepted",
    "not-completed",
    "plain-case",
    "policy",
    "counted-once",
    "nothing-paid",
    "not-a-member",
    "nothing-reported",
    "other-market",
    "not-formed",
    "not-production",
    "not-curated",
    "dissolved",
]
WORDS: dict[Reason, str] = {
    "not-applicable": "Показатель в этом году не применяется: центр создан в самом году, или строки нет в наборе",
    "another-record": "Записи этого вида в показателе не считаются",
    "not-known-yet": "Записано позже той позиции журнала, на которую задан вопрос",
    "voided": "Запись отменена",
    "superseded": "За этот квартал есть более поздний отчёт",
    "earlier-quarter": "Считается только последний отчёт года",
    "wrong-year": "Относится к другому году",
    "after-as-of": "Наступает в этом году после заданного дня",
    "refused": "В услуге отказано: заявитель не соответствует условиям",
    "cancelled": "Дело отменено",
    "not-accepted": "Услуга не принята: акта нет",
    "not-completed": "Комплексная услуга не завершена: приняты не все обязательные компоненты",
    "plain-case": "Это не комплексная услуга",
    "policy": "По правилам года компоненты комплексных услуг отдельно не считаются",
    "counted-once": "Субъект уже сосчитан в этом году по другой услуге",
    "nothing-paid": "Участник за услугу не платил",
    "not-a-member": "В этом году к заданному дню участник не состоял в курируемом кластере",
    "nothing-reported": "В отчёте нет прибавки: показатель не меняется",
    "other-market": "Продукт выведен на другой рынок",
    "not-formed": "Кластер не сформирован",
    "not-production": "Кластер не производственный",
    "not-curated": "Центр этот кластер не курирует",
    "dissolved": "Кластер к заданному дню ликвидирован",
}

_CASE = (service_case.Opened, service_case.EligibilityDecided, service_case.Cancelled)
HEARD = tags({*(kind for kind, scope in kpi.HEARD.items() if scope != "cluster"), *_CASE})
CLUSTERS = tags(kind for kind, scope in kpi.HEARD.items() if scope == "cluster")

_SERVED = (service_case.ServiceAccepted, service_case.Opened)
_JOBS, _SALES, _PRODUCTS = (
    (participant.JobsReported,),
    (participant.SalesReported,),
    (participant.ProductLaunched,),
)
_FORMED = (cluster.Formed, cluster.Dissolved, cluster.Proposed)
# The facts that a measure is made of, and the records that stand for a fact that never came.
FACTS: dict[Measure, tuple[type[Fact], ...]] = {
    "clusters": _FORMED,
    "clusters_production": _FORMED,
    "service_plain": _SERVED,
    "service_component": _SERVED,
    "complex_services": (service_case.Completed, service_case.Opened),
    "supported_smes": _SERVED,
    "paid_services": _SERVED,
    "jobs_declared": _JOBS,
    "jobs_growth": _JOBS,
    "headcount": _JOBS,
    "sales": _SALES,
    "new_products": _PRODUCTS,
    "new_products_russian": _PRODUCTS,
    "new_products_foreign": _PRODUCTS,
}


class Uncounted(Struct, frozen=True, kw_only=True):
    """A record that does not count; `because_of` is the event that the reason rests on, where there is one."""

    event_id: UUID
    type: str
    position: int
    effective_on: date
    cluster: str | None
    participant_id: UUID | None
    case_id: UUID | None
    n: int = 0
    reason: Reason
    detail: str
    because_of: UUID | None


Why = tuple[Reason, UUID | None]


class Judge:
    """Hears the histories in order, up to the position, then says of a record whether and why it does not count."""

    def __init__(self, row: Row, kpi_set: str, policy: Policy, as_of: date, position: int) -> None:
        self._row, self._as_of, self._position = row, as_of, position
        in_set = any(known.kpi == row.kpi for known in kpi_sets()[kpi_set].rows)
        self._applies = in_set and applicable(row, policy, as_of.year)
        self._measures = frozenset(measures(row, policy))
        self._kinds = tuple({kind for m in (*row.measures, *self._measures) for kind in FACTS[m]})
        self._ledger = Ledger()
        self._lines: defaultdict[int, list[Line]] = defaultdict(list)
        self._streams: defaultdict[UUID, list[Entry]] = defaultdict(list)
        self.types = tags(self._kinds)
        self.of_complex_cases = row.measures == ("complex_services",)

    def hear(self, record: Heard) -> None:
        self._streams[record.originator_id].append(Entry(record.event_id, record.event))
        for line in self._ledger.apply(record):
            if line.kpi in self._measures:
                self._lines[line.fact_id].append(line)

    def uncounted(self, record: Record) -> Uncounted | None:
        """None when the record counts, or when another record of its stream speaks for it."""
        history = self._streams[record.originator_id]
        standing = dict(amend.understood(history))
        fact = standing.get(record.event_id, record.event)
        why = self._why(record, fact, standing, history)
        if why is None:
            return None
        reason, because_of = why
        return Uncounted(
            event_id=record.event_id,
            type=str(record.event.__struct_config__.tag),
            position=record.position,
            effective_on=fact.effective_on,
            cluster=self._cluster(fact, record.participant_id),
            participant_id=record.participant_id,
            case_id=_case_id(record, fact),
            reason=reason,
            detail=WORDS[reason],
            because_of=because_of,
        )

    def _why(self, record: Record, fact: Any, standing: dict[UUID, Any], history: list[Entry]) -> Why | None:
        id = record.event_id
        if not isinstance(record.event, self._kinds):
            return "another-record", None
        if record.position > self._position:
            return "not-known-yet", None
        if isinstance(fact, service_case.Opened | cluster.Proposed) and self._spoken_for(history):
            return None
        if not self._applies:
            return "not-applicable", None
        if id not in standing:
            return "voided", _voided_by(history, id)
        match fact:
            case participant.JobsReported() | participant.SalesReported():
                if (later := _superseding(standing, id, fact)) is not None:
                    return "superseded", later
            case service_case.Opened():
                return self._of_case(amend.fold(service_case.KIND, history), standing)
            case cluster.Formed():
                if (why := self._of_cluster(standing)) is not None:
                    return why
        counts = self._counts(id)
        if not counts:
            return self._of_kind(record, fact)
        first = date.min if self._row.stock else date(self._as_of.year, 1, 1)
        taken = {day: n for day, n in counts.items() if first <= day <= self._as_of}
        if sum(taken.values()):
            return None
        return ("earlier-quarter", None) if taken else self._of_day(min(counts))

    def _counts(self, id: UUID) -> dict[date, int]:
        """On which days it counts in this row, whatever day the question is about."""
        counts: defaultdict[date, int] = defaultdict(int)
        for line in self._lines[id.int]:
            counts[line.day] += line.n
        return {day: n for day, n in counts.items() if n}

    def _of_day(self, day: date) -> Why | None:
        if not self._row.stock and day.year != self._as_of.year:
            return "wrong-year", None
        return ("after-as-of", None) if day > self._as_of else None

    def _of_kind(self, record: Record, fact: Any) -> Why | None:
        """It is counted on no day at all."""
        match fact:
            case cluster.Proposed():
                return "not-formed", None
            case cluster.Formed():
                return "not-production", None
            case service_case.ServiceAccepted() if self._row.measures == ("paid_services",):
                return self._of_day(fact.accepted_on) or ("nothing-paid", None)
            case service_case.ServiceAccepted() if self._row.measures == ("supported_smes",):
                return self._of_day(fact.accepted_on) or (
                    "counted-once",
                    self._first_of(record, fact.accepted_on.year),
                )
            case service_case.ServiceAccepted():
                return self._of_day(fact.accepted_on) or ("policy", None)
            case participant.JobsReported() | participant.SalesReported():
                late = self._of_day(quarter(fact.quarter).last)
                member = self._ledger.member_from(record.originator_id.int, quarter(fact.quarter).last.year)
                return late or (("nothing-reported", None) if member else ("not-a-member", None))
            case participant.ProductLaunched():
                return self._of_day(fact.launched_on) or ("other-market", None)
        return None

    def _of_cluster(self, standing: dict[UUID, Any]) -> Why | None:
        """Formed, it counts +1 and, dissolved, -1: so it does not count though both records do.

        Not curated, it is counted on no day at all.
        """
        for id, event in standing.items():
            if isinstance(event, cluster.Proposed) and not event.curated:
                return "not-curated", id
            if isinstance(event, cluster.Dissolved) and event.dissolved_on <= self._as_of:
                return "dissolved", id
        return None

    def _of_case(self, case: ServiceCase | None, standing: dict[UUID, Any]) -> Why | None:
        """A case of which nothing was accepted or, in a row of complex services, completed."""
        if case is None:
            return None
        found = {type(event): id for id, event in standing.items()}
        if case.cancelled is not None:
            return "cancelled", found[service_case.Cancelled]
        if case.decided is not None and case.decided.decision == "refused":
            return "refused", found[service_case.EligibilityDecided]
        if not self.of_complex_cases:
            return "not-accepted", None
        return ("not-completed" if case.opened.complex else "plain-case"), None

    def _spoken_for(self, history: list[Entry]) -> bool:
        """A record of the fact itself is there, standing or void, and says more than the beginning of the stream."""
        beginnings = service_case.Opened | cluster.Proposed
        return any(isinstance(e, self._kinds) and not isinstance(e, beginnings) for _, e in history)

    def _first_of(self, record: Record, year: int) -> UUID | None:
        """The service that its participant is counted by in that year."""
        return next(
            (
                id
                for id, lines in ((UUID(int=n), lines) for n, lines in self._lines.items())
                if record.participant_id is not None
                and lines[0].participant_id == record.participant_id.int
                and any(day.year == year for day in self._counts(id))
            ),
            None,
        )

    def _cluster(self, fact: Any, who: UUID | None) -> str | None:
        named = getattr(fact, "cluster", None) or getattr(fact, "code", None)
        if named is not None or who is None:
            return named
        return self._ledger.cluster_of(who.int, fact.effective_on)


def _voided_by(history: list[Entry], id: UUID) -> UUID | None:
    standing = {void.event.voids: void.event_id for void in history if isinstance(void.event, Void)}
    return standing.get(id)


def _superseding(standing: dict[UUID, Any], id: UUID, report: Any) -> UUID | None:
    """The last report of the same kind and quarter, unless this is it."""
    same = [i for i, e in standing.items() if type(e) is type(report) and e.quarter == report.quarter]
    return same[-1] if same[-1] != id else None


def _case_id(record: Record, fact: Any) -> UUID | None:
    if isinstance(fact, service_case.Happening):
        return record.originator_id
    return getattr(fact, "case_id", None)

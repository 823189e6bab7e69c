"""Reports made by hand, small and whole, for what needs no database."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from ckr_es.reports.report import (
    PARTS,
    Act,
    Cluster,
    KpiRow,
    Member,
    Moved,
    MovedBy,
    Report,
    Restatement,
    Service,
    Services,
    Supported,
    Who,
    signed,
)
from ckr_es.rules.kpi_sets import Policy

CLOSED_AT = datetime(2021, 7, 5, 3, 4, 5, 678901, UTC)
FIRM = Who(id=UUID(int=1 << 96), kind="legal_entity", name="ООО «Топинамбур»", inn="2466000017")
PERSON = Who(id=UUID("a1b2c3d4-0000-4000-8000-000000000000"), kind="entrepreneur", name=None, inn=None)


def row(kpi: str = "services", **other: Any) -> KpiRow:
    return KpiRow(
        **{
            "no": "2",
            "kpi": kpi,
            "title": "Количество услуг",
            "unit": "unit",
            "plan": 545,
            "actual": 2,
            "percent": Decimal("0.4"),
            "deviation": None,
            **other,
        }
    )


def act(n: int = 1, **other: Any) -> Act:
    return Act(
        **{
            "event_id": UUID(int=100 + n),
            "case_id": UUID(int=200 + n),
            "accepted_on": date(2021, 4, 20 + n),
            "act_number": f"А-{n}",
            "service": "SVC.е",
            "cluster": "organic",
            "complex": False,
            "quantity": 1,
            "unit": "услуга",
            "cost_kopecks": 123_456_78,
            "provider_id": None,
            **other,
        }
    )


def report(**other: Any) -> Report:
    made = Report(
        period="2021-Q2",
        first_day=date(2021, 4, 1),
        last_day=date(2021, 6, 30),
        as_of=date(2021, 6, 30),
        status="closed",
        version=1,
        approved_by="Генеральный директор",
        note="Без замечаний",
        known_position=901,
        known_recorded_at=datetime(2021, 7, 5, 3, 0, 0, 1, UTC),
        dated_at=CLOSED_AT,
        ledger_root="0f" * 32,
        kpi_set="2021",
        policy=Policy(),
        parts=PARTS,
        kpi=(
            row(),
            row("jobs_created", no="5", actual=None, percent=None, deviation="Центр создан в этом году"),
            row("sales", no="6", unit="thousand_roubles", plan=200_000, actual=Decimal("204318.55501")),
        ),
        supported=(
            Supported(no=1, participant=FIRM, category="micro", okved="10.39", acts=(act(1),)),
            Supported(no=2, participant=PERSON, category=None, okved=None, acts=(act(2, complex=True),)),
        ),
        services=Services(
            before=3,
            items=(
                Service(no=1, participant=FIRM, act=act(1), n=1),
                Service(no=2, participant=PERSON, act=act(2, complex=True), n=1),
            ),
        ),
        clusters=(
            Cluster(
                no=1,
                code="organic",
                title="Органика",
                production=True,
                specialisation=None,
                formed_on=date(2020, 6, 15),
                members=(
                    Member(no=1, participant=FIRM, joined_on=date(2020, 7, 1)),
                    Member(no=2, participant=PERSON, joined_on=date(2020, 8, 1)),
                ),
            ),
        ),
    )
    return signed(replace(made, **other))


def empty() -> Report:
    """A draft of an empty log."""
    return report(
        status="draft",
        version=None,
        approved_by=None,
        note=None,
        known_position=0,
        known_recorded_at=None,
        dated_at=None,
        ledger_root=None,
        supported=(),
        services=Services(before=0, items=()),
        clusters=(),
    )


def restatement() -> Restatement:
    moved = MovedBy(
        event_id=UUID(int=7),
        type="service-case.voided",
        kind="voided",
        position=950,
        effective_on=date(2021, 4, 21),
        n=-1,
        actor="s-7",
        reason="не тот акт",
        late_reason="проверка",
    )
    return signed(
        Restatement(
            period="2021-Q2",
            first_day=date(2021, 4, 1),
            last_day=date(2021, 6, 30),
            as_of=date(2021, 6, 30),
            version=1,
            approved_by="Генеральный директор",
            submitted_position=901,
            submitted_at=CLOSED_AT,
            known_position=1000,
            known_recorded_at=CLOSED_AT,
            kpi_set="2021",
            policy=Policy(),
            rows=(
                Moved(
                    no="2", kpi="services", title="Количество услуг", unit="unit",
                    from_=2, to=1, delta=-1, events=(moved,),
                ),
                Moved(
                    no="5", kpi="jobs_created", title="Рабочие места", unit="unit",
                    from_=None, to=None, delta=None, events=(),
                ),
            ),
        )
    )  # fmt: skip

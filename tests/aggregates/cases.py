"""A service case to begin a test with, and what happens to it."""

from datetime import date
from typing import Any
from uuid import UUID

from ckr_es.aggregates.service_case import (
    AgreementSigned,
    Cancelled,
    Completed,
    ComponentAdded,
    EligibilityDecided,
    Opened,
    Scored,
    ServiceAccepted,
    SupportReported,
    Verdict,
)

WHO = UUID(int=500)
APPLIED_ON, DECIDED_ON = date(2021, 3, 1), date(2021, 3, 10)
PLAIN = Opened(participant_id=WHO, cluster="organic", complex=False, applied_on=APPLIED_ON)
COMPLEX = Opened(participant_id=WHO, cluster="organic", complex=True, applied_on=APPLIED_ON)
SCORED = Scored(scored_on=date(2021, 3, 2), score=70, conclusion="Готов")
VERDICTS = (Verdict(condition="E0", verdict="pass", explanation="Край", inputs={"region_code": "24"}),)
ELIGIBLE = EligibilityDecided(decision="eligible", decided_on=DECIDED_ON, rule_set="2021.1", checks=VERDICTS)
NOT_ELIGIBLE = EligibilityDecided(
    decision="refused", decided_on=DECIDED_ON, rule_set="2021.1", checks=VERDICTS
)
AGREED = AgreementSigned(number="Д-1", signed_on=date(2021, 3, 11))
CANCELLED = Cancelled(cancelled_on=date(2021, 3, 20), reason="Отказ заявителя")
SERVICES = ("SVC.а", "SVC.б", "SVC.в", "SVC.г")


def component(no: int, *, mandatory: bool = True, service: str | None = None) -> ComponentAdded:
    return ComponentAdded(
        component_no=no,
        service=service or SERVICES[no - 1],
        added_on=APPLIED_ON,
        mandatory=mandatory,
        cost_kopecks=100_00,
        participant_payment_kopecks=0,
    )


def act(no: int, day: int, *, month: int = 4, complex: bool = True) -> ServiceAccepted:
    """The act of a component, signed on that day of April."""
    return ServiceAccepted(
        component_no=no,
        service=SERVICES[no - 1],
        participant_id=WHO,
        cluster="organic",
        complex=complex,
        act_number=f"А-{no}",
        accepted_on=date(2021, month, day),
        quantity=1,
        unit="услуга",
    )


def completed(day: int) -> Completed:
    return Completed(participant_id=WHO, cluster="organic", completed_on=date(2021, 4, day))


def reported(no: int) -> SupportReported:
    return SupportReported(
        component_no=no, support_id=UUID(int=900 + no), reported_on=date(2021, 5, 1), file="0200.xml"
    )


def accepting(no: int, day: int, **other: Any) -> dict[str, Any]:
    """How `accept` is asked for what `act` records."""
    return {
        "component_no": no,
        "act_number": f"А-{no}",
        "accepted_on": date(2021, 4, day),
        "quantity": 1,
        "unit": "услуга",
        "late_reason": None,
        **other,
    }


SERVED = (PLAIN, component(1), ELIGIBLE)
"""A plain case that may be accepted."""
PACKAGE = (COMPLEX, SCORED, component(1), component(2), ELIGIBLE)
"""A complex case of two mandatory components that may be accepted."""

"""The group services of the demonstration year: who had papers of that month came, two or three people from a firm."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from ckr_es.application import Answer, stream_id
from ckr_es.commands import group_services
from ckr_es.commands.group_services import Attendance, GroupService
from ckr_es.demo.applications import Application
from ckr_es.demo.desk import Act, Desk
from ckr_es.demo.firms import Firm, workday
from ckr_es.rules.values import Document

MOST: Final = 12
# Day, cluster, service, title.
EVENTS: Final = (
    (date(2021, 4, 29), "digital", "SVC.е", "Круглый стол о правах на программы для ЭВМ"),
    (date(2021, 7, 29), "organic", "SVC.д", "Выставка «Сибирский агропродукт»"),
    (date(2021, 9, 23), "digital", "SVC.и", "Семинар по государственным закупкам"),
    (date(2021, 10, 28), "tourism", "SVC.г", "Бизнес-миссия в Республику Хакасия"),
)


def acts(members: Sequence[Firm], asked: Sequence[Application]) -> Iterator[Act]:
    """Entered in the month after, when the papers of all firms are filed."""
    for no, (day, cluster, service, title) in enumerate(EVENTS, start=1):
        whom = [
            stream_id("participant", members[n].inn)
            for n in sorted({a.firm for a in asked if _has_papers(a, members[a.firm], day)})
            if members[n].cluster == cluster
        ]
        given = _event(no, day, cluster, service, title, whom[:MOST])
        on = workday((day.replace(day=1) + timedelta(days=31)).replace(day=1))
        yield Act(on=on, about=title, do=partial(_hold, given))


def _has_papers(a: Application, firm: Firm, day: date) -> bool:
    """The register's answer and the certificate that its application of that month rests on serve again."""
    return (
        firm.kind == "legal_entity"
        and not (firm.asks_a_person or a.manager_decides or a.obstacle)
        and day.replace(day=10) <= a.applied_on < day
    )


def _event(no: int, day: date, cluster: str, service: str, title: str, whom: list[UUID]) -> GroupService:
    return GroupService(
        service=service,
        cluster=cluster,
        held_on=day,
        title=title,
        participants=tuple(whom),
        act_number=f"ГУ-2021/{no}",
        attendance=tuple(Attendance(participant_id=who, attendees=1 + n % 3) for n, who in enumerate(whom)),
        document=Document(title="Лист регистрации", date=day),
    )


def _hold(given: GroupService, desk: Desk) -> Answer:
    return group_services.hold(desk.tracking, desk.request, given)

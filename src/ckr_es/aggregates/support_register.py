"""Where each accepted service stands with the register of support recipients (209-ФЗ, article 8; reference.md, 4.3).

What the register holds is what the last document it accepted told; what it should hold is what the case says now. The
difference is due: by the day of the month after the act's, a correction by that of the month after it was recorded.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from ckr_es.aggregates.service_case import ServiceAccepted, ServiceCase
from ckr_es.aggregates.support_file import Answered, File, Sent, Service
from ckr_es.rules.calendar import day_of_next_month
from ckr_es.rules.support_codes import Operation

State = Literal[
    "to_report",
    "in_file",
    "accepted",
    "rejected",
    "to_correct",
    "corrected",
    "to_annul",
    "annulled",
    "erased",
]
DUE: Final[Mapping[Operation, State]] = {"report": "to_report", "correct": "to_correct", "annul": "to_annul"}

Cases = Mapping[UUID, ServiceCase | None]
NameSupport = Callable[[UUID, int], UUID]
"""The stable id of the support that this component of this case is."""


class Support(Struct, frozen=True, kw_only=True):
    """A service and the register. `due`: what the next file has to tell of it, `overdue` when it is late by now.

    `late`: it was first told after its day. The file and document are the last ones; `registered_as` is the register's
    own id. `service` is what the case says, or, when that says nothing any more, what was told last.
    """

    support_id: UUID
    case_id: UUID
    component_no: int
    participant_id: UUID
    cluster: str
    service: Service
    state: State
    due: Operation | None
    due_on: date
    overdue: bool
    late: bool
    file_id: UUID | None = None
    document_id: UUID | None = None
    registered_as: str | None = None


class _Told(Struct, frozen=True):
    """A document that went, and its answer."""

    file: File
    document: Sent
    answer: Answered | None


class _Wanted(Struct, frozen=True):
    """What a case says of a support; `by_hand` when it was told otherwise than by our files."""

    participant_id: UUID
    cluster: str
    service: Service
    by_hand: bool


def supports(
    cases: Cases,
    files: Iterable[File],
    *,
    named: NameSupport,
    as_of: date,
    report_day: int,
    erased: Collection[UUID] = (),
    amended: Mapping[UUID, Sequence[date]] | None = None,
) -> tuple[Support, ...]:
    """Every support of these cases as of the day, by the day of its act.

    `erased` are persons who can't be named any more; `amended` the days when corrections of a case were recorded.
    """
    told = _told(cases, files, as_of)
    wanted: dict[tuple[UUID, int], _Wanted] = {}
    ids: dict[tuple[UUID, int], UUID] = {key: one[-1].document.support_id for key, one in told.items()}
    for case_id, case in cases.items():
        if case is None:
            continue
        reported = {r.component_no: r.support_id for r in case.reported if r.reported_on <= as_of}
        for act in case.accepted:
            if act.accepted_on <= as_of:
                key = case_id, act.component_no
                wanted[key] = _wanted(case, act, by_hand=act.component_no in reported)
                ids.setdefault(key, reported.get(act.component_no) or named(*key))
    found = [
        _standing(
            key,
            id,
            wanted.get(key),
            told.get(key, []),
            as_of=as_of,
            report_day=report_day,
            erased=erased,
            amended=(amended or {}).get(key[0], ()),
        )
        for key, id in ids.items()
    ]
    return tuple(sorted(found, key=lambda s: (s.service.accepted_on, s.case_id, s.component_no)))


def totals(found: Collection[Support]) -> dict[str, int]:
    """How many stand in each state, and how many are overdue."""
    states: Counter[str] = Counter(one.state for one in found)
    return {**states, "overdue": sum(one.overdue for one in found)}


def _told(cases: Cases, files: Iterable[File], as_of: date) -> Mapping[tuple[UUID, int], list[_Told]]:
    told: defaultdict[tuple[UUID, int], list[_Told]] = defaultdict(list)
    for file in sorted(files, key=lambda f: f.made.made_on):  # those of a day stay in their order
        if file.made.made_on > as_of:
            continue
        results = file.results(as_of)
        for document in file.made.documents:
            if document.case_id in cases:
                answer = results.get(document.document_id)
                told[document.case_id, document.component_no].append(_Told(file, document, answer))
    return told


def _wanted(case: ServiceCase, act: ServiceAccepted, *, by_hand: bool) -> _Wanted:
    service = Service(
        service=act.service,
        decided_on=case.eligible().decided_on,
        accepted_on=act.accepted_on,
        quantity=act.quantity,
        unit=act.unit,
        cost_kopecks=case.component(act.component_no).cost_kopecks,
    )
    return _Wanted(act.participant_id, act.cluster, service, by_hand)


def _standing(
    key: tuple[UUID, int],
    id: UUID,
    wanted: _Wanted | None,
    told: list[_Told],
    *,
    as_of: date,
    report_day: int,
    erased: Collection[UUID],
    amended: Sequence[date],
) -> Support:
    taken = [one for one in told if one.answer is not None and one.answer.result.accepted]
    held = taken[-1].document.service if taken and taken[-1].document.operation != "annul" else None
    if not told and wanted is not None and wanted.by_hand:
        held = wanted.service
    last = told[-1] if told else None
    says = wanted.service if wanted else None
    who = wanted.participant_id if wanted else told[-1].document.participant_id
    due: Operation | None = None
    if held != says:
        due = "report" if held is None else "annul" if says is None else "correct"
    state: State
    if last is not None and last.answer is None:
        state, due = "in_file", None
    elif due is not None and who in erased:
        state, due = "erased", None
    elif due is not None:
        rejected = last is not None and last.answer is not None and not last.answer.result.accepted
        state = "rejected" if rejected else DUE[due]
    elif held is None:
        state = "annulled"
    else:
        state = "corrected" if taken and taken[-1].document.operation == "correct" else "accepted"
    service = says or told[-1].document.service
    first_on = day_of_next_month(
        told[0].document.service.accepted_on if told else service.accepted_on, report_day
    )
    due_on = first_on
    if due in ("correct", "annul") and taken:
        since = taken[-1].file.made.made_on
        due_on = day_of_next_month(min((on for on in amended if on >= since), default=since), report_day)
    return Support(
        support_id=id,
        case_id=key[0],
        component_no=key[1],
        participant_id=who,
        cluster=wanted.cluster if wanted else told[-1].document.cluster,
        service=service,
        state=state,
        due=due,
        due_on=due_on,
        overdue=due is not None and as_of > due_on,
        late=bool(told) and told[0].file.made.made_on > first_on,
        file_id=last.file.made.file_id if last else None,
        document_id=last.document.document_id if last else None,
        registered_as=next(
            (
                a.answer.result.registered_as
                for a in reversed(taken)
                if a.answer and a.answer.result.registered_as
            ),
            None,
        ),
    )

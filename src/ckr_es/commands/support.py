"""Files to the register of support recipients: made of all that is due, answered, written when they are asked for."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from uuid import UUID

import msgspec
from msgspec import Struct

from ckr_es.aggregates import participant, service_case, support_codes, support_file
from ckr_es.aggregates.facts import Fact
from ckr_es.aggregates.participant import Participant
from ckr_es.aggregates.support_file import FileMade, Files, Result, Sent
from ckr_es.aggregates.support_register import Support, supports
from ckr_es.application import Answer, Request, ServiceTracking, Streams, stream_id
from ckr_es.projections import support as projected
from ckr_es.rules import Problem, Refused, Unknown
from ckr_es.rules.support import Category, Recipient, person
from ckr_es.rules.support_codes import Codes
from ckr_es.rules.values import Document

CODES = stream_id("support-codes", "centre")


class Wanted(Struct, frozen=True, kw_only=True):
    """What a file is asked to hold: all that is due of acts up to a day, or of that these supports."""

    made_on: date
    accepted_to: date
    support_ids: tuple[UUID, ...] = ()
    late_reason: str | None = None


def support_id(case_id: UUID, component_no: int) -> UUID:
    """The same for ever, whether or not it was ever reported."""
    return stream_id("support", f"{case_id}/{component_no}")


def standing(known: projected.Known, as_of: date) -> tuple[Support, ...]:
    """Every support on that day, on what is known."""
    return supports(
        known.cases,
        (filed.file for filed in known.files),
        named=support_id,
        as_of=as_of,
        report_day=known.codes.report_day,
        erased=known.erased,
        amended=known.amended,
    )


def set_codes(tracking: ServiceTracking, request: Request, codes: Codes, document: Document | None) -> Answer:
    """The table for files made from now on."""
    event = support_codes.CodesSet(set_on=request.today, codes=codes, document=document)
    return tracking.record(
        request,
        CODES,
        "codes",
        lambda streams: support_codes.decide(support_codes.fold(streams.history(CODES)), event),
    )


def make_file(tracking: ServiceTracking, request: Request, wanted: Wanted) -> Answer:
    """All that is due in one file, or nothing: Refused("support-incomplete") names every service that can't be told.

    What is due is asked of the log first; then the streams it rests on are loaded and it is decided on them, so no
    service can be in two files, and none in a file that says what is no longer so.
    """
    recorder = tracking.recorder
    with recorder.pool.connection() as conn:
        known = projected.known(conn, recorder.head())
    due = _chosen(standing(known, wanted.made_on), wanted)
    cases, who = {one.case_id for one in due}, {one.participant_id for one in due}
    id = stream_id("support-file", str(wanted.made_on.year))
    # Whatever file of these services anybody makes meanwhile, it is of one of these years.
    first = min((one.service.accepted_on.year for one in due), default=wanted.made_on.year)
    years = {stream_id("support-file", str(year)) for year in range(first, request.today.year + 1)}
    years |= {id, *(filed.stream_id for filed in known.files)}

    def decide(streams: Streams) -> Sequence[Fact]:
        files = [
            file
            for year in sorted(years)
            for file in (streams.state(support_file.KIND, year) or Files(files={})).files.values()
        ]
        codes = support_codes.in_force(streams.history(CODES))
        last = max((file.made.made_on for file in files), default=wanted.made_on)
        if last > wanted.made_on:
            raise Refused("before-last-file", f"Уже есть файл от {last}: новый не может быть раньше")
        found = supports(
            {case_id: streams.state(service_case.KIND, case_id) for case_id in cases},
            files,
            named=support_id,
            as_of=wanted.made_on,
            report_day=codes.report_day,
            erased={who_id for who_id in who if _of(streams, who_id).erased is not None},
        )
        event = FileMade(
            file_id=request.new_id,
            made_on=wanted.made_on,
            name=f"{codes.file_prefix}_{wanted.made_on:%Y%m%d}_{request.new_id}",
            codes=codes,
            documents=_documents(tracking, streams, request.new_id, codes, _due(found, wanted)),
            late_reason=wanted.late_reason,
        )
        support_file.check(streams.state(support_file.KIND, id), event)
        return (event,)

    return tracking.record(
        request,
        id,
        str(request.new_id),
        decide,
        reads={*years, *cases, *who, CODES},
        days=[wanted.made_on],
    )


def answer_file(
    tracking: ServiceTracking,
    request: Request,
    file_id: UUID,
    answered_on: date,
    results: Sequence[Result],
    late_reason: str | None = None,
) -> Answer:
    """What the register said to the documents of a file."""
    id = file_stream(tracking, file_id)
    return tracking.record(
        request,
        id,
        str(file_id),
        lambda streams: support_file.answer(
            streams.state(support_file.KIND, id), file_id, answered_on, results, late_reason
        ),
        days=[answered_on],
    )


def file_stream(tracking: ServiceTracking, file_id: UUID) -> UUID:
    with tracking.recorder.pool.connection() as conn:
        id = projected.stream_of(conn, file_id)
    if id is None:
        raise Unknown("not-found", "Файл не найден")
    return id


def recipients(tracking: ServiceTracking, file_id: UUID) -> tuple[FileMade, Mapping[UUID, Recipient]]:
    """A file and whom it names: firms as they were called when it was made, persons as the vault knows them now.

    Refused("identity-erased") and the like name every document that can't be written any more.
    """
    id = file_stream(tracking, file_id)
    streams = tracking.streams([id])
    file = streams.known(support_file.KIND, id, "Файл").file(file_id)
    position = next(r.position for r in streams.recorded[id] if r.event_id == file.event_id)
    then = tracking.streams({document.participant_id for document in file.made.documents}, position)
    named, problems = _named(tracking, then, ((d.document_id, d.participant_id) for d in file.made.documents))
    if problems:
        raise Refused(problems[0].code, "Файл не записать: " + problems[0].detail, problems)
    return file.made, named


def _chosen(found: Iterable[Support], wanted: Wanted) -> list[Support]:
    """The earliest due first, no more than a file holds."""
    ids = set(wanted.support_ids)
    chosen = [
        one
        for one in found
        if one.due is not None
        and one.service.accepted_on <= wanted.accepted_to
        and (not ids or one.support_id in ids)
    ]
    chosen.sort(key=lambda one: (one.due_on, one.service.accepted_on, one.case_id, one.component_no))
    return chosen[: support_file.MOST]


def _due(found: Iterable[Support], wanted: Wanted) -> list[Support]:
    """Refused("not-due") naming what was asked for and is not due, Refused("nothing-due")."""
    chosen = _chosen(found, wanted)
    strange = set(wanted.support_ids) - {one.support_id for one in chosen}
    if strange:
        problems = [
            Problem("/support_ids", "not-due", f"{id}: сообщать нечего", str(id)) for id in sorted(strange)
        ]
        raise Refused("not-due", "Об этих услугах сейчас сообщать нечего", problems)
    if not chosen:
        raise Refused("nothing-due", "Сообщать в реестр нечего")
    return chosen


def _documents(
    tracking: ServiceTracking, streams: Streams, file_id: UUID, codes: Codes, due: Collection[Support]
) -> tuple[Sent, ...]:
    if codes.sender is None:
        raise Refused("sender-not-set", "В таблице кодов не указан центр (sender): ИНН и наименование")
    _, problems = _named(tracking, streams, ((one.support_id, one.participant_id) for one in due))
    if problems:
        raise Refused("support-incomplete", "Файл не сделан: не хватает сведений о получателях", problems)
    return tuple(
        Sent(
            document_id=stream_id("support-document", f"{file_id}/{one.support_id}"),
            support_id=one.support_id,
            case_id=one.case_id,
            component_no=one.component_no,
            participant_id=one.participant_id,
            cluster=one.cluster,
            operation=one.due,
            service=one.service,
            category=_category(_of(streams, one.participant_id), one.service.decided_on),
            registered_as=one.registered_as,
        )
        for one in due
        if one.due is not None
    )


def _named(
    tracking: ServiceTracking, streams: Streams, asked: Iterable[tuple[UUID, UUID]]
) -> tuple[dict[UUID, Recipient], list[Problem]]:
    """Recipients by participant, and a problem for each document or support (its id first) that has none."""
    named: dict[UUID, Recipient] = {}
    refused: dict[UUID, Refused] = {}
    problems = []
    for about, who in asked:
        if who not in named and who not in refused:
            try:
                named[who] = _recipient(tracking, who, _of(streams, who))
            except Refused as wrong:
                refused[who] = wrong
        if (wrong_one := refused.get(who)) is not None:
            problems.append(Problem("", wrong_one.code, wrong_one.detail, str(about)))
    return named, problems


def _recipient(tracking: ServiceTracking, id: UUID, who: Participant) -> Recipient:
    if who.registered.kind != "entrepreneur":
        if who.registered.inn is None or who.name is None or who.ogrn is None:
            raise Refused("ogrn-missing", "У организации не указан ОГРН")
        return Recipient(inn=who.registered.inn, ogrn=who.ogrn, name=who.name)
    stored = tracking.recorder.identity(id)
    if stored is None:
        raise Refused("identity-erased", "Сведения о личности удалены: называть некого")
    fields: dict[str, str | None] = msgspec.json.decode(stored.fields)
    return person(fields.get("name") or "", fields.get("inn") or "", fields.get("ogrnip"))


def _category(who: Participant, on: date) -> Category | None:
    """What the register of SMEs said last by that day; of one day the answer recorded last counts."""
    known = [c for c in who.checks if c.as_of <= on and (c.category or c.result == "absent")]
    return max(reversed(known), key=lambda check: check.as_of).category if known else None


def _of(streams: Streams, id: UUID) -> Participant:
    return streams.known(participant.KIND, id, "Участник")

"""Accepted services and files to the register of support, as known at a position: one read of the log, no table.

A centre accepts hundreds of services a year and makes twelve files of them, so their history is read as it is.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from ckr_es.aggregates import participant, service_case, support_codes, support_file
from ckr_es.aggregates.amend import fold
from ckr_es.aggregates.facts import Correction, Entry, Void
from ckr_es.aggregates.service_case import ServiceCase
from ckr_es.aggregates.support_file import File, Files
from ckr_es.projections.log import Session, tags
from ckr_es.rules.calendar import today
from ckr_es.rules.support_codes import Codes
from ckr_es.store.envelope import decode

OF_CASES: Final = tags(
    (
        service_case.Opened,
        service_case.EligibilityDecided,
        service_case.ComponentAdded,
        service_case.ServiceAccepted,
        service_case.SupportReported,
        service_case.Voided,
        service_case.Corrected,
    )
)
OF_FILES: Final = tags(
    (support_file.FileMade, support_file.FileAnswered, support_file.Voided, support_file.Corrected)
)
CODES: Final = tags((support_codes.CodesSet,))
ERASED: Final = tags((participant.IdentityErased,))
# Of a decision its day is asked alone; what it rests on is most of what a case holds.
SERVED: Final = """
    select e.stream_id, e.event_id, e.type, case e.type
               when 'service-case.eligibility-decided' then (e.body::jsonb || '{"checks": [], "notes": []}')::text
               else e.body::text end as body, e.recorded_at, e.position
    from ckr.event e
    where e.type = any (%(of_cases)s) and e.position <= %(position)s and e.stream_id in (
        select stream_id from ckr.event
        where type = 'service-case.service-accepted' and position <= %(position)s
          and (%(participant_id)s::uuid is null or participant_id = %(participant_id)s))
    union all
    select e.stream_id, e.event_id, e.type, e.body::text, e.recorded_at, e.position
    from ckr.event e
    where e.type = any (%(others)s) and e.position <= %(position)s
    order by position
"""
FILE_STREAM: Final = """
    select stream_id from ckr.event where type = 'support-file.made' and body ->> 'file_id' = %s::text
"""


class Filed(Struct, frozen=True):
    """A file and the stream of its year."""

    stream_id: UUID
    file: File


class Known(Struct, frozen=True, kw_only=True):
    """A case of which nothing stands is None. `amended`: on which days its corrections were recorded."""

    cases: Mapping[UUID, ServiceCase | None]
    amended: Mapping[UUID, list[date]]
    files: tuple[Filed, ...]
    codes: Codes
    erased: frozenset[UUID]


def known(conn: Session, position: int, *, participant_id: UUID | None = None) -> Known:
    """All there is; with a participant, the cases of that one alone."""
    asked = {
        "of_cases": OF_CASES,
        "others": [*OF_FILES, *CODES, *ERASED],
        "position": position,
        "participant_id": participant_id,
    }
    of_cases: defaultdict[UUID, list[Entry]] = defaultdict(list)
    of_files: defaultdict[UUID, list[Entry]] = defaultdict(list)
    of_codes: list[Entry] = []
    amended: defaultdict[UUID, list[date]] = defaultdict(list)
    erased: set[UUID] = set()
    for stream_id, event_id, kind, body, recorded_at, _ in conn.execute(SERVED, asked):
        entry = Entry(event_id, decode(kind, body))
        if kind in OF_CASES:
            of_cases[stream_id].append(entry)
            if isinstance(entry.event, Void | Correction):
                amended[stream_id].append(today(recorded_at))
        elif kind in OF_FILES:
            of_files[stream_id].append(entry)
        elif kind in CODES:
            of_codes.append(entry)
        else:
            erased.add(stream_id)
    return Known(
        cases={id: fold(service_case.KIND, history) for id, history in of_cases.items()},
        amended=amended,
        files=tuple(
            Filed(id, file) for id, history in of_files.items() for file in _files(history).files.values()
        ),
        codes=support_codes.in_force(of_codes),
        erased=frozenset(erased),
    )


def files(conn: Session, position: int) -> tuple[Filed, ...]:
    """The files alone."""
    return known(conn, position, participant_id=UUID(int=0)).files


def stream_of(conn: Session, file_id: UUID) -> UUID | None:
    """The stream that holds the file, whatever became of it."""
    row: Any = conn.execute(FILE_STREAM, (file_id,)).fetchone()
    return None if row is None else row[0]


def _files(history: list[Entry]) -> Files:
    return fold(support_file.KIND, history) or Files(files={})

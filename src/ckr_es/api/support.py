"""Reporting to the register of support recipients: what is due, files, answers, codes (209-ФЗ, article 8)."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter
from msgspec import Struct

from ckr_es.aggregates import amend, support_codes, support_file
from ckr_es.aggregates.facts import Entry
from ckr_es.aggregates.support_file import File
from ckr_es.aggregates.support_register import State
from ckr_es.api import spool
from ckr_es.api.asked import Asked, Travel, When, answered, command_key, requested
from ckr_es.api.auth import MANAGE, READ, RECORD, roles
from ckr_es.api.corrections import Correction, replacement
from ckr_es.api.moments import Cursor, Limit, decoded, moment_of, paged
from ckr_es.api.problems import BadRequest
from ckr_es.api.reads import Reader
from ckr_es.application import Answer, Receipt, ServiceTracking
from ckr_es.commands import correct
from ckr_es.commands import support as commands
from ckr_es.projections import support as projected
from ckr_es.registry import fns_answer
from ckr_es.registry.fns_support_file import written
from ckr_es.rules import Invalid, Problem, Refused, Unknown
from ckr_es.rules.calendar import today
from ckr_es.rules.support_codes import UNVERIFIED, Codes
from ckr_es.rules.values import Document, Text
from ckr_es.store.database import Pool

AnyRequest = Request[Any, Any, Any]
Tracking = NamedDependency[ServiceTracking]
Reading = NamedDependency[Reader]
Connections = NamedDependency[Pool]
Id = FromPath[UUID]
InState = Annotated[State | None, QueryParameter(name="state", required=False)]
Overdue = Annotated[bool | None, QueryParameter(required=False)]
OfParticipant = Annotated[UUID | None, QueryParameter(required=False)]
OfCluster = Annotated[str | None, QueryParameter(required=False)]
Key = Annotated[str | None, HeaderParameter(name="Idempotency-Key", required=False)]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match", required=False)]
Correlation = Annotated[str | None, HeaderParameter(name="X-Correlation-Id", required=False)]
AnsweredOn = Annotated[date | None, QueryParameter(required=False)]
LateReason = Annotated[str | None, QueryParameter(required=False, min_length=1, max_length=2000)]

PATH: Final = "/api/v1/support-register/files"
_read: Final[dict[str, Any]] = {"sync_to_thread": True, **roles(READ, whole_centre=True)}


class NewFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is due of acts up to `accepted_to`, or of that only `support_ids`; made today unless it says so."""

    accepted_to: date
    made_on: date | None = None
    support_ids: tuple[UUID, ...] = ()
    late_reason: Text | None = None


class NewCodes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole table; GET answers it in the same shape."""

    codes: Codes
    document: Document | None = None


class AnswerFile(spool.FileOperation):
    media = ("application/xml", "text/xml", "application/octet-stream")


class SupportController(Controller):
    path = "/support-register"
    tags = ["support-register"]

    @get("/", sync_to_thread=True, **roles(READ))
    def show(
        self,
        when: When,
        reading: Reading,
        in_state: InState = None,
        overdue: Overdue = None,
        participant_id: OfParticipant = None,
        cluster: OfCluster = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> dict[str, Any]:
        """Every accepted service with its stable support id: what is due by when, what was sent, what the FNS said."""
        return reading.supports(
            when,
            limit,
            cursor,
            state=in_state,
            overdue=overdue,
            participant_id=participant_id,
            cluster=cluster,
        )

    @post("/files", sync_to_thread=True, **roles(RECORD, whole_centre=True))
    def make(self, data: JSONBody[NewFile], asked: Asked, tracking: Tracking) -> Response[Receipt]:
        """A file of all that is due, or nothing where one service lacks something; `Location` is the file itself."""
        wanted = commands.Wanted(
            made_on=data.made_on or asked.today,
            accepted_to=data.accepted_to,
            support_ids=data.support_ids,
            late_reason=data.late_reason,
        )
        answer = answered(commands.make_file(tracking, asked, wanted))
        answer.headers["Location"] = f"{PATH}/{answer.content.id}/file.xml"
        return answer

    @get("/files", **_read)
    def list_files(
        self, when: When, tracking: Tracking, pool: Connections, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Files made by the day, the latest first: how many documents each has, and what was answered."""
        return files(tracking, pool, when, limit, cursor)

    @get("/files/{id:uuid}", **_read)
    def show_file(self, id: Id, when: When, tracking: Tracking, pool: Connections) -> dict[str, Any]:
        """One file with its documents and the answer to each; persons stand by their participant id."""
        moment = moment_of(pool, tracking, when)
        stream = commands.file_stream(tracking, id)
        state = tracking.streams([stream], moment.position).known(support_file.KIND, stream, "Файл")
        file = state.file(id)
        if file.made.made_on > moment.as_of:
            raise Unknown("not-found", "Файл не найден")
        results = file.results(moment.as_of)
        documents = [
            {
                **msgspec.to_builtins(document),
                "result": None
                if (told := results.get(document.document_id)) is None
                else "accepted"
                if told.result.accepted
                else "rejected",
                "answered_on": told and told.on,
            }
            for document in file.made.documents
        ]
        return {
            "meta": moment.meta(),
            **_told(file, moment.as_of),
            "codes": file.made.codes,
            "documents": documents,
            "answers": [{"answered_on": answer.answered_on} for answer in file.answers],
        }

    @get("/files/{id:uuid}/file.xml", media_type="application/xml", **_read)
    def download(self, request: AnyRequest, id: Id, tracking: Tracking) -> Response[bytes]:
        """The file for the FNS, written now and kept nowhere: persons are named from the vault, or no more."""
        made, recipients = commands.recipients(tracking, id)
        content = written(made, recipients, request.app.state.fns_contact)
        headers = {"Content-Disposition": f'attachment; filename="{made.name}.xml"'}
        return Response(content, media_type="application/xml", headers=headers)

    @post("/files/{id:uuid}/answer", operation_class=AnswerFile, **roles(RECORD, whole_centre=True))
    async def answer(
        self,
        request: AnyRequest,
        id: Id,
        idempotency_key: Key = None,
        if_match: IfMatch = None,
        correlation_id: Correlation = None,
        answered_on: AnsweredOn = None,
        late_reason: LateReason = None,
    ) -> Response[Receipt]:
        """The answer file of the FNS as the body: each document accepted or rejected; names in it are not read."""
        if request.headers.get("content-type", "").lower().startswith(("multipart/", "application/json")):
            raise BadRequest("answer-file-required", "Тело запроса — сам файл ответа (XML)", 415)
        key = command_key(request, idempotency_key)
        on = answered_on or today(datetime.now(UTC))
        if on > today(datetime.now(UTC)):
            detail = f"Дата {on} ещё не наступила"
            raise Invalid(
                "date-in-future", detail, [Problem("/answered_on", "date-in-future", detail, str(on))]
            )
        results = fns_answer.results(await request.body())
        # What the request says, without the names that the file holds: a hash over names could be tried out.
        said = msgspec.json.encode((results, answered_on, late_reason))
        asked = requested(request, key, said, if_match, correlation_id)
        tracking: ServiceTracking = request.app.state.tracking

        def recorded() -> Answer:
            return commands.answer_file(tracking, asked, id, on, results, late_reason)

        return answered(await asyncio.to_thread(recorded))

    @post("/files/{id:uuid}/corrections", sync_to_thread=True, **roles(RECORD, whole_centre=True))
    def correct(
        self, id: Id, data: JSONBody[Correction], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """Void a file that was never sent or an answer that was not its own, or put their days right."""
        stream = commands.file_stream(tracking, id)
        _own(tracking.streams([stream]).history(stream), id, data.event_id)
        return answered(
            correct(
                tracking,
                asked,
                support_file.KIND,
                stream,
                str(id),
                data.event_id,
                data.reason,
                replacement(data),
                data.late_reason,
            )
        )

    @get("/codes", **_read)
    def show_codes(self, when: When, tracking: Tracking, pool: Connections) -> Response[Any]:
        """The table of codes with who set it when; the defaults, and what of them nobody could verify, before that."""
        moment = moment_of(pool, tracking, when)
        streams = tracking.streams([commands.CODES], moment.position)
        recorded = streams.recorded.get(commands.CODES) or ()
        last = support_codes.fold(streams.history(commands.CODES))
        body = {
            "meta": moment.meta(),
            "codes": support_codes.in_force(streams.history(commands.CODES)),
            "document": last and last.document,
            "set_on": last and last.set_on,
            "set_by": recorded[-1].actor if recorded else None,
            "recorded_at": recorded[-1].recorded_at if recorded else None,
            "unverified": [] if last else UNVERIFIED,
        }
        return Response(body, headers={"ETag": f'"{streams.version(commands.CODES)}"'})

    @put("/codes", sync_to_thread=True, **roles(MANAGE, whole_centre=True))
    def set_codes(self, data: JSONBody[NewCodes], asked: Asked, tracking: Tracking) -> Response[Receipt]:
        """Another table for files made from now on; those made before keep theirs."""
        return answered(commands.set_codes(tracking, asked, data.codes, data.document))

    @get("/codes/timeline", **_read)
    def codes_timeline(
        self, when: When, reading: Reading, limit: Limit = 100, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Every table there was: who set it and when."""
        return reading.timeline(commands.CODES, None, when, limit, cursor)


def files(
    tracking: ServiceTracking, pool: Pool, when: Travel, limit: int, cursor: str | None
) -> dict[str, Any]:
    moment = moment_of(pool, tracking, when)
    before = decoded(cursor, tuple[date, UUID]) if cursor else None
    with pool.connection() as conn:
        found = [filed.file for filed in projected.files(conn, moment.position)]
    told = sorted(
        (_told(file, moment.as_of) for file in found if file.made.made_on <= moment.as_of),
        key=_key,
        reverse=True,
    )
    page = paged([one for one in told if before is None or _key(one) < before][: limit + 1], limit, _key)
    return {"meta": moment.meta(), **page}


def _told(file: File, as_of: date) -> dict[str, Any]:
    results = file.results(as_of).values()
    accepted = sum(answer.result.accepted for answer in results)
    return {
        "id": file.made.file_id,
        "event_id": file.event_id,
        "name": f"{file.made.name}.xml",
        "made_on": file.made.made_on,
        "count": len(file.made.documents),
        "accepted": accepted,
        "rejected": len(results) - accepted,
        "waiting": len(file.made.documents) - len(results),
    }


def _key(told: dict[str, Any]) -> tuple[date, UUID]:
    return told["made_on"], told["id"]


def _own(history: Sequence[Entry], id: UUID, event_id: UUID) -> None:
    """Refused unless the record, or what it corrects in the end, is of this file: its stream holds others too."""
    entry = next((entry for entry in history if entry.event_id == event_id), None)
    if entry is None or amend.fact(history, entry).file_id != id:
        raise Refused("not-in-this-stream", f"Записи {event_id} нет в истории этого файла")

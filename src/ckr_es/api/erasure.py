"""The erasure of a person's identity (152-ФЗ): two people, one transaction, and the papers that order №179 asks for."""

from datetime import UTC, date
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from ckr_es.aggregates import participant
from ckr_es.api.asked import Asked, answered
from ckr_es.api.auth import roles
from ckr_es.api.reports import in_form
from ckr_es.application import ServiceTracking
from ckr_es.commands import erasure
from ckr_es.reports.destruction import METHOD, OPERATOR, SYSTEM, Destruction, LogEntry, Person
from ckr_es.reports.report import signed
from ckr_es.rules import Unknown
from ckr_es.rules.values import Number, Text
from ckr_es.store import erasures
from ckr_es.store.envelope import decode
from ckr_es.store.erasures import Erasure

AnyRequest = Request[Any, Any, Any]
Tracking = NamedDependency[ServiceTracking]
Id = FromPath[UUID]
Form = Annotated[Literal["json", "pdf"], QueryParameter(required=False)]

ERASE: Final = frozenset({"admin", "manager"})
SEE: Final = ERASE | {"auditor"}
_read: Final[dict[str, Any]] = {"sync_to_thread": True, **roles(SEE, whole_centre=True)}


class Act(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    act_number: Number
    act_date: date
    basis: Text


class ErasureController(Controller):
    path = "/"
    tags = ["erasure"]

    @post("/participants/{id:uuid}/erasure", sync_to_thread=True, **roles(ERASE, whole_centre=True))
    def erase(
        self, request: AnyRequest, id: Id, data: JSONBody[Act], asked: Asked, tracking: Tracking
    ) -> Response[Any]:
        """An administrator proposes (202); a manager who sends the same act confirms, and the data are gone."""
        act = erasure.Act(act_number=data.act_number, act_date=data.act_date, basis=data.basis)
        if asked.role == "admin":
            made = erasure.propose(tracking, asked, id, act)
            headers = {"Idempotent-Replayed": "true"} if made.replayed else None
            told = {**_told(made.erasure), "mentions": made.mentions}
            return Response(told, status_code=202, headers=headers)
        request.app.state.spool.sweep()
        return answered(erasure.confirm(tracking, asked, id, act))

    @get("/erasures", **_read)
    def list_erasures(self, tracking: Tracking) -> dict[str, Any]:
        """Every erasure proposed and confirmed, the latest first."""
        return listed(tracking)

    @get("/participants/{id:uuid}/erasure", **_read)
    def show(self, id: Id, tracking: Tracking) -> dict[str, Any]:
        """The last erasure proposed for the participant: the act, who proposed and who confirmed, what is gone."""
        with tracking.recorder.pool.connection() as conn:
            found = erasures.latest(conn, id)
        if found is None:
            raise Unknown("not-found", "Удаления никто не предлагал")
        return _told(found)

    @get("/participants/{id:uuid}/erasure/act", **_read)
    def act(self, id: Id, tracking: Tracking, format: Form = "pdf") -> Response[bytes]:
        """The act of destruction, to be printed and signed."""
        return _paper("destruction-act", id, tracking, format)

    @get("/participants/{id:uuid}/erasure/log-extract", **_read)
    def log_extract(self, id: Id, tracking: Tracking, format: Form = "pdf") -> Response[bytes]:
        """The extract from the log of events that is kept with the act."""
        return _paper("destruction-log-extract", id, tracking, format)


def listed(tracking: ServiceTracking) -> dict[str, Any]:
    with tracking.recorder.pool.connection() as conn:
        found = erasures.all_of(conn)
    return {"items": [_told(one) for one in found], "next_cursor": None}


def _told(one: Erasure) -> dict[str, Any]:
    names = (
        "participant_id", "act_number", "act_date", "basis", "proposed_by", "proposed_at", "confirmed_by",
        "confirmed_at", "event_id", "position", "destroyed",
    )  # fmt: skip
    return {"status": "erased" if one.confirmed_by else "proposed", **{n: getattr(one, n) for n in names}}


def _paper(
    form: Literal["destruction-act", "destruction-log-extract"],
    id: UUID,
    tracking: ServiceTracking,
    format: Literal["json", "pdf"],
) -> Response[bytes]:
    with tracking.recorder.pool.connection() as conn:
        found = erasures.confirmed(conn, id)
    if found is None:
        raise Unknown("not-found", "Сведения об этом участнике не уничтожены: акта нет")
    return in_form(signed(_destruction(form, found)), format, lasting=True)


def _destruction(form: Literal["destruction-act", "destruction-log-extract"], done: Erasure) -> Destruction:
    """What the event says; of the rows beside the log, their number says the erasure itself."""
    assert done.type is not None
    assert done.body is not None
    event = decode(done.type, done.body.encode())
    assert isinstance(event, participant.IdentityErased)
    entry = msgspec.convert(
        {
            **{n: getattr(done, n) for n in ("position", "event_id", "type", "actor", "role", "body")},
            "recorded_at": done.recorded_at and done.recorded_at.astimezone(UTC),
            "leaf": (done.leaf or b"").hex(),
        },
        LogEntry,
    )
    return Destruction(
        form=form,
        act_number=event.act_number,
        act_date=event.act_date,
        operator=OPERATOR,
        operator_address=None,
        processor=None,
        subjects=(done.participant_id,),
        categories=event.categories,
        system=SYSTEM,
        method=METHOD,
        reason=event.basis,
        destroyed_on=event.erased_on,
        destroyed_at=entry.recorded_at,
        destroyed={"identity": 1, **(done.destroyed or {})},
        persons=(
            Person(actor=done.proposed_by, role="admin", at=done.proposed_at.astimezone(UTC)),
            Person(actor=entry.actor, role=entry.role, at=entry.recorded_at),
        ),
        entry=entry,
    )

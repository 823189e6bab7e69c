"""Questions the API answers: at which day and position, from which projection, and to whose eyes."""

import base64
import binascii
from collections.abc import Collection, Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Response
from litestar.params import QueryParameter
from msgspec import Struct

from ckr_es.aggregates import amend, participant, reporting_period, service_case
from ckr_es.aggregates.facts import Entry, Kind
from ckr_es.aggregates.participant import Participant
from ckr_es.aggregates.service_case import ServiceCase
from ckr_es.api.asked import Travel, instant
from ckr_es.api.explanation import explained
from ckr_es.api.views import view
from ckr_es.application import ServiceTracking, Streams, stream_id
from ckr_es.commands import Snapshot
from ckr_es.projections import directory_reads as directory
from ckr_es.projections import kpi_changes, kpi_evidence, kpi_reads, timeline
from ckr_es.projections.follower import await_position
from ckr_es.projections.projection import reached
from ckr_es.reports import making
from ckr_es.reports.report import Part, Report, Restatement
from ckr_es.rules import Invalid, Problem, Unknown, calendar
from ckr_es.rules.values import Code
from ckr_es.store import log
from ckr_es.store.database import Pool

Limit = Annotated[int, QueryParameter(required=False, ge=1, le=500)]
Cursor = Annotated[str | None, QueryParameter(required=False)]


class Moment(Struct, frozen=True):
    """A read's day, the position it knows, and the log's head when it was asked."""

    as_of: date
    position: int
    head: int
    known_at: datetime | None

    def meta(self, kpi_set: str | None = None, policy: Any = None) -> dict[str, Any]:
        return {
            "as_of": self.as_of,
            "known_at": self.known_at,
            "known_position": self.position,
            "head_position": self.head,
            "kpi_set": kpi_set,
            "policy": policy,
        }


class Reader:
    """Reads for one call; a caller bound to a cluster sees what belongs to it."""

    def __init__(self, pool: Pool, tracking: ServiceTracking, cluster: str | None) -> None:
        self._pool = pool
        self._tracking = tracking
        self._cluster = cluster

    def sees(self, code: str) -> bool:
        return self._cluster in (None, code)

    # the log

    def events(self, after: int, limit: int, cursor: str | None, **given: Any) -> dict[str, Any]:
        stream = given.pop("stream")
        filters = log.Filters(stream_id=_stream(stream), **given)
        if cursor:
            after = decoded(cursor, int)
        with self._pool.connection() as conn:
            found = log.events(conn, after, limit + 1, filters)
        return paged(found, limit, lambda last: last["position"])

    def event(self, event_id: UUID) -> dict[str, Any]:
        with self._pool.connection() as conn:
            found = log.event(conn, event_id)
        if found is None:
            raise Unknown("not-found", "Такой записи нет")
        return found

    def export(self, after: int) -> Iterator[bytes]:
        upto = self._tracking.recorder.head()
        while after < upto:
            with self._pool.connection() as conn:
                page = list(log.export_page(conn, after))
            for after, line in page:
                if after > upto:
                    return
                yield line

    def timeline(
        self, stream: UUID | None, participant_id: UUID | None, when: Travel, limit: int, cursor: str | None
    ) -> dict[str, Any]:
        moment = self._moment(when)
        after = decoded(cursor, int) if cursor else 0
        with self._pool.connection() as conn:
            found = timeline.timeline(
                conn,
                participant_id,
                moment.position,
                stream_id=stream,
                cluster=self._cluster,
                after=after,
                limit=limit + 1,
            )
        return {"meta": moment.meta(), **paged(found, limit, lambda last: last.position)}

    # one stream

    def entity(
        self, kind: Kind[Any], id: UUID, subject: str, when: Travel, cluster: str | None
    ) -> Response[Any]:
        """The state of one stream as of the day, as known at the position; 404 before it began."""
        moment = self._moment(when)
        streams = self._tracking.streams([id], moment.position)
        state = _as_of(kind, streams.history(id), date.max if kind.noun == "plan" else moment.as_of)
        if state is None or not self._visible(state, cluster):
            raise Unknown("not-found", "Не найдено")
        body = {
            "meta": moment.meta(),
            "id": subject,
            "version": streams.version(id),
            **view(state, moment.as_of),
        }
        if isinstance(state, Participant):
            body |= self._identity(id, state)
        return Response(body, headers={"ETag": f'"{streams.version(id)}"'})

    def eligibility(self, id: UUID, when: Travel) -> dict[str, Any]:
        """The ten verdicts for the case as if it were decided on `as_of`; 404 before its application."""
        moment = self._moment(when)
        streams = self._tracking.streams([id], moment.position)
        state = _as_of(service_case.KIND, streams.history(id), moment.as_of)
        if state is None or not self._visible(state, None):
            raise Unknown("not-found", "Дело не найдено")
        who = state.opened.participant_id
        known = self._tracking.streams([who], moment.position).known(participant.KIND, who, "Участник")
        return {"meta": moment.meta(), **explained(state, known, moment.as_of)}

    def _identity(self, id: UUID, state: Participant) -> dict[str, Any]:
        stored = self._tracking.recorder.identity(id)
        fields: dict[str, Any] = msgspec.json.decode(stored.fields) if stored else {}
        found: dict[str, Any] = {"contacts": fields.get("contacts")}
        if state.registered.kind == "entrepreneur":
            found |= {"name": fields.get("name"), "inn": fields.get("inn"), "ogrn": fields.get("ogrnip")}
        return found

    def _visible(self, state: object, cluster: str | None) -> bool:
        if self._cluster is None:
            return True
        if isinstance(state, ServiceCase):
            return state.opened.cluster == self._cluster
        if isinstance(state, Participant):
            clusters = {m.cluster for m in state.memberships}
            return not clusters or self._cluster in clusters
        return cluster == self._cluster

    # lists

    def clusters(self, when: Travel, limit: int, cursor: str | None) -> dict[str, Any]:
        return self._listed(when, directory.clusters, tuple[Code], limit, cursor, code=self._cluster)

    def members(self, code: str, when: Travel, limit: int, cursor: str | None) -> dict[str, Any]:
        return self._listed(
            when, directory.participants, tuple[UUID], limit, cursor, cluster=code, include_persons=True
        )

    def participants(
        self,
        when: Travel,
        limit: int,
        cursor: str | None,
        *,
        q: str | None,
        inn: str | None,
        cluster: str | None,
        kind: str | None,
        persons: bool,
    ) -> dict[str, Any]:
        """`persons`: natural persons are searched too; without a search they are always listed."""
        return self._listed(
            when,
            directory.participants,
            tuple[UUID],
            limit,
            cursor,
            q=q,
            inn=inn,
            cluster=self._own(cluster),
            kind=kind,
            include_persons=persons or (q is None and inn is None),
        )

    def cases(
        self,
        when: Travel,
        limit: int,
        cursor: str | None,
        *,
        participant_id: UUID | None,
        cluster: str | None,
        status: directory.CaseStatus | None,
        complex: bool | None,
        eligibility: Literal["stale"] | None,
    ) -> dict[str, Any]:
        return self._listed(
            when,
            directory.cases,
            tuple[date, UUID],
            limit,
            cursor,
            participant_id=participant_id,
            cluster=self._own(cluster),
            status=status,
            complex=complex,
            eligibility=eligibility,
        )

    def _own(self, cluster: str | None) -> str | None:
        if cluster is not None and not self.sees(cluster):
            raise Unknown("not-found", "Кластер не найден")
        return cluster or self._cluster

    def _listed(
        self, when: Travel, read: Any, key: Any, limit: int, cursor: str | None, **filters: Any
    ) -> dict[str, Any]:
        moment = self._moment(when, "directory")
        after = decoded(cursor, key) if cursor else None
        with self._pool.connection() as conn:
            page: directory.Page = read(
                conn, moment.as_of, moment.position, after=after, limit=limit, **filters
            )
        following = _encoded(page.next) if page.next else None
        return {"meta": moment.meta(), "items": page.items, "next_cursor": following}

    # figures

    def table(self, when: Travel, cluster: str | None) -> Response[Any]:
        moment = self._moment(when, "kpi")
        with self._pool.connection() as conn:
            table = kpi_reads.table(conn, moment.as_of, moment.position, cluster)
        return _figures({"meta": moment.meta(table.kpi_set, table.policy), "rows": table.rows})

    def snapshot(self, as_of: date, position: int) -> Snapshot:
        """The table as a closing pins it."""
        with self._pool.connection() as conn:
            await_position(conn, ["kpi"], position)
            table = kpi_reads.table(conn, as_of, position)
        rows = msgspec.json.decode(_ENCODER.encode(table.rows), type=tuple[dict[str, Any], ...])
        return Snapshot(known_position=position, kpi_set=table.kpi_set, policy=table.policy, table=rows)

    def outlook(self, when: Travel, cluster: str | None) -> Response[Any]:
        moment = self._moment(when, "kpi")
        with self._pool.connection() as conn:
            table, forecasts = kpi_reads.outlook(conn, moment.as_of, moment.position, cluster)
        rows = [row | msgspec.structs.asdict(f) for row, f in zip(table.rows, forecasts, strict=True)]
        return _figures({"meta": moment.meta(table.kpi_set, table.policy), "rows": rows})

    def evidence(
        self, kpi: str, when: Travel, about: kpi_evidence.About, limit: int, cursor: str | None
    ) -> Response[Any]:
        moment = self._moment(when, "kpi")
        after = decoded(cursor, int) if cursor else None
        with self._pool.connection() as conn:
            counted = kpi_reads.counted(conn, moment.as_of, moment.position)
            found = kpi_evidence.evidence(conn, kpi, moment.as_of, moment.position, after, limit + 1, about)
        page = paged(found, limit, lambda last: last.position)
        return _figures({"meta": moment.meta(*counted), "kpi": kpi, "counted": True, **page})

    def uncounted(
        self, kpi: str, when: Travel, about: kpi_evidence.About, limit: int, cursor: str | None
    ) -> Response[Any]:
        moment = self._moment(when, "kpi")
        after = decoded(cursor, int) if cursor else None
        with self._pool.connection() as conn:
            kpi_set, policy = kpi_reads.counted(conn, moment.as_of, moment.position)
            found, following = kpi_evidence.uncounted(
                conn, kpi, moment.as_of, moment.position, after, limit, about, kpi_set=kpi_set, policy=policy
            )
        page = {"items": found, "next_cursor": _encoded(following) if following else None}
        return _figures({"meta": moment.meta(kpi_set, policy), "kpi": kpi, "counted": False, **page})

    def diff(
        self,
        when: Travel,
        to_as_of: date | None,
        to_position: int | None,
        to_known_at: str | None,
        cluster: str | None,
    ) -> Response[Any]:
        start = self._moment(when, "kpi")
        to = Travel(to_as_of or when.as_of, instant(to_known_at, "to_known_at"), to_position, None)
        end = self._moment(to, "kpi")
        with self._pool.connection() as conn:
            found = kpi_changes.diff(conn, start.as_of, start.position, end.as_of, end.position, cluster)
        sides = {"meta": start.meta(*found.before), "to": end.meta(*found.after)}
        return _figures({**sides, "rows": found.rows})

    def series(
        self,
        when: Travel,
        kpi: str,
        start: date,
        end: date,
        step: Literal["day", "month", "quarter"],
        cluster: str | None,
    ) -> Response[Any]:
        moment = self._moment(when, "kpi")
        with self._pool.connection() as conn:
            counted = kpi_reads.counted(conn, end, moment.position)
            points = kpi_reads.series(conn, kpi, start, end, step, moment.position, cluster)
        return _figures({"meta": moment.meta(*counted), "kpi": kpi, "step": step, "points": points})

    # reporting periods

    def periods(self, when: Travel) -> dict[str, Any]:
        moment = self._moment(when)
        with self._pool.connection() as conn:
            labels = log.closed_periods(conn, moment.position)
        streams = self._tracking.streams([stream_id("period", label) for label in labels], moment.position)
        items = [self._submitted(label, _period(streams, label)) for label in labels]
        return {"meta": moment.meta(), "items": items, "next_cursor": None}

    def period(self, label: str, when: Travel) -> dict[str, Any]:
        calendar.period(label)
        moment = self._moment(when)
        state = self._known_period(label, moment)
        tables = [msgspec.to_builtins(closing) for closing in state.closings]
        return {"meta": moment.meta(), **self._submitted(label, state), "closings": tables}

    def restatement(self, label: str, when: Travel, version: int | None) -> Response[Any]:
        """`from` is what was submitted (pinned in the log), `to` the same day as known now."""
        moment = self._moment(when, "kpi")
        submitted = self._known_period(label, moment).closed_as(label, version)
        with self._pool.connection() as conn:
            found = kpi_changes.diff(
                conn, submitted.as_of, submitted.known_position, submitted.as_of, moment.position
            )
        return _figures(
            {
                "meta": moment.meta(submitted.kpi_set, submitted.policy),
                "label": label,
                "version": submitted.version,
                "submitted_position": submitted.known_position,
                "rows": found.rows,
            }
        )

    def report(
        self, label: str, when: Travel, version: int | None, draft: bool, parts: Collection[Part]
    ) -> Report:
        moment = self._moment(when)
        with self._pool.connection() as conn:
            return making.report(conn, label, moment.position, version=version, draft=draft, parts=parts)

    def restated(self, label: str, when: Travel, version: int | None) -> Restatement:
        moment = self._moment(when)
        with self._pool.connection() as conn:
            return making.restatement(conn, label, moment.position, version=version)

    def _known_period(self, label: str, moment: Moment) -> reporting_period.ReportingPeriod:
        return _period(self._tracking.streams([stream_id("period", label)], moment.position), label)

    def _submitted(self, label: str, state: reporting_period.ReportingPeriod) -> dict[str, Any]:
        period, last = calendar.period(label), state.submitted
        return {
            "label": label,
            "first_day": period.first,
            "last_day": period.last,
            "status": "open" if state.open else "closed",
            "version": last.version if last else 0,
            "closed_on": last and last.closed_on,
            "approved_by": last and last.approved_by,
            "known_position": last and last.known_position,
            "ledger_root": last and last.ledger_root,
        }

    def status(self, *, errors: bool = False) -> dict[str, Any]:
        with self._pool.connection() as conn:
            found = reached(conn)
        head = self._tracking.recorder.head()
        shown = ("name", "position", "status", *(("error", "error_position") if errors else ()))
        return {
            "head_position": head,
            "projections": [{key: getattr(p, key) for key in shown} for p in found],
        }

    def _moment(self, when: Travel, *projections: str) -> Moment:
        """Resolves what is known, and waits for the projections to be there (at most 2 s, else 503)."""
        recorder = self._tracking.recorder
        head = recorder.head()
        position = when.known_position
        if when.known_at is not None:
            position = recorder.position_at(when.known_at)
        wanted = max(head if position is None else position, when.min_position or 0)
        if projections or wanted > head:
            with self._pool.connection() as conn:
                # What lies beyond the head can only be waited for where somebody follows the log.
                await_position(conn, list(projections) or ["directory"], wanted)
            head = max(head, wanted)
        return Moment(when.as_of, wanted if position is None else position, head, when.known_at)


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _figures(body: dict[str, Any]) -> Response[Any]:
    """Figures are exact decimals inside and plain JSON numbers outside."""
    return Response(_ENCODER.encode(body), media_type="application/json")


def _as_of(kind: Kind[Any], history: list[Entry], day: date) -> Any:
    """The state on that day: what stands and had happened by then; None before the stream began."""
    entries = amend.understood(history)
    if not entries or entries[0].event.effective_on > day:
        return None
    state: Any = None
    for event_id, event in entries:
        if event.effective_on <= day:
            state = kind.evolve(state, event, event_id)
    return state


def _period(streams: Streams, label: str) -> reporting_period.ReportingPeriod:
    return (
        reporting_period.fold(streams.history(stream_id("period", label)))
        or reporting_period.ReportingPeriod()
    )


def _stream(text: str | None) -> UUID | None:
    """A stream by its id, a cluster's code, a plan's year or a period's label."""
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        pass
    if text.isdigit():
        return stream_id("plan", text)
    return stream_id("period" if "-Q" in text else "cluster", text)


def paged(found: list[Any], limit: int, key: Any) -> dict[str, Any]:
    items = found[:limit]
    return {"items": items, "next_cursor": _encoded(key(items[-1])) if len(found) > limit else None}


def _encoded(key: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decoded(cursor: str, type_: Any) -> Any:
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(raw, type=type_)
    except (ValueError, binascii.Error, msgspec.DecodeError, msgspec.ValidationError) as error:
        detail = "Недействительный курсор: берите next_cursor из прошлого ответа"
        raise Invalid("cursor-invalid", detail, [Problem("/cursor", "cursor-invalid", detail)]) from error

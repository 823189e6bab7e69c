"""Questions the API answers of streams, lists and the log: at which day and position, and to whose eyes."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Response

from ckr_es.aggregates import amend, cluster, cluster_life, participant, service_case, support_register
from ckr_es.aggregates.facts import Kind
from ckr_es.aggregates.follow_up import Status, effects
from ckr_es.aggregates.participant import Participant
from ckr_es.aggregates.service_case import ServiceCase
from ckr_es.api.asked import Travel
from ckr_es.api.explanation import explained, told
from ckr_es.api.moments import Moment, decoded, encoded, moment_of, paged, plain_numbers
from ckr_es.api.views import view
from ckr_es.application import ServiceTracking, stream_id
from ckr_es.audit import follow_ups, group_services
from ckr_es.audit.trace import trace
from ckr_es.commands import conflicts
from ckr_es.commands.guards import cluster_stream
from ckr_es.commands.support import standing
from ckr_es.projections import directory_reads as directory
from ckr_es.projections import functions, funding_reads, naming, rebuilds, search, support, timeline
from ckr_es.projections.kpi_evidence import LineKey
from ckr_es.projections.projection import reached
from ckr_es.reports import history
from ckr_es.reports.extract import Audience, Checkpoint, Extract
from ckr_es.rules import Invalid, Problem, Unknown, catalogue
from ckr_es.rules.values import ERASED, Code
from ckr_es.store import log
from ckr_es.store.database import Pool


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
        filters = log.Filters(stream_id=stream_of(stream), **given)
        if cursor:
            after = decoded(cursor, int)
        with self._pool.connection() as conn:
            found = log.events(conn, after, limit + 1, filters)
        return paged(found, limit, lambda last: last["position"])

    def latest(self, when: Travel, limit: int, cursor: str | None, filters: log.Filters) -> dict[str, Any]:
        """The log as known, the last record first; `said` is how each reads now: void, or by which record."""
        moment = self._moment(when)
        upto = min(moment.position, decoded(cursor, int)) if cursor else moment.position
        with self._pool.connection() as conn:
            found = log.latest(conn, upto, limit + 1, filters)
        page = paged(found, limit, lambda last: last["position"] - 1)
        streams = self._tracking.streams({row["stream_id"] for row in page["items"]}, moment.position)
        for row in page["items"]:
            said = amend.standing(streams.history(row["stream_id"]), row["event_id"])
            row |= {"void": said.content is None, "said_by": said.by}
        return {"meta": moment.meta(), **page}

    def event(self, event_id: UUID, when: Travel, limit: int, cursor: str | None) -> Response[Any]:
        moment = self._moment(when, "kpi")
        after = decoded(cursor, LineKey) if cursor else None
        with self._pool.connection() as conn:
            found = trace(conn, event_id, moment.position, after, limit)
        return plain_numbers({"meta": moment.meta(), **told(found)})

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
        page = paged(found, limit, lambda last: last.position)
        if participant_id is not None and self._tracking.recorder.identity(participant_id) is None:
            # Of whom the vault knows nothing any more, what was committed to is gone.
            page["items"] = [
                {**msgspec.structs.asdict(item), "identity": ERASED}
                if "identity_commitment" in item.body
                else item
                for item in page["items"]
            ]
        return {"meta": moment.meta(), **page}

    def extract(
        self, id: UUID, when: Travel, audience: Audience, notary: Callable[[int], tuple[int, str] | None]
    ) -> Extract:
        """`notary` finds the signed note that covers a position; 404 as for the participant itself."""
        self.entity(participant.KIND, id, str(id), when, None)
        moment = self._moment(when, "directory", "ledger")
        signed = notary(moment.position) if audience == "audit" else None
        identity = history.identity_of(self._tracking.recorder.identity(id))
        with self._pool.connection() as conn:
            return history.extract(
                conn,
                id,
                moment.as_of,
                moment.position,
                audience,
                identity=identity,
                cluster=self._cluster,
                checkpoint=Checkpoint(size=signed[0], note=signed[1]) if signed else None,
            )

    # one stream

    def entity(
        self, kind: Kind[Any], id: UUID, subject: str, when: Travel, cluster: str | None
    ) -> Response[Any]:
        """The state of one stream as of the day, as known at the position; 404 before it began."""
        moment = self._moment(when)
        streams = self._tracking.streams([id], moment.position)
        state = amend.on_the_day(kind, streams.history(id), date.max if kind.noun == "plan" else moment.as_of)
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
        state = amend.on_the_day(service_case.KIND, streams.history(id), moment.as_of)
        if state is None or not self._visible(state, None):
            raise Unknown("not-found", "Дело не найдено")
        who = state.opened.participant_id
        known = self._tracking.streams([who], moment.position).known(participant.KIND, who, "Участник")
        return {"meta": moment.meta(), **explained(state, known, moment.as_of)}

    def _identity(self, id: UUID, state: Participant) -> dict[str, Any]:
        stored = self._tracking.recorder.identity(id)
        fields: dict[str, Any] = msgspec.json.decode(stored.fields) if stored else {}
        found: dict[str, Any] = {"contacts": fields.get("contacts")}
        if state.registered.kind == "entrepreneur" and stored is None:
            found |= {"name": ERASED, "identity_erased": True}
        elif state.registered.kind == "entrepreneur":
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

    def clusters(
        self, when: Travel, limit: int, cursor: str | None, status: directory.ClusterStatus | None
    ) -> dict[str, Any]:
        return self._listed(
            when, directory.clusters, tuple[Code], limit, cursor, code=self._cluster, status=status
        )

    def life(
        self,
        code: str,
        when: Travel,
        limit: int,
        cursor: str | None,
        *,
        kind: cluster_life.LifeKind | None,
        function: str | None,
    ) -> dict[str, Any]:
        """What stands of what was done for a cluster; 404 before it was proposed."""
        moment = self._moment(when)
        id = cluster_stream(code)
        history = self._tracking.streams([id], moment.position).history(id)
        if not self.sees(code) or amend.on_the_day(cluster.KIND, history, moment.as_of) is None:
            raise Unknown("not-found", "Кластер не найден")
        after = decoded(cursor, tuple[date, UUID]) if cursor else (date.min, UUID(int=0))
        found = cluster_life.lived(
            history, moment.as_of, kind=kind, function=_function(function), after=after
        )
        return {
            "meta": moment.meta(),
            **paged(found, limit, lambda last: (last.effective_on, last.event_id)),
        }

    def functions(self, when: Travel) -> dict[str, Any]:
        moment = self._moment(when, "kpi")
        with self._pool.connection() as conn:
            found = functions.register(conn, moment.as_of, moment.position)
        return {"meta": moment.meta(), "items": found, "next_cursor": None}

    def function(self, code: str, when: Travel, limit: int, cursor: str | None) -> dict[str, Any]:
        moment = self._moment(when, "kpi")
        after = decoded(cursor, functions.Key) if cursor else functions.FIRST
        with self._pool.connection() as conn:
            found = functions.recorded(
                conn, code, moment.as_of, moment.position, after=after, limit=limit + 1
            )
        return {
            "meta": moment.meta(),
            "code": code,
            "title": catalogue.FUNCTIONS[code],
            **paged(found, limit, lambda last: last.key),
        }

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

    def search(
        self,
        when: Travel,
        limit: int,
        cursor: str | None,
        *,
        q: str,
        kind: search.Kind | None,
        persons: bool,
    ) -> dict[str, Any]:
        """`persons`: natural persons are searched too."""
        if not q.strip():
            detail = "Напишите, что искать"
            raise Invalid("required", detail, [Problem("/q", "required", detail)])
        moment = self._moment(when, "directory", "funding")
        after = decoded(cursor, search.Key) if cursor else None
        with self._pool.connection() as conn:
            found, following = search.search(
                conn,
                moment.as_of,
                moment.position,
                q,
                kind=kind,
                cluster=self._cluster,
                include_persons=persons,
                after=after,
                limit=limit,
            )
        return {
            "meta": moment.meta(),
            "items": found,
            "next_cursor": encoded(following) if following else None,
        }

    def names(self, when: Travel, ids: Iterable[UUID], codes: Iterable[str] = ()) -> dict[str, str]:
        """What participants, cases and providers are called, by ids as they stand in JSON, and clusters, by codes."""
        moment = self._moment(when, "directory", "funding")
        with self._pool.connection() as conn:
            return naming.names(conn, ids, codes, moment.position)

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

    def follow_ups(
        self,
        when: Travel,
        limit: int,
        cursor: str | None,
        *,
        status: Status | None,
        participant_id: UUID | None,
        cluster: str | None,
    ) -> dict[str, Any]:
        moment = self._moment(when, "directory")
        after = decoded(cursor, tuple[date, UUID]) if cursor else None
        with self._pool.connection() as conn:
            asked = follow_ups.found(
                conn,
                self._tracking,
                moment.as_of,
                moment.position,
                participant_id=participant_id,
                cluster=self._own(cluster),
                after=after,
            )
            wanted = ((one, key) for one, key in asked if status in (None, one.status))
            page = list(islice(wanted, limit + 1))
        following = encoded(page[limit - 1][1]) if len(page) > limit else None
        items = [one for one, _ in page[:limit]]
        return {"meta": moment.meta(), "items": items, "next_cursor": following}

    def follow_up_effect(self, when: Travel, cluster: str | None) -> dict[str, Any]:
        moment = self._moment(when, "directory")
        with self._pool.connection() as conn:
            asked = follow_ups.found(
                conn, self._tracking, moment.as_of, moment.position, cluster=self._own(cluster)
            )
            known = [one for one, _ in asked]
        return {"meta": moment.meta(), "items": effects(known), "next_cursor": None}

    # providers and money

    def providers(self, when: Travel, limit: int, cursor: str | None, **filters: Any) -> dict[str, Any]:
        return self._listed(
            when,
            funding_reads.providers,
            tuple[UUID],
            limit,
            cursor,
            projection="funding",
            include_persons=True,
            **filters,
        )

    def provider(self, id: UUID, when: Travel) -> Response[Any]:
        found = self.providers(when, 1, None, id=id)
        if not found["items"]:
            raise Unknown("not-found", "Исполнитель не найден")
        version = self._tracking.streams([id], found["meta"]["known_position"]).version(id)
        body = {"meta": found["meta"], "version": version, **found["items"][0]}
        return Response(body, headers={"ETag": f'"{version}"'})

    def conflicts(self, id: UUID, when: Travel) -> dict[str, Any]:
        """What the agreement of the case has to answer, or has answered."""
        moment = self._moment(when)
        streams = self._tracking.streams([id], moment.position)
        case = amend.on_the_day(service_case.KIND, streams.history(id), moment.as_of)
        if case is None or not self._visible(case, None):
            raise Unknown("not-found", "Дело не найдено")
        givers = {component.provider_id for component in case.components if component.provider_id}
        known = self._tracking.streams(givers, moment.position)
        items = list(conflicts(self._tracking, known, case, case.components))
        return {"meta": moment.meta(), "items": items, "next_cursor": None}

    def given(self, id: UUID, when: Travel, limit: int, cursor: str | None) -> dict[str, Any]:
        return self._listed(
            when,
            funding_reads.given,
            tuple[date, UUID],
            limit,
            cursor,
            projection="funding",
            provider_id=id,
            cluster=self._cluster,
        )

    def funding(self, year: int, when: Travel) -> dict[str, Any]:
        moment = self._moment(when, "funding")
        with self._pool.connection() as conn:
            found = funding_reads.balance(conn, year, moment.as_of, moment.position)
        return {"meta": moment.meta(), "year": year, "document": found.document, "rows": found.rows}

    def money(
        self, when: Travel, limit: int, cursor: str | None, *, year: int, source: str | None
    ) -> dict[str, Any]:
        return self._listed(
            when,
            funding_reads.money,
            tuple[UUID],
            limit,
            cursor,
            projection="funding",
            year=year,
            source=source,
        )

    def supports(
        self,
        when: Travel,
        limit: int,
        cursor: str | None,
        *,
        state: support_register.State | None,
        overdue: bool | None,
        participant_id: UUID | None,
        cluster: str | None,
    ) -> dict[str, Any]:
        """Services and the register of support by the day of their act; `totals` are of all that the filters leave."""
        moment = self._moment(when)
        after = decoded(cursor, tuple[date, UUID, int]) if cursor else None
        own = self._own(cluster)
        with self._pool.connection() as conn:
            known = support.known(conn, moment.position, participant_id=participant_id)
        found = [
            one
            for one in standing(known, moment.as_of)
            if own in (None, one.cluster)
            and state in (None, one.state)
            and (overdue is None or one.overdue is overdue)
        ]
        keys = [(one.service.accepted_on, one.case_id, one.component_no) for one in found]
        start = 0 if after is None else bisect_right(keys, after)
        more = len(found) > start + limit
        return {
            "meta": moment.meta(),
            "items": found[start : start + limit],
            "next_cursor": encoded(keys[start + limit - 1]) if more else None,
            "totals": support_register.totals(found),
        }

    def group_services(
        self,
        when: Travel,
        limit: int,
        cursor: str | None,
        *,
        cluster: str | None,
        service: str | None,
        participant_id: UUID | None,
        since: date | None,
        until: date | None,
    ) -> dict[str, Any]:
        moment = self._moment(when, "directory")
        after = decoded(cursor, tuple[date, UUID]) if cursor else None
        with self._pool.connection() as conn:
            found = group_services.found(
                conn,
                moment.as_of,
                moment.position,
                cluster=self._own(cluster),
                service=service,
                participant_id=participant_id,
                since=since,
                until=until,
                after=after,
                limit=limit + 1,
            )
        return {"meta": moment.meta(), **paged(found, limit, lambda last: (last.held_on, last.id))}

    def group_service(self, id: UUID, when: Travel) -> Response[Any]:
        moment = self._moment(when)
        found = group_services.shown(self._tracking, id, moment.as_of, moment.position)
        if not self.sees(found.cluster):
            raise Unknown("not-found", "Групповая услуга не найдена")
        body = {"meta": moment.meta(), **msgspec.structs.asdict(found)}
        return Response(body, headers={"ETag": f'"{found.version}"'})

    def _own(self, cluster: str | None) -> str | None:
        if cluster is not None and not self.sees(cluster):
            raise Unknown("not-found", "Кластер не найден")
        return cluster or self._cluster

    def _listed(
        self,
        when: Travel,
        read: Any,
        key: Any,
        limit: int,
        cursor: str | None,
        *,
        projection: str = "directory",
        **filters: Any,
    ) -> dict[str, Any]:
        moment = self._moment(when, projection)
        after = decoded(cursor, key) if cursor else None
        with self._pool.connection() as conn:
            page: directory.Page = read(
                conn, moment.as_of, moment.position, after=after, limit=limit, **filters
            )
        following = encoded(page.next) if page.next else None
        return {"meta": moment.meta(), "items": page.items, "next_cursor": following}

    def status(self, *, errors: bool = False) -> dict[str, Any]:
        """How far each projection is; with `errors`, also what stopped it and what became of its last rebuild."""
        with self._pool.connection() as conn:
            found = reached(conn)
            rebuilt = rebuilds.last(conn) if errors else {}
        head = self._tracking.recorder.head()
        shown = ("name", "position", "status", *(("error", "error_position") if errors else ()))
        return {
            "head_position": head,
            "projections": [
                {key: getattr(p, key) for key in shown} | ({"rebuild": rebuilt.get(p.name)} if errors else {})
                for p in found
            ],
        }

    def _moment(self, when: Travel, *projections: str) -> Moment:
        return moment_of(self._pool, self._tracking, when, *projections)


def _function(code: str | None) -> str | None:
    try:
        return None if code is None else catalogue.function(code)
    except Invalid as wrong:
        raise Invalid(wrong.code, wrong.detail, [Problem("/function", wrong.code, wrong.detail)]) from wrong


def stream_of(text: str | None) -> UUID | None:
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

"""The KPI table at random days and positions, against a fold of the same log in SQL.

Both answer the same question and their figures are compared before anything is timed. The fold reads what is understood
at the position straight from the events; ours asks the Fenwick tree. Rounds alternate, medians count.
"""

import argparse
import random
import time
from datetime import date, timedelta
from statistics import median
from typing import Any

import psycopg

from benchmarks import synthetic
from benchmarks.marks import Mark
from ckr_es.projections import kpi_reads
from ckr_es.projections.rebuild import rebuild
from ckr_es.projections.schemas import ensure
from ckr_es.store.database import Database

FASTER = {1_000_000: 100, 10_000_000: 1_000}
GROWS = 5  # at most, from one log to the ten times larger one

# Acts, completions, reports and products as understood at the position, counted in the year up to the day.
FOLD = """
    with amended as materialized (
        select distinct on (target) target, replacement from (
            select (body ->> 'voids')::uuid as target, null::json as replacement, position from ckr.event
            where type = 'service-case.voided' and position <= %(position)s
            union all
            select (body ->> 'corrects')::uuid, body -> 'replacement', position from ckr.event
            where type = 'service-case.corrected' and position <= %(position)s) a
        order by target, position desc
    ), member as materialized (
        select distinct e.participant_id from ckr.event e
        join ckr.event p on p.type = 'cluster.proposed' and p.body ->> 'code' = e.body ->> 'cluster'
        join ckr.event f on f.type = 'cluster.formed' and f.stream_id = p.stream_id
        where e.type = 'participant.joined-cluster' and e.position <= %(position)s
          and (e.body ->> 'joined_on')::date <= %(as_of)s and (f.body ->> 'formed_on')::date <= %(as_of)s
    ), act as materialized (
        select e.participant_id, (coalesce(a.replacement, e.body) ->> 'accepted_on')::date as day
        from ckr.event e left join amended a on a.target = e.event_id
        where e.type = 'service-case.service-accepted' and e.position <= %(position)s
          and (a.target is null or a.replacement is not null)
    ), report as materialized (
        select distinct on (e.type, e.participant_id, e.body ->> 'quarter') e.type, e.participant_id, e.body
        from ckr.event e
        where e.type in ('participant.jobs-reported', 'participant.sales-reported') and e.position <= %(position)s
        order by e.type, e.participant_id, e.body ->> 'quarter', e.position desc
    ), counted as (
        select type, participant_id, body from report join member using (participant_id)
        where make_date(left(body ->> 'quarter', 4)::int, right(body ->> 'quarter', 1)::int * 3, 1)
              + interval '1 month - 1 day' between %(first)s and %(as_of)s
    )
    select (select count(*) from ckr.event where type = 'cluster.formed' and position <= %(position)s
              and (body ->> 'formed_on')::date <= %(as_of)s) as clusters,
           (select count(*) from act where day between %(first)s and %(as_of)s) as services,
           (select count(*) from ckr.event where type = 'service-case.completed' and position <= %(position)s
              and (body ->> 'completed_on')::date between %(first)s and %(as_of)s) as complex_services,
           (select count(distinct participant_id) from act where day between %(first)s and %(as_of)s) as supported_smes,
           (select coalesce(sum((body ->> 'jobs_created')::int), 0) from counted
              where type = 'participant.jobs-reported') as jobs_created,
           (select coalesce(sum((body ->> 'amount_kopecks')::bigint), 0) / 100000 from counted
              where type = 'participant.sales-reported') as sales,
           (select count(*) from ckr.event where type = 'participant.product-launched' and position <= %(position)s
              and (body ->> 'launched_on')::date between %(first)s and %(as_of)s) as new_products
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000], help="sizes of the log")
    parser.add_argument("--questions", type=int, default=200, help="asked of ours; of the fold far fewer")
    parser.add_argument("--seed", type=int, default=20211231)


def run(given: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with synthetic.server() as server:
        for events in given.events:
            with synthetic.log(server, events) as database:
                seconds, rows = filled(database, events)
                found[f"rebuild_events_per_s_{events}"] = events / seconds
                found[f"rows_{events}"] = rows
                found |= _asked(database, events, given.questions, random.Random(given.seed))  # noqa: S311 - no secret
    return found


def filled(database: Database, events: int) -> tuple[float, int]:
    """The projection from nothing to the end of the log: seconds, and rows."""
    with psycopg.connect(database.conninfo("ckr_projector"), autocommit=True) as conn:
        ensure(conn)
        conn.execute("update ckr.projection set position = %s", (events,))
    begun = time.perf_counter()
    rebuilt = rebuild("kpi", database, accept_differences=True)
    seconds = time.perf_counter() - begun
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        conn.execute("vacuum analyze")
    return seconds, rebuilt.rows


def _asked(database: Database, events: int, questions: int, rng: random.Random) -> dict[str, Any]:
    first = date.fromisoformat(synthetic.FIRST)
    moments = [
        (first + timedelta(days=rng.randrange(synthetic.DAYS)), rng.randrange(events // 2, events))
        for _ in range(questions)
    ]
    ours: list[float] = []
    fold: list[float] = []
    with psycopg.connect(database.conninfo("ckr_app"), autocommit=True) as conn:
        conn.execute("set max_parallel_workers_per_gather = 0")
        some = moments[:: max(1, questions // (10 if events <= 1_000_000 else 3))]
        for as_of, position in some:
            asked = {"as_of": as_of, "position": position, "first": date(as_of.year, 1, 1)}
            # What is in JSON has no statistics, and the planner would ask event by event.
            conn.execute("set enable_nestloop = off")
            begun = time.perf_counter()
            cursor = conn.execute(FOLD, asked)
            (row,) = cursor.fetchall()
            fold.append(time.perf_counter() - begun)
            conn.execute("set enable_nestloop = on")
            table = {r["kpi"]: r["actual"] for r in kpi_reads.table(conn, as_of, position).rows}
            assert cursor.description is not None
            for column, value in zip(cursor.description, row, strict=True):
                assert abs(float(value) - float(table[column.name])) <= 1, (
                    as_of,
                    position,
                    column.name,
                    value,
                    table,
                )
        for as_of, position in moments:
            begun = time.perf_counter()
            kpi_reads.table(conn, as_of, position)
            ours.append(time.perf_counter() - begun)
    ms = {
        "fold_ms": median(fold) * 1_000,
        "table_ms": median(ours) * 1_000,
        "table_p99_ms": sorted(ours)[-3] * 1_000,
    }
    return {
        **{f"{name}_{events}": value for name, value in ms.items()},
        f"times_faster_{events}": ms["fold_ms"] / ms["table_ms"],
    }


def marks(found: dict[str, Any]) -> list[Mark]:
    reached = [
        Mark(f"times faster than the fold at {events:,} events", found[name], wanted)
        for events, wanted in FASTER.items()
        if (name := f"times_faster_{events}") in found
    ]
    small, large = (found.get(f"table_ms_{events}") for events in FASTER)
    if small and large:
        reached.append(Mark("a table of 10 M events, times that of 1 M", large / small, GROWS, at_most=True))
    return reached

"""The follower: quick, exactly once, one leader, and a poisoned projection stops alone."""

import threading
import time
from contextlib import contextmanager
from datetime import date
from uuid import uuid4

import msgspec
import psycopg
import pytest
from projections.conftest import project, projector, reader, record, store
from projections.histories import START, World

from ckr_es.projections.directory import DIRECTORY
from ckr_es.projections.follower import Follower, ProjectionBehind, await_position
from ckr_es.projections.kpi_tables import KPI
from ckr_es.projections.projection import reached
from ckr_es.store.envelope import StoredRow
from ckr_es.store.recorder import Recorder

NAMES = ("kpi", "directory")


@contextmanager
def following(database, *projections):
    follower = Follower(database, projections or (KPI, DIRECTORY))
    follower.start()
    try:
        yield follower
    finally:
        follower.stop()


def year(n=40):
    """Clusters, participants and n accepted services."""
    w = World()
    w.propose(0, True, START)
    w.form(0, START)
    for who in range(4):
        w.register(who, "legal_entity", START)
    for case in range(n):
        w.open(case, case % 4, 0, False, START)
        w.accept(case, 1, date(2021, 1 + case % 12, 1))
    return w


def lines(database):
    with reader(database) as conn:
        return conn.execute("select * from kpi.line order by position, kpi, fact_id, n").fetchall()


def raw(n, kind, body, stream):
    """A row that no program of ours would write."""
    return StoredRow(
        originator_id=stream,
        originator_version=n,
        topic=kind,
        state=body,
        id=0,
        event_id=uuid4(),
        effective_on=START,
        participant_id=stream,
    )


def wait(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
    return found


def test_events_are_applied_a_few_milliseconds_after_their_notification(databases):
    w = year(30)
    with databases() as database, following(database) as follower, Recorder(database, 2) as recorder:
        wait(lambda: follower.status().leader)
        took = []
        with reader(database) as conn:
            for r in w.records:
                store(recorder, r)
                began = time.perf_counter()
                await_position(conn, NAMES, r.position)
                took.append(time.perf_counter() - began)
        assert sorted(took)[len(took) // 2] < 0.05
        live = lines(database)
        with reader(database) as conn:
            at = [(p.name, p.position, p.status) for p in reached(conn)]
        assert at == [("directory", len(w.records), "running"), ("kpi", len(w.records), "running")]
    with databases() as database:
        record(database, w.records)
        project(database)
        assert lines(database) == live


def test_a_connection_killed_in_the_middle_of_a_batch_loses_and_repeats_nothing(databases):
    w = year()
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def slow(conn, position, batch, fold):
        begun.release()
        go_on.acquire()
        KPI.prime(conn, position, batch, fold)

    with databases() as database:
        record(database, w.records)
        with following(database, msgspec.structs.replace(KPI, prime=slow)) as follower:
            with psycopg.connect(database.admin_conninfo(), autocommit=True) as admin:
                for _ in range(2):
                    assert begun.acquire(timeout=10)
                    killed = admin.execute(
                        "select pg_terminate_backend(pid, 1000) from pg_stat_activity"
                        " where application_name = 'ckr-follower' and datname = current_database()"
                    ).fetchall()
                    assert killed == [(True,)]
                    go_on.release()
            go_on.release(1_000)
            with reader(database) as conn:
                await_position(conn, ["kpi"], len(w.records), 10)
            assert follower.status().leader
        live = lines(database)
        with projector(database) as conn:
            conn.execute("drop schema kpi cascade")
            conn.execute("delete from ckr.projection")
        project(database)
        assert lines(database) == live


def test_a_poisoned_projection_stops_alone_and_says_where(databases):
    w = year(3)
    poisoned = w.id("participant", 0)
    with databases() as database, Recorder(database, 2) as recorder:
        for r in w.records:
            store(recorder, r)
        at = len(w.records) + 1
        bad = b'{"type":"participant.jobs-reported","quarter":"2021-Q1"}'
        recorder.insert_events([raw(2, "participant.jobs-reported", bad, poisoned)])
        fine = w.id("participant", 1)
        good = b'{"type":"participant.left-cluster","cluster":"organic","left_on":"2021-02-01","reason":"-"}'
        recorder.insert_events([raw(2, "participant.left-cluster", good, fine)])
        with following(database), reader(database) as conn:
            wait(
                lambda: (
                    {p.name: p.status for p in reached(conn)} == {"kpi": "stopped", "directory": "running"}
                )
            )
            await_position(conn, ["directory"], at + 1)
            with pytest.raises(ProjectionBehind) as behind:
                await_position(conn, NAMES, at)
            assert (behind.value.reached, behind.value.wanted, behind.value.status) == (at - 1, at, "stopped")
            kpi = next(p for p in reached(conn) if p.name == "kpi")
            assert (kpi.position, kpi.error_position, kpi.head) == (at - 1, at, at + 1)
            assert "headcount" in kpi.error
        before = lines(database)
        assert len([x for x in before if x[3] == "service_plain"]) == 3
        # A new process tries again: here, one whose program does not hear such events.
        unhearing = msgspec.structs.replace(KPI, unheard=[*KPI.unheard, "participant.jobs-reported"])
        with following(database, unhearing), reader(database) as conn:
            wait(
                lambda: {p.name: (p.status, p.position) for p in reached(conn)}["kpi"] == ("running", at + 1)
            )


def test_an_event_nobody_knows_stops_whoever_might_have_to_hear_it(databases):
    with databases() as database, Recorder(database, 2) as recorder:
        stream = World().id("cluster", 1)
        recorder.insert_events([raw(1, "cluster.renamed", b'{"type":"cluster.renamed"}', stream)])
        with following(database), reader(database) as conn:
            wait(lambda: [p.status for p in reached(conn)] == ["stopped", "stopped"])


def test_tables_of_a_later_version_are_left_alone(databases):
    w = year(1)
    with databases() as database:
        record(database, w.records)
        project(database)
        with projector(database) as conn:
            conn.execute("update ckr.projection set version = version + 1 where name = 'kpi'")
        with following(database), reader(database) as conn:
            kpi = wait(lambda: next((p for p in reached(conn) if p.status == "stopped"), None))
            assert "ckr projections rebuild kpi" in kpi.error
            with pytest.raises(ProjectionBehind):
                await_position(conn, ["kpi"], 0)


def test_another_process_takes_the_lead_when_the_leader_leaves(databases):
    w = year(4)
    half = len(w.records) // 2
    with databases() as database, following(database) as first:
        wait(lambda: first.status().leader)
        with following(database) as second:
            record(database, w.records[:half])
            with reader(database) as conn:
                await_position(conn, NAMES, half)
                assert not second.status().leader
                first.stop()
                wait(lambda: second.status().leader)
                record(database, w.records[half:])
                await_position(conn, NAMES, len(w.records))
        assert not second.status().alive


def test_a_reader_waits_no_longer_than_its_deadline(databases):
    with databases() as database:
        project(database)
        with reader(database) as conn:
            began = time.monotonic()
            with pytest.raises(ProjectionBehind) as behind:
                await_position(conn, NAMES, 5, 0.2)
            assert 0.1 < time.monotonic() - began < 1
            assert (behind.value.reached, behind.value.status) == (0, "running")
            with pytest.raises(ProjectionBehind) as behind:
                await_position(conn, ["nonsense"], 1, 0.01)
            assert behind.value.status == "absent"

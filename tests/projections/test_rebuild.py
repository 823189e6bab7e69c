"""Rebuilt = live: beside it, from the log alone, compared both ways, and switched under readers."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projections.conftest import project, projector, reader, record, store
from projections.histories import END, START, World, eventful, figures, histories

from ckr_es.projections import kpi_reads
from ckr_es.projections.follower import Follower, await_position, step
from ckr_es.projections.kpi_tables import projection
from ckr_es.projections.rebuild import rebuild, renew
from ckr_es.projections.rebuilds import Interrupted, last, take_turn
from ckr_es.projections.schemas import ensure
from ckr_es.rules import Refused, Unknown
from ckr_es.store.recorder import Recorder

IN_SQL = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = ("kpi", "directory", "ledger", "funding")


@IN_SQL
@given(histories(), st.sampled_from([1, 2, 7, 1_000]), st.booleans())
def test_the_rebuilt_tables_are_the_live_ones(databases, records, most, carry):
    with databases() as database:
        record(database, records)
        project(database, most, carry=carry)
        for name in NAMES:
            told = []
            rebuilt = rebuild(name, database, lambda done, of, told=told: told.append((done, of)))
            assert rebuilt.differences == ()
            assert rebuilt.switched
            assert (rebuilt.position, told[-1]) == (len(records), (len(records), len(records)))
        with reader(database) as conn:
            table = kpi_reads.table(conn, END, len(records))
            assert {r["kpi"]: r["actual"] for r in table.rows} == figures(records, END, len(records))


@pytest.mark.parametrize("carry", [False, True])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_the_follower_knows_what_it_needs_of_the_log_wherever_a_batch_begins(databases, most, carry):
    with databases() as database:
        record(database, eventful())
        project(database, most, carry=carry)
        for name in NAMES:
            assert rebuild(name, database).differences == ()


def some():
    w = World()
    w.propose(0, True, START)
    w.form(0, START)
    for who in range(4):
        w.register(who, "legal_entity", START)
    for case in range(60):
        w.open(case, case % 4, 0, False, START)
        w.accept(case, 1, START)
    return w.records


def test_a_difference_is_told_and_not_switched_unless_accepted(databases):
    records = some()
    with databases() as database:
        record(database, records[:20])
        project(database)
        with projector(database) as conn:
            conn.execute("update kpi.line set n = n + 1 where kpi = 'clusters'")
        rebuilt = rebuild("kpi", database)
        (difference,) = rebuilt.differences
        assert (difference.table, difference.only_live, difference.only_rebuilt) == ("line", 1, 1)
        assert not rebuilt.switched
        with reader(database) as conn:
            assert kpi_reads.table(conn, START, 20).rows[0]["actual"] == 2
        accepted = rebuild("kpi", database, accept_differences=True)
        assert accepted.switched
        with reader(database) as conn:
            assert kpi_reads.table(conn, START, 20).rows[0]["actual"] == 1
        assert rebuild("kpi", database, shadow_only=True).switched is False
        with projector(database) as conn:
            schemas = conn.execute(
                "select nspname from pg_namespace where nspname like 'kpi%' order by 1"
            ).fetchall()
        assert schemas == [("kpi",), ("kpi_shadow",)]
        with pytest.raises(Unknown):
            rebuild("nonsense", database)


def test_a_carried_fold_does_not_go_on_from_tables_that_a_rebuild_replaced(databases):
    kpi, carried = projection(16), {}
    with databases() as database, projector(database) as conn:
        record(database, some())
        ensure(conn, [kpi])
        assert step(conn, kpi, 40)
        conn.execute("update kpi.fenwick set cum = cum + 1")
        assert step(conn, kpi, 40, carried)
        assert renew(kpi, database, accept_differences=True).switched
        while step(conn, kpi, 40, carried):
            pass
        assert renew(kpi, database).differences == ()


def test_a_rebuild_under_writers_followers_and_readers(databases):
    records = some()
    with databases() as database, Recorder(database, 2) as recorder:
        follower = Follower(database)
        follower.start()
        broken: list[BaseException] = []
        done = threading.Event()

        def write():
            for r in records:
                store(recorder, r)

        def read():
            try:
                with reader(database) as conn:
                    await_position(conn, ["kpi"], 2, 10)
                    while not done.is_set():
                        assert kpi_reads.table(conn, START, 2).rows[0]["actual"] == 1
            except BaseException as error:  # noqa: BLE001 (told to the test)
                broken.append(error)

        threads = [threading.Thread(target=write), threading.Thread(target=read)]
        for thread in threads:
            thread.start()
        try:
            while threads[0].is_alive():
                for name in NAMES:
                    rebuilt = rebuild(name, database)
                    assert rebuilt.differences == ()
                    assert rebuilt.switched
        finally:
            threads[0].join()
            done.set()
            threads[1].join()
        assert broken == []
        with reader(database) as conn:
            await_position(conn, NAMES, len(records), 10)
        follower.stop()
        for name in NAMES:
            assert rebuild(name, database).differences == ()


def test_a_rebuild_gives_account_of_itself(databases):
    records = some()
    with databases() as database, reader(database) as conn:
        record(database, records)
        project(database)
        assert last(conn) == {}
        seen = []

        def look(done, of):
            (one,) = last(conn).values()
            seen.append((one.state, one.done <= done, of))

        rebuild("kpi", database, look, actor="key-1")
        assert seen[-1] == ("running", True, len(records))
        kpi = last(conn)["kpi"]
        assert (kpi.state, kpi.actor, kpi.position, kpi.switched) == ("done", "key-1", len(records), True)
        assert (kpi.differences, kpi.shadow_only, kpi.error) == ([], False, None)
        assert kpi.rows > 0
        assert kpi.finished_at >= kpi.started_at

        with projector(database) as other:
            other.execute("update kpi.line set n = n + 1 where kpi = 'clusters'")
        rebuild("kpi", database, shadow_only=True)
        kpi = last(conn)["kpi"]
        assert (kpi.state, kpi.actor, kpi.shadow_only, kpi.switched) == ("done", "system", True, False)
        assert kpi.differences == [{"table": "line", "only_live": 1, "only_rebuilt": 1}]
        assert [n for (n,) in conn.execute("select count(*) from ckr.rebuild")] == [2]


def test_a_rebuild_that_fails_or_is_left_says_so(databases):
    with databases() as database, reader(database) as conn:
        record(database, some())
        project(database)

        def fail(_done, _of):
            raise OSError("no space left")

        with pytest.raises(OSError, match="no space"):
            rebuild("directory", database, fail)
        assert (last(conn)["directory"].state, last(conn)["directory"].error) == (
            "failed",
            "OSError: no space left",
        )

        def leave(_done, _of):
            raise Interrupted

        with pytest.raises(Interrupted):
            rebuild("directory", database, leave)
        assert last(conn)["directory"].state == "interrupted"
        assert last(conn)["directory"].finished_at is None
        assert rebuild("directory", database).switched
        assert last(conn)["directory"].state == "done"


def test_one_rebuild_at_a_time_and_who_does_not_wait_is_told_so(databases):
    with databases() as database, projector(database) as other:
        record(database, some())
        project(database)
        take_turn(other, wait=False)
        began = []
        with pytest.raises(Refused) as refused:
            rebuild("kpi", database, wait=False, began=began.append)
        assert refused.value.code == "rebuild-running"
        assert began == []
        other.execute("select pg_advisory_unlock_all()")
        assert rebuild("kpi", database, wait=False, began=began.append).switched
        assert len(began) == 1

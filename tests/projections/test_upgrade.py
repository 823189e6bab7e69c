"""A new version of a projection: who leads rebuilds its tables from the log; nobody reads the old ones meanwhile."""

import threading
from contextlib import contextmanager
from uuid import uuid4

import msgspec
import pytest
from projections.conftest import project, projector, reader, record
from projections.histories import World
from projections.test_follower import following, raw, wait
from projections.test_stale import CONTRADICTS, JULY, Firm, told

from ckr_es.projections.directory import DIRECTORY
from ckr_es.projections.follower import Follower, ProjectionBehind, await_position
from ckr_es.projections.kpi_tables import KPI
from ckr_es.projections.projection import reached
from ckr_es.projections.rebuild import rebuild
from ckr_es.store.recorder import Recorder

# What versions 2 and 3 of the directory added.
BACK_TO_1 = """
    drop table directory.registry_answer;
    alter table directory.service_case drop column rests_on, drop column accepted_components, drop column act_numbers;
    update ckr.projection set version = 1 where name = 'directory';
"""
COLUMNS_OF_1 = [
    "id", "known_from", "known_to", "participant_id", "cluster", "complex", "services", "applied_on", "decision",
    "decided_on", "agreement_number", "signed_on", "accepted_on", "completed_on", "cancelled_on", "source",
    "external_id",
]  # fmt: skip
COLUMNS = """
    select attname from pg_attribute
    where attrelid = 'directory.service_case'::regclass and attnum > 0 and not attisdropped order by attnum
"""


@contextmanager
def version_1(databases):
    """A database as the first version of the program left it, and the log's head."""
    firm = Firm(World())
    firm.eligible()
    firm.said("absent", JULY)
    with databases() as database:
        record(database, firm.w.records)
        project(database)
        with projector(database) as conn:
            conn.execute(BACK_TO_1)
            assert [name for (name,) in conn.execute(COLUMNS)] == COLUMNS_OF_1
        yield database, len(firm.w.records)


def versions(conn):
    return {p.name: (p.version, p.status) for p in reached(conn)}


def test_the_first_to_lead_rebuilds_and_readers_wait_for_it(databases):
    with version_1(databases) as (database, head), reader(database) as conn:
        with pytest.raises(ProjectionBehind):
            await_position(conn, ["directory"], 0, 0.01)
        await_position(conn, ["kpi"], head)
        with following(database):
            await_position(conn, ["directory"], head, 10)
            assert told(conn, JULY, head) == {(CONTRADICTS, JULY, None, None)}
        assert rebuild("directory", database).differences == ()


def test_an_operator_may_do_it_too(databases):
    with version_1(databases) as (database, head), reader(database) as conn:
        compared = rebuild("directory", database)
        assert not compared.switched
        assert {d.table: (d.only_live, d.only_rebuilt) for d in compared.differences} == {
            "registry_answer": (0, 2),
            "service_case": (3, 3),
        }
        assert rebuild("directory", database, accept_differences=True).switched
        assert told(conn, JULY, head) == {(CONTRADICTS, JULY, None, None)}


def test_a_log_that_can_not_be_digested_stops_that_projection_alone(databases):
    with version_1(databases) as (database, head), reader(database) as conn:
        with Recorder(database, 2) as recorder:
            unknown = b'{"type":"participant.left-cluster","cluster":"organic"}'
            recorder.insert_events([raw(1, "participant.left-cluster", unknown, uuid4())])
        with projector(database) as mended:
            mended.execute("update ckr.projection set position = %s where name = 'directory'", (head + 1,))
        deaf = msgspec.structs.replace(KPI, unheard=[*KPI.unheard, "participant.left-cluster"])
        with following(database, deaf, DIRECTORY):
            wait(lambda: versions(conn)["directory"] == (1, "stopped"))
            assert versions(conn)["kpi"] == (KPI.version, "running")
            await_position(conn, ["kpi"], head + 1, 10)
            with pytest.raises(ProjectionBehind) as behind:
                await_position(conn, ["directory"], 0)
            assert behind.value.status == "stopped"


def test_a_stop_ends_a_rebuild_and_the_next_to_lead_begins_it_anew(databases):
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        begun.set()
        assert go_on.wait(10)
        return DIRECTORY.fold()

    with version_1(databases) as (database, head), reader(database) as conn:
        follower = Follower(database, [msgspec.structs.replace(DIRECTORY, fold=slow)])
        follower.start()
        assert begun.wait(10)
        stopping = threading.Thread(target=follower.stop)
        stopping.start()
        wait(follower._stopping.is_set)
        go_on.set()
        stopping.join(10)
        assert not follower.status().alive
        assert versions(conn)["directory"] == (1, "running")
        with following(database):
            await_position(conn, ["directory"], head, 10)
        assert versions(conn)["directory"] == (DIRECTORY.version, "running")

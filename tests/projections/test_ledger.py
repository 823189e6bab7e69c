"""Roots and proofs from kept nodes are those of all the leaves, wherever the follower's batches ended."""

import random

import psycopg
import pytest
from projections.conftest import projector, reader
from store.commands import begin

from ckr_es.projections import ledger
from ckr_es.projections.follower import step
from ckr_es.projections.rebuild import rebuild
from ckr_es.projections.schemas import ensure
from ckr_es.store.door import append
from ckr_es.store.ledger import continued, included, root

# Past the door, whose trigger is off for the while: rows of no kind of ours, and leaves that are hashes of nothing.
FILL = """
    insert into ckr.event
    select g, gen_random_uuid(), gen_random_uuid(), 1, 'cluster.formed', '{"type":"cluster.formed"}',
           timestamptz '2026-01-01' + g * interval '1 second', 's', 'operator', gen_random_uuid(), null, 'k' || g,
           date '2021-01-01', null, sha256(g::text::bytea)
    from generate_series(1, %s) g
"""


def fill(database, events):
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        conn.execute("alter table ckr.event disable trigger refuse_unless_door")
        conn.execute(FILL, (events,))
        conn.execute("alter table ckr.event enable always trigger refuse_unless_door")


def leaves(conn):
    return [leaf for (leaf,) in conn.execute("select leaf from ckr.event order by position")]


@pytest.mark.parametrize("most", [7, 256, 1_000])
def test_nodes_do_not_depend_on_where_batches_ended(databases, most):
    with databases() as database:
        with psycopg.connect(database.conninfo("ckr_app"), autocommit=True) as door:
            append(door, [begin() for _ in range(600)])
        with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
            # the events of these commands are of no type that is known, and what is not known is decoded
            conn.execute("alter table ckr.event disable trigger all")
            conn.execute("update ckr.event set type = 'plan.set'")
        project_ledger(database, most)
        with reader(database) as conn:
            known = leaves(conn)
            assert conn.execute("select count(*) from ledger.node").fetchone() == (2,)
            for size in (0, 1, 255, 256, 257, 511, 512, 600):
                assert ledger.root(conn, size) == root(known[:size])


def project_ledger(database, most):
    with projector(database) as conn:
        ensure(conn, [ledger.LEDGER])
        while step(conn, ledger.LEDGER, most):
            pass


def test_proofs_of_a_log_that_has_all_but_the_highest_nodes(databases):
    with databases() as database:
        fill(database, size := 2 * 65_536 + 300)
        project_ledger(database, 10_000)
        with reader(database) as conn:
            known = leaves(conn)
            rng = random.Random(9162)
            for _ in range(20):
                new = rng.choice([size, rng.randint(1, size), 65_536, 65_537])
                position, old = rng.randint(1, new), rng.randint(1, new)
                top = root(known[:new])
                proof = ledger.inclusion(conn, position, new)
                assert included(known[position - 1], position - 1, new, proof, top)
                between = ledger.consistency(conn, old, new)
                assert continued(old, new, between, root(known[:old]), top)
        again = rebuild("ledger", database)
        assert (again.differences, again.rows) == ((), 513 + 2)


def test_a_hash_that_somebody_changed_shows_as_a_difference(databases):
    with databases() as database:
        fill(database, 300)
        project_ledger(database, 1_000)
        with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
            conn.execute("update ledger.node set hash = sha256('x')")
        (difference,) = rebuild("ledger", database).differences
        assert (difference.table, difference.only_live, difference.only_rebuilt) == ("node", 1, 1)


def test_without_its_nodes_a_proof_is_refused_and_not_made_up(databases):
    with databases() as database:
        fill(database, 300)
        project_ledger(database, 1_000)
        with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
            conn.execute("delete from ledger.node")
        with reader(database) as conn, pytest.raises(ValueError, match="lacks nodes: 0 of 1"):
            ledger.root(conn, 300)

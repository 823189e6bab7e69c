"""The ledger's kept nodes, and roots and proofs from them: each one statement that reads some 256 rows of a height.

A node of height h stands for 2^h events. What is not yet part of one is read from the log. Nobody has to believe these
answers: a proof is checked against a checkpoint that the notary signed.
"""

from collections.abc import Sequence

from ckr_es.projections.log import Heard, Record, Session, all_but
from ckr_es.projections.projection import Projection
from ckr_es.projections.sheet import Sheet
from ckr_es.store import ledger
from ckr_es.store.ledger import HEIGHTS, Range, Tree

HASH = 32  # bytes
FETCH = 500  # nodes a round trip, of 256 hashes each

CREATE = """
    create table if not exists node (
        height smallint,
        no     bigint,
        hash   bytea not null check (octet_length(hash) = 32),
        primary key (height, no)
    )
"""
OF_LEAVES = """
    select no, (select string_agg(e.leaf, '' order by e.position) from ckr.event e
                where e.position > no * 256 and e.position <= no * 256 + 256)
    from generate_series(%(first)s::bigint, %(after)s::bigint - 1) no
"""
OF_NODES = """
    select no, (select string_agg(n.hash, '' order by n.no) from node n
                where n.height = %(height)s - 8 and n.no >= s.no * 256 and n.no < s.no * 256 + 256)
    from generate_series(%(first)s::bigint, %(after)s::bigint - 1) s (no)
"""
HASHES = """
    select r.height, case r.height
        when 0 then (select string_agg(e.leaf, '' order by e.position) from ckr.event e
                     where e.position > r.first and e.position <= r.after)
        else (select string_agg(n.hash, '' order by n.no) from ledger.node n
              where n.height = r.height and n.no >= r.first and n.no < r.after) end
    from unnest(%s::smallint[], %s::bigint[], %s::bigint[]) with ordinality r (height, first, after, ordinal)
    order by r.ordinal
"""


class LedgerFold:
    """The nodes follow from the leaf hashes alone, whatever an event says; those up to `closed` are in the table."""

    def __init__(self) -> None:
        self.closed = 0

    def post(self, recorded: Heard, sheet: Sheet) -> None:
        raise AssertionError("the ledger hears nothing")


def prime(conn: Session, position: int, batch: Sequence[Record], fold: LedgerFold) -> None:
    pass


def begin(_conn: Session, fold: LedgerFold, position: int) -> None:
    fold.closed = position


def close(conn: Session, fold: LedgerFold, upto: int, _sheet: Sheet) -> None:
    """Add every node that has become complete. Not by the sheet: a height is read from the table below it."""
    after, fold.closed = fold.closed, upto
    for height in HEIGHTS:
        first, end = after >> height, upto >> height
        if first == end:
            return
        made: list[tuple[int, int, bytes]] = []
        with conn.cursor("below", binary=True) as below:
            below.itersize = FETCH
            statement = OF_LEAVES if height == HEIGHTS[0] else OF_NODES
            for no, hashes in below.execute(statement, {"first": first, "after": end, "height": height}):
                made.append((height, no, Tree(_split(hashes, 256)).root()))
        with conn.cursor() as cursor, cursor.copy("copy node (height, no, hash) from stdin") as copy:
            for row in made:
                copy.write_row(row)


LEDGER = Projection(
    name="ledger",
    version=1,
    tables=("node",),
    create=CREATE,
    indexes="",
    unheard=all_but(()),
    fold=LedgerFold,
    prime=prime,
    begin=begin,
    close=close,
)


def root(conn: Session, size: int) -> bytes:
    """The root over positions 1..size. The projection must have seen `size`, here and below."""
    return _hashes(conn, [(0, size)])[0] if size else ledger.root(())


def inclusion(conn: Session, position: int, size: int) -> list[bytes]:
    """The proof that the event at this position is in the log of that size."""
    return _hashes(conn, ledger.inclusion(position - 1, size))


def consistency(conn: Session, old: int, new: int) -> list[bytes]:
    """The proof that the log of the new size begins with that of the old one."""
    return _hashes(conn, ledger.consistency(old, new))


def _hashes(conn: Session, ranges: list[Range]) -> list[bytes]:
    """The hash of each range that is a node of the tree, or a right edge of it."""
    runs = [list(ledger.runs(begin, end)) for begin, end in ranges]
    flat = [(r.height, r.first, r.after) for of_range in runs for r in of_range]
    with conn.cursor(binary=True) as cursor:
        found = cursor.execute(HASHES, [list(column) for column in zip(*flat, strict=True)] or [[], [], []])
        rows = iter(found.fetchall())
    answer = []
    for of_range in runs:
        tree = Tree()
        for run in of_range:
            _, hashes = next(rows)
            for hash in _split(hashes, run.after - run.first):
                tree.add(hash, run.height)
        answer.append(tree.root())
    return answer


def _split(hashes: bytes | None, count: int) -> list[bytes]:
    if hashes is None or len(hashes) != count * HASH:
        raise ValueError(f"the ledger lacks nodes: {len(hashes or b'') // HASH} of {count}")
    return [hashes[n : n + HASH] for n in range(0, len(hashes), HASH)]

"""Running totals of the days of each year at the ends of whole segments of the log: a Fenwick tree over days.

Node i of a year holds the lines of its days (i - lowbit(i), i], i up to 366; a row is the running total of a node at
the end of a segment in which it changed. The slice is a cluster, or '' for the whole centre.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from sys import intern

from ckr_es.projections.log import Session

NODES = 512  # of a year, the first of them for the whole of which no day asks

# The lines of the segment that is open at a position.
OPEN = """
    select kpi, cluster, day, sum(n)::bigint from line
    where position > %(position)s / %(length)s * %(length)s and position <= %(position)s
    group by kpi, cluster, day
"""
BEFORE = """
    select w.node, f.cum
    from unnest(%s::text[]) w (node), string_to_array(w.node, E'\\t') a (part) cross join lateral (
        select cum from fenwick
        where kpi = a.part[1] and slice = a.part[2] and year = a.part[3]::int and node = a.part[4]::int
        order by upto desc limit 1) f
"""

Day = tuple[str, str | None, date]
"""Of a line: what it counts, for which cluster, on which day."""


class Sums:
    """Hears lines in the order of the log. A node is written `kpi, slice, year, node`, with tabs between."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._end = length
        self._open: defaultdict[Day, int] = defaultdict(int)
        self._whole: list[tuple[int, dict[Day, int]]] = []
        self._totals: dict[str, int] = {}
        self._nodes: dict[Day, tuple[str, ...]] = {}
        self._from_nothing = True

    def begin(self, conn: Session, position: int) -> None:
        """Go on from a position of the log: what is there is in the tables."""
        self._end = position // self._length * self._length + self._length
        self._from_nothing = False
        asked = {"position": position, "length": self._length}
        self._open.update({(kpi, cluster, day): n for kpi, cluster, day, n in conn.execute(OPEN, asked)})

    def reach(self, position: int) -> None:
        """Lines of this position follow, or none up to it."""
        if position > self._end:
            self._whole.append((self._end, self._open))
            self._open = defaultdict(int)
            self._end = (position - 1) // self._length * self._length + self._length

    def add(self, day: Day, n: int) -> None:
        self._open[day] += n

    def close(self, conn: Session, upto: int) -> Iterator[str]:
        """Rows of the segments that are whole once the log up to this position was heard."""
        self.reach(upto + 1)
        whole = [(end, added) for end, lines in self._whole if (added := self._added(lines))]
        self._whole.clear()
        if not self._from_nothing:
            unknown = {node for _, added in whole for node in added} - self._totals.keys()
            if unknown:
                self._totals.update(conn.execute(BEFORE, (list(unknown),)).fetchall())
        for end, added in whole:
            for node, n in added.items():
                self._totals[node] = total = self._totals.get(node, 0) + n
                yield f"{node}\t{end}\t{total}\n"

    def _added(self, lines: dict[Day, int]) -> dict[str, int]:
        added: defaultdict[str, int] = defaultdict(int)
        for day, n in lines.items():
            if n:
                for node in self._nodes.get(day) or self._find(day):
                    added[node] += n
        return {node: n for node, n in added.items() if n}

    def _find(self, of: Day) -> tuple[str, ...]:
        kpi, cluster, day = of
        slices = ("",) if cluster is None else ("", cluster)
        self._nodes[of] = found = tuple(
            intern(f"{kpi}\t{name}\t{day.year}\t{node}") for node in _nodes(day) for name in slices
        )
        return found


def _nodes(day: date) -> Iterable[int]:
    node = day.timetuple().tm_yday
    while node < NODES:
        yield node
        node += node & -node

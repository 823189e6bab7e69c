"""How a figure went through a year, as a small SVG made here: it is there without any script."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from markupsafe import Markup

from ckr_es.web.shown import day, number

WIDTH: Final = 132
HEIGHT: Final = 32
EDGE: Final = 3


def sparkline(points: Sequence[tuple[date, float | None]], plan: float | None) -> Markup | None:
    """A step line over the days, and the plan as a dashed line where it is within sight; None without figures."""
    known = [(on, value) for on, value in points if value is not None]
    if not known:
        return None
    first, year = date(known[0][0].year, 1, 1), 366
    highest = max(*(value for _, value in known), plan or 0, 1)

    def x(on: date) -> float:
        return round(EDGE + (on - first).days / year * (WIDTH - 2 * EDGE), 1)

    def y(value: float) -> float:
        return round(HEIGHT - EDGE - value / highest * (HEIGHT - 2 * EDGE), 1)

    line = " ".join(
        f"H{x(on)}V{y(value)}" if n else f"M{x(first)},{y(value)}H{x(on)}"
        for n, (on, value) in enumerate(known)
    )
    last_on, last = known[-1]
    said = f"Ход года: {', '.join(f'{day(on)} — {number(value)}' for on, value in known)}"
    target = "" if plan is None else f"M{EDGE},{y(plan)}H{WIDTH - EDGE}"
    return Markup(
        '<svg class="spark" role="img" viewBox="0 0 {w} {h}" width="{w}" height="{h}" aria-label="{said}">'
        '<path class="spark-plan" d="{target}"/><path class="spark-line" d="{line}"/>'
        '<circle class="spark-dot" cx="{cx}" cy="{cy}" r="2.5"/></svg>'
    ).format(w=WIDTH, h=HEIGHT, said=said, target=target, line=line, cx=x(last_on), cy=y(last))

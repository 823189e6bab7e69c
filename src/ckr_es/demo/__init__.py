"""A believable year of the centre, 2021, played through the application; the same acts for the same seed."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from random import Random
from typing import Final

from ckr_es import commands
from ckr_es.aggregates import participant
from ckr_es.api.figures import Figures
from ckr_es.application import ServiceTracking
from ckr_es.demo import amends, centre, groups, life, providers, reports, services, support
from ckr_es.demo.applications import Application, applications
from ckr_es.demo.desk import CENTRE, Act, Numbered, numbered, play
from ckr_es.demo.firms import CLUSTERS, Firm, firms, workday
from ckr_es.demo.services import on_firm
from ckr_es.projections.follower import await_position
from ckr_es.rules.values import Agreement

SEED: Final = 2021
LAST_DAY: Final = date(2021, 12, 31)
TWICE: Final = 14  # firms that join a second cluster in the year
LEAVING: Final = 7
FOLLOWER_S: Final = 60.0  # seconds the projections have to catch up before a quarter is closed


def year(seed: int = SEED) -> list[Numbered]:
    """Every act of the year with its key, by lanes: the centre's, and one for each firm."""
    rng = Random(seed)  # noqa: S311 (a story, not a secret)
    members = firms(rng)
    asked = amends.entered_late(applications(rng, members))
    left = _leaving(rng, asked)
    lanes: defaultdict[str, list[Act]] = defaultdict(list)
    lanes[CENTRE] = [
        *centre.acts(),
        *life.acts(members),
        *providers.acts(),
        *groups.acts(members, asked),
        *support.acts(),
    ]
    by_firm: defaultdict[int, list[Application]] = defaultdict(list)
    for a in asked:
        by_firm[a.firm].append(a)
    for n, firm in enumerate(members):
        lanes[_lane(n)] += [*_joining(n, firm), *services.acts(firm, by_firm[n])]
    for n, act in _second_membership(rng, members):
        lanes[_lane(n)].append(act)
    for report in reports.reports(rng, members, left):
        lanes[_lane(report.firm)] += reports.acts(report)
    launched = list(reports.products(rng, members, asked, left))
    for n, act in (*launched, *reports.follow_ups(rng, members, asked), *amends.acts(asked)):
        lanes[_lane(n)].append(act)
    n, act = amends.product(launched)
    lanes[_lane(n)].append(act)
    for n, day in left.items():
        event = participant.LeftCluster(
            cluster=members[n].cluster, left_on=day, reason="Заявление о выходе из кластера"
        )
        lanes[_lane(n)].append(on_firm(day, f"участник {n}", event))
    return numbered(lanes)


def run(
    tracking: ServiceTracking, acts: Sequence[Numbered], done: Callable[[int, date], None] = lambda *_: None
) -> None:
    """Play the year into an empty log; a follower has to be running. `done` hears how far it is."""
    figures = Figures(tracking.recorder.pool, tracking)

    def table(as_of: date, position: int) -> commands.Snapshot:
        with tracking.recorder.pool.connection() as conn:
            await_position(conn, ["kpi"], position, FOLLOWER_S)
        return figures.snapshot(as_of, position)

    play(tracking, table, acts, centre.cuts(), done)


def _lane(n: int) -> str:
    return f"firm {n}"


def _joining(n: int, firm: Firm) -> Iterator[Act]:
    """Firms that were members before the year are entered on its first working day."""
    on, about = max(centre.START, firm.joined_on), f"участник {n}"
    registration = commands.Registration(
        kind=firm.kind,
        inn=firm.inn,
        ogrn=firm.ogrn,
        name=firm.name,
        registered_on=firm.joined_on,
        contacts=firm.contacts,
    )
    yield Act(
        on=on,
        about=about,
        do=lambda desk: commands.register(desk.tracking, desk.request, registration),
        name="firm",
    )
    joined = participant.JoinedCluster(
        cluster=firm.cluster,
        joined_on=firm.joined_on,
        agreement=Agreement(number=f"С-{firm.joined_on.year}/{n + 1}", date=firm.joined_on),
    )
    yield on_firm(on, about, joined, name="вступление")


def _second_membership(rng: Random, members: Sequence[Firm]) -> Iterator[tuple[int, Act]]:
    codes = [one.code for one in CLUSTERS if one.firms]
    for n in rng.sample(range(len(members)), TWICE):
        firm = members[n]
        code = rng.choice([code for code in codes if code != firm.cluster])
        day = workday(max(date(2021, 3, 1), firm.joined_on) + timedelta(days=rng.randint(5, 150)))
        yield n, on_firm(day, f"участник {n}", participant.JoinedCluster(cluster=code, joined_on=day))


def _leaving(rng: Random, asked: Sequence[Application]) -> Mapping[int, date]:
    """Firms that leave in autumn, all their services being over."""
    last = {a.firm: date.min for a in asked}
    for a in asked:
        last[a.firm] = max(last[a.firm], a.decided_on, *a.accepted_on)
    over = [n for n, day in last.items() if day < date(2021, 9, 1)]
    return {
        n: workday(date(2021, 10, 4) + timedelta(days=rng.randrange(60))) for n in rng.sample(over, LEAVING)
    }

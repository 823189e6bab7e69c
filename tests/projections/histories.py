"""Random histories that the aggregates allow, as lists of Recorded, and a fold of them that knows no ledger."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import msgspec
from hypothesis import strategies as st

from ckr_es.aggregates import amend, cluster, participant, plan, provider, service_case
from ckr_es.aggregates.facts import Entry
from ckr_es.rules import Refused
from ckr_es.rules.calendar import quarter
from ckr_es.rules.kpi_sets import Policy, kpi_sets
from ckr_es.rules.values import Agreement, Document
from ckr_es.store.envelope import Recorded

START, END = date(2020, 11, 1), date(2022, 3, 31)
TODAY = date(2022, 6, 1)
CODES = ("organic", "digital", "tourism")
QUARTERS = ("2020-Q3", "2020-Q4", "2021-Q1", "2021-Q2", "2021-Q3", "2021-Q4", "2022-Q1")
SERVICES = ("SVC.а", "SVC.б", "SVC.в")
KINDS = {
    "cluster": cluster.KIND,
    "participant": participant.KIND,
    "case": service_case.KIND,
    "plan": plan.KIND,
    "provider": provider.KIND,
}
DOCUMENT = Document(title="Решение")
days = st.dates(START, END)
# Many dates near each other and near the borders of years and quarters.
near = st.sampled_from(
    [date(2020, 12, 31), date(2021, 1, 1), date(2021, 3, 31), date(2021, 12, 31), date(2022, 1, 1)]
)
dates = st.one_of(days, near)


class World:
    """Records what the rules allow and leaves out what they refuse."""

    def __init__(self) -> None:
        self.records: list[Recorded] = []
        self.streams: dict[UUID, list[Entry]] = {}
        self.kinds: dict[UUID, str] = {}
        self.owners: dict[UUID, UUID | None] = {}

    def id(self, what: str, n: int) -> UUID:
        return UUID(
            int=(["cluster", "participant", "case", "plan", "event", "provider"].index(what) << 32) + n
        )

    def record(self, kind: str, stream_id: UUID, event: object, owner: UUID | None = None) -> Recorded:
        position = len(self.records) + 1
        entries = self.streams.setdefault(stream_id, [])
        self.kinds[stream_id] = kind
        self.owners.setdefault(stream_id, owner)
        recorded = Recorded(
            position=position,
            event_id=self.id("event", position),
            originator_id=stream_id,
            originator_version=len(entries) + 1,
            event=event,
            recorded_at=datetime(2022, 6, 1, tzinfo=UTC) + timedelta(seconds=position),
            actor="s-1",
            role="operator",
            correlation_id=UUID(int=0),
            causation_id=None,
            command_key=f"k-{position}",
            effective_on=event.effective_on,
            participant_id=self.owners[stream_id],
            leaf=b"",
        )
        entries.append(Entry(recorded.event_id, event))
        self.records.append(recorded)
        return recorded

    def state(self, stream_id: UUID):
        return (
            amend.fold(KINDS[self.kinds[stream_id]], self.streams[stream_id])
            if stream_id in self.streams
            else None
        )

    def happen(self, kind: str, stream_id: UUID, event: object, owner: UUID | None = None) -> None:
        KINDS[kind].check(self.state(stream_id), event)
        self.record(kind, stream_id, event, owner)

    def propose(self, n: int, production: bool, day: date) -> None:
        code = CODES[n]
        event = cluster.Proposed(code=code, title=code, production=production, proposed_on=day)
        self.happen("cluster", self.id("cluster", n), event)

    def form(self, n: int, day: date) -> None:
        event = cluster.Formed(formed_on=day, agreement=Agreement(number="1", date=day))
        self.happen("cluster", self.id("cluster", n), event)

    def dissolve(self, n: int, day: date) -> None:
        self.happen("cluster", self.id("cluster", n), cluster.Dissolved(dissolved_on=day, reason="срок"))

    def register(self, n: int, kind: str, day: date) -> None:
        who = self.id("participant", n)
        name = None if kind == "entrepreneur" else f"ООО Ёлка {n}"
        inn = None if kind == "entrepreneur" else f"24000000{n:02}"
        event = participant.Registered(kind=kind, registered_on=day, inn=inn, name=name)
        self.happen("participant", who, event, who)

    def of(self, n: int, event: object) -> None:
        who = self.id("participant", n)
        self.happen("participant", who, event, who)

    def open(self, n: int, who: int, code: int, complex: bool, day: date) -> None:
        """A case that stands decided, with its components."""
        case_id, owner = self.id("case", n), self.id("participant", who)
        opened = service_case.Opened(
            participant_id=owner, cluster=CODES[code], complex=complex, applied_on=day
        )
        self.happen("case", case_id, opened, owner)
        if complex:
            self.happen("case", case_id, service_case.Scored(scored_on=day, score=70, conclusion="да"), owner)
        for no, service in enumerate(SERVICES if complex else SERVICES[:1], 1):
            component = service_case.ComponentAdded(
                component_no=no,
                service=service,
                added_on=day,
                mandatory=no < 3,
                cost_kopecks=7_000 + n,
                participant_payment_kopecks=(no - 1) * 5_000,
                provider_id=self.id("provider", 0) if no == 1 else None,
                funding=(None, "federal", "regional")[(n + no) % 3],
            )
            self.happen("case", case_id, component, owner)
        decided = service_case.EligibilityDecided(
            decision="eligible", decided_on=day, rule_set="1", checks=()
        )
        self.happen("case", case_id, decided, owner)

    def agree(self, n: int, day: date) -> None:
        signed = service_case.AgreementSigned(number=f"Д-{n}", signed_on=day)
        self.happen("case", self.id("case", n), signed)

    def accept(self, n: int, no: int, day: date) -> None:
        case_id = self.id("case", n)
        if (case := self.state(case_id)) is not None:
            act = {
                "act_number": f"{n}-{no}",
                "accepted_on": day,
                "quantity": 1,
                "unit": "шт",
                "grade": 1 + n % 5,
                "late_reason": None,
            }
            for event in case.accept(component_no=no, **act):
                self.record("case", case_id, event)

    def cancel(self, n: int, day: date) -> None:
        self.happen("case", self.id("case", n), service_case.Cancelled(cancelled_on=day, reason="отказ"))

    def set_plan(self, year: int, policy: Policy, value: int, kpi_set: str = "2021") -> None:
        event = plan.PlanSet(
            year=year,
            kpi_set=kpi_set,
            values={"clusters": value, "sales": 0},
            policy=policy,
            document=DOCUMENT,
        )
        self.happen("plan", self.id("plan", year), event)

    def set_funding(self, year: int, federal: int, regional: int, day: date) -> None:
        event = plan.FundingSet(
            year=year,
            federal_kopecks=federal,
            regional_kopecks=regional,
            document=Document(title="Закон о бюджете", date=day),
        )
        self.happen("plan", self.id("plan", year), event)

    def list_provider(self, n: int, day: date) -> None:
        event = provider.Registered(
            registered_on=day, services=SERVICES[:2], inn=f"24000000{n:02}", name=f"ООО Ель {n}"
        )
        self.happen("provider", self.id("provider", n), event)

    def of_provider(self, n: int, event: object) -> None:
        self.happen("provider", self.id("provider", n), event)

    def correct(self, position: int, replacement: dict[str, object] | None) -> None:
        target = self.records[position]
        stream_id = target.originator_id
        history, kind = self.streams[stream_id], KINDS[self.kinds[stream_id]]
        for event in amend.amend(kind, history, target.event_id, "ошибка", replacement, TODAY, None):
            self.record(self.kinds[stream_id], stream_id, event)
        if self.kinds[stream_id] == "case":
            for event in service_case.settle(self.streams[stream_id], None):
                self.record("case", stream_id, event)


def _recent(world: World, back: int) -> int:
    return len(world.records) - 1 - back % len(world.records)


def _voided(world: World, back: int) -> None:
    world.correct(_recent(world, back), None)


def _redated(world: World, back: int, day: date, n: int) -> None:
    """The same record on another day, in another quarter, cluster or amount: whatever it has."""
    position = _recent(world, back)
    fact = world.records[position].event
    fact = getattr(fact, "replacement", fact)
    names = set(fact.__struct_fields__)
    replacement: dict[str, object] = {}
    for name in names & {
        "formed_on", "dissolved_on", "joined_on", "left_on", "accepted_on", "launched_on", "applied_on", "decided_on",
        "signed_on", "cancelled_on", "changed_on", "blocked_on", "unblocked_on"
    }:  # fmt: skip
        replacement[name] = day.isoformat()
    if "quarter" in names:
        replacement["quarter"] = QUARTERS[n % len(QUARTERS)]
    if "answer_sha256" in names:
        replacement |= {"as_of": day.isoformat(), **answer(n)}
    for name in names & {
        "headcount",
        "jobs_created",
        "amount_kopecks",
        "participant_payment_kopecks",
        "cost_kopecks",
    }:
        replacement[name] = n
    if "cluster" in names and n % 3 == 0:
        replacement["cluster"] = CODES[n % len(CODES)]
    if "production" in names:
        replacement |= {"production": bool(n % 2), "curated": n % 3 > 0}
    if "markets" in names:
        replacement["markets"] = ["foreign"]
    if "policy" in names:
        replacement["values"] = {"clusters": n}
    if replacement:
        world.correct(position, replacement)


_clusters, _participants, _cases = st.integers(0, 2), st.integers(0, 3), st.integers(0, 4)
_numbers = st.integers(0, 40)
_providers = st.integers(0, 1)
_policies = st.builds(
    Policy,
    complex_in_services=st.sampled_from(["components", "once", "none"]),
    jobs_method=st.sampled_from(["declared", "growth"]),
    centre_created_on=st.sampled_from([None, date(2020, 5, 1), date(2021, 2, 1)]),
)
_sets = st.sampled_from(["2021", "2021", "2023"])
_markets = st.sampled_from([("russian",), ("foreign",), ("russian", "foreign")])


def _joined(w: World, who: int, code: int, day: date) -> None:
    w.of(who, participant.JoinedCluster(cluster=CODES[code], joined_on=day))


def _left(w: World, who: int, code: int, day: date) -> None:
    w.of(who, participant.LeftCluster(cluster=CODES[code], left_on=day, reason="сам"))


def _jobs(w: World, who: int, label: str, headcount: int, jobs: int) -> None:
    w.of(who, participant.JobsReported(quarter=label, headcount=headcount, jobs_created=jobs, evidence="РСВ"))


def _sales(w: World, who: int, label: str, amount: int) -> None:
    w.of(who, participant.SalesReported(quarter=label, amount_kopecks=amount * 12_345, evidence="отчёт"))


def _launched(w: World, who: int, markets: tuple[str, ...], day: date) -> None:
    event = participant.ProductLaunched(
        title=f"товар {day}", markets=markets, launched_on=day, case_id=w.id("case", 0), evidence="да"
    )
    w.of(who, event)


def answer(n: int) -> dict[str, object]:
    """Some answer of a register: mostly found or absent, at times of another region or none, at times a hint."""
    result = ("found", "absent", "found", "unavailable", "absent")[n % 5]
    found = result == "found"
    return {
        "result": result,
        "via": ("snapshot", "entry", "snapshot", "dadata")[n % 4],
        "included_on": f"{2020 + n % 2}-0{1 + n % 9}-10" if found else None,
        "region_code": ("24", None, "24", "77")[n // 5 % 4] if found else None,
    }


def _checked(w: World, who: int, n: int, day: date) -> None:
    said = {"source": "реестр", "as_of": day, "answer_sha256": f"{n:064}", **answer(n)}
    w.of(who, msgspec.convert(said, participant.RegistryChecked))


def _applied(w: World, n: int, who: int, day: date) -> None:
    case_id, owner = w.id("case", n), w.id("participant", who)
    opened = service_case.Opened(participant_id=owner, cluster=CODES[0], complex=False, applied_on=day)
    w.happen("case", case_id, opened, owner)
    component = service_case.ComponentAdded(
        component_no=1,
        service=SERVICES[0],
        added_on=day,
        mandatory=True,
        cost_kopecks=100,
        participant_payment_kopecks=0,
    )
    w.happen("case", case_id, component, owner)


def _decided(w: World, n: int, back: int, decision: str, day: date) -> None:
    """On one of the answers that were given by then, or on none."""
    if (case := w.state(w.id("case", n))) is not None:
        who = w.state(case.opened.participant_id)
        answers = [c.event_id for c in who.checks] if who else []
        rests_on = answers[back % len(answers)] if answers else None
        verdict = service_case.Verdict(
            condition="E2", verdict="pass", explanation="", inputs={}, event_id=rests_on
        )
        event = service_case.EligibilityDecided(
            decision=decision, decided_on=day, rule_set="1", checks=(verdict,)
        )
        w.happen("case", w.id("case", n), event, case.opened.participant_id)


def _offered(w: World, n: int, day: date) -> None:
    event = provider.ServicesChanged(
        changed_on=day, services=SERVICES[1:], prices_kopecks={SERVICES[1]: 500}, of_centre=True
    )
    w.of_provider(n, event)


def _blocked(w: World, n: int, day: date) -> None:
    w.of_provider(n, provider.Blocked(blocked_on=day, reason="срыв сроков"))


def _unblocked(w: World, n: int, day: date) -> None:
    w.of_provider(n, provider.Unblocked(unblocked_on=day, reason="исправлено"))


_quarters = st.sampled_from(QUARTERS)
_applications = st.integers(5, 8)
_back = st.one_of(st.integers(0, 8), st.integers(0, 60))
MOVES = st.one_of(
    st.tuples(st.just(World.form), _clusters, dates),
    st.tuples(st.just(World.dissolve), _clusters, dates),
    st.tuples(st.just(_joined), _participants, _clusters, dates),
    st.tuples(st.just(_joined), _participants, _clusters, dates),
    st.tuples(st.just(_left), _participants, _clusters, dates),
    st.tuples(st.just(_jobs), _participants, _quarters, _numbers, _numbers),
    st.tuples(st.just(_jobs), _participants, _quarters, _numbers, _numbers),
    st.tuples(st.just(_sales), _participants, _quarters, _numbers),
    st.tuples(st.just(_launched), _participants, _markets, dates),
    st.tuples(st.just(World.accept), _cases, st.integers(1, 3), dates),
    st.tuples(st.just(World.accept), _cases, st.integers(1, 3), dates),
    st.tuples(st.just(World.accept), _cases, st.integers(1, 3), dates),
    st.tuples(st.just(_checked), _participants, _numbers, dates),
    st.tuples(st.just(_checked), _participants, _numbers, dates),
    st.tuples(st.just(_applied), _applications, _participants, dates),
    st.tuples(st.just(_decided), _applications, _back, st.sampled_from(["eligible", "refused"]), dates),
    st.tuples(st.just(World.cancel), _cases, dates),
    st.tuples(st.just(World.agree), _cases, dates),
    st.tuples(st.just(World.agree), _cases, dates),
    st.tuples(st.just(World.set_funding), st.integers(2020, 2022), _numbers, _numbers, dates),
    st.tuples(st.just(_offered), _providers, dates),
    st.tuples(st.just(_blocked), _providers, dates),
    st.tuples(st.just(_unblocked), _providers, dates),
    st.tuples(st.just(World.set_plan), st.integers(2020, 2022), _policies, _numbers, _sets),
    st.tuples(st.just(_voided), _back),
    st.tuples(st.just(_voided), _back),
    st.tuples(st.just(_redated), _back, dates, _numbers),
    st.tuples(st.just(_redated), _back, dates, _numbers),
)


@st.composite
def histories(draw: st.DrawFn, least: int = 50) -> list[Recorded]:
    world = World()
    moves: list[tuple[object, ...]] = [(World.propose, n, n != 1, START) for n in range(3)]
    moves += [(World.register, n, "entrepreneur" if n == 2 else "legal_entity", START) for n in range(4)]
    moves += [(World.list_provider, n, START) for n in range(2)]
    moves += [(World.open, n, n % 4, n % 3, n in (1, 3), START) for n in range(5)]
    moves += [(World.form, n, day) for n, day in enumerate(draw(st.lists(dates, min_size=3, max_size=3)))]
    moves += draw(st.lists(MOVES, min_size=least, max_size=120))
    for move, *arguments in moves:
        try:
            move(world, *arguments)
        except Refused:
            continue
    return world.records


def figures(records: list[Recorded], as_of: date, position: int) -> dict[str, object]:
    """The table of architecture, section 7, read aloud: understood facts known at `position`, counted on `as_of`."""
    streams: dict[UUID, list[Entry]] = defaultdict(list)
    for r in records:
        if r.position <= position:
            streams[r.originator_id].append(Entry(r.event_id, r.event))
    first = date(as_of.year, 1, 1)
    clusters: dict[str, tuple[bool, date, date]] = {}
    policy, kpi_set = Policy(), "2021"
    paid = []
    acceptances, completions, products, members, jobs, sales, payments = [], [], [], [], {}, {}, {}
    for stream_id, entries in streams.items():
        code = production = None
        formed = dissolved = date.max
        joined: list[list[object]] = []
        for _, e in amend.understood(entries):
            match e:
                case cluster.Proposed():
                    code, production = (e.code if e.curated else None), e.production
                case cluster.Formed():
                    formed = e.formed_on
                case cluster.Dissolved():
                    dissolved = e.dissolved_on
                case participant.JoinedCluster():
                    joined.append([stream_id, e.cluster, e.joined_on, date.max])
                case participant.LeftCluster():
                    for m in joined:
                        if m[1] == e.cluster and m[3] == date.max:
                            m[3] = e.left_on
                case participant.JobsReported():
                    jobs[stream_id, e.quarter] = e
                case participant.SalesReported():
                    sales[stream_id, e.quarter] = e
                case participant.ProductLaunched():
                    products.append(e)
                case service_case.ComponentAdded():
                    payments[stream_id, e.component_no] = e.participant_payment_kopecks
                case service_case.ServiceAccepted():
                    acceptances.append(e)
                    paid.append((e.accepted_on, payments[stream_id, e.component_no]))
                case service_case.Completed():
                    completions.append(e)
                case plan.PlanSet() if e.year == as_of.year:
                    policy, kpi_set = e.policy, e.kpi_set
        members += joined
        if code is not None:
            clusters[code] = (production, formed, dissolved)

    def in_year(day: date) -> bool:
        return first <= day <= as_of

    def member(who: UUID) -> bool:
        year = [first + timedelta(days=n) for n in range((as_of - first).days + 1)]
        return any(
            m[2] <= day < m[3] and m[1] in clusters and clusters[m[1]][1] <= day < clusters[m[1]][2]
            for m in members
            if m[0] == who
            for day in year
        )

    population = {who for who, _ in [*jobs, *sales] if member(who)}
    ours = [(who, q) for who, q in jobs if who in population and in_year(quarter(q).last)]
    if policy.jobs_method == "declared":
        created = sum(jobs[key].jobs_created for key in ours)
    else:
        created = 0
        for who in {who for who, _ in ours}:
            known = sorted(q for w, q in ours if w == who)
            base = jobs.get((who, f"{as_of.year - 1}-Q4"), jobs[who, known[0]]).headcount
            created += max(0, jobs[who, known[-1]].headcount - base)
    sold = sum(
        sales[who, q].amount_kopecks for who, q in sales if who in population and in_year(quarter(q).last)
    )
    accepted = [e for e in acceptances if in_year(e.accepted_on)]
    completed = [e for e in completions if in_year(e.completed_on)]
    plain = [e for e in accepted if not e.complex]
    services = {
        "components": len(accepted),
        "once": len(plain) + len(completed),
        "none": len(plain),
    }[policy.complex_in_services]
    launched = [e for e in products if in_year(e.launched_on)]
    there = [production for production, formed, dissolved in clusters.values() if formed <= as_of < dissolved]
    applies = policy.centre_created_on is None or policy.centre_created_on < first
    latest = {who: max(q for w, q in ours if w == who) for who, _ in ours}
    table = {
        "clusters": len(there),
        "clusters_production": sum(there),
        "services": services,
        "complex_services": len(completed),
        "supported_smes": len({e.participant_id for e in accepted}),
        "jobs_created": created if applies else None,
        "sales": Decimal(sold) / 100_000 if applies else None,
        "new_products": len(launched),
        "new_products_russian": sum("russian" in e.markets for e in launched),
        "new_products_foreign": sum("foreign" in e.markets for e in launched),
        "employees": sum(jobs[key].headcount for key in latest.items()) if applies else None,
        "paid_services": Decimal(sum(n for day, n in paid if in_year(day))) / 100_000,
    }
    return {row.kpi: table[row.kpi] for row in kpi_sets()[kpi_set].rows}


def eventful() -> list[Recorded]:
    """What chance meets too seldom: late bases of growth, firsts that move, clusters and memberships put right."""
    w = World()
    for n in range(3):
        w.propose(n, n != 1, START)
        w.form(n, date(2020, 12, 1))
    formed = 1  # of the first cluster
    for n in range(4):
        w.register(n, "legal_entity", START)
    w.set_plan(2021, Policy(jobs_method="growth", complex_in_services="once"), 10)
    _joined(w, 0, 1, date(2021, 2, 1))
    joined = len(w.records) - 1
    _joined(w, 1, 0, date(2020, 12, 1))
    for label, headcount in (("2021-Q1", 10), ("2021-Q2", 16), ("2021-Q3", 12), ("2022-Q1", 30)):
        for who in (0, 1):
            _jobs(w, who, label, headcount, 2)
            _sales(w, who, label, headcount)
    _jobs(w, 1, "2020-Q4", 4, 1)
    base = len(w.records) - 1
    w.correct(base, {"headcount": 13})
    w.correct(base, {"quarter": "2020-Q3"})
    w.correct(base, None)
    w.correct(joined, {"cluster": "organic"})
    w.correct(0, {"curated": False})
    w.correct(0, {"curated": True})
    w.dissolve(0, date(2021, 5, 1))
    dissolved = len(w.records) - 1
    w.correct(dissolved, {"dissolved_on": "2021-01-01"})
    w.correct(formed, {"formed_on": "2020-11-15"})
    w.correct(dissolved, None)
    _left(w, 0, 0, date(2021, 2, 2))
    w.correct(formed, {"formed_on": "2021-02-02"})
    w.correct(formed, {"formed_on": "2021-06-15"})
    for case, complex in ((0, False), (1, True), (4, False)):
        w.open(case, 0, 0, complex, START)
    w.accept(0, 1, date(2021, 4, 1))
    w.accept(4, 1, date(2021, 4, 1))
    act = len(w.records) - 1
    w.accept(1, 2, date(2021, 3, 1))
    w.accept(1, 1, date(2021, 3, 2))
    w.correct(len(w.records) - 2, {"accepted_on": "2021-12-31"})
    w.correct(act, {"accepted_on": "2021-02-01"})
    w.correct(act, {"accepted_on": "2020-12-31"})
    w.correct(act, None)
    w.correct(len(w.records) - 1, None)
    return w.records

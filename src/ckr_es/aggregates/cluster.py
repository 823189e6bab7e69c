"""A territorial cluster: firms that agreed to develop together, without a legal entity (concept, section 1)."""

from datetime import date
from typing import Literal, assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ckr_es.aggregates.cluster_life import (
    ActivityHeld,
    BrandRegistered,
    EquipmentApproved,
    Life,
    PotentialAssessed,
    ProgrammeApproved,
    ProjectFinished,
    ProjectLaunched,
    check_life,
    not_before,
)
from ckr_es.aggregates.facts import Correction, Fact, Kind, Void
from ckr_es.rules import Refused
from ckr_es.rules.values import Agreement, Code, Inn, Text

ClusterKind = Literal[
    "industrial", "service", "agricultural", "tourism", "digital", "innovation", "creative", "social"
]


class Proposed(Fact, frozen=True, kw_only=True, tag="cluster.proposed"):
    """A cluster was proposed under its code, which stays its name for programs.

    One that is not `curated` has come about without the centre (concept, section 1: the association of Zheleznogorsk);
    it is known, and counts in no figure.
    """

    code: Code
    title: Text
    production: bool
    proposed_on: date
    specialisation: Text | None = None
    kind: ClusterKind | None = None
    curated: bool = True

    @property
    def effective_on(self) -> date:
        return self.proposed_on


class Formed(Fact, frozen=True, kw_only=True, tag="cluster.formed"):
    """The firms have agreed to be a cluster; it counts from `formed_on`."""

    formed_on: date
    agreement: Agreement

    @property
    def effective_on(self) -> date:
        return self.formed_on


class Retitled(Fact, frozen=True, kw_only=True, tag="cluster.retitled"):
    """The cluster has another title from that day on."""

    title: Text
    retitled_on: date

    @property
    def effective_on(self) -> date:
        return self.retitled_on


class Reorganised(Fact, frozen=True, kw_only=True, tag="cluster.reorganised"):
    """The cluster became a legal entity of its own; `legal_inn` where it has one."""

    into: Literal["association"]
    reorganised_on: date
    legal_inn: Inn | None = None

    @property
    def effective_on(self) -> date:
        return self.reorganised_on


class Dissolved(Fact, frozen=True, kw_only=True, tag="cluster.dissolved"):
    """The cluster is no more; it does not count on `dissolved_on`."""

    dissolved_on: date
    reason: Text

    @property
    def effective_on(self) -> date:
        return self.dissolved_on


Happening = Proposed | Formed | Retitled | Life | ProjectFinished | Reorganised | Dissolved


class Voided(Void, frozen=True, kw_only=True, tag="cluster.voided"):
    pass


class Corrected(Correction, frozen=True, kw_only=True, tag="cluster.corrected"):
    replacement: Happening

    @property
    def effective_on(self) -> date:
        return self.replacement.effective_on


Event = Happening | Voided | Corrected


class Cluster(Struct, frozen=True, kw_only=True):
    proposed: Proposed
    title: str
    formed: Formed | None = None
    reorganised: Reorganised | None = None
    dissolved: Dissolved | None = None
    life: frozenset[Life] = frozenset()
    finished: frozenset[ProjectFinished] = frozenset()

    def active_on(self, day: date) -> bool:
        """Formed and not dissolved that day; intervals are half-open (architecture, section 7)."""
        return (
            self.formed is not None
            and self.formed.formed_on <= day
            and (self.dissolved is None or day < self.dissolved.dissolved_on)
        )

    def admit(self, joined_on: date) -> None:
        """Refuses a member who would join before the cluster was formed or after it was dissolved."""
        if not self.active_on(joined_on):
            raise Refused("cluster-not-formed", f"Кластер «{self.title}» на {joined_on} не сформирован")


def decide(cluster: Cluster | None, event: Happening) -> tuple[Happening, ...]:
    """The event to record, or nothing when the log says so already."""
    if cluster is not None and _stands(cluster, replace(event, late_reason=None)):
        return ()
    check(cluster, event)
    return (event,)


def check(cluster: Cluster | None, event: Happening) -> None:
    if isinstance(event, Proposed):
        if cluster is not None:
            raise Refused("cluster-code-taken", f"Код кластера «{event.code}» уже занят")
        return
    if cluster is None:
        raise Refused("cluster-not-proposed", "Кластер ещё не предложен")
    if cluster.dissolved is not None and event.effective_on >= cluster.dissolved.dissolved_on:
        raise Refused("cluster-dissolved", f"Кластер ликвидирован {cluster.dissolved.dissolved_on}")
    match event:
        case Formed():
            if cluster.formed is not None:
                raise Refused("already-formed", f"Кластер сформирован {cluster.formed.formed_on}")
            not_before(cluster.proposed.proposed_on, event.formed_on, "before-proposal", "предложен")
        case Reorganised() | Dissolved():
            if isinstance(event, Dissolved) and cluster.dissolved is not None:
                raise Refused("already-dissolved", f"Кластер ликвидирован {cluster.dissolved.dissolved_on}")
            if isinstance(event, Reorganised) and cluster.reorganised is not None:
                raise Refused("already-reorganised", "Кластер уже реорганизован")
            if cluster.formed is None:
                raise Refused("cluster-not-formed", "Кластер ещё не сформирован")
            not_before(cluster.formed.formed_on, event.effective_on, "before-formation", "сформирован")
        case Retitled():
            not_before(cluster.proposed.proposed_on, event.retitled_on, "before-proposal", "предложен")
        case _:
            check_life(cluster.life, event)
            not_before(cluster.proposed.proposed_on, event.effective_on, "before-proposal", "предложен")


def _stands(cluster: Cluster, event: Happening) -> bool:
    match event:
        case Retitled():
            return cluster.title == event.title
        case ProjectFinished():
            return event in cluster.finished
        case Proposed() | Formed() | Reorganised() | Dissolved():
            return event in (cluster.proposed, cluster.formed, cluster.reorganised, cluster.dissolved)
        case _:
            return event in cluster.life


def evolve(cluster: Cluster | None, event: Happening, _: UUID) -> Cluster:
    event = replace(event, late_reason=None)
    if isinstance(event, Proposed):
        return Cluster(proposed=event, title=event.title)
    assert cluster is not None
    match event:
        case Formed():
            return replace(cluster, formed=event)
        case Retitled():
            return replace(cluster, title=event.title)
        case Reorganised():
            return replace(cluster, reorganised=event)
        case Dissolved():
            return replace(cluster, dissolved=event)
        case ProjectFinished():
            return replace(cluster, finished=cluster.finished | {event})
        case (
            ProgrammeApproved()
            | PotentialAssessed()
            | BrandRegistered()
            | ProjectLaunched()
            | EquipmentApproved()
            | ActivityHeld()
        ):
            return replace(cluster, life=cluster.life | {event})
        case _:
            assert_never(event)


KIND = Kind("cluster", evolve, check, Voided, Corrected, fixed=frozenset({"code"}))

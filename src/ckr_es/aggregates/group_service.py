"""A group service: a training, an exhibition, a business mission or a round table that many participants came to.

Each of them has a case of its own, opened, decided and accepted in the same command; this is what they have in common.
"""

from datetime import date
from typing import assert_never
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ckr_es.aggregates.facts import Correction, Fact, Kind, Void
from ckr_es.rules import Refused
from ckr_es.rules.values import Code, Document, ServiceCode, Text


class Held(Fact, frozen=True, kw_only=True, tag="group-service.held"):
    """`participants` in the order of the list; who they are and what this is make the id of the case of each."""

    service: ServiceCode
    cluster: Code
    title: Text
    held_on: date
    participants: tuple[UUID, ...]
    document: Document | None = None

    @property
    def effective_on(self) -> date:
        return self.held_on


class Voided(Void, frozen=True, kw_only=True, tag="group-service.voided"):
    pass


class Corrected(Correction, frozen=True, kw_only=True, tag="group-service.corrected"):
    replacement: Held

    @property
    def effective_on(self) -> date:
        return self.replacement.effective_on


Event = Held | Voided | Corrected


class GroupService(Struct, frozen=True, kw_only=True):
    held: Held


def hold(state: GroupService | None, event: Held) -> tuple[Held, ...]:
    """The event to record, or nothing when the same participants stand in it already."""
    if state is not None and set(state.held.participants) == set(event.participants):
        return ()
    check(state, event)
    return (event,)


def check(state: GroupService | None, _: Held) -> None:
    if state is not None:
        raise Refused(
            "already-held",
            f"Это мероприятие уже записано, участников: {len(state.held.participants)}. Кого в нём нет, "
            "тому услугу оформляют отдельным делом",
        )


def evolve(_: GroupService | None, event: Held, __: UUID) -> GroupService:
    match event:
        case Held():
            return GroupService(held=replace(event, late_reason=None))
        case _:
            assert_never(event)


KIND = Kind(
    "group-service",
    evolve,
    check,
    Voided,
    Corrected,
    # What the cases rest on: it is put right in them, or by voiding all of it.
    fixed=frozenset({"service", "cluster", "held_on", "participants"}),
)

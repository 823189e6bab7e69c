"""How the demonstration year is played: many desks at once, each doing its own acts in order.

An act is one command of the application, under a key that is always the same. Between cuts of the calendar all
desks meet, so the log grows month by month and a quarter is closed when its work is done.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from hashlib import sha256
from typing import Final, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from msgspec import Struct

from ckr_es.application import Answer, Receipt, Request, ServiceTracking
from ckr_es.commands import Snapshot
from ckr_es.store.writer import OutcomeUnknown, Overloaded

DESKS: Final = 24
ATTEMPTS: Final = 5
CENTRE: Final = "centre"  # the lane that goes first, alone, after each cut

Table = Callable[[date, int], Snapshot]


class Desk(Struct, frozen=True, kw_only=True):
    """What an act needs: the application, who asks, and what earlier acts of the lane were answered."""

    tracking: ServiceTracking
    table: Table
    request: Request
    receipts: Mapping[str, Receipt]

    def id(self, name: str) -> UUID:
        """The stream that the act of this name made."""
        return UUID(self.receipts[name].id)

    def event(self, name: str) -> UUID:
        """The first event that the act of this name recorded."""
        return self.receipts[name].events[0].event_id


class Act(Struct, frozen=True, kw_only=True):
    """Entered on `on`; `about` is what it belongs to (its correlation), `name` what later acts call it."""

    on: date
    about: str
    do: Callable[[Desk], Answer]
    role: Literal["operator", "manager"] = "operator"
    name: str = ""


class Numbered(Struct, frozen=True):
    key: str
    lane: str
    act: Act


def numbered(lanes: Mapping[str, Iterable[Act]]) -> list[Numbered]:
    """The acts of each lane by their days, under keys that say which act of the year they are."""
    acts = ((lane, act) for lane, acts in lanes.items() for act in sorted(acts, key=lambda act: act.on))
    return [Numbered(f"demo-{n:05}", lane, act) for n, (lane, act) in enumerate(acts, start=1)]


def play(
    tracking: ServiceTracking,
    table: Table,
    acts: Sequence[Numbered],
    cuts: Sequence[date],
    done: Callable[[int, date], None],
) -> None:
    """Do all acts; `done` hears how many after each cut, and which day it is. The first failure ends it."""
    receipts: defaultdict[str, dict[str, Receipt]] = defaultdict(dict)

    def work(lane: str, todo: Sequence[Numbered]) -> int:
        for one in todo:
            answer = _once(one, Desk(
                tracking=tracking, table=table, request=_request(one), receipts=receipts[lane]
            ))  # fmt: skip
            if one.act.name:
                receipts[lane][one.act.name] = answer.receipt
        return len(todo)

    desks = ThreadPoolExecutor(DESKS, thread_name_prefix="desk")
    try:
        finished, after = 0, date.min
        for cut in cuts:
            lanes: defaultdict[str, list[Numbered]] = defaultdict(list)
            for one in acts:
                if after < one.act.on <= cut:
                    lanes[one.lane].append(one)
            finished += work(CENTRE, lanes.pop(CENTRE, []))
            futures = [desks.submit(work, lane, todo) for lane, todo in lanes.items()]
            for future in futures:
                finished += future.result()
                done(finished, cut)
            after = cut
    finally:
        desks.shutdown(cancel_futures=True)


def _once(one: Numbered, desk: Desk) -> Answer:
    """The key makes it safe to ask again when nobody knows what became of it."""
    for _ in range(ATTEMPTS - 1):
        try:
            return one.act.do(desk)
        except (Overloaded, OutcomeUnknown):
            continue
    return one.act.do(desk)


def _request(one: Numbered) -> Request:
    return Request(
        key=one.key,
        request_hash=sha256(one.key.encode()).digest(),
        actor=f"demo-{one.act.role}",
        role=one.act.role,
        correlation_id=uuid5(NAMESPACE_URL, f"ckr-es demo {one.act.about}"),
        today=one.act.on,
    )

"""The company look-up: one question, three ways to an answer, and what of the answer becomes a record.

The ways: the loaded snapshot of the register of SMEs (`snapshot_lookup`), DaData (`dadata`), and a person or a
client who looked it up, whose words are the body of POST /participants/{id}/registry-checks itself.
"""

from datetime import date, datetime
from typing import Literal, Protocol

from msgspec import Struct

from ckr_es.aggregates.participant import RegistryChecked
from ckr_es.rules.eligibility import Via

Status = Literal["active", "liquidating", "liquidated", "reorganizing", "bankruptcy_sale", "bankrupt"]


class Company(Struct, frozen=True, kw_only=True):
    """What a register holds of a firm; None is what it does not hold. `name` of a person is personal data."""

    kind: Literal["legal_entity", "entrepreneur"]
    inn: str
    ogrn: str | None = None
    name: str | None = None
    region_code: str | None = None
    okved_main: str | None = None
    okved_additional: tuple[str, ...] | None = None
    okved_version: Literal["2014", "2001"] = "2014"
    status: Status | None = None
    category: Literal["micro", "small", "medium"] | None = None
    included_on: date | None = None
    headcount: int | None = None
    licences: tuple[str, ...] | None = None


class Found(Struct, frozen=True, kw_only=True):
    """`answer_sha256` (hex) is of the file or answer that this was read from."""

    company: Company
    source: str
    via: Via
    as_of: date
    retrieved_at: datetime
    answer_sha256: str


class Absent(Struct, frozen=True, kw_only=True):
    """The register answered, and does not hold the firm."""

    source: str
    via: Via
    as_of: date
    retrieved_at: datetime
    answer_sha256: str


class Unavailable(Struct, frozen=True, kw_only=True):
    """Nobody answered, or not so that it can be relied on; never to be taken for `Absent`."""

    source: str
    via: Via
    reason: str
    retrieved_at: datetime


Answer = Found | Absent | Unavailable


class CompanyRegistry(Protocol):
    def lookup(self, inn: str, as_of: date) -> Answer:
        """What is known of the firm with this INN as of a day."""
        ...


def checked(answer: Answer, today: date) -> RegistryChecked:
    """The answer as a record: without name and numbers, which the participant's registration holds."""
    match answer:
        case Found(company=c):
            return RegistryChecked(
                source=answer.source,
                as_of=answer.as_of,
                result="found",
                category=c.category,
                included_on=c.included_on,
                region_code=c.region_code,
                okved_main=c.okved_main,
                okved_additional=c.okved_additional,
                okved_version=c.okved_version,
                status=c.status,
                headcount=c.headcount,
                licences=c.licences or None,
                via=answer.via,
                answer_sha256=answer.answer_sha256,
            )
        case Absent():
            return RegistryChecked(
                source=answer.source,
                as_of=answer.as_of,
                result="absent",
                via=answer.via,
                answer_sha256=answer.answer_sha256,
            )
        case Unavailable():
            return RegistryChecked(source=answer.source, as_of=today, result="unavailable", via=answer.via)

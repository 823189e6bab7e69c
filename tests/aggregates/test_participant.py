"""A participant registers, joins and leaves clusters, is checked, and reports."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest
from aggregates.given import asked_twice_is_no_news, given, invalid, refused
from msgspec.structs import replace

from ckr_es.aggregates.participant import (
    KIND,
    EvidenceFiled,
    FollowedUp,
    IdentityChanged,
    IdentityErased,
    JobsReported,
    JoinedCluster,
    LeftCluster,
    ProductLaunched,
    Registered,
    RegistryChecked,
    SalesReported,
    SupportChecked,
    decide,
)
from ckr_es.rules.eligibility import Evidence, Membership, RegistryCheck, SupportCheck
from ckr_es.rules.support import Support
from ckr_es.rules.values import Document

CASE = UUID(int=77)
FIRM = Registered(
    kind="legal_entity",
    registered_on=date(2021, 1, 10),
    inn="2460066195",
    ogrn="1022402652469",
    name="ООО «Мёд»",
)
PERSON = Registered(kind="entrepreneur", registered_on=date(2021, 1, 11), identity_commitment="ab" * 32)
CHANGED = IdentityChanged(changed_on=date(2021, 2, 1), name="ООО «Мёд и воск»")
CHECKED = RegistryChecked(
    source="fns",
    as_of=date(2021, 3, 1),
    result="found",
    category="micro",
    included_on=date(2016, 8, 1),
    region_code="24",
    okved_main="10.89",
    okved_additional=("01.49.1",),
    status="active",
    headcount=7,
    licences=("Л-1",),
)
ABSENT = RegistryChecked(source="fns", as_of=date(2021, 3, 2), result="absent")
UNAVAILABLE = RegistryChecked(source="fns", as_of=date(2021, 3, 3), result="unavailable")
SUPPORT = Support(provider_inn="2460066195", form="0400", kind="0402", decided_on=date(2020, 11, 2))
SUPPORTED = SupportChecked(
    source="ЕРСМСП-ПП",
    as_of=date(2021, 3, 4),
    result="found",
    supports=(SUPPORT,),
    answer_sha256="cd" * 32,
)
CERTIFICATE = EvidenceFiled(kind="tax_certificate", as_of=date(2021, 3, 1), debt_kopecks=0)
DECLARED = EvidenceFiled(kind="declaration", as_of=date(2021, 3, 2), covers=("E5", "E6", "E7"))
PAPER = EvidenceFiled(kind="document", as_of=date(2021, 3, 3), document=Document(title="Устав"))
JOINED = JoinedCluster(cluster="organic", joined_on=date(2021, 2, 1))
LEFT = LeftCluster(cluster="organic", left_on=date(2021, 8, 1), reason="Заявление")
JOBS = JobsReported(quarter="2021-Q2", headcount=8, jobs_created=1, evidence="РСВ")
SALES = SalesReported(quarter="2021-Q2", amount_kopecks=100, evidence="Отчёт")
PRODUCT = ProductLaunched(
    title="Мёд в сотах",
    markets=("russian", "foreign"),
    launched_on=date(2021, 5, 1),
    case_id=CASE,
    evidence="Каталог",
)
FOLLOWED = FollowedUp(case_id=CASE, month="2021-07", headcount=8, sales_kopecks=5)
ERASED = IdentityErased(act_number="3", erased_on=date(2021, 9, 1), basis="Заявление субъекта")
EVERYTHING = [
    CHANGED,
    CHECKED,
    ABSENT,
    SUPPORTED,
    CERTIFICATE,
    DECLARED,
    PAPER,
    JOINED,
    JOBS,
    SALES,
    PRODUCT,
    FOLLOWED,
    ERASED,
]


@pytest.mark.parametrize(
    ("before", "event"),
    [
        ([], FIRM),
        ([], PERSON),
        *(([FIRM], event) for event in EVERYTHING),
        ([FIRM, JOINED], LEFT),
        ([FIRM, JOINED, LEFT], JoinedCluster(cluster="organic", joined_on=date(2021, 8, 1))),
        ([FIRM, JOINED], JoinedCluster(cluster="digital", joined_on=date(2021, 2, 1))),
        ([FIRM, CHECKED], UNAVAILABLE),
        ([FIRM, CHECKED, replace(UNAVAILABLE, source="look-up", as_of=CHECKED.as_of)], CHECKED),
        ([FIRM, CERTIFICATE, replace(CERTIFICATE, debt_kopecks=1)], CERTIFICATE),
        ([FIRM, JOBS], replace(JOBS, jobs_created=2)),
        ([FIRM, JOBS, SALES, PRODUCT, FOLLOWED], replace(JOBS, quarter="2021-Q3")),
        ([FIRM, SALES], replace(SALES, amount_kopecks=0)),
        ([FIRM, FOLLOWED], replace(FOLLOWED, month="2021-08")),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else "",
)
def test_what_is_decided_is_recorded_and_asked_twice_is_no_news(before: list[Any], event: Any) -> None:
    if isinstance(event, IdentityErased):
        before = [PERSON]
    assert decide(given(KIND, *before), event) == (event,)
    asked_twice_is_no_news(KIND, before, lambda participant: decide(participant, event))


def test_the_file_of_a_register_again_is_no_news_whatever_was_entered_since() -> None:
    from_file = replace(CHECKED, via="snapshot", answer_sha256="ef" * 32)
    entered = replace(ABSENT, source="look-up", as_of=CHECKED.as_of)
    assert decide(given(KIND, FIRM, from_file, entered), from_file) == ()


@pytest.mark.parametrize("event", [*EVERYTHING, LEFT], ids=lambda e: type(e).__name__)
def test_nothing_happens_to_a_participant_nobody_registered(event: Any) -> None:
    with refused("not-registered"):
        decide(None, event)


def test_an_inn_is_registered_once() -> None:
    with refused("already-registered"):
        decide(given(KIND, FIRM), replace(FIRM, name="ООО «Другое»"))


@pytest.mark.parametrize("field", ["inn", "ogrn", "name"])
def test_what_identifies_a_person_never_enters_the_log(field: str) -> None:
    with invalid("personal-data", f"/{field}"):
        decide(None, replace(PERSON, **{field: getattr(FIRM, field)}))


@pytest.mark.parametrize("field", ["ogrn", "name"])
def test_a_change_of_a_persons_identity_holds_the_commitment_only(field: str) -> None:
    with invalid("personal-data", f"/{field}"):
        decide(
            given(KIND, PERSON), IdentityChanged(changed_on=date(2021, 2, 1), **{field: getattr(FIRM, field)})
        )
    changed = IdentityChanged(changed_on=date(2021, 2, 1), identity_commitment="cd" * 32)
    assert decide(given(KIND, PERSON), changed) == (changed,)
    assert given(KIND, PERSON, changed).commitment == "cd" * 32


def test_a_firm_goes_by_its_latest_name_and_keeps_what_did_not_change() -> None:
    firm = given(KIND, FIRM, CHANGED)
    assert (firm.name, firm.ogrn) == ("ООО «Мёд и воск»", FIRM.ogrn)


def test_an_erased_identity_is_neither_changed_nor_erased_again() -> None:
    erased = given(KIND, PERSON, ERASED)
    assert erased.commitment is None
    with refused("identity-erased"):
        decide(erased, IdentityChanged(changed_on=date(2021, 10, 1), identity_commitment="cd" * 32))
    with refused("identity-erased"):
        decide(erased, replace(ERASED, act_number="4"))


def test_a_firm_has_its_contacts_erased_and_may_name_others() -> None:
    with refused("nothing-to-erase"):
        decide(given(KIND, FIRM), ERASED)
    reachable = replace(FIRM, identity_commitment="ab" * 32)
    erased = given(KIND, reachable, ERASED)
    with refused("identity-erased"):
        decide(erased, replace(ERASED, act_number="4"))
    anew = IdentityChanged(changed_on=date(2021, 10, 1), identity_commitment="cd" * 32)
    assert decide(erased, anew) == (anew,)
    again = replace(ERASED, act_number="4")
    assert decide(given(KIND, reachable, ERASED, anew), again) == (again,)


def test_a_member_does_not_join_again_while_it_is_one() -> None:
    for day in (date(2021, 1, 1), date(2021, 2, 2)):
        with refused("already-member"):
            decide(given(KIND, FIRM, JOINED), replace(JOINED, joined_on=day))
    with refused("already-member"):
        decide(given(KIND, FIRM, JOINED, LEFT), replace(JOINED, joined_on=date(2021, 7, 31)))


def test_only_a_member_leaves() -> None:
    with refused("not-a-member"):
        decide(given(KIND, FIRM), LEFT)
    with refused("not-a-member"):
        decide(given(KIND, FIRM, JOINED), replace(LEFT, cluster="digital"))
    with refused("not-a-member"):
        decide(given(KIND, FIRM, JOINED, LEFT), replace(LEFT, left_on=date(2021, 9, 1)))


@pytest.mark.parametrize("day", [date(2021, 1, 31), date(2021, 2, 1)])
def test_nobody_leaves_before_the_day_after_joining(day: date) -> None:
    with refused("before-joining"):
        decide(given(KIND, FIRM, JOINED), replace(LEFT, left_on=day))


def test_memberships_are_kept_with_the_event_that_began_them() -> None:
    again = JoinedCluster(cluster="organic", joined_on=date(2021, 9, 1))
    member = given(KIND, FIRM, JOINED, LEFT, again)
    assert member.memberships == (
        Membership(
            event_id=UUID(int=2), cluster="organic", joined_on=date(2021, 2, 1), left_on=date(2021, 8, 1)
        ),
        Membership(event_id=UUID(int=4), cluster="organic", joined_on=date(2021, 9, 1)),
    )


@pytest.mark.parametrize(
    "field", ["category", "included_on", "region_code", "okved_main", "okved_additional", "status"]
)
def test_a_register_that_found_the_firm_says_all_of_it_and_otherwise_nothing(field: str) -> None:
    firm = given(KIND, FIRM)
    with invalid("required", f"/{field}"):
        decide(firm, replace(CHECKED, **{field: None}))
    for event in (ABSENT, UNAVAILABLE):
        with invalid("not-applicable", f"/{field}"):
            decide(firm, replace(event, **{field: getattr(CHECKED, field)}))


@pytest.mark.parametrize("field", ["category", "included_on", "region_code", "okved_main", "status"])
def test_an_answer_named_by_its_hash_may_lack_what_its_register_does_not_hold(field: str) -> None:
    partial = replace(CHECKED, answer_sha256="ab" * 32, **{field: None})
    assert decide(given(KIND, FIRM), partial) == (partial,)
    assert given(KIND, FIRM, partial).checks[0].via == "entry"


def test_additional_codes_that_were_not_told_are_not_taken_for_none() -> None:
    partial = replace(CHECKED, answer_sha256="ab" * 32, okved_additional=None)
    assert given(KIND, FIRM, partial).checks[0].okved_additional is None
    assert given(KIND, FIRM, ABSENT).checks[0].okved_additional == ()


@pytest.mark.parametrize("event", [replace(SUPPORTED, supports=()), replace(SUPPORTED, result="absent")])
def test_support_is_told_exactly_when_some_was_found(event: SupportChecked) -> None:
    with invalid("supports-differ", "/supports"):
        decide(given(KIND, FIRM), event)


def test_earlier_support_is_what_eligibility_reads() -> None:
    read = SupportCheck(event_id=UUID(int=2), source="ЕРСМСП-ПП", as_of=date(2021, 3, 4), supports=(SUPPORT,))
    assert given(KIND, FIRM, SUPPORTED).supports == (read,)


def test_a_firm_without_additional_codes_is_found_too() -> None:
    assert decide(given(KIND, FIRM), replace(CHECKED, okved_additional=()))


def test_a_check_is_what_eligibility_reads() -> None:
    assert given(KIND, FIRM, CHECKED, ABSENT).checks == (
        RegistryCheck(
            event_id=UUID(int=2),
            source="fns",
            as_of=date(2021, 3, 1),
            result="found",
            category="micro",
            included_on=date(2016, 8, 1),
            region_code="24",
            okved_main="10.89",
            okved_additional=("01.49.1",),
            status="active",
            headcount=7,
            licences=("Л-1",),
        ),
        RegistryCheck(event_id=UUID(int=3), source="fns", as_of=date(2021, 3, 2), result="absent"),
    )


def test_the_register_changing_its_answer_and_back_is_news_both_times() -> None:
    gone = replace(ABSENT, as_of=CHECKED.as_of)
    firm = given(KIND, FIRM, CHECKED, gone)
    assert decide(firm, gone) == ()
    assert decide(firm, CHECKED) == (CHECKED,)


@pytest.mark.parametrize(
    ("event", "pointers"),
    [
        (replace(CERTIFICATE, debt_kopecks=None), ["/debt_kopecks"]),
        (replace(DECLARED, covers=None), ["/covers"]),
        (replace(DECLARED, covers=()), ["/covers"]),
        (replace(PAPER, document=None), ["/document"]),
    ],
)
def test_evidence_has_what_its_kind_is_for(event: EvidenceFiled, pointers: list[str]) -> None:
    with invalid("required", *pointers):
        decide(given(KIND, FIRM), event)


def test_evidence_has_nothing_that_belongs_to_another_kind() -> None:
    with invalid("not-applicable", "/covers"):
        decide(given(KIND, FIRM), replace(CERTIFICATE, covers=("E5",)))
    with invalid("not-applicable", "/debt_kopecks", "/covers", "/document"):
        decide(given(KIND, FIRM), replace(PAPER, document=None, debt_kopecks=0, covers=("E5",)))


def test_any_evidence_may_come_with_its_document() -> None:
    attached = replace(CERTIFICATE, document=Document(title="Справка", sha256="0f" * 32))
    assert decide(given(KIND, FIRM), attached) == (attached,)


def test_evidence_is_what_eligibility_reads() -> None:
    assert given(KIND, FIRM, CERTIFICATE, DECLARED).evidence == (
        Evidence(event_id=UUID(int=2), kind="tax_certificate", as_of=date(2021, 3, 1), debt_kopecks=0),
        Evidence(event_id=UUID(int=3), kind="declaration", as_of=date(2021, 3, 2), covers=("E5", "E6", "E7")),
    )


def test_a_market_is_named_once() -> None:
    with invalid("duplicate", "/markets"):
        decide(given(KIND, FIRM), replace(PRODUCT, markets=("russian", "russian")))


@pytest.mark.parametrize(("event", "other"), [(JOBS, {"headcount": 9}), (SALES, {"amount_kopecks": 1})])
def test_a_later_report_supersedes_and_the_first_figure_again_is_news(
    event: Any, other: dict[str, int]
) -> None:
    later = replace(event, **other)
    firm = given(KIND, FIRM, event, later)
    assert decide(firm, later) == ()
    assert decide(firm, event) == (event,)


def test_no_fold_forgets_anything_a_decision_reads() -> None:
    whole = given(KIND, FIRM, *EVERYTHING, LEFT)
    assert all(decide(whole, event) == () for event in (FIRM, *EVERYTHING, LEFT))

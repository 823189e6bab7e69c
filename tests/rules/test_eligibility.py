"""The table of http.md, "Eligibility conditions", row by row, and who may decide what."""

import csv
from collections.abc import Sequence
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckr_es.rules import Refused, Unknown, okved
from ckr_es.rules.decision import Decision, Override, decide
from ckr_es.rules.eligibility import Check, Evidence, Membership, RegistryCheck, assess
from ckr_es.rules.rule_sets import CONDITIONS, Condition, conditions, in_force, rule_set, rule_sets
from ckr_es.rules.verdicts import Verdict, judge

APPLIED, DECIDED = date(2021, 3, 10), date(2021, 3, 12)
CHECK_ID, CERTIFICATE_ID, DECLARATION_ID, MEMBERSHIP_ID, OTHER_ID = (UUID(int=n) for n in range(1, 6))
ON_REGISTRY = {"E0", "E1", "E2", "E4", "E5", "E6", "E7", "E8"}

with (Path(okved.__file__).parent / "okved2_rules.csv").open(encoding="utf-8", newline="") as file:
    LINES = [line for line in csv.DictReader(file, delimiter=";") if line["valid_from"] <= "2021-12-31"]


def found(event_id: UUID = CHECK_ID, as_of: date = date(2021, 3, 5), **changed: Any) -> RegistryCheck:
    record: dict[str, Any] = {
        "source": "manual",
        "result": "found",
        "category": "micro",
        "included_on": date(2018, 8, 10),
        "region_code": "24",
        "okved_main": "10.39",
        "status": "active",
    }
    return RegistryCheck(event_id=event_id, as_of=as_of, **record | changed)


def answered(result: Any, event_id: UUID = CHECK_ID, as_of: date = date(2021, 3, 5)) -> RegistryCheck:
    return RegistryCheck(event_id=event_id, source="manual", as_of=as_of, result=result)


def certificate(
    debt: int | None = 0, as_of: date = date(2021, 3, 1), event_id: UUID = CERTIFICATE_ID
) -> Evidence:
    return Evidence(event_id=event_id, kind="tax_certificate", as_of=as_of, debt_kopecks=debt)


def declaration(
    *covers: str, as_of: date = date(2021, 3, 5), event_id: UUID = DECLARATION_ID, kind: Any = "declaration"
) -> Evidence:
    return Evidence(event_id=event_id, kind=kind, as_of=as_of, covers=covers or ("E5", "E6", "E7"))


def member(
    joined_on: date = date(2020, 1, 1), left_on: date | None = None, event_id: UUID = MEMBERSHIP_ID
) -> Membership:
    return Membership(event_id=event_id, cluster="tourism", joined_on=joined_on, left_on=left_on)


def assessed(
    checks: Sequence[RegistryCheck] = (found(),),
    evidence: Sequence[Evidence] = (certificate(), declaration()),
    memberships: Sequence[Membership] = (member(),),
    applied_on: date = APPLIED,
    decided_on: date = DECIDED,
) -> dict[str, Check]:
    return {c.condition: c for c in assess(applied_on, decided_on, checks, evidence, memberships)}


def verdicts(**given: Any) -> dict[str, Verdict]:
    return {condition: check.verdict for condition, check in assessed(**given).items()}


def with_codes(main: str, *additional: str, **changed: Any) -> dict[str, Check]:
    return assessed(checks=[found(okved_main=main, okved_additional=additional, **changed)])


# --- the verdict table ---------------------------------------------------------------------------


def test_a_whole_file_passes_every_condition_in_order() -> None:
    checks = assess(APPLIED, DECIDED, [found()], [certificate(), declaration()], [member()])
    assert [(c.condition, c.verdict) for c in checks] == [(c, "pass") for c in CONDITIONS]
    assert [f"E{n}" for n in range(10)] == list(CONDITIONS)
    assert {c.condition: c.event_id for c in checks} == {
        **dict.fromkeys(("E0", "E1", "E2", "E4", "E8"), CHECK_ID),
        **dict.fromkeys(("E5", "E6", "E7"), DECLARATION_ID),
        "E3": MEMBERSHIP_ID,
        "E9": CERTIFICATE_ID,
    }


def test_with_nothing_on_file_only_the_membership_is_known() -> None:
    bare = assessed(checks=[], evidence=[])
    assert {c: v.verdict for c, v in bare.items()} == dict.fromkeys(CONDITIONS, "not_checked") | {
        "E3": "pass"
    }
    assert {c.event_id for c in bare.values() if c.condition != "E3"} == {None}


def test_an_unavailable_register_leaves_everything_that_rests_on_it_unchecked() -> None:
    unavailable = assessed(checks=[answered("unavailable")])
    assert {c for c, v in unavailable.items() if v.verdict == "not_checked"} == ON_REGISTRY
    assert {unavailable[c].event_id for c in ON_REGISTRY} == {CHECK_ID}


def test_who_is_absent_fails_the_register_and_nothing_else_is_known() -> None:
    absent = verdicts(checks=[answered("absent")])
    assert {c for c, v in absent.items() if v == "fail"} == {"E1", "E2"}
    assert {c for c, v in absent.items() if v == "not_checked"} == ON_REGISTRY - {"E1", "E2"}


@pytest.mark.parametrize(
    ("changed", "condition", "verdict"),
    [
        ({"region_code": "24"}, "E0", "pass"),
        ({"region_code": "19"}, "E0", "fail"),
        ({"region_code": "84"}, "E0", "fail"),
        ({"region_code": None}, "E0", "not_checked"),
        ({"category": "micro"}, "E1", "pass"),
        ({"category": "small"}, "E1", "pass"),
        ({"category": "medium"}, "E1", "pass"),
        ({"category": None}, "E1", "not_checked"),
        ({"included_on": None}, "E2", "not_checked"),
        ({"okved_main": None}, "E4", "not_checked"),
        ({"status": "active"}, "E8", "pass"),
        ({"status": "liquidating"}, "E8", "fail"),
        ({"status": "liquidated"}, "E8", "fail"),
        ({"status": "reorganizing"}, "E8", "fail"),
        ({"status": "bankruptcy_sale"}, "E8", "fail"),
        ({"status": "bankrupt"}, "E8", "review"),
        ({"status": "suspended"}, "E8", "not_checked"),
        ({"status": ""}, "E8", "not_checked"),
        ({"status": None}, "E8", "not_checked"),
    ],
)
def test_what_the_record_says_decides_its_condition(
    changed: dict[str, Any], condition: str, verdict: Verdict
) -> None:
    assert verdicts(checks=[found(**changed)])[condition] == verdict


@pytest.mark.parametrize("version", ["2001", "2007", ""])
def test_codes_of_another_classifier_are_never_held_against_okved2_rules(version: str) -> None:
    got = verdicts(checks=[found(okved_main="11.05", okved_version=version)])
    assert {c for c, v in got.items() if v == "not_checked"} == {"E4", "E5", "E6", "E7"}


@pytest.mark.parametrize(
    "codes", [(None, ()), ("11 05", ()), ("10.39", ("1105",)), ("10.39", ("",)), ("", ())]
)
def test_codes_that_can_not_be_read_are_not_checked(codes: tuple[str | None, tuple[str, ...]]) -> None:
    main, additional = codes
    got = verdicts(checks=[found(okved_main=main, okved_additional=additional)])
    assert {c for c, v in got.items() if v == "not_checked"} == {"E4", "E5", "E6", "E7"}


# --- which check is the check ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("as_of", "verdict"),
    [
        (APPLIED, "pass"),
        (APPLIED + timedelta(days=1), "not_checked"),
        (APPLIED - timedelta(days=31), "pass"),
        (APPLIED - timedelta(days=32), "not_checked"),
    ],
)
def test_a_check_holds_for_31_days_before_the_application(as_of: date, verdict: Verdict) -> None:
    got = verdicts(checks=[found(as_of=as_of)])
    assert {got[c] for c in ON_REGISTRY} == {verdict}


def test_the_latest_day_wins_whatever_the_order_of_recording() -> None:
    newer, older = found(as_of=date(2021, 3, 8)), answered("absent", OTHER_ID, date(2021, 3, 7))
    assert verdicts(checks=[newer, older])["E2"] == "pass"
    assert verdicts(checks=[older, newer])["E2"] == "pass"


def test_of_one_day_the_answer_recorded_last_wins() -> None:
    assert verdicts(checks=[found(), answered("absent", OTHER_ID)])["E2"] == "fail"
    assert verdicts(checks=[answered("absent", OTHER_ID), found()])["E2"] == "pass"


def test_an_older_answer_does_not_stand_in_for_an_unavailable_register() -> None:
    checks = [found(as_of=date(2021, 3, 1)), answered("unavailable", OTHER_ID, date(2021, 3, 2))]
    assert verdicts(checks=checks)["E1"] == "not_checked"


def test_the_first_days_of_the_calendar_do_not_break_it() -> None:
    first = date(1, 1, 5)
    assert assess(first, first, [], [], [])[0].verdict == "not_checked"
    assert assess(first, first, [found(as_of=date(1, 1, 1))], [], [])[0].verdict == "pass"


# --- registers that hold only a part, and hints ----------------------------------------------------

SNAPSHOT: dict[str, Any] = {"status": None, "via": "snapshot", "as_of": date(2021, 3, 8)}
EXTRACT: dict[str, Any] = {
    "category": None,
    "included_on": None,
    "region_code": None,
    "okved_main": None,
    "okved_additional": None,
    "event_id": OTHER_ID,
}


def test_each_condition_rests_on_the_latest_register_that_speaks_of_it() -> None:
    """The register of SMEs knows no liquidation, and the register of companies no category."""
    for checks in ([found(**SNAPSHOT), found(**EXTRACT)], [found(**EXTRACT), found(**SNAPSHOT)]):
        got = assessed(checks=checks)
        assert {c.verdict for c in got.values()} == {"pass"}
        assert {c for c in ON_REGISTRY if got[c].event_id == OTHER_ID} == {"E8"}


def test_what_no_register_told_is_not_checked() -> None:
    assert verdicts(checks=[found(**SNAPSHOT)])["E8"] == "not_checked"
    got = verdicts(checks=[found(**EXTRACT)])
    assert {c for c, v in got.items() if v == "not_checked"} == ON_REGISTRY - {"E8"}


def test_a_main_code_without_the_others_does_not_pass() -> None:
    got = verdicts(checks=[found(okved_additional=None)])
    assert {c for c, v in got.items() if v == "not_checked"} == {"E4", "E5", "E6", "E7"}


def test_a_newer_absence_outweighs_an_older_part() -> None:
    checks = [found(**EXTRACT), answered("absent", as_of=date(2021, 3, 9))]
    assert verdicts(checks=checks)["E8"] == "not_checked"


def test_a_look_up_that_found_nobody_to_ask_undoes_no_answer() -> None:
    nobody = RegistryCheck(
        event_id=OTHER_ID, source="ЕРСМСП", as_of=APPLIED, result="unavailable", via="snapshot"
    )
    assert verdicts(checks=[found(), nobody])["E2"] == "pass"
    assert verdicts(checks=[nobody])["E2"] == "not_checked"


@pytest.mark.parametrize(
    ("status", "verdict"), [("active", "review"), ("liquidated", "review"), (None, "not_checked")]
)
def test_a_hint_neither_grants_nor_denies(status: str | None, verdict: Verdict) -> None:
    got = assessed(checks=[found(via="dadata", status=status)])
    assert got["E8"].verdict == verdict
    assert {got[c].verdict for c in ("E0", "E1", "E2", "E4")} == {"review"}
    assert got["E0"].inputs["via"] == "dadata"


@pytest.mark.parametrize("hint", ["found", "absent", "unavailable"])
def test_a_hint_never_stands_before_a_register(hint: Any) -> None:
    later = RegistryCheck(
        event_id=OTHER_ID, source="DaData", as_of=APPLIED, result=hint, status="liquidated", via="dadata"
    )
    assert set(verdicts(checks=[found(), later]).values()) == {"pass"}


# --- membership -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("joined_on", "left_on", "verdict"),
    [
        (APPLIED, None, "pass"),
        (APPLIED + timedelta(days=1), None, "fail"),
        (date(2020, 1, 1), APPLIED, "fail"),
        (date(2020, 1, 1), APPLIED + timedelta(days=1), "pass"),
        (APPLIED, APPLIED, "fail"),
    ],
)
def test_a_member_from_the_day_of_joining_and_no_longer_on_the_day_of_leaving(
    joined_on: date, left_on: date | None, verdict: Verdict
) -> None:
    assert verdicts(memberships=[member(joined_on, left_on)])["E3"] == verdict


def test_one_active_membership_is_enough_and_none_is_too_few() -> None:
    ended = member(left_on=date(2020, 6, 1))
    check = assessed(memberships=[ended, member(event_id=OTHER_ID)])["E3"]
    assert (check.verdict, check.event_id) == ("pass", OTHER_ID)
    check = assessed(memberships=[])["E3"]
    assert (check.verdict, check.event_id) == ("fail", None)


# --- the codes ------------------------------------------------------------------------------------

BY_CONDITION: dict[str, Condition] = {
    **dict.fromkeys(("EXCISE_PRODUCTION", "EXCISE_SALE"), "E4"),
    **dict.fromkeys(("MINERALS_EXTRACTION", "MINERALS_COMMON", "MINERALS_SERVICE", "MINERALS_SALE"), "E4"),
    **dict.fromkeys(("CREDIT", "MICROFINANCE", "INSURANCE", "FUND"), "E5"),
    **dict.fromkeys(("PENSION_FUND", "SECURITIES", "PAWNSHOP"), "E5"),
    "PSA": "E6",
    "GAMBLING": "E7",
}
BY_MODE: dict[str, dict[str, Verdict]] = {
    "E4": {"HARD": "fail", "REVIEW": "review", "ALLOW_REVIEW": "pass", "INFO": "pass"},
    "E5": {"HARD": "review", "REVIEW": "review"},
    "E6": {"REVIEW": "review"},
    "E7": {"HARD": "fail", "REVIEW": "review"},
}


@pytest.mark.parametrize("place", ["main", "additional"])
@pytest.mark.parametrize("line", LINES, ids=lambda line: line["prefix"])
def test_every_rule_decides_its_own_condition_and_no_other(line: dict[str, str], place: str) -> None:
    code = line["prefix"]
    got = with_codes(code) if place == "main" else with_codes("10.39", "62.01", code)
    expected: dict[str, Verdict] = dict.fromkeys(("E4", "E5", "E6", "E7"), "pass")
    condition = BY_CONDITION.get(line["rule"])
    if condition:
        expected[condition] = BY_MODE[condition][line["mode"]]
    assert {c: got[c].verdict for c in expected} == expected
    assert {c for c in expected if got[c].inputs["hits"]} == ({condition} if condition else set())
    if condition:
        check = got[condition]
        assert f"правило {code} " in check.explanation
        assert "05.03.2021" in check.explanation
        assert check.event_id == CHECK_ID
        assert check.inputs["hits"] == [
            {"code": code, "prefix": code, "rule": line["rule"], "mode": line["mode"]}
        ]


@pytest.mark.parametrize(
    ("code", "condition", "verdict"),
    [
        ("56.10", "E4", "review"),  # restaurants: a hard rule would empty the tourism clusters
        ("56.10.1", "E4", "review"),
        ("56.30", "E4", "review"),
        ("47.11", "E4", "review"),
        ("09.10", "E4", "review"),  # drilling services: the resource cluster lives here
        ("09.10.9", "E4", "review"),
        ("09.90", "E4", "review"),
        ("09.10.3", "E4", "pass"),  # its longest rule is about the agreement, not about minerals
        ("09.10.3", "E6", "review"),
        ("55.10", "E4", "pass"),
        ("21.20", "E4", "pass"),
        ("08.12.1", "E4", "pass"),
        ("08.12.2", "E4", "review"),
        ("12.00", "E4", "fail"),
        ("12.00.3", "E4", "review"),
        ("11.05", "E4", "fail"),
        ("11.06", "E4", "pass"),
        ("11.07.1", "E4", "review"),
        ("47.30.12", "E4", "review"),
        ("47.30.11", "E4", "fail"),
        ("07.29.41", "E4", "fail"),
        ("64.20", "E5", "pass"),
        ("64.19", "E5", "review"),
        ("64.92.6", "E5", "review"),
        ("65.12.1", "E5", "review"),
        ("92.13", "E7", "fail"),
        ("92.21", "E7", "review"),
        ("93.29", "E7", "pass"),
    ],
)
def test_the_traps_of_the_reference(code: str, condition: str, verdict: Verdict) -> None:
    assert with_codes(code)[condition].verdict == verdict


def test_the_gravest_code_decides_and_is_named() -> None:
    check = with_codes("56.10", "08.12.1", "11.05", "47.26")["E4"]
    assert check.verdict == "fail"
    assert "11.05" in check.explanation
    assert "47.26" in check.explanation
    assert "56.10" not in check.explanation
    assert [hit["code"] for hit in check.inputs["hits"]] == ["56.10", "08.12.1", "11.05", "47.26"]


def test_what_is_only_worth_a_note_passes_with_a_note() -> None:
    check = with_codes("55.10", "08.12.1")["E4"]
    assert check.verdict == "pass"
    assert "к сведению: 55.10 (основной, правило 55 " in check.explanation
    assert "08.12.1 (дополнительный" in check.explanation


def test_licences_lie_beside_the_codes_for_the_person_who_decides() -> None:
    assert with_codes("56.10", licences=("алкоголь 24-1",))["E4"].inputs["licences"] == ["алкоголь 24-1"]


# --- declarations ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filed", "passing"),
    [
        ([], set()),
        ([declaration()], {"E5", "E6", "E7"}),
        ([declaration("E5")], {"E5"}),
        ([declaration("E5", "E7"), declaration("E6", event_id=OTHER_ID)], {"E5", "E6", "E7"}),
        ([declaration(as_of=DECIDED)], {"E5", "E6", "E7"}),
        ([declaration(as_of=DECIDED + timedelta(days=1))], set()),
        ([declaration(as_of=date(2021, 1, 1))], {"E5", "E6", "E7"}),
        ([declaration(as_of=date(2020, 12, 31))], set()),
        ([declaration(kind="document")], set()),
        ([declaration(kind="tax_certificate")], set()),
    ],
)
def test_declared_means_covered_in_the_year_of_the_application_by_the_day_of_the_decision(
    filed: list[Evidence], passing: set[str]
) -> None:
    got = verdicts(evidence=filed)
    assert {c for c in ("E5", "E6", "E7") if got[c] == "pass"} == passing
    assert {c for c in ("E5", "E6", "E7") if got[c] == "not_checked"} == {"E5", "E6", "E7"} - passing


def test_a_decision_in_january_needs_the_declaration_of_the_applications_year() -> None:
    days = {"applied_on": date(2021, 12, 30), "decided_on": date(2022, 1, 12)}
    checks = [found(as_of=date(2021, 12, 20))]
    assert (
        verdicts(checks=checks, evidence=[declaration(as_of=date(2022, 1, 11))], **days)["E5"]
        == "not_checked"
    )
    assert verdicts(checks=checks, evidence=[declaration(as_of=date(2021, 12, 31))], **days)["E5"] == "pass"


@pytest.mark.parametrize(("code", "condition"), [("64.19", "E5"), ("09.10.3", "E6"), ("92.11", "E7")])
def test_without_a_declaration_even_a_hit_is_not_checked_but_is_told(code: str, condition: str) -> None:
    check = assessed(checks=[found(okved_main=code)], evidence=[])[condition]
    assert check.verdict == "not_checked"
    assert code in check.explanation
    assert [hit["code"] for hit in check.inputs["hits"]] == [code]


def test_the_latest_declaration_is_the_one_relied_on() -> None:
    filed = [declaration(as_of=date(2021, 3, 6), event_id=OTHER_ID), declaration()]
    assert assessed(evidence=filed)["E5"].event_id == OTHER_ID


# --- taxes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filed", "verdict"),
    [
        ([], "not_checked"),
        ([certificate(0)], "pass"),
        ([certificate(1)], "fail"),
        ([certificate(None)], "not_checked"),
        ([certificate(0, as_of=date(2021, 3, 2))], "not_checked"),  # fresher, and proves nothing
        ([certificate(0, as_of=date(2021, 2, 1))], "not_checked"),
        ([certificate(5, as_of=date(2021, 3, 2))], "not_checked"),
        ([certificate(5), certificate(0, event_id=OTHER_ID)], "pass"),
        ([certificate(0), certificate(5, event_id=OTHER_ID)], "fail"),
        ([certificate(0), certificate(5, as_of=date(2021, 3, 9))], "pass"),
        ([declaration(as_of=date(2021, 3, 1))], "not_checked"),
    ],
)
def test_taxes_are_proved_for_the_first_day_of_the_month_only(
    filed: list[Evidence], verdict: Verdict
) -> None:
    assert verdicts(evidence=filed)["E9"] == verdict


def test_an_application_on_the_first_needs_that_days_certificate() -> None:
    got = verdicts(applied_on=date(2021, 3, 1), checks=[found(as_of=date(2021, 2, 20))])
    assert got["E9"] == "pass"


def test_a_debt_is_named_but_not_its_sum() -> None:
    assert "7654321" not in assessed(evidence=[certificate(7654321)])["E9"].explanation


# --- explanations and storage ---------------------------------------------------------------------

registry_checks = st.builds(
    RegistryCheck,
    event_id=st.uuids(),
    source=st.just("manual"),
    as_of=st.dates(date(2021, 1, 20), date(2021, 3, 20)),
    result=st.sampled_from(["found", "absent", "unavailable"]),
    category=st.sampled_from([None, "micro", "small", "medium"]),
    included_on=st.none() | st.dates(date(2016, 8, 1), date(2021, 1, 1)),
    region_code=st.sampled_from([None, "24", "19"]),
    okved_main=st.none() | st.sampled_from([line["prefix"] for line in LINES] + ["62.01"]),
    okved_additional=st.lists(st.sampled_from([line["prefix"] for line in LINES]), max_size=3).map(tuple),
    okved_version=st.sampled_from(["2014", "2014", "2001"]),
    status=st.sampled_from([None, "active", "bankrupt", "liquidated"]),
    licences=st.just(("Л-1",)),
)
papers = st.builds(
    Evidence,
    event_id=st.uuids(),
    kind=st.sampled_from(["tax_certificate", "declaration", "document"]),
    as_of=st.sampled_from([date(2021, 3, 1), date(2021, 3, 5), date(2021, 3, 12), date(2020, 3, 1)]),
    debt_kopecks=st.none() | st.integers(0, 5),
    covers=st.sets(st.sampled_from(["E5", "E6", "E7"])).map(tuple),
)
assessments = st.builds(
    assess,
    st.just(APPLIED),
    st.just(DECIDED),
    st.lists(registry_checks, max_size=4),
    st.lists(papers, max_size=4),
    st.lists(st.sampled_from([member(), member(left_on=APPLIED)]), max_size=2),
)


@given(assessments)
def test_every_assessment_is_whole_told_in_one_sentence_and_stored_unchanged(
    checks: tuple[Check, ...],
) -> None:
    assert tuple(c.condition for c in checks) == CONDITIONS
    for check in checks:
        assert check.explanation.endswith(".")
        assert not check.explanation.endswith("..")
        assert msgspec.json.decode(msgspec.json.encode(check), type=Check) == check
        assert check.verdict != "pass" or check.event_id is not None
        assert any(char.isdigit() for char in check.explanation)


# --- the rule sets --------------------------------------------------------------------------------


def test_an_application_is_judged_by_the_rules_of_its_day() -> None:
    days = (date(2020, 1, 1), APPLIED, date(2026, 11, 30), date(2026, 12, 1))
    assert [in_force(day).id for day in days] == ["2021.1", "2021.1", "2021.1", "2026.1"]


@pytest.mark.parametrize(
    ("code", "before", "since"),
    [
        ("46.34", "pass", "review"),
        ("46.73", "pass", "review"),
        ("46.73.1", "pass", "pass"),
        ("46.34.2", "fail", "fail"),
        ("62.01", "pass", "pass"),
    ],
)
def test_group_codes_ask_a_person_since_the_second_set(code: str, before: Verdict, since: Verdict) -> None:
    for id, verdict in (("2021.1", before), ("2026.1", since)):
        checks = assess(APPLIED, DECIDED, [found(okved_main=code)], [], [], rule_set(id))
        assert {c.condition: c.verdict for c in checks}["E4"] == verdict


def test_every_set_words_every_condition_with_its_source() -> None:
    for known in rule_sets():
        worded = conditions(known.valid_from)
        assert tuple(worded) == CONDITIONS
        assert all(
            c.title and c.text and c.citation.startswith("Концепция, раздел 5") for c in worded.values()
        )


# What a decision names must stay what it was: a change is the next set.
PUBLISHED = {"2021.1": "cee92dc299efff18", "2026.1": "43fb16423ac296c7"}


def test_a_set_that_was_published_is_never_edited() -> None:
    digests = {
        known.id: sha256(
            msgspec.json.encode(
                [known, dict(conditions(known.valid_from)), dict(okved.rules(known.valid_from))]
            )
        ).hexdigest()[:16]
        for known in rule_sets()
    }
    assert digests == PUBLISHED


def test_an_unknown_set_is_no_set() -> None:
    with pytest.raises(Unknown):
        rule_set("1999.1")


@given(assessments)
def test_the_recorded_inputs_give_the_verdicts_again(checks: tuple[Check, ...]) -> None:
    for check in checks:
        inputs = msgspec.json.decode(msgspec.json.encode(check.inputs))
        judged = judge(check.condition, inputs, rule_set("2021.1"))
        assert (judged.verdict, judged.explanation) == (check.verdict, check.explanation)


# --- the decision ---------------------------------------------------------------------------------


def file_with(**verdict: Verdict) -> list[Check]:
    return [
        Check(condition=c, verdict=verdict.get(c, "pass"), explanation=f"о {c}", inputs={}, event_id=None)
        for c in CONDITIONS
    ]


def override(condition: str, ground: str = "код не используется") -> Override:
    return Override(condition=condition, ground=ground)


def outcome(
    decision: Decision, checks: Sequence[Check], overrides: Sequence[Override] = (), role: str = "operator"
) -> str | None:
    """The code of the refusal; every refusal carries all ten verdicts."""
    try:
        decide(decision, checks, overrides, role)
    except Refused as raised:
        refusal = raised
    else:
        return None
    assert type(refusal) is Refused
    assert [(p.pointer, p.code, p.detail) for p in refusal.problems] == [
        (f"/checks/{c.condition}", c.verdict, c.explanation) for c in checks
    ]
    return refusal.code


def test_all_conditions_passing_allow_eligible_and_no_refusal() -> None:
    for role in ("operator", "manager"):
        assert outcome("eligible", file_with(), role=role) is None
        assert outcome("refused", file_with(), role=role) == "all-conditions-pass"


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        ("fail", "condition-failed"),
        ("review", "condition-failed"),
        ("not_checked", "condition-not-checked"),
    ],
)
def test_any_condition_that_does_not_pass_forbids_eligible_and_allows_a_refusal(
    condition: str, verdict: Verdict, code: str
) -> None:
    checks = file_with(**{condition: verdict})
    assert outcome("eligible", checks) == code
    assert outcome("eligible", checks, role="manager") == code
    assert outcome("refused", checks) is None


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("verdict", get_args(Verdict))
@pytest.mark.parametrize("role", ["operator", "manager", "auditor", "analyst", "admin", ""])
def test_who_may_override_what(condition: str, verdict: Verdict, role: str) -> None:
    nobody = condition in ("E0", "E1", "E2", "E3", "E9")
    allowed = (verdict == "review" and not nobody and role in ("operator", "manager")) or (
        verdict == "fail" and condition in ("E4", "E7") and role == "manager"
    )
    got = outcome("eligible", file_with(**{condition: verdict}), [override(condition)], role)
    assert got == (None if allowed else "override-not-allowed")


@pytest.mark.parametrize(
    "overrides",
    [
        [override("E4", "")],
        [override("E4", " \n")],
        [override("E4"), override("E4")],
        [override("E4"), override("E5")],
        [override("E4"), override("E10")],
        [override("Е4")],  # a Cyrillic letter
        [override("")],
    ],
)
def test_an_override_without_ground_or_need_or_twice_is_not_allowed(overrides: list[Override]) -> None:
    assert outcome("eligible", file_with(E4="review"), overrides, "manager") == "override-not-allowed"


def test_a_refusal_overrides_nothing() -> None:
    assert outcome("refused", file_with(E4="review"), [override("E4")], "manager") == "override-not-allowed"


def test_overrides_are_judged_first_then_failures_then_what_was_not_checked() -> None:
    checks = file_with(E2="not_checked", E4="fail", E5="review")
    assert outcome("eligible", checks, [override("E4")]) == "override-not-allowed"
    assert outcome("eligible", checks, [override("E4")], "manager") == "condition-failed"
    assert outcome("eligible", checks, [override("E4"), override("E5")], "manager") == "condition-not-checked"
    checks = file_with(E4="fail", E5="review")
    assert outcome("eligible", checks, [override("E4"), override("E5")], "manager") is None


def test_a_decision_never_rests_on_a_part_of_the_verdicts() -> None:
    whole = file_with()
    for part in ([], whole[:9], whole[1:], whole[::-1], [*whole, whole[0]]):
        with pytest.raises(ValueError, match="all the verdicts"):
            decide("eligible", part, [], "manager")


def test_an_override_has_no_other_fields() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"condition": "E4", "ground": "x", "by": "me"}, Override)


def test_a_brewery_is_refused_and_only_a_manager_may_think_otherwise() -> None:
    checks = assess(APPLIED, DECIDED, [found(okved_main="11.05")], [certificate(), declaration()], [member()])
    assert outcome("eligible", checks) == "condition-failed"
    assert outcome("eligible", checks, [override("E4")]) == "override-not-allowed"
    assert outcome("eligible", checks, [override("E4")], "manager") is None
    assert outcome("refused", checks) is None

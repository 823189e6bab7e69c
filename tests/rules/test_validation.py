"""What a client sent becomes a typed value, or every single thing that is wrong with it."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, get_args
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct
from shapes import instances

from ckr_es.aggregates import Event, cluster, participant, plan, service_case
from ckr_es.aggregates.facts import Correction
from ckr_es.aggregates.plan import PlanValue
from ckr_es.rules import Invalid, Problem
from ckr_es.rules.kpi_sets import Policy
from ckr_es.rules.money import Kopecks
from ckr_es.rules.okved import okved_code
from ckr_es.rules.validation import Rule, escape, parse
from ckr_es.rules.values import Code, Document, Inn, Number, Private, Quarter, ServiceCode, Sha256, Text

TODAY = date(2021, 6, 30)
SHAPES = [shape for shape in get_args(Event) if not issubclass(shape, Correction)]


class Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    service: ServiceCode
    cost_kopecks: Kopecks = 0


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body with everything that ours have."""

    title: Text
    signed_on: date
    count: int
    urgent: bool = False
    case_id: UUID | None = None
    document: Document | None = None
    lines: Annotated[tuple[Line, ...], Meta(min_length=1, max_length=2)]
    values: dict[str, PlanValue] | None = None
    quarter: Quarter | None = None
    codes: tuple[Annotated[str, Rule(okved_code)], ...] = ()
    policy: Policy = Policy()


WHOLE: dict[str, Any] = {
    "title": "Мёд",
    "signed_on": "2021-06-30",
    "count": 3,
    "lines": [{"service": "SVC.а"}],
}


def problems(given: Any, type_: Any = Order, at: str = "") -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        parse(type_, given, TODAY, at)
    found = [(problem.pointer, problem.code) for problem in refused.value.problems]
    first = refused.value.problems[0]
    assert (refused.value.code, refused.value.detail) == (first.code, first.detail)
    return found


def problem(given: Any, type_: Any) -> str:
    [(pointer, code)] = problems(given, type_)
    assert pointer == ""
    return code


# --- what is right


def test_a_right_body_becomes_a_value() -> None:
    assert parse(Order, WHOLE, TODAY) == Order(
        title="Мёд", signed_on=TODAY, count=3, lines=(Line(service="SVC.а"),)
    )


def test_all_kinds_of_fields_are_read() -> None:
    given = WHOLE | {
        "urgent": True,
        "case_id": str(UUID(int=7)),
        "document": {"title": "Акт", "number": "1", "date": "2021-01-02", "sha256": "0f" * 32},
        "lines": [{"service": "SVC.а"}, {"service": "SVC.о", "cost_kopecks": 10**15}],
        "values": {"clusters": 5, "sales": 1.5},
        "quarter": "2021-Q2",
        "codes": [" 10.39 ", "62.0"],
        "policy": {"complex_limit": 2},
    }
    assert parse(Order, given, TODAY) == Order(
        title="Мёд",
        signed_on=TODAY,
        count=3,
        urgent=True,
        case_id=UUID(int=7),
        document=Document(title="Акт", number="1", date=date(2021, 1, 2), sha256="0f" * 32),
        lines=(Line(service="SVC.а"), Line(service="SVC.о", cost_kopecks=10**15)),
        values={"clusters": 5, "sales": 1.5},
        quarter="2021-Q2",
        codes=("10.39", "62.0"),
        policy=Policy(complex_limit=2),
    )


def test_null_is_the_same_as_leaving_out_what_may_be_left_out() -> None:
    optional = dict.fromkeys(("case_id", "document", "values", "quarter"))
    assert parse(Order, WHOLE | optional, TODAY) == parse(Order, WHOLE, TODAY)


def test_a_rule_gives_the_value_as_we_keep_it() -> None:
    assert parse(Inn, "2460-066 195", TODAY) == "2460066195"
    assert parse(Inn | None, "2460-066 195", TODAY) == "2460066195"


@given(st.sampled_from(SHAPES), st.data())
@settings(max_examples=300, deadline=None)
def test_an_event_is_read_back_from_its_own_json(shape: type[Any], data: st.DataObject) -> None:
    event = data.draw(instances(shape))
    plain = msgspec.json.decode(msgspec.json.encode(event))
    assert plain.pop("type") == shape.__struct_config__.tag
    assert parse(shape, plain, date(2022, 1, 1)) == event


# --- every error at once


def test_everything_that_is_wrong_is_said_at_once() -> None:
    given = {
        "title": "",
        "signed_on": "2021-02-30",
        "count": "3",
        "urgent": 1,
        "case_id": "7",
        "document": {"title": " ", "date": "2021-07-01", "sha256": "xyz", "author": "я"},
        "lines": [{"service": "SVC.a", "cost_kopecks": -1}, {}, 5],
        "values": {"a/b": -1, "c~d": "много", "ok": 1},
        "quarter": "2021",
        "codes": ["10.39", "1", None],
        "policy": {"complex_limit": 0, "jobs_method": "guess"},
        "a/b~": 1,
    }
    assert problems(given) == [
        ("/title", "text-invalid"),
        ("/signed_on", "date-invalid"),
        ("/count", "wrong-type"),
        ("/urgent", "wrong-type"),
        ("/case_id", "wrong-type"),
        ("/document/title", "blank"),
        ("/document/date", "date-in-future"),
        ("/document/sha256", "text-invalid"),
        ("/document/author", "unknown-field"),
        ("/lines/0/service", "unknown-service"),
        ("/lines/0/cost_kopecks", "out-of-range"),
        ("/lines/1/service", "required"),
        ("/lines/2", "wrong-type"),
        ("/values/a~1b", "out-of-range"),
        ("/values/c~0d", "wrong-type"),
        ("/quarter", "period-invalid"),
        ("/codes/1", "okved-invalid"),
        ("/codes/2", "wrong-type"),
        ("/policy/jobs_method", "unknown-value"),
        ("/policy/complex_limit", "out-of-range"),
        ("/a~1b~0", "unknown-field"),
    ]


def test_all_that_is_missing_is_named() -> None:
    assert problems({}) == [
        ("/title", "required"),
        ("/signed_on", "required"),
        ("/count", "required"),
        ("/lines", "required"),
    ]


def test_pointers_begin_where_the_value_lies() -> None:
    assert problems({}, Line, "/body/lines/0") == [("/body/lines/0/service", "required")]


def test_words_are_for_people_and_name_the_field() -> None:
    with pytest.raises(Invalid) as refused:
        parse(Line, {"cost": 1}, TODAY)
    assert [p.detail for p in refused.value.problems] == [
        "Не указано обязательное поле «service»",
        "Неизвестное поле «cost»",
    ]


@pytest.mark.parametrize("given", [None, [], "{}", 1, True, 1.5])
def test_a_body_is_an_object(given: Any) -> None:
    assert problem(given, Order) == "wrong-type"


# --- types


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        (Text, 5),
        (Text, None),
        (Text, ["а"]),
        (Text, {"а": 1}),
        (int, "5"),
        (int, 5.0),
        (int, True),
        (Kopecks, "100"),
        (Kopecks, 1.5),
        (Kopecks, False),
        (bool, 0),
        (bool, "true"),
        (UUID, "12345"),
        (UUID, 5),
        (tuple[int, ...], {"0": 1}),
        (tuple[int, ...], "1"),
        (dict[str, int], []),
        (PlanValue, "5"),
        (PlanValue, None),
        (PlanValue, True),
        (Inn, 2460066195),
    ],
)
def test_a_value_of_the_wrong_type_is_not_turned_into_the_right_one(type_: Any, given: Any) -> None:
    assert problem(given, type_) == "wrong-type"


@pytest.mark.parametrize("type_", [service_case.Override, cluster.Reorganised])
def test_one_of_few_values_says_which(type_: Any) -> None:
    name = "condition" if type_ is service_case.Override else "into"
    for value in ("E10", 5, None, [], {}, "e0"):
        assert (f"/{name}", "unknown-value") in problems({name: value}, type_)


# --- dates


@pytest.mark.parametrize(
    "given",
    ["2021-02-30", "2021-13-01", "2021-00-01", "2021-2-3", "20210203", "2021-02-03T00:00:00", " 2021-02-03",
     "2021-02-03\n", "0000-01-01", "", "вчера", 20210203, None, True, ["2021-02-03"], {}],
)  # fmt: skip
def test_a_date_is_a_day_that_exists(given: Any) -> None:
    assert problem(given, date) == "date-invalid"


def test_a_date_is_never_after_today() -> None:
    assert parse(date, "2021-06-30", TODAY) == TODAY
    assert problem("2021-07-01", date) == "date-in-future"
    assert problem("9999-12-31", date) == "date-in-future"
    assert problem("2021-07-01", date | None) == "date-in-future"


# --- text


@pytest.mark.parametrize("sign", ["\x00", "\x01", "\r", "\x1b", "\x1f", "\x7f", "\x85", "\ud800"])
def test_control_characters_are_refused_wherever_text_stands(sign: str) -> None:
    assert problem(f"а{sign}б", Text) == "control-character"
    assert problem(f"а{sign}б", Private) == "control-character"
    assert problem({f"а{sign}": 1}, dict[str, int]) == "control-character"
    assert problems({"x": [f"{sign}"]}, dict[str, Any]) == [("/x", "control-character")]
    assert problems([[sign]], list[Any]) == [("/0", "control-character")]


def test_lines_and_tabs_are_text() -> None:
    assert parse(Text, "строка\n\tещё строка 🐝", TODAY) == "строка\n\tещё строка 🐝"


@pytest.mark.parametrize("given", [" ", "\t\n", "\u00a0", "\u2003"])
def test_blank_text_is_no_text(given: str) -> None:
    assert problem(given, Text) == "blank"
    assert problem(given, Private) == "blank"


@pytest.mark.parametrize(
    ("type_", "given"),
    [
        (Text, ""),
        (Text, "я" * 2001),
        (Number, "я" * 101),
        (Private, ""),
        (Private, "я" * 2001),
        (Code, "Organic"),
        (Code, "-organic"),
        (Code, "organic\n"),
        (Code, "organic\nfood"),
        (Code, "o" * 64),
        (Sha256, "0f" * 31),
        (Sha256, "0f" * 32 + "\n"),
        (Sha256, "0F" * 32),
        (participant.RegionCode, "24\n"),
        (participant.RegionCode, "٢٤"),
    ],
)
def test_text_has_its_length_and_form(type_: Any, given: str) -> None:
    assert problem(given, type_) == "text-invalid"


# --- numbers


@pytest.mark.parametrize("given", [-1, 10**15 + 1, 2**63, 2**64, 10**30, -(10**400), 10**4000])
def test_money_is_neither_negative_nor_astronomic(given: int) -> None:
    assert problem(given, Kopecks) == "out-of-range"


@pytest.mark.parametrize(
    "given", [-1, -0.5, float("nan"), float("inf"), -float("inf"), 1e300, 10**30, 10**400]
)
def test_a_plan_value_is_a_finite_number(given: float) -> None:
    assert problem(given, PlanValue) == "out-of-range"
    assert problem(given, PlanValue | None) == "out-of-range"
    assert problems({"clusters": given}, dict[str, PlanValue]) == [("/clusters", "out-of-range")]


@pytest.mark.parametrize("text", ["1e400", "-1e400", "NaN", "Infinity", "[" * 100_000])
def test_what_is_no_json_number_or_has_no_end_never_gets_here(text: str) -> None:
    with pytest.raises((msgspec.DecodeError, RecursionError)):
        msgspec.json.decode(text)


# --- collections


def test_a_list_has_its_number_of_items() -> None:
    for count in (0, 3):
        given = WHOLE | {"lines": [{"service": "SVC.а"}] * count}
        assert problems(given) == [("/lines", "wrong-length")]
    markets: dict[str, Any] = {
        "title": "Мёд",
        "launched_on": "2021-05-01",
        "case_id": str(UUID(int=1)),
        "evidence": "Каталог",
    }
    for given in ([], ["russian"] * 3):
        assert problems(markets | {"markets": given}, participant.ProductLaunched) == [
            ("/markets", "wrong-length")
        ]


def test_what_is_wrong_with_the_items_is_said_before_their_number() -> None:
    given = WHOLE | {"lines": [{"service": "SVC.а"}, {}, {"service": "?"}]}
    assert problems(given) == [("/lines/1/service", "required"), ("/lines/2/service", "unknown-service")]


def test_depth_without_end_is_no_crash() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert problem(deep, dict[str, Any]) == "wrong-type"
    assert problem(deep, date) == "date-invalid"
    assert parse(dict[str, Any], {"x": deep}, TODAY) == {"x": deep}
    assert problems(WHOLE | {"count": deep, "values": {"a": deep}}) == [
        ("/count", "wrong-type"),
        ("/values/a", "wrong-type"),
    ]


# --- what an error may repeat


def test_an_error_repeats_little_and_nothing_that_identifies_a_person() -> None:
    def shown(given: Any, type_: Any) -> Any:
        with pytest.raises(Invalid) as refused:
            parse(type_, given, TODAY)
        assert str(given)[:20] not in refused.value.detail
        return refused.value.problems[0].given

    assert shown("я" * 3000, Text) == "я" * 100
    assert shown({"secret": 1}, Text) == "dict"
    assert shown(-5, Kopecks) == -5
    assert shown(10**4000, Kopecks) == "…"
    assert shown("Иванов И. И." * 500, Private) is None
    assert shown("246006619512", Inn) is None
    assert shown(246006619512, Inn) is None
    assert shown("\x00Иванов", Private) is None


@pytest.mark.parametrize("given", [float("nan"), 10**4000, "\ud800", b"\xff", {1: 2}])
def test_an_error_can_always_be_answered_as_json(given: Any) -> None:
    with pytest.raises(Invalid) as refused:
        parse(
            Order,
            {"title": given, "count": given, "signed_on": given, "lines": given, "values": {"a": given}},
            TODAY,
        )
    assert msgspec.json.encode(refused.value.problems)


def test_a_pointer_escapes_names() -> None:
    assert escape("a/b~c") == "a~1b~0c"


# --- never a crash

TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["2021-02-30", "2021-01-01", "2021-Q2", "SVC.а", "10.39", "organic", "2460066195"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def read_or_refused(shape: type[Any], body: Any) -> None:
    wrong: Sequence[Problem] = ()
    try:
        event = parse(shape, body, date(2100, 1, 1))
    except Invalid as refused:
        wrong = refused.problems
    else:
        assert msgspec.json.decode(msgspec.json.encode(event), type=shape) == event
        assert isinstance(event.effective_on, date)
        return
    assert wrong
    assert all(p.pointer == "" or p.pointer.startswith("/") for p in wrong)
    assert msgspec.json.encode(wrong)


@given(st.sampled_from(get_args(Event)), TREES)
@settings(max_examples=500, deadline=None)
def test_anything_at_all_is_read_or_refused(shape: type[Any], given: Any) -> None:
    read_or_refused(shape, given)


@given(st.sampled_from(get_args(Event)), st.data())
@settings(max_examples=1000, deadline=None)
def test_a_body_with_anything_in_some_fields_is_read_or_refused(
    shape: type[Any], data: st.DataObject
) -> None:
    fields = msgspec.structs.fields(shape)
    right = msgspec.json.decode(msgspec.json.encode(data.draw(instances(shape))))
    del right["type"]
    wrong = data.draw(st.dictionaries(st.sampled_from([field.name for field in fields]), TREES, max_size=3))
    read_or_refused(shape, right | wrong)


def test_years_of_a_plan_stay_years() -> None:
    given: dict[str, Any] = {
        "federal_kopecks": 1,
        "regional_kopecks": 1,
        "document": {"title": "Закон"},
    }
    for year in (0, -1, 10_000, 10**30):
        assert problems(given | {"year": year}, plan.FundingSet) == [("/year", "out-of-range")]

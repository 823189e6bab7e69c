"""A quarter is closed once it is over, and opened again by a second person."""

from datetime import date
from uuid import UUID

import pytest
from aggregates.given import refused

from ckr_es.aggregates.reporting_period import (
    Closed,
    Event,
    Reopened,
    ReportingPeriod,
    evolve,
    may_close,
    reopen,
)
from ckr_es.rules import Forbidden, Invalid
from ckr_es.rules.kpi_sets import Policy

AFTER = date(2021, 7, 1)


def closed(version: int = 1, by: str = "s-1") -> Closed:
    return Closed(
        label="2021-Q2",
        version=version,
        closed_on=AFTER,
        closed_by=by,
        approved_by="Директор",
        as_of=date(2021, 6, 30),
        known_position=10,
        kpi_set="2021",
        policy=Policy(),
        table=({"kpi": "services", "actual": 5},),
        ledger_root="00" * 32,
    )


REOPENED = Reopened(label="2021-Q2", version=1, reopened_on=AFTER, reason="Ошибка в акте")


def given(*events: Event) -> ReportingPeriod | None:
    state: ReportingPeriod | None = None
    for event in events:
        state = evolve(state, event, UUID(int=0))
    return state


def test_the_closings_of_a_period_are_numbered() -> None:
    assert may_close(None, "2021-Q2", AFTER) == 1
    assert may_close(given(closed(), REOPENED), "2021-Q2", AFTER) == 2
    assert may_close(given(closed(), REOPENED, closed(2), REOPENED), "2021-Q2", AFTER) == 3


@pytest.mark.parametrize(("label", "last"), [("2021-Q2", date(2021, 6, 30)), ("2021", date(2021, 12, 31))])
def test_a_period_is_closed_only_when_its_last_day_is_over(label: str, last: date) -> None:
    with refused("period-not-over"):
        may_close(None, label, last)
    assert may_close(None, label, date.fromordinal(last.toordinal() + 1)) == 1


def test_a_closed_period_is_not_closed_again() -> None:
    with refused("already-closed"):
        may_close(given(closed()), "2021-Q2", AFTER)
    with refused("already-closed"):
        may_close(given(closed(), REOPENED, closed(2)), "2021-Q2", AFTER)


def test_a_label_that_names_no_period_is_invalid() -> None:
    with pytest.raises(Invalid, match="period-invalid"):
        may_close(None, "2021-Q5", AFTER)


def test_a_second_person_opens_it_again() -> None:
    said = {"label": "2021-Q2", "reason": "Ошибка в акте", "reopened_on": AFTER}
    assert reopen(given(closed()), actor="s-2", **said) == (REOPENED,)
    with pytest.raises(Forbidden, match="same-person"):
        reopen(given(closed()), actor="s-1", **said)


def test_the_second_person_is_another_than_who_closed_it_last() -> None:
    twice = given(closed(by="s-1"), REOPENED, closed(2, by="s-2"))
    said = {"label": "2021-Q2", "reason": "Ещё ошибка", "reopened_on": AFTER}
    [event] = reopen(twice, actor="s-1", **said)
    assert isinstance(event, Reopened)
    assert event.version == 2
    with pytest.raises(Forbidden, match="same-person"):
        reopen(twice, actor="s-2", **said)


@pytest.mark.parametrize("state", [None, given(closed(), REOPENED)])
def test_only_a_closed_period_is_opened(state: ReportingPeriod | None) -> None:
    with refused("not-closed"):
        reopen(state, label="2021-Q2", reason="Ошибка", reopened_on=AFTER, actor="s-2")


def test_what_was_submitted_is_the_last_closing_even_while_open() -> None:
    assert ReportingPeriod().submitted is None
    state = given(closed(), REOPENED)
    assert state is not None
    assert state.open
    assert state.submitted == closed()
    again = given(closed(), REOPENED, closed(2))
    assert again is not None
    assert not again.open
    assert again.submitted == closed(2)

"""Kopecks are exact; thousand roubles are only how they are shown."""

from decimal import Decimal, localcontext

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckr_es.rules.money import Kopecks, thousand_roubles


def test_kopecks_of_the_acceptance_year_read_as_thousand_roubles() -> None:
    assert thousand_roubles(151_234_567_89) == Decimal("151234.56789")
    assert thousand_roubles(100_000_000_00) == 100_000
    assert thousand_roubles(0) == 0


@given(st.integers(-(10**40), 10**40))
def test_nothing_is_rounded_whatever_the_context(kopecks: int) -> None:
    with localcontext(prec=3):
        shown = thousand_roubles(kopecks)
    with localcontext(prec=60):
        assert shown * 100_000 == kopecks


@pytest.mark.parametrize("wrong", [-1, 10**15 + 1, 1.5, "1", True])
def test_kopecks_are_whole_and_bounded(wrong: object) -> None:
    assert msgspec.convert(10**15, Kopecks) == 10**15
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Kopecks)

"""Random events and documents for any of our types, out of few values so that they meet often."""

import types
from datetime import date
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from hypothesis import strategies as st

from ckr_es.aggregates.participant import OkvedCode, RegionCode
from ckr_es.aggregates.plan import PlanValue, Year
from ckr_es.aggregates.roadmap import MeasureNumber
from ckr_es.rules.support import Digits4
from ckr_es.rules.support import LegalInn as SupportInn
from ckr_es.rules.values import (
    Code,
    FunctionCode,
    Inn,
    LegalInn,
    Month,
    Number,
    Ogrn,
    Private,
    Quarter,
    ServiceCode,
    Sha256,
    Text,
)

DAYS = tuple(date(2021, month, day) for month in (3, 4) for day in (1, 2, 9, 30))
KNOWN: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (Code, st.sampled_from(["organic", "digital"])),
    (Digits4, st.sampled_from(["0400", "0101"])),
    (FunctionCode, st.sampled_from(["FN.а", "FN.о"])),
    (SupportInn, st.sampled_from(["2460066195", "7707083893"])),
    (LegalInn, st.sampled_from(["2460066195", "7707083893"])),
    (Inn, st.sampled_from(["2460066195", "7707083893"])),
    (Month, st.sampled_from(["2021-03", "2021-04"])),
    (MeasureNumber, st.sampled_from(["11", "3.1"])),
    (Number, st.sampled_from(["1", "2/б"])),
    (Ogrn, st.sampled_from(["1022402652469"])),
    (OkvedCode, st.sampled_from(["10.89", "62.01"])),
    (PlanValue, st.sampled_from([0, 5, 2.5])),
    (Quarter, st.sampled_from(["2021-Q1", "2021-Q2"])),
    (RegionCode, st.sampled_from(["24", "77"])),
    (ServiceCode, st.sampled_from(["SVC.а", "SVC.б", "SVC.в"])),
    (Sha256, st.sampled_from(["0f" * 32, "ab" * 32])),
    (Text, st.sampled_from(["Мёд", "Воск\nи соты"])),
    (Private, st.sampled_from(["Мёд", "Воск"])),
    (date, st.sampled_from(DAYS)),
    (UUID, st.sampled_from([UUID(int=1), UUID(int=2)])),
    (Year, st.sampled_from([2021, 2022])),
    (bool, st.booleans()),
    (str, st.sampled_from(["а", "2021"])),
    (float, st.sampled_from([0.0, 2.5])),
    (Any, st.sampled_from([None, 1, "а", [{"б": 2}]])),
    (type(None), st.none()),
]


def instances(type_: Any, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of the type; `fields` are given for those of a struct that should be other than anything."""
    for known, strategy in KNOWN:
        if type_ == known:
            return strategy
    origin, args = get_origin(type_), get_args(type_)
    if origin is Annotated and args[0] is int:
        low = next(
            (meta.ge for meta in args[1:] if isinstance(meta, msgspec.Meta) and meta.ge is not None), 0
        )
        return st.integers(low, low + 3)
    if origin is Annotated and get_origin(args[0]) is tuple:
        longest = next(meta.max_length for meta in args[1:] if isinstance(meta, msgspec.Meta))
        return st.lists(instances(get_args(args[0])[0]), min_size=1, max_size=min(longest, 3)).map(tuple)
    if type_ is int:
        return st.integers(1, 4)
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (Union, types.UnionType):
        return st.one_of(*(instances(arg) for arg in args))
    if origin is tuple:
        return st.lists(instances(args[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(st.sampled_from(["services", "clusters"]), instances(args[1]), max_size=2)
    assert issubclass(type_, msgspec.Struct), type_
    hints = get_type_hints(type_, include_extras=True)
    named = {name: fields.get(name, hint) for name, hint in hints.items() if name != "late_reason"}
    built = {
        name: given if isinstance(given, st.SearchStrategy) else instances(given)
        for name, given in named.items()
    }
    return st.builds(type_, **built)

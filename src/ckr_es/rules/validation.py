"""Turns what a client sent into a typed value, or into every single thing that is wrong with it.

msgspec stops at the first error; people who fill in forms, and programs that send them, want them all.
"""

import operator
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import cache, reduce
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from ckr_es.rules import Invalid, Problem

# Categories Cc and Cs, but for line feed and tab.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Rule:
    """A check that no type expresses, hung on a field: `Annotated[str, Rule(identifiers.inn)]`.

    The function returns the value as we keep it, or raises Invalid.
    """

    __slots__ = ("check",)

    def __init__(self, check: Callable[[Any], Any]) -> None:
        self.check = check


T = typing.TypeVar("T")


def parse(type_: type[T], given: object, today: date, at: str = "") -> T:
    """The value, or Invalid with a Problem for each field; no date in it lies after `today`."""
    value, problems = _read(type_, given, today, at)
    if problems:
        first = problems[0]
        raise Invalid(first.code, first.detail, problems)
    return typing.cast(T, value)


def _read(type_: Any, given: object, today: date, at: str) -> tuple[Any, list[Problem]]:
    shape = shape_of(type_)
    if given is None and shape.optional:
        return None, []
    if shape.struct is not None:
        return _read_struct(shape.struct, given, today, at)
    if shape.origin in (list, tuple) and isinstance(given, list):
        return _read_items(type_, shape.args[0], given, today, at)
    if shape.origin is dict and isinstance(given, Mapping):
        return _read_mapping(type_, shape.args[1], given, today, at)
    value, problem = _read_plain(type_, given, today, at)
    if (rule := shape.rule) is not None:  # it may be an identifier: no problem repeats it
        if problem is not None:
            return None, [Problem(at, problem.code, problem.detail)]
        try:
            value = rule.check(value)
        except Invalid as wrong:
            problem = Problem(at, wrong.code, wrong.detail)
    return value, [problem] if problem else []


def _read_struct(type_: type[Struct], given: object, today: date, at: str) -> tuple[Any, list[Problem]]:
    if not isinstance(given, Mapping):
        return None, [Problem(at, "wrong-type", "Ожидается объект JSON", _shown(given))]
    fields, values, problems = fields_of(type_), {}, []
    for name, (hint, required) in fields.items():
        if name in given:
            values[name], wrong = _read(hint, given[name], today, f"{at}/{name}")
            problems += wrong
        elif required:
            problems.append(Problem(f"{at}/{name}", "required", f"Не указано обязательное поле «{name}»"))
    problems += [
        Problem(f"{at}/{escape(str(name))}", "unknown-field", f"Неизвестное поле «{name}»")
        for name in given
        if name not in fields
    ]
    if problems:
        return None, problems
    return type_(**values), []


def _read_items(
    type_: Any, item: Any, given: list[object], today: date, at: str
) -> tuple[Any, list[Problem]]:
    read = [_read(item, value, today, f"{at}/{n}") for n, value in enumerate(given)]
    problems = [problem for _, wrong in read for problem in wrong]
    if problems:
        return None, problems
    whole, problem = _read_plain(type_, given, today, at)  # how many there may be
    if problem:
        return None, [problem]
    values = [value for value, _ in read]
    return (tuple(values) if isinstance(whole, tuple) else values), []


def _read_mapping(
    type_: Any, item: Any, given: Mapping[str, object], today: date, at: str
) -> tuple[Any, list[Problem]]:
    read = {name: _read(item, value, today, f"{at}/{escape(name)}") for name, value in given.items()}
    problems = [problem for _, wrong in read.values() for problem in wrong]
    if problems:
        return None, problems
    _, problem = _read_plain(type_, given, today, at)  # what its keys may be
    return (None, [problem]) if problem else ({name: value for name, (value, _) in read.items()}, [])


def _read_plain(type_: Any, given: object, today: date, at: str) -> tuple[Any, Problem | None]:
    # Before anything else: a lone surrogate can't even be converted.
    if any(CONTROL.search(text) for text in _texts(given)):
        return None, Problem(at, "control-character", "Текст содержит недопустимый управляющий символ")
    try:
        value = msgspec.convert(given, type_)
    except msgspec.ValidationError as error:
        return None, _explain(type_, given, str(error), at)
    for text in _texts(value):
        if text and not text.strip():
            return None, Problem(at, "blank", "Текст пуст", text)
    if isinstance(value, date) and not isinstance(value, datetime) and value > today:
        return None, Problem(at, "date-in-future", f"Дата {value} ещё не наступила", str(value))
    return value, None


def _explain(type_: Any, given: object, message: str, at: str) -> Problem:
    """msgspec's English message as a stable code and Russian words; the rule is the type itself."""
    inner = shape_of(type_).inner
    shown = _shown(given)
    if inner is date:
        return Problem(at, "date-invalid", "Нужна существующая дата вида ГГГГ-ММ-ДД", shown)
    if get_origin(inner) is Literal:
        allowed = ", ".join(str(value) for value in get_args(inner))
        return Problem(at, "unknown-value", f"Допустимые значения: {allowed}", shown)
    _, _, rule = message.partition("Expected ")
    if inner is str and isinstance(given, str):
        code, words = "text-invalid", "Недопустимый текст"
    elif " of length " in rule:
        code, words = "wrong-length", "Недопустимое число элементов"
    elif "<=" in rule or ">=" in rule:
        code, words = "out-of-range", "Недопустимое число"
    else:
        code, words = "wrong-type", "Неверный тип значения"
    return Problem(at, code, f"{words}: требуется {rule.split(' - at')[0]}" if rule else words, shown)


def _texts(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case Mapping() as mapping:
                waiting += [*mapping.keys(), *mapping.values()]
            case list() | tuple() as items:
                waiting += items


def _shown(given: object) -> object:
    """The value as an error repeats it: short, and never a whole document."""
    if isinstance(given, int) and not -(2**63) <= given < 2**63:
        return "…"
    if given is None or isinstance(given, bool | int | float):
        return given
    return given[:100] if isinstance(given, str) else type(given).__name__


@cache
def fields_of(type_: type[Struct]) -> dict[str, tuple[Any, bool]]:
    """The type of each field, and whether it is required."""
    hints = typing.get_type_hints(type_, include_extras=True)
    return {field.name: (hints[field.name], field.required) for field in msgspec.structs.fields(type_)}


class Shape(NamedTuple):
    """A type taken apart: `inner` is below Annotated and `| None`."""

    inner: Any
    rule: Rule | None
    optional: bool
    struct: type[Struct] | None
    origin: Any
    args: tuple[Any, ...]


@cache
def shape_of(type_: Any) -> Shape:
    said, rule = _unwrap(type_)
    inner = _without_none(said)
    struct = inner if isinstance(inner, type) and issubclass(inner, Struct) else None
    return Shape(inner, rule, _optional(said), struct, get_origin(inner), get_args(inner))


def _unwrap(type_: Any) -> tuple[Any, Rule | None]:
    """The type below Annotated (and below `| None`), and the rule that hangs on it."""
    if get_origin(type_) is Annotated:
        inner, *extras = get_args(type_)
        return inner, next((extra for extra in extras if isinstance(extra, Rule)), None)
    if get_origin(type_) in (Union, types.UnionType):
        some = [arg for arg in get_args(type_) if arg is not type(None)]
        if len(some) == 1 and get_origin(some[0]) is Annotated:
            inner, rule = _unwrap(some[0])
            return inner | None, rule
    return type_, None


def _optional(type_: Any) -> bool:
    return get_origin(type_) in (Union, types.UnionType) and type(None) in get_args(type_)


def _without_none(type_: Any) -> Any:
    if not _optional(type_):
        return type_
    some = [arg for arg in get_args(type_) if arg is not type(None)]
    return some[0] if len(some) == 1 else reduce(operator.or_, some)


def escape(name: str) -> str:
    """A name as a step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")

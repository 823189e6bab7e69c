"""What a form asks for, field by field: made of the command's own types, and turned into the JSON that it takes."""

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, get_args, get_origin
from uuid import UUID

from litestar.datastructures import FormMultiDict
from msgspec import Struct
from msgspec.structs import replace

from ckr_es.api.figures import Figures
from ckr_es.api.reads import Reader
from ckr_es.application import ServiceTracking
from ckr_es.reports.fields import TITLES
from ckr_es.reports.russian import lower_first
from ckr_es.rules import Invalid, Problem
from ckr_es.rules.validation import fields_of, shape_of
from ckr_es.web.page import Page
from ckr_es.web.words import VALUES

Kind = Literal[
    "text", "area", "date", "month", "number", "money", "choice", "choices", "flag", "lines", "rows"
]
Options = Sequence[tuple[str, str]]
Typed = Mapping[str, Any]
Body = dict[str, Any]

CODES: Final = frozenset({"service", "function"})  # of the catalogue: chosen, though any text fits their type
AREAS: Final = frozenset({"conclusion", "note", "reason", "result", "specialisation"})  # of several lines
RARE: Final = frozenset({"external_id", "funding", "licences", "sha256", "source"})
PLAIN: Final = frozenset({"text", "area", "number", "money", "flag"})  # what a column of pasted lines may be
YES: Final = frozenset({"да", "yes", "1", "+"})
HELP: Final = {"sha256": "Если файл хранится: по нему видно, что документ тот же."}
MOST_DIGITS: Final = 18
LONGEST: Final = 110  # characters of an option


class Asked(Struct, frozen=True):
    """What a form may look at to say whom it is about and what there is to choose; `of` is what it was begun from."""

    page: Page
    tracking: ServiceTracking
    reading: Reader
    figures: Figures
    steps: Mapping[str, Any]
    of: UUID | None

    @property
    def id(self) -> UUID:
        """The id that stands in the path."""
        id: UUID = self.steps["id"]
        return id


class Field(Struct, frozen=True, kw_only=True):
    """A field of the command's body; a name with a dot is a field of an object in it.

    `money` is typed in roubles, `flag` is true or false, `choices` is a list of what was ticked, `lines` a list of
    what was pasted, one a line, `rows` a list of objects, one a line by its `columns`. A number with options is
    chosen. `about` is the part of the body that is made of the field, where it has another name, and `codes` are
    refusals that the field is the answer to: both stand at it.
    """

    name: str
    label: str
    kind: Kind = "text"
    help: str = ""
    options: Options | Callable[[Asked], Options] = ()
    optional: bool = False
    initial: str | bool | Sequence[str] = ""
    private: bool = False  # names a person: browsers are asked not to remember it
    about: str = ""
    codes: frozenset[str] = frozenset()
    group: str = ""  # a heading that stands above it
    rare: bool = False  # stands aside until it is needed
    columns: tuple["Field", ...] = ()

    @property
    def id(self) -> str:
        return f"field-{self.name.replace('.', '-')}"

    @property
    def title(self) -> str:
        """What it is called among others: a part of an object by the object."""
        return self.label.partition(":")[0]

    def choose_from(self, asked: Asked) -> Options:
        return self.options(asked) if callable(self.options) else self.options


LATE_REASON: Final = Field(
    name="late_reason",
    label="Причина позднего ввода",
    help="Нужна, только если дата лежит в закрытом периоде: отчёт за него уже сдан.",
    optional=True,
    codes=frozenset({"period-closed"}),
    rare=True,
)


def asked_for(
    body: type[Struct],
    *,
    only: Sequence[str] = (),
    but: Collection[str] = (),
    at: str = "",
    **said: Mapping[str, Any],
) -> tuple[Field, ...]:
    """A field for each of the body's: `only` those, in that order, or all `but` those.

    `said` is what is to be known of some of them beside. What no person can type (a table, a map) is left out.
    """
    known = fields_of(body)
    made: list[Field] = []
    for name in only or [name for name in known if name not in but and name != LATE_REASON.name]:
        hint, needed = known[name]
        inner = shape_of(hint).inner
        if isinstance(inner, type) and issubclass(inner, Struct):
            for part in asked_for(inner, at=f"{at}{name}."):
                label = f"{_label(name)}: {lower_first(part.label)}"
                whole = replace(
                    part,
                    label=label,
                    optional=part.optional or not needed,
                    rare=part.rare or (name == "document" and not needed),
                )
                made.append(replace(whole, **said.get(part.name.removeprefix(at).replace(".", "_"), {})))
        elif (kind := _kind(name, hint)) is not None:
            columns = asked_for(shape_of(shape_of(hint).args[0]).inner) if kind == "rows" else ()
            if any(column.kind not in PLAIN for column in columns):
                continue
            field = Field(
                name=f"{at}{name}",
                label=_label(name),
                kind=kind,
                columns=columns,
                help=HELP.get(name) or (_pasted(columns) if columns else ""),
                optional=not needed,
                rare=name in RARE and not needed,
                options=_options(name, hint) if kind in ("choice", "choices") else (),
            )
            made.append(replace(field, **said.get(name, {})))
    return tuple(made)


def typed_in(field: Field, sent: FormMultiDict) -> Any:
    """As it came: text, a list of what was ticked, or whether it was."""
    match field.kind:
        case "choices":
            return [str(value) for value in sent.getall(field.name, [])]
        case "flag":
            return field.name in sent
        case _:
            return str(sent.get(field.name, "")).replace("\r\n", "\n").strip()


def shown_in(field: Field, value: Any) -> Any:
    """A value of a body as it would have been typed."""
    match field.kind:
        case _ if value is None:
            return [] if field.kind == "choices" else ""
        case "money":
            return f"{Decimal(value).scaleb(-2):.2f}".replace(".", ",")
        case "lines":
            return "\n".join(value)
        case "rows":
            return "\n".join(_line(field.columns, one) for one in value)
        case "choices":
            return list(value)
        case "flag":
            return bool(value)
        case _:
            return str(value)


def body_of(fields: Sequence[Field], typed: Typed) -> Body:
    """The JSON that a program would send; what is left empty is left out. Raises Invalid with every wrong number."""
    body: Body = {}
    problems: list[Problem] = []
    for field in fields:
        value = typed[field.name]
        if value in ("", []) and field.kind != "flag":
            continue
        try:
            put(body, field.name, _said(field, value))
        except ValueError as error:
            problems.append(Problem("/" + field.name.replace(".", "/"), "number-invalid", str(error)))
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)
    return body


def put(body: Body, name: str, value: Any) -> None:
    """Where a name with dots says."""
    *objects, last = name.split(".")
    for one in objects:
        body = body.setdefault(one, {})
    body[last] = value


def found(body: Mapping[str, Any], name: str) -> Any:
    """What stands where a name with dots says; None where nothing does."""
    value: Any = body
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _pasted(columns: Sequence[Field]) -> str:
    said = "; ".join(lower_first(f"{one.label}, ₽" if one.kind == "money" else one.label) for one in columns)
    return f"По одному в строке, через точку с запятой или табуляцию: {said}."


def _line(columns: Sequence[Field], one: Mapping[str, Any]) -> str:
    cells = [shown_in(column, one.get(column.name)) for column in columns]
    said = ["да" if cell is True else "" if cell is False else _quoted(cell) for cell in cells]
    return "; ".join(said).rstrip("; ")


def _quoted(cell: str) -> str:
    return '"{}"'.format(cell.replace('"', '""')) if ";" in cell or cell.startswith('"') else cell


def _row(columns: Sequence[Field], line: str) -> Body:
    """The object that a pasted line tells of."""
    try:
        (cells,) = csv.reader([line], delimiter="\t" if "\t" in line else ";", skipinitialspace=True)
    except csv.Error:
        raise ValueError("Строку не разобрать: проверьте кавычки") from None
    if len(cells) > len(columns):
        raise ValueError(f"В строке больше {len(columns)} частей")
    row: Body = {}
    for column, cell in zip(columns, map(str.strip, cells), strict=False):
        if column.kind == "flag":
            row[column.name] = cell.lower() in YES
        elif cell:
            row[column.name] = _said(column, cell)
    return row


def _rows(columns: Sequence[Field], text: str) -> Iterator[Body]:
    for no, line in enumerate(lines_of(text), 1):
        try:
            yield _row(columns, line)
        except ValueError as error:
            raise ValueError(f"Строка {no}: {error}") from None


def _label(name: str) -> str:
    return TITLES.get(name, name)


def _kind(name: str, hint: Any) -> Kind | None:
    shape = shape_of(hint)
    match shape.inner:
        case _ if shape.origin is tuple:
            item = shape_of(shape.args[0]).inner
            if isinstance(item, type) and issubclass(item, Struct):
                return "rows"
            return "choices" if get_origin(item) is Literal else "lines" if item is str else None
        case _ if shape.origin is Literal:
            return "choice"
        case inner if inner is bool:
            return "flag"
        case inner if inner is date:
            return "date"
        case inner if inner is int:
            return "money" if name.endswith("_kopecks") else "number"
        case inner if inner is str:
            if name == "month":
                return "month"
            return "choice" if name in CODES else "area" if name in AREAS else "text"
        case inner if inner is UUID:
            return "text"
    return None


def _options(name: str, hint: Any) -> Options:
    shape = shape_of(hint)
    inner = shape_of(shape.args[0]).inner if shape.origin is tuple else shape.inner
    titles = VALUES.get(name, {})
    codes = get_args(inner) if get_origin(inner) is Literal else titles
    return tuple(_option(str(code), titles.get(code, str(code))) for code in codes)


def _option(code: str, title: str) -> tuple[str, str]:
    title = f"{code.partition('.')[2]} · {title}" if code.startswith(("SVC.", "FN.")) else title
    return code, title if len(title) <= LONGEST else f"{title[:LONGEST].rpartition(' ')[0]}…"


def _said(field: Field, value: Any) -> Any:
    match field.kind:
        case "number":
            digits = "".join(value.split())
            if not (digits.isascii() and digits.removeprefix("-").isdigit() and len(digits) <= MOST_DIGITS):
                raise ValueError("Нужно целое число")
            return int(digits)
        case "money":
            return _kopecks(value)
        case "lines":
            return list(lines_of(value))
        case "rows":
            return list(_rows(field.columns, value))
    return value


def lines_of(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def _kopecks(text: str) -> int:
    """«1 234,56» as 123456."""
    try:
        roubles = Decimal("".join(text.removesuffix("₽").split()).replace(",", "."))
    except InvalidOperation:
        roubles = Decimal("NaN")
    kopecks = roubles.scaleb(2)
    if not kopecks.is_finite() or kopecks.adjusted() >= MOST_DIGITS or kopecks != kopecks.to_integral_value():
        raise ValueError("Нужна сумма в рублях, например 1 234,56")
    return int(kopecks)

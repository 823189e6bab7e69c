"""One mechanism for all forms: what a person typed becomes the call that HTTP and imports make.

A form names its command by the path of the contract. What is typed becomes the JSON body, is checked as the API checks
it, and recorded under the key that the form was given with: sent twice, it is recorded once. What is refused stands
at the field that it is about, and what was typed stays.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.response import Redirect
from msgspec import Struct

from ckr_es.api.asked import command_key
from ckr_es.api.auth import roles
from ckr_es.api.calls import commands
from ckr_es.api.figures import Figures
from ckr_es.api.reads import Reader
from ckr_es.application import KeyReused, Receipt, Replayed, ServiceTracking
from ckr_es.application import Request as CommandRequest
from ckr_es.imports.contract import Call, Contract
from ckr_es.imports.deciding import refusal_of
from ckr_es.registry.registries import Registries
from ckr_es.rules import Invalid, Problem, Refused
from ckr_es.rules.calendar import today
from ckr_es.rules.validation import parse
from ckr_es.web.page import Page, Shown

AnyRequest = Request[Any, Any, Any]
Kind = Literal["text", "area", "date", "number", "money", "choice", "choices", "flag", "lines"]
Options = Sequence[tuple[str, str]]
Typed = Mapping[str, Any]

RECORD_PATH: Final = "/record"
KEY: Final = "key"  # names of fields that no body has
CSRF: Final = "csrf"


class Asked(NamedTuple):
    """What a form may look at to say whom it is about and what there is to choose."""

    page: Page
    reading: Reader
    figures: Figures
    steps: Mapping[str, Any]


class Field(Struct, frozen=True, kw_only=True):
    """A field of the command's body; a name with a dot is a field of an object in it.

    `money` is typed in roubles, `flag` is true or false, `choices` is a list of what was ticked, `lines` a list of
    what was pasted, one a line.
    """

    name: str
    label: str
    kind: Kind = "text"
    help: str = ""
    options: Options | Callable[[Asked], Options] = ()
    optional: bool = False
    initial: str | bool | Sequence[str] = ""
    private: bool = False  # names a person: browsers are asked not to remember it

    @property
    def id(self) -> str:
        return f"field-{self.name.replace('.', '-')}"

    def choose_from(self, asked: Asked) -> Options:
        return self.options(asked) if callable(self.options) else self.options


class Form(Struct, frozen=True, kw_only=True):
    """`about` says (in words) whom the form is about, and refuses what is not there; `then` where success leads."""

    path: str
    title: str
    fields: tuple[Field, ...]
    then: Callable[[Receipt, Mapping[str, Any]], str]
    lead: str = ""
    about: Callable[[Asked], str] = lambda _: ""
    initial: Callable[[Asked], Typed] = lambda _: {}
    submit: str = "Записать"

    @property
    def call(self) -> Call:
        return _contract().find(self.path)[0]


LATE_REASON: Final = Field(
    name="late_reason",
    label="Причина позднего ввода",
    help="Нужна, только если дата лежит в закрытом периоде: отчёт за него уже сдан.",
    optional=True,
)


def routes(form: Form) -> Router:
    """Where the form is shown and where it is sent; both are for those who may make the command."""
    call = form.call
    path = f"{RECORD_PATH}/{'/'.join(_step(step) for step in call.template)}"
    declared = roles(call.roles, whole_centre=call.whole_centre)

    @get("/", sync_to_thread=True, **declared)
    def show(
        page: Shown, reading: NamedDependency[Reader], figures: NamedDependency[Figures]
    ) -> Response[Any]:
        """The form, empty or with what is known beforehand."""
        asked = Asked(page, reading, figures, page.request.path_params)
        typed = {field.name: field.initial for field in form.fields} | dict(form.initial(asked))
        return _show(form, asked, typed, secrets.token_hex(16))

    @post("/", status_code=200, **declared)
    async def send(
        request: AnyRequest,
        page: Shown,
        tracking: NamedDependency[ServiceTracking],
        reading: NamedDependency[Reader],
        figures: NamedDependency[Figures],
        registries: NamedDependency[Registries],
    ) -> Response[Any]:
        """Records it and leads on, or shows what is wrong with it."""
        sent = await request.form()
        others = {"figures": figures, "registries": registries}
        asked = Asked(page, reading, figures, request.path_params)
        return await sync_to_thread(_send, form, asked, tracking, others, sent)

    return Router(path, route_handlers=[show, send], include_in_schema=False)


def _send(
    form: Form, asked: Asked, tracking: ServiceTracking, others: Mapping[str, Any], sent: FormMultiDict
) -> Response[Any]:
    call, caller = form.call, asked.page.caller
    typed = {field.name: _typed(field, sent) for field in form.fields}
    key = str(sent.get(KEY, ""))
    now = today(datetime.now(UTC))
    try:
        body = _body(form.fields, typed)
        request = CommandRequest(
            key=command_key(asked.page.request, key),
            request_hash=call.digest(dict(asked.steps), body),
            actor=caller.actor,
            role=caller.role,
            correlation_id=None,
            today=now,
            cluster=caller.cluster,
        )
        needed = {name: others[name] for name in call.needs}
        answer = call.do(tracking, request, dict(asked.steps), parse(call.body, body, now), **needed)
    except (Refused, Replayed, KeyReused) as refused:
        said = refusal_of(refused)
        if not isinstance(
            refused, Invalid
        ):  # under this key it would be refused, or taken for another, for ever
            key = secrets.token_hex(16)
        return _show(
            form, asked, typed, key, _at_fields(form, said.detail, said.errors, refused), said.status
        )
    then = asked.page.link(form.then(answer.receipt, asked.steps), min_position=answer.receipt.position)
    return Redirect(then, status_code=303)


class Wrong(Struct, frozen=True):
    """What is wrong with a form: as a whole, and by fields."""

    whole: str
    others: tuple[Problem, ...]
    fields: Mapping[str, tuple[Problem, ...]]


def _at_fields(form: Form, detail: str, problems: Sequence[Problem], refused: Exception) -> Wrong:
    names = [field.name for field in form.fields]
    by_field: dict[str, list[Problem]] = {}
    others: list[Problem] = []
    for problem in problems:
        at = problem.pointer.strip("/").replace("/", ".")
        name = next((name for name in names if _is_about(at, name)), None)
        (others if name is None else by_field.setdefault(name, [])).append(problem)
    if isinstance(refused, KeyReused):
        detail = "Эта форма уже записана с другими данными: проверьте запись, прежде чем отправлять ещё раз"
        others = []
    return Wrong(
        detail, tuple(p for p in others if p.detail != detail), {n: tuple(p) for n, p in by_field.items()}
    )


def _is_about(at: str, name: str) -> bool:
    """The field itself, an item of its list, or the object that it is a field of."""
    return at != "" and (at == name or at.startswith(f"{name}.") or name.startswith(f"{at}."))


def _show(
    form: Form, asked: Asked, typed: Typed, key: str, wrong: Wrong | None = None, status: int = 200
) -> Response[Any]:
    return asked.page.show(
        "form.html",
        status=status,
        form=form,
        about=form.about(asked),
        typed=typed,
        options={field.name: field.choose_from(asked) for field in form.fields},
        key=key,
        wrong=wrong,
    )


def _typed(field: Field, sent: FormMultiDict) -> Any:
    """As it came: text, a list of what was ticked, or whether it was."""
    match field.kind:
        case "choices":
            return [str(value) for value in sent.getall(field.name, [])]
        case "flag":
            return field.name in sent
        case _:
            return str(sent.get(field.name, "")).replace("\r\n", "\n").strip()


def _body(fields: Sequence[Field], typed: Typed) -> dict[str, Any]:
    """The JSON that a program would send; what is left empty is left out. Raises Invalid with every wrong number."""
    body: dict[str, Any] = {}
    problems: list[Problem] = []
    for field in fields:
        value = typed[field.name]
        if value in ("", []) and field.kind != "flag":
            continue
        *objects, last = field.name.split(".")
        pointer = "/" + field.name.replace(".", "/")
        try:
            said = _said(field.kind, value)
        except ValueError as error:
            problems.append(Problem(pointer, "number-invalid", str(error)))
            continue
        within = body
        for name in objects:
            within = within.setdefault(name, {})
        within[last] = said
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)
    return body


def _said(kind: Kind, value: Any) -> Any:
    match kind:
        case "number":
            digits = "".join(value.split())
            if not (digits.isascii() and digits.removeprefix("-").isdigit()):
                raise ValueError("Нужно целое число")
            return int(digits)
        case "money":
            return _kopecks(value)
        case "lines":
            return [line.strip() for line in value.splitlines() if line.strip()]
    return value


def _kopecks(text: str) -> int:
    """«1 234,56» as 123456."""
    try:
        roubles = Decimal("".join(text.removesuffix("₽").split()).replace(",", "."))
    except InvalidOperation:
        roubles = Decimal("NaN")
    kopecks = roubles.scaleb(2)
    if not kopecks.is_finite() or kopecks != kopecks.to_integral_value():
        raise ValueError("Нужна сумма в рублях, например 1 234,56")
    return int(kopecks)


@cache
def _contract() -> Contract:
    return commands()


def _step(step: str | tuple[str, str]) -> str:
    return step if isinstance(step, str) else "{" + ":".join(step) + "}"


def uuid_of(asked: Asked, name: str = "id") -> UUID:
    """The id that stands in the path."""
    id: UUID = asked.steps[name]
    return id

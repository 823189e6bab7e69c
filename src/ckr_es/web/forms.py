"""One mechanism for all forms: what a person typed becomes the call that HTTP and imports make.

A form names its command by the path of the contract. What is typed becomes the JSON body, is checked as the API checks
it, and recorded under the key that the form was given with: sent twice, it is recorded once. What is refused stands
at the field that it is about, and what was typed stays.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Request, Response, Router, get, post
from litestar.concurrency import sync_to_thread
from litestar.datastructures import FormMultiDict
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Redirect
from msgspec import Struct
from msgspec.structs import replace

from ckr_es.api.asked import command_key
from ckr_es.api.auth import roles
from ckr_es.api.calls import commands
from ckr_es.api.figures import Figures
from ckr_es.api.reads import Reader
from ckr_es.application import NO_KEY, KeyReused, Receipt, Replayed, ServiceTracking
from ckr_es.application import Request as CommandRequest
from ckr_es.imports.contract import Call, Contract
from ckr_es.imports.deciding import refusal_of
from ckr_es.registry.registries import Registries
from ckr_es.rules import Invalid, Problem, Refused
from ckr_es.rules.calendar import today
from ckr_es.rules.validation import fields_of, parse
from ckr_es.web.fields import LATE_REASON, Asked, Body, Field, Typed, body_of, typed_in
from ckr_es.web.page import Shown, address

AnyRequest = Request[Any, Any, Any]

RECORD_PATH: Final = "/record"
KEY: Final = "key"  # names of fields that no body has
CHECK: Final = "check"

Of = Annotated[UUID | None, QueryParameter(required=False)]


class Form(Struct, frozen=True, kw_only=True):
    """`about` says (in words) whom the form is about, and refuses what is not there; `then` where success leads.

    Some forms need more: `more` fields by what they are about and what is typed so far; a `body` that is not simply
    what was typed; a `look` at what the command would find, shown by the template `shows` before anything is recorded
    (None: nothing to show yet; it may say that recording is not `possible`). `check` is the button that only looks,
    `told` are parts of a refusal that the look has told already. `starts`: the path's steps for whoever begins from
    the list of forms on this day; `offered`: whether a page of what it is about may lead here knowing no more, and
    `fits` whether that stands so today that it could be recorded at all; `begun_at`: the thing that it may be begun
    from, which is not what it is recorded of.
    """

    path: str
    title: str
    fields: tuple[Field, ...]
    then: Callable[[Receipt, Asked], str]
    lead: str = ""
    about: Callable[[Asked], str] = lambda _: ""
    initial: Callable[[Asked], Typed] = lambda _: {}
    more: Callable[[Asked, Typed], Sequence[Field]] = lambda *_: ()
    body: Callable[[Asked, Body], Body] = lambda _, said: said
    look: Callable[[Asked, Body], Mapping[str, Any] | None] = lambda *_: None
    shows: str = ""
    check: str = ""
    told: str = ""
    starts: Callable[[date], Mapping[str, Any]] | None = None
    offered: bool = True
    fits: Callable[[Mapping[str, Any]], bool] = lambda _: True
    begun_at: str = ""
    submit: str = "Записать"

    @property
    def call(self) -> Call:
        return command(self.path)

    def asks(self, asked: Asked, typed: Typed) -> tuple[Field, ...]:
        """All fields of it, once the first of them are known."""
        late = (LATE_REASON,) if LATE_REASON.name in fields_of(self.call.body) else ()
        return (*self.fields, *self.more(asked, typed), *late)


def routes(form: Form) -> Router:
    """Where the form is shown and where it is sent; both are for those who may make the command."""
    call = form.call
    path = f"{RECORD_PATH}/{'/'.join(_step(step) for step in call.template)}"
    declared = roles(call.roles, whole_centre=call.whole_centre)

    @get("/", sync_to_thread=True, **declared)
    def show(
        page: Shown,
        tracking: NamedDependency[ServiceTracking],
        reading: NamedDependency[Reader],
        figures: NamedDependency[Figures],
        of: Of = None,
    ) -> Response[Any]:
        """The form, empty or with what is known beforehand."""
        asked = Asked(page, tracking, reading, figures, page.request.path_params, of)
        known = form.initial(asked)
        typed = {field.name: field.initial for field in form.fields} | dict(known)
        fields = form.asks(asked, typed)
        return _show(form, asked, fields, {field.name: field.initial for field in fields} | typed, _new_key())

    @post("/", status_code=200, **declared)
    async def send(
        request: AnyRequest,
        page: Shown,
        tracking: NamedDependency[ServiceTracking],
        reading: NamedDependency[Reader],
        figures: NamedDependency[Figures],
        registries: NamedDependency[Registries],
        of: Of = None,
    ) -> Response[Any]:
        """Records it and leads on, or shows what is wrong with it."""
        sent = await request.form()
        others = {"figures": figures, "registries": registries}
        asked = Asked(page, tracking, reading, figures, request.path_params, of)
        return await sync_to_thread(_send, form, asked, others, sent)

    return Router(path, route_handlers=[show, send], include_in_schema=False)


def requested(asked: Asked, key: str = NO_KEY, digest: bytes = b"") -> CommandRequest:
    """Who asks for a command, or only for what it would find."""
    caller = asked.page.caller
    return CommandRequest(
        key=key,
        request_hash=digest,
        actor=caller.actor,
        role=caller.role,
        correlation_id=None,
        today=today(datetime.now(UTC)),
        cluster=caller.cluster,
    )


def _send(form: Form, asked: Asked, others: Mapping[str, Any], sent: FormMultiDict) -> Response[Any]:
    call = form.call
    first = {field.name: typed_in(field, sent) for field in form.fields}
    fields = form.asks(asked, first)
    typed = {field.name: typed_in(field, sent) for field in fields}
    key = str(sent.get(KEY, ""))
    try:
        said = body_of(fields, typed)
        if CHECK in sent:
            form.look(asked, said)
            return _show(form, asked, fields, typed, key, answered=True)
        body = form.body(asked, said)
        request = requested(asked, command_key(asked.page.request, key), call.digest(dict(asked.steps), body))
        needed = {name: others[name] for name in call.needs}
        parsed = parse(call.body, body, request.today)
        answer = call.do(asked.tracking, request, dict(asked.steps), parsed, **needed)
    except (Refused, Replayed, KeyReused) as refused:
        # Under this key it would be refused, or taken for another, for ever.
        key = key if isinstance(refused, Invalid) or CHECK in sent else _new_key()
        wrong = _wrong(form, fields, refused)
        return _show(form, asked, fields, typed, key, wrong, refusal_of(refused).status, answered=True)
    receipt = answer.receipt
    query = {"as_of": asked.page.moment.get("as_of"), "min_position": receipt.position}
    return Redirect(address(form.then(receipt, asked), query), status_code=303)


class Wrong(Struct, frozen=True):
    """What is wrong with a form: as a whole (by which rule), and by fields."""

    whole: str
    code: str
    others: tuple[Problem, ...]
    fields: Mapping[str, tuple[Problem, ...]]


def _wrong(form: Form, fields: Sequence[Field], refused: Refused | Replayed | KeyReused) -> Wrong:
    refusal = refusal_of(refused)
    if isinstance(refused, KeyReused):
        detail = "Эта форма уже записана с другими данными: проверьте запись, прежде чем отправлять ещё раз"
        return Wrong(detail, refusal.code, (), {})
    by_field: dict[str, list[Problem]] = {}
    others: list[Problem] = []
    for problem in refusal.errors:
        at = problem.pointer.strip("/").replace("/", ".")
        field = next((field for field in fields if _is_about(at, field)), None)
        if field is not None:
            by_field.setdefault(field.name, []).append(
                _by_line(problem, at) if field.kind in ("lines", "rows") else problem
            )
        elif not (form.told and at.startswith(form.told)) and problem.detail != refusal.detail:
            others.append(problem)
    for field in fields:
        if refusal.code in field.codes:
            by_field.setdefault(field.name, []).append(Problem("", refusal.code, refusal.detail))
    return Wrong(
        refusal.detail, refusal.code, tuple(others), {name: tuple(said) for name, said in by_field.items()}
    )


def _is_about(at: str, field: Field) -> bool:
    """The field itself, an item of its list, or the object that it is a field of."""
    return at != "" and any(
        at == name or at.startswith(f"{name}.") or name.startswith(f"{at}.")
        for name in (field.name, field.about)
        if name
    )


def _by_line(problem: Problem, at: str) -> Problem:
    """Of a list, which line."""
    no = next((int(step) for step in at.split(".") if step.isdigit()), None)
    return problem if no is None else replace(problem, detail=f"Строка {no + 1}: {problem.detail}")


def _show(
    form: Form,
    asked: Asked,
    fields: Sequence[Field],
    typed: Typed,
    key: str,
    wrong: Wrong | None = None,
    status: int = 200,
    *,
    answered: bool = False,
) -> Response[Any]:
    return asked.page.show(
        "form.html",
        status=status,
        form=form,
        about=form.about(asked),
        action=address(asked.page.path, {**asked.page.moment, "of": asked.of}),
        fields=fields,
        typed=typed,
        options={field.name: field.choose_from(asked) for field in fields},
        key=key,
        wrong=wrong,
        filled=[name for name, value in typed.items() if value] + (list(wrong.fields) if wrong else []),
        looked=_looked(form, asked, fields, typed),
        answered=answered,
    )


def _looked(form: Form, asked: Asked, fields: Sequence[Field], typed: Typed) -> Mapping[str, Any] | None:
    """Nothing for what can't be looked at yet: the fields say why."""
    try:
        return form.look(asked, body_of(fields, typed))
    except Refused:
        return None


def command(path: str) -> Call:
    """What a path of the contract asks for."""
    return _contract().find(path)[0]


@cache
def _contract() -> Contract:
    return commands()


def _new_key() -> str:
    return secrets.token_hex(16)


def _step(step: str | tuple[str, str]) -> str:
    return step if isinstance(step, str) else "{" + ":".join(step) + "}"

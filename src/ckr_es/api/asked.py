"""What every call carries: a checked body, the command's key, the moment a read is about."""

import hashlib
from collections.abc import Generator
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import Reference, Schema
from litestar.params import HeaderParameter, QueryParameter
from litestar.typing import FieldDefinition
from msgspec import Struct

from ckr_es.api.auth import Caller, Connection
from ckr_es.api.problems import BadRequest
from ckr_es.application import Answer, Receipt, ServiceTracking
from ckr_es.application import Request as CommandRequest
from ckr_es.rules import Invalid, Problem
from ckr_es.rules.calendar import today
from ckr_es.rules.validation import parse

AnyRequest = Request[Any, Any, Any]
JSON = "application/json"


class Checked(AbstractDTO[Any]):
    """Litestar's hook for reading a body: ours reports every wrong field at once."""

    config = None  # type: ignore[assignment]  # the class reads whole bodies, it maps no fields
    model_type = object

    def decode_bytes(self, value: bytes) -> Any:
        field = self.asgi_connection.route_handler.parsed_data_field
        assert field is not None
        return parse(field.annotation, _json(value), today(datetime.now(UTC)))

    def decode_builtins(self, value: Any) -> Any:
        raise BadRequest("json-required", "Тело запроса должно быть в формате JSON", 415)

    @classmethod
    def create_for_field_definition(cls, *_: Any, **__: Any) -> None:
        """Nothing to generate: `parse` reads the type itself."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Generator[DTOFieldDefinition, None, None]:
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        return False


def _json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("malformed-json", f"Тело запроса не читается как JSON: {error}") from error


async def command_request(
    request: AnyRequest,
    tracking: NamedDependency[ServiceTracking],  # noqa: ARG001 - see below
    idempotency_key: Annotated[str | None, HeaderParameter(name="Idempotency-Key", required=False)] = None,
    if_match: Annotated[str | None, HeaderParameter(name="If-Match", required=False)] = None,
    correlation_id: Annotated[str | None, HeaderParameter(name="X-Correlation-Id", required=False)] = None,
) -> CommandRequest:
    """What the command is, whoever asks again: method, path and body.

    It names `tracking`, which every command needs: for dependencies that know nothing of each other Litestar opens a
    task group, and that costs as much as a decision.
    """
    key = command_key(request, idempotency_key)
    body = msgspec.json.encode(_json(await request.body() or b"{}"), order="sorted")
    return requested(request, key, body, if_match, correlation_id)


def requested(
    request: AnyRequest, key: str, body: bytes, if_match: str | None, correlation_id: str | None
) -> CommandRequest:
    """The command of this caller whose body says that."""
    said = b"\n".join((request.method.encode(), request.scope["path"].encode(), body))
    caller: Caller = request.state.caller
    return CommandRequest(
        key=key,
        request_hash=hashlib.sha256(said).digest(),
        actor=caller.actor,
        role=caller.role,
        correlation_id=_correlation(correlation_id),
        today=today(datetime.now(UTC)),
        cluster=caller.cluster,
        if_match=_version(if_match),
    )


def command_key(request: AnyRequest, given: str | None) -> str:
    """Scoped to who calls, so nobody can read another's answers or block another's keys."""
    key = (given or "").strip()
    if not key:
        raise BadRequest("idempotency-key-required", "Нужен заголовок Idempotency-Key")
    if len(key) > 200 or not key.isprintable():
        raise BadRequest("idempotency-key-invalid", "Idempotency-Key: до 200 печатных знаков")
    caller: Caller = request.state.caller
    return f"{caller.actor}:{key}"


def _version(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadRequest("if-match-invalid", 'If-Match содержит версию, например "3"')
    return int(text)


def _correlation(given: str | None) -> UUID | None:
    try:
        return UUID(given) if given else None
    except ValueError as error:
        raise BadRequest("correlation-id-invalid", "X-Correlation-Id должен быть UUID") from error


def answered(answer: Answer) -> Response[Receipt]:
    """A receipt with its status, ETag and, when the key was used before, Idempotent-Replayed."""
    headers = {"ETag": f'"{answer.receipt.version}"'}
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(answer.receipt, status_code=answer.status, headers=headers)


class Travel(Struct, frozen=True):
    """What a read is asked about: a day, and the log as known at an instant or a position."""

    as_of: date
    known_at: datetime | None
    known_position: int | None
    min_position: int | None


def travel(
    as_of: Annotated[date | None, QueryParameter(required=False)] = None,
    known_at: Annotated[str | None, QueryParameter(required=False)] = None,
    known_position: Annotated[int | None, QueryParameter(required=False, ge=0, le=2**62)] = None,
    min_position: Annotated[int | None, QueryParameter(required=False, ge=0, le=2**62)] = None,
) -> Travel:
    """`as_of`: day of valid time (default today); `known_at` or `known_position`: the log as known then."""
    if known_at is not None and known_position is not None:
        raise _wrong("known_at", "ambiguous", "Укажите known_at или known_position, не оба")
    return Travel(
        as_of or today(datetime.now(UTC)), instant(known_at, "known_at"), known_position, min_position
    )


def known(
    known_at: Annotated[str | None, QueryParameter(required=False)] = None,
    known_position: Annotated[int | None, QueryParameter(required=False, ge=0, le=2**62)] = None,
    min_position: Annotated[int | None, QueryParameter(required=False, ge=0, le=2**62)] = None,
) -> Travel:
    """As `travel`, for reads whose day is not asked but given: a period has its last."""
    return travel(None, known_at, known_position, min_position)


def instant(text: str | None, name: str) -> datetime | None:
    """RFC 3339 with an offset; a naive instant is refused."""
    if text is None:
        return None
    try:
        value = msgspec.convert(text.replace(" ", "+"), datetime)
    except msgspec.ValidationError as error:
        raise _wrong(name, "instant-invalid", "Нужен момент по RFC 3339 со смещением") from error
    if value.tzinfo is None:
        raise _wrong(name, "instant-naive", "У момента должно быть смещение, например +07:00")
    return value


def _wrong(name: str, code: str, detail: str) -> Invalid:
    return Invalid(code, detail, [Problem(f"/{name}", code, detail)])


def refuse_unknown_query(connection: Connection, handler: BaseRouteHandler) -> None:
    """A misspelt filter must not silently answer another question."""
    problems: list[Problem] = []
    if connection.query_params:
        known = connection.app.state.query_names[handler.handler_id]
        problems += [
            Problem(f"/{name}", "unknown-query", f"Неизвестный параметр «{name}»")
            for name in connection.query_params
            if name not in known
        ]
    asked = [*connection.query_params.multi_items(), *connection.path_params.items()]
    problems += [
        Problem(f"/{name}", "control-character", "Недопустимый управляющий символ")
        for name, value in asked
        if "\0" in str(value)  # PostgreSQL has no text with it
    ]
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)


def refuse_other_media(connection: Connection, handler: BaseRouteHandler) -> None:
    """A body said to be a form or a text is not read as JSON; one of no said type is."""
    said = connection.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    if handler.parsed_data_field is not None and said != JSON and not said.endswith("+json"):
        raise BadRequest("json-required", "Тело запроса должно быть в формате JSON", 415)


Asked = NamedDependency[CommandRequest]
When = NamedDependency[Travel]

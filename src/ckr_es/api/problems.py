"""Every answer that is not a success, as RFC 9457 problem+json: words in Russian, codes for programs."""

import re
from collections.abc import Sequence
from typing import Any

import structlog
from eventsourcing.persistence import PersistenceError
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap
from msgspec import Struct
from psycopg import Error as PostgresError
from psycopg import OperationalError
from psycopg.errors import QueryCanceled
from psycopg_pool import PoolTimeout

from ckr_es.application import KeyReused, Replayed, StaleVersion
from ckr_es.projections.follower import ProjectionBehind
from ckr_es.rules import Forbidden, Invalid, Problem, Refused, Unknown
from ckr_es.store.writer import OutcomeUnknown, Overloaded

MEDIA_TYPE = "application/problem+json"
AnyRequest = Request[Any, Any, Any]
MISSING = re.compile(r"Missing required query parameter '(?P<name>\w+)'")  # in Litestar's words
log = structlog.get_logger()

TITLES = {
    400: "Запрос составлен неверно",
    401: "Нужен ключ",
    403: "Нет права",
    404: "Не найдено",
    405: "Так это не вызывают",
    408: "Слишком медленно",
    409: "Правила этого не допускают",
    412: "Версия устарела",
    413: "Слишком большой запрос",
    415: "Не тот вид тела запроса",
    422: "Недопустимое значение",
    429: "Слишком часто",
    500: "Ошибка сервера",
    503: "Сейчас ответить нельзя",
}
CODES = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large", 415: "json-required"}


class ProblemDetails(Struct, frozen=True, kw_only=True):
    """RFC 9457; `errors` names each wrong field by JSON pointer, with its rule and the value given."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[Problem, ...] = ()
    actual_version: int | None = None


class BadRequest(Exception):
    """A request that can't be read, or lacks what every request of its kind must carry."""

    def __init__(self, code: str, detail: str, status: int = 400) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.status = code, detail, status


class Unrecorded(Exception):
    """The read could not be put on record, so it is not answered."""


def problem(
    status: int,
    code: str,
    detail: str,
    errors: Sequence[Problem] = (),
    headers: dict[str, str] | None = None,
    actual_version: int | None = None,
) -> Response[dict[str, Any]]:
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": TITLES.get(status, "Ошибка"),
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [
            {"pointer": e.pointer, "code": e.code, "detail": e.detail}
            | ({} if e.given is None else {"given": e.given})
            for e in errors
        ],
    }
    if actual_version is not None:
        body["actual_version"] = actual_version
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _refused(_: AnyRequest, error: Refused) -> Response[Any]:
    status = next(
        (
            code
            for kind, code in ((Invalid, 422), (Forbidden, 403), (Unknown, 404))
            if isinstance(error, kind)
        ),
        409,
    )
    return problem(status, error.code, error.detail, error.problems)


def _replayed(_: AnyRequest, error: Replayed) -> Response[Any]:
    refused = error.refused
    return problem(409, refused.code, refused.detail, refused.problems, {"Idempotent-Replayed": "true"})


def _key_reused(_: AnyRequest, __: KeyReused) -> Response[Any]:
    return problem(422, "idempotency-key-reused", "Этот Idempotency-Key уже использован для другого запроса")


def _stale(_: AnyRequest, error: StaleVersion) -> Response[Any]:
    actual = error.actual_version
    return problem(412, "stale-version", f"Сейчас версия {actual}", actual_version=actual)


def _bad_request(_: AnyRequest, error: BadRequest) -> Response[Any]:
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return problem(error.status, error.code, error.detail, headers=headers)


def _unrecorded(_: AnyRequest, error: Unrecorded) -> Response[Any]:
    log.warning("access not recorded", error=type(error.__cause__).__name__)
    detail = "Обращение нельзя занести в журнал доступа, поэтому ответа нет: повторите позже"
    return problem(503, "access-not-recorded", detail, headers={"Retry-After": "1"})


def _unknown_outcome(_: AnyRequest, __: OutcomeUnknown) -> Response[Any]:
    detail = "Неизвестно, записана ли команда: повторите её с тем же Idempotency-Key"
    return problem(503, "outcome-unknown", detail, headers={"Retry-After": "1"})


def overloaded(_: AnyRequest | None = None, __: Exception | None = None) -> Response[Any]:
    detail = "Сервер перегружен, ничего не записано: повторите позже"
    return problem(503, "overloaded", detail, headers={"Retry-After": "1"})


def _database_away(_: AnyRequest, error: Exception) -> Response[Any]:
    log.warning("database unavailable", error=type(error).__name__)
    return problem(503, "database-unavailable", "База данных недоступна", headers={"Retry-After": "2"})


def _behind(_: AnyRequest, error: ProjectionBehind) -> Response[Any]:
    log.warning("projection behind", error=str(error))
    detail = "Показатели ещё не посчитаны до этой позиции"
    return problem(503, "projection-behind", detail, headers={"Retry-After": "1"})


def _query_invalid(_: AnyRequest, error: ValidationException) -> Response[Any]:
    extra = error.extra if isinstance(error.extra, list) else []
    if any(isinstance(item, dict) and item.get("key") == "data" for item in extra):
        return problem(400, "malformed-json", "Тело запроса пусто, а нужен JSON")
    errors = [
        Problem(
            f"/{item.get('key', '')}", "query-invalid", f"Недопустимое значение: {item.get('message', '')}"
        )
        for item in extra
        if isinstance(item, dict)
    ]
    if missing := MISSING.match(error.detail):
        errors.append(Problem(f"/{missing['name']}", "required", f"Не указан параметр «{missing['name']}»"))
    return problem(422, "query-invalid", "Недопустимый параметр запроса", errors)


def _http(_: AnyRequest, error: HTTPException) -> Response[Any]:
    status = error.status_code
    code = CODES.get(status, "malformed" if status == 400 else "server-error" if status >= 500 else "refused")
    return problem(status, code, TITLES.get(status, "Ошибка"), headers=dict(error.headers or {}))


def _unforeseen(request: AnyRequest, error: Exception) -> Response[Any]:
    if isinstance(error, PostgresError):
        # Its text and its traceback may show the row it failed on, and in the vault that is personal data.
        log.error("database refused", path=request.scope["path"], sqlstate=error.sqlstate)
    else:
        log.error("unforeseen error", path=request.scope["path"], exc_info=error)
    return problem(500, "server-error", "Непредвиденная ошибка, она записана в журнал сервера")


HANDLERS: ExceptionHandlersMap = {
    Refused: _refused,
    Replayed: _replayed,
    KeyReused: _key_reused,
    StaleVersion: _stale,
    BadRequest: _bad_request,
    Unrecorded: _unrecorded,
    OutcomeUnknown: _unknown_outcome,
    Overloaded: overloaded,
    PoolTimeout: overloaded,
    QueryCanceled: overloaded,
    OperationalError: _database_away,
    PersistenceError: _database_away,
    ProjectionBehind: _behind,
    ValidationException: _query_invalid,
    HTTPException: _http,
    Exception: _unforeseen,
}

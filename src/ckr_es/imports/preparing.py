"""A row as the command it asks for, read as the API reads the same call."""

from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from ckr_es.application import Request
from ckr_es.imports.contract import Contract
from ckr_es.imports.deciding import Prepared, Refusal, Row, Stored, malformed
from ckr_es.imports.references import resolved_body, resolved_steps
from ckr_es.imports.rehearsal import Rehearsal
from ckr_es.rules import Forbidden, Invalid, Problem
from ckr_es.rules.validation import parse

LONGEST_KEY: Final = 200


class Clerk(Struct, frozen=True, kw_only=True):
    """In whose name rows are decided, and for which import."""

    actor: str
    role: str
    today: date
    import_id: UUID


class Lines:
    """The rows of one import."""

    def __init__(self, contract: Contract, clerk: Clerk) -> None:
        self._contract = contract
        self._clerk = clerk

    def key(self, row: Row) -> str:
        """As the caller's own Idempotency-Key; a row without one is this import's and no other's."""
        own = f"import:{self._clerk.import_id}:{row.no}" if row.key is None else row.key.strip()
        return f"{self._clerk.actor}:{own}"

    def prepare(self, row: Row, window: Rehearsal) -> Prepared:
        if row.error is not None:
            raise Stored(msgspec.convert(row.error, Refusal))
        assert row.path is not None
        assert row.body is not None
        call, said = self._contract.find(row.path)
        if self._clerk.role not in call.roles:
            raise Forbidden("role-not-allowed", f"Роли «{self._clerk.role}» это не разрешено")
        if row.key is not None and not (0 < len(row.key.strip()) <= LONGEST_KEY and row.key.isprintable()):
            detail = f"Ключ (key): от 1 до {LONGEST_KEY} печатных знаков"
            problem = Problem("/key", "idempotency-key-invalid", detail)
            raise Invalid(problem.code, detail, [problem])
        steps = resolved_steps(call, said, window, self._clerk.actor)
        given = resolved_body(_json(row.body), window, self._clerk.actor)
        body = parse(call.body, given, self._clerk.today)
        request = Request(
            key=self.key(row),
            request_hash=call.digest(steps, given),
            actor=self._clerk.actor,
            role=self._clerk.role,
            correlation_id=self._clerk.import_id,
            today=self._clerk.today,
        )
        return Prepared(request, lambda tracking: call.do(tracking, request, steps, body))


def _json(body: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Stored(malformed("malformed-json", "Команда (body) не читается как JSON")) from error

"""A window through the append door: one call for all of its commands, and again for those that others overtook."""

from collections.abc import Sequence
from typing import Any, Final

import psycopg
import structlog

from ckr_es.imports.deciding import Desk, Refusal, Row, Verdict
from ckr_es.imports.rehearsal import answered_as
from ckr_es.store.door import Command, Outcome, append
from ckr_es.store.writer import Overloaded

Conn = psycopg.Connection[Any]

ATTEMPTS: Final = 20  # in a row that record nothing
log = structlog.get_logger(__name__)


def settle(conn: Conn, desk: Desk, rows: Sequence[Row]) -> list[Verdict]:
    """The rows decided and recorded, in their order; Overloaded when others keep moving what they rest on."""
    settled: dict[int, Verdict] = {}
    pending, attempts = list(rows), 0
    while pending:
        verdicts, _ = desk.decide(pending)
        overtaken = _record(conn, verdicts)
        settled |= {v.row.no: v for v in verdicts if v.row.no not in overtaken}
        attempts = attempts + 1 if len(overtaken) == len(verdicts) else 0
        if attempts > ATTEMPTS:
            raise Overloaded("the streams kept changing")
        pending = [row for row in pending if row.no not in settled]
    return [settled[row.no] for row in rows]


def _record(conn: Conn, verdicts: Sequence[Verdict]) -> set[int]:
    """Numbers of the rows to decide again; the others' verdicts say where their events lie."""
    given = [(v, v.gathered) for v in verdicts if v.gathered is not None]
    news = [(v, g) for v, g in given if g.rests_on is None]
    places: dict[int, Outcome] = {}
    overtaken = set()
    for (verdict, gathered), outcome in zip(news, _append(conn, [g.command for _, g in news]), strict=True):
        if outcome is None:
            detail = "База данных не приняла эту запись"
            verdict.outcome, verdict.refusal = "refused", Refusal(500, "server-error", detail)
            verdict.types = ()
        elif outcome.kind != "recorded":
            overtaken.add(verdict.row.no)
        elif gathered.rows:
            verdict.first_position, verdict.last_position = outcome.first_position, outcome.last_position
            places[gathered.rows[-1].id] = outcome
    answers: list[tuple[Verdict, Command]] = []
    for verdict, gathered in given:
        if gathered.rests_on is None:
            continue
        if (outcome := places.get(gathered.rests_on)) is None:
            overtaken.add(verdict.row.no)
            continue
        assert outcome.last_position is not None
        assert outcome.recorded_at is not None
        answers.append((verdict, answered_as(gathered, outcome.last_position, outcome.recorded_at)))
    for (verdict, _), outcome in zip(answers, _append(conn, [c for _, c in answers]), strict=True):
        if outcome is None or outcome.kind != "recorded":
            overtaken.add(verdict.row.no)
    return overtaken


def _append(conn: Conn, commands: Sequence[Command]) -> list[Outcome | None]:
    """None for a command that the database refuses; the others do not suffer from it."""
    if not commands:
        return []
    try:
        return list(append(conn, commands))
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        if len(commands) == 1:
            # Its text may show the row.
            log.error("database refused a row of an import", sqlstate=error.sqlstate)  # noqa: TRY400
            return [None]
        half = len(commands) // 2
        return [*_append(conn, commands[:half]), *_append(conn, commands[half:])]

"""`ckr support`: what the register of support recipients is to be told, the files, the answers, the codes."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import rich_click as click

from ckr_es.cli.figures import as_api, following, known, meta, moment, side
from ckr_es.cli.terminal import (
    as_json,
    existing_database,
    help_option,
    note,
    number,
    put_json,
    ready_database,
    table,
)

if TYPE_CHECKING:
    from ckr_es.application import Request

STATES = {
    "to_report": "сообщить",
    "in_file": "в файле",
    "accepted": "принято",
    "rejected": "отклонено",
    "to_correct": "исправить",
    "corrected": "исправлено",
    "to_annul": "аннулировать",
    "annulled": "аннулировано",
    "erased": "получатель удалён",
}
_xml = click.Path(path_type=Path, dir_okay=False)


@click.group(short_help="Реестр получателей поддержки ФНС: сроки, файлы, ответы, коды.")
@help_option
def support() -> None:
    """Сведения об оказанных услугах для реестра получателей поддержки (209-ФЗ, статья 8)."""


@support.command("list", short_help="Что передано и что пора передать.")
@moment()
@click.option("--state", type=click.Choice(tuple(STATES)), help="Только в этом состоянии.")
@click.option("--overdue", is_flag=True, help="Только то, срок чего прошёл.")
@click.option("--participant", type=click.UUID, metavar="ID", help="Только услуги этого участника.")
@as_json
def list_(
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    state: str | None,
    overdue: bool,
    participant: UUID | None,
    as_json: bool,
) -> None:
    """Принятые услуги, их постоянные номера и сроки. То же отвечает GET /support-register."""
    from ckr_es.aggregates.support_register import totals
    from ckr_es.commands.support import standing
    from ckr_es.projections.log import head as head_of
    from ckr_es.projections.support import known as known_of

    with existing_database() as database, following(database) as conn:
        head = head_of(conn)
        asked = side(conn, as_of, known_at, known_position, head)
        said = known_of(conn, asked.position, participant_id=participant)
    every = standing(said, asked.as_of)
    found = [one for one in every if state in (None, one.state) and (one.overdue or not overdue)]
    if as_json:
        put_json(as_api(meta(asked, head, None, None), items=found, totals=totals(found)))
        return
    table(
        ("Поддержка/участник", "Услуга", "Акт", "Состояние", "До"),
        (
            (
                f"{one.support_id}\n{one.participant_id}",
                one.service.service,
                f"{one.service.accepted_on:%d.%m.%Y}",
                STATES[one.state] + (", просрочено" if one.overdue else ""),
                f"{one.due_on:%d.%m.%Y}" if one.due else "—",
            )
            for one in found
        ),
        title=f"Услуг: {len(found)} на {asked.as_of:%d.%m.%Y} ({known(asked.position, head)})",
        whole="Поддержка/участник Акт До",
    )


@support.command(short_help="Сделать файл для ФНС из всего, что пора передать.")
@click.option(
    "--accepted-to", type=click.DateTime(("%Y-%m-%d",)), help="Акты не позже этого дня; обычно все."
)
@click.option("--again", type=click.UUID, metavar="ID", help="Не делать нового: записать этот ещё раз.")
@click.option("--out", type=_xml, metavar="ФАЙЛ", help="Куда записать; обычно имя файла в этой папке.")
@as_json
def file(accepted_to: datetime | None, again: UUID | None, out: Path | None, as_json: bool) -> None:
    """Сделать файл и записать его (права 0600): в нём имена и ИНН, после отправки его удаляют.

    Чего-то не хватает хотя бы об одном получателе — файла не будет, и все такие названы.
    """
    from ckr_es.application import ServiceTracking
    from ckr_es.commands.support import Wanted, make_file, recipients
    from ckr_es.registry.fns_support_file import written
    from ckr_es.rules import Refused
    from ckr_es.store.settings import Settings

    if out is not None and out.exists():
        raise click.UsageError(f"{out} уже есть")
    with ready_database() as database:
        tracking = ServiceTracking(database)
        try:
            if again is None:
                request = _request("operator", "support file")
                upto = accepted_to.date() if accepted_to else request.today
                wanted = Wanted(made_on=request.today, accepted_to=upto)
                again = UUID(make_file(tracking, request, wanted).receipt.id)
            made, named = recipients(tracking, again)
        except Refused as refused:
            for problem in refused.problems[:20]:
                note(f"{problem.given}: {problem.detail}")
            raise
        finally:
            tracking.close()
    path = out or Path(f"{made.name}.xml")
    path.touch(0o600, exist_ok=False)
    path.write_bytes(written(made, named, Settings.from_environment().fns_contact))
    said = {"id": made.file_id, "file": str(path), "documents": len(made.documents)}
    if as_json:
        put_json(said)
    else:
        table(
            ("", ""),
            [("Файл", str(path)), ("ID", str(made.file_id)), ("Документов", number(len(made.documents)))],
        )


@support.command(short_help="Записать ответ ФНС на файл.")
@click.argument("id", metavar="ID", type=click.UUID)
@click.argument("path", metavar="ФАЙЛ", type=_xml)
@click.option("--answered-on", type=click.DateTime(("%Y-%m-%d",)), help="День ответа; обычно сегодня.")
@click.option("--late-reason", help="Причина позднего ввода, если этот день лежит в закрытом периоде.")
@as_json
def answer(
    id: UUID, path: Path, answered_on: datetime | None, late_reason: str | None, as_json: bool
) -> None:
    """Что ФНС ответила на каждый документ файла ID. Имена из ответа не читаются."""
    from ckr_es.application import ServiceTracking
    from ckr_es.commands.support import answer_file
    from ckr_es.registry.fns_answer import LARGEST, results

    with path.open("rb") as given:
        told = results(given.read(LARGEST + 1))
    request = _request("operator", "support answer")
    on = answered_on.date() if answered_on else request.today
    with ready_database() as database:
        tracking = ServiceTracking(database)
        try:
            done = answer_file(tracking, request, id, on, told, late_reason)
        finally:
            tracking.close()
    accepted = sum(result.accepted for result in told)
    said = {
        "id": id,
        "accepted": accepted,
        "rejected": len(told) - accepted,
        "news": bool(done.receipt.events),
    }
    if as_json:
        put_json(said)
    else:
        rows = [("Принято", accepted), ("Отклонено", len(told) - accepted)]
        table(("", ""), [(name, number(count)) for name, count in rows])


@support.command(short_help="Таблица кодов: показать или заменить.")
@click.option(
    "--set",
    "table_from",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="ФАЙЛ",
    help="Новая таблица целиком, JSON в том виде, в каком её печатает --json.",
)
@as_json
def codes(table_from: Path | None, as_json: bool) -> None:
    """Формы, виды и единицы, под которыми услуги передаются в ФНС, день отчёта и кто передаёт."""
    import msgspec

    from ckr_es.aggregates import support_codes
    from ckr_es.application import ServiceTracking
    from ckr_es.commands.support import CODES, set_codes
    from ckr_es.rules import Invalid
    from ckr_es.rules.support_codes import Codes
    from ckr_es.rules.validation import parse

    with ready_database() if table_from else existing_database() as database:
        tracking = ServiceTracking(database)
        try:
            if table_from is not None:
                request = _request("manager", "support codes")
                try:
                    given = msgspec.json.decode(table_from.read_bytes())
                except msgspec.DecodeError as error:
                    raise Invalid("malformed-json", f"Файл не читается как JSON: {error}") from error
                set_codes(tracking, request, parse(Codes, given, request.today, "/codes"), None)
            shown = support_codes.in_force(tracking.streams([CODES]).history(CODES))
        finally:
            tracking.close()
    if as_json:
        put_json(msgspec.to_builtins(shown))
        return
    forms, kinds = ({named.code: named.name for named in names} for names in (shown.forms, shown.kinds))
    table(
        ("Услуга", "Форма", "Вид", "Единица"),
        (
            (c.service, f"{c.form} {forms[c.form]}", f"{c.kind} {kinds[c.kind]}", c.unit)
            for c in shown.services
        ),
        title=f"До {shown.report_day} числа; передаёт {shown.sender.name if shown.sender else 'не указано кто'}",
    )


def _request(role: str, what: str) -> "Request":
    import hashlib
    from datetime import UTC
    from uuid import uuid4

    from ckr_es.application import Request
    from ckr_es.rules.calendar import today

    # The number, not the login: an actor is never a name.
    actor, key = f"cli:{os.getuid()}", uuid4().hex
    return Request(
        key=f"{actor}:{key}",
        request_hash=hashlib.sha256(f"{what} {key}".encode()).digest(),
        actor=actor,
        role=role,
        correlation_id=None,
        today=today(datetime.now(UTC)),
    )

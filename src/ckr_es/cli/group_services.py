"""`ckr group-service`: an event with the list of those who came, looked at, recorded, listed."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import rich_click as click

from ckr_es.cli.figures import as_api, catch_up, following, known, meta, moment, side
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
    from ckr_es.commands.group_services import Look

DAY = click.DateTime(("%Y-%m-%d",))


@click.group("group-service", short_help="Групповые услуги: тренинг, выставка, миссия, круглый стол.")
@help_option
def group_service() -> None:
    """Одно мероприятие — услуга каждому участнику из списка, или никому."""


@group_service.command("record", short_help="Записать мероприятие по списку участников.")
@click.argument("path", metavar="[ФАЙЛ]", type=click.Path(path_type=Path, allow_dash=True), default="-")
@click.option("--service", required=True, help="Код услуги, например SVC.и.")
@click.option("--cluster", required=True, help="Код кластера.")
@click.option("--held-on", required=True, type=DAY, metavar="ГГГГ-ММ-ДД", help="День мероприятия и актов.")
@click.option("--title", required=True, help="Название мероприятия.")
@click.option("--applied-on", type=DAY, metavar="ГГГГ-ММ-ДД", help="День заявок; обычно день мероприятия.")
@click.option("--decided-on", type=DAY, metavar="ГГГГ-ММ-ДД", help="День решений; обычно день мероприятия.")
@click.option("--act-number", help="Начало номеров актов: к нему добавляются /1, /2 …")
@click.option("--unit", help="Единица в актах; обычно «услуга».")
@click.option("--late-reason", help="Причина позднего ввода, если день лежит в закрытом периоде.")
@click.option("--dry-run", is_flag=True, help="Только проверить список.")
@click.option(
    "--role",
    type=click.Choice(("operator", "manager")),
    default="operator",
    show_default=True,
    help="В какой роли.",
)
@as_json
def record(path: Path, dry_run: bool, role: str, as_json: bool, **said: Any) -> None:
    """Прочитать список — ИНН или id по одному в строке, как из Excel, — и записать услугу каждому.

    Без файла список читается со стандартного ввода. Второй столбец, если есть, — сколько человек пришло. Проверяется
    всё сразу: если кому-то услугу оказать нельзя, не записывается ничего, причины печатаются по строкам, код выхода 1.
    """
    import hashlib
    import os
    import sys
    from datetime import UTC

    import msgspec

    from ckr_es.api.group_services import told
    from ckr_es.application import Request, ServiceTracking
    from ckr_es.commands import group_services
    from ckr_es.rules.calendar import today
    from ckr_es.rules.validation import parse
    from ckr_es.store.envelope import fresh_id

    lines = list(_lines(sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()))
    fields = {
        name: value.date().isoformat() if isinstance(value, datetime) else value
        for name, value in said.items()
        if value is not None
    }
    on = today(datetime.now(UTC))
    with ready_database() as database:
        tracking = ServiceTracking(database)
        try:
            whom = group_services.resolved(tracking, [line for line, _ in lines])
            counted = [
                {"participant_id": str(who), "attendees": people}
                for who, (_, people) in zip(whom, lines, strict=True)
                if people is not None and isinstance(who, UUID)
            ]
            body = {**fields, "attendance": counted}
            draft = parse(group_services.Draft, {**body, "participants": [line for line, _ in lines]}, on)
            request = Request(
                key=f"cli:{fresh_id()}",
                request_hash=hashlib.sha256(msgspec.json.encode(draft)).digest(),
                actor=f"cli:{os.getuid()}",  # the number, not the login: an actor is never a name
                role=role,
                correlation_id=None,
                today=on,
            )
            look = group_services.look(tracking, request, draft)
            if not dry_run and not look.errors:
                given = {**body, "participants": [str(who) for who in whom]}
                receipt = group_services.hold(
                    tracking, request, parse(group_services.GroupService, given, on)
                ).receipt
                if as_json:
                    put_json(msgspec.to_builtins(receipt))
                else:
                    note(f"Записано услуг: {len(whom)}, мероприятие {receipt.id}")
                return
        finally:
            tracking.close()
    if as_json:
        put_json(msgspec.to_builtins(told(look)))
    else:
        _print(look, [line for line, _ in lines])
    if look.errors:
        sys.exit(1)


@group_service.command("list", short_help="Перечислить мероприятия.")
@moment()
@click.option("--cluster", help="Код кластера.")
@click.option("--service", help="Код услуги.")
@as_json
def list_(
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    cluster: str | None,
    service: str | None,
    as_json: bool,
) -> None:
    """Групповые услуги по дням: сколько участников в списке и сколько услуг в силе."""
    from ckr_es.audit import group_services
    from ckr_es.projections.log import head as head_of

    with existing_database() as database, following(database) as conn:
        head = head_of(conn)
        asked = side(conn, as_of, known_at, known_position, head)
        catch_up(conn, ["directory"], asked.position)
        found = group_services.found(conn, asked.as_of, asked.position, cluster=cluster, service=service)
    if as_json:
        put_json(as_api(meta(asked, head, None, None), items=found, next_cursor=None))
        return
    table(
        ("Мероприятие", "День", "Услуга", "Кластер", "Название", "В списке", "Услуг"),
        (
            (
                str(one.id),
                f"{one.held_on:%d.%m.%Y}",
                one.service,
                one.cluster,
                one.title,
                number(one.participants),
                number(one.served),
            )
            for one in found
        ),
        title=f"Групповых услуг: {len(found)}, на {asked.as_of:%d.%m.%Y} ({known(asked.position, head)})",
        right="Услуг",
        whole="Мероприятие День",
    )


@group_service.command("show", short_help="Показать мероприятие со списком.")
@click.argument("id", metavar="ID", type=click.UUID)
@moment()
@as_json
def show(
    id: UUID,
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    as_json: bool,
) -> None:
    """Кто был на мероприятии: дело, акт и сколько человек пришло от каждого."""
    from ckr_es.application import ServiceTracking
    from ckr_es.audit import group_services
    from ckr_es.projections.log import head as head_of

    with existing_database() as database, following(database) as conn:
        head = head_of(conn)
        asked = side(conn, as_of, known_at, known_position, head)
        tracking = ServiceTracking(database)
        try:
            found = group_services.shown(tracking, id, asked.as_of, asked.position)
        finally:
            tracking.close()
    if as_json:
        import msgspec

        put_json(as_api(meta(asked, head, None, None), **msgspec.structs.asdict(found)))
        return
    table(
        ("Участник", "Дело", "Акт", "Принято", "Человек"),
        (
            (
                came.name or str(came.participant_id),
                str(came.case_id),
                came.act_number or "—",
                f"{came.accepted_on:%d.%m.%Y}" if came.accepted_on else "отменено",
                number(came.attendees),
            )
            for came in found.items
        ),
        title=f"«{found.title}», {found.held_on:%d.%m.%Y}, {found.service}, кластер {found.cluster}",
        right="Человек",
        whole="Дело Принято",
    )


def _lines(raw: bytes) -> Iterator[tuple[str, int | None]]:
    """The first cell of each line and, where the second is a number, that; without blank lines and a header."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1251")
    rows = [
        [cell.strip() for cell in re.split(r"[\t;,]", line)] for line in text.splitlines() if line.strip()
    ]
    for no, (cell, *more) in enumerate(rows):
        if no > 0 or re.search(r"\d", cell):
            yield cell, int(more[0]) if more and re.fullmatch(r"[0-9]{1,4}", more[0]) else None


def _print(look: "Look", lines: list[str]) -> None:
    """Every line with its verdict; what is wrong with the event itself goes before it."""
    for error in look.errors:
        if not error.pointer.startswith("/participants/"):
            note(f"{error.pointer}: {error.detail}")
    names = (look.names.get(firm.participant_id, "") if firm.participant_id else "" for firm in look.firms)
    table(
        ("Строка", "Список", "Участник", "Можно", "Почему нет"),
        (
            (
                str(firm.no + 1),
                lines[firm.no],
                name,
                "нет" if firm.problem else "да",
                firm.problem.detail if firm.problem else "",
            )
            for firm, name in zip(look.firms, names, strict=True)
        ),
        right="Строка",
        whole="Строка Можно",
    )

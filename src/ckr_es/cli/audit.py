"""`ckr audit`: what an auditor runs to see that the log says what it says for a reason."""

import sys
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from ckr_es.cli.figures import as_api, following, meta, moment, side
from ckr_es.cli.ledger import notary_folder
from ckr_es.cli.terminal import as_json, existing_database, help_option, number, progress, put_json, table

if TYPE_CHECKING:
    from uuid import UUID


def _event(_: click.Context, __: click.Parameter, text: str) -> "UUID | int":
    from uuid import UUID

    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    try:
        return UUID(text)
    except ValueError:
        raise click.UsageError(f"ЗАПИСЬ: «{text}» — не event_id и не позиция журнала") from None


@click.group(short_help="Для аудитора: журнал цел, решения заново, разница таблиц.")
@help_option
def audit() -> None:
    """Проверки, которые аудитор может повторить в любой момент."""


@audit.command("replay-decisions", short_help="Принять все решения заново и сравнить.")
@as_json
def replay_decisions(as_json: bool) -> None:
    """Каждое решение о праве на услуги — заново: по записанным данным и по журналу, каким он был.

    Печатает каждое расхождение; код выхода 1, если они есть.
    """
    import msgspec

    from ckr_es.audit.replay import replay_decisions

    with existing_database() as database, progress("Решения") as moved:
        done = replay_decisions(database, lambda at, upto: moved(at, upto, ""))
    if as_json:
        put_json(msgspec.to_builtins(done))
    else:
        if done.differences:
            rows = (
                (str(d.position), str(d.case_id), d.subject, WHAT[d.what], d.recorded, d.again)
                for d in done.differences
            )
            table(("Позиция", "Дело", "Условие", "Расходится", "Записано", "Заново"), rows, right="Позиция")
        differing = len({d.event_id for d in done.differences})
        print(f"Решений: {done.decisions}, расходятся: {differing} (журнал до позиции {done.position}).")
    if done.differences:
        sys.exit(1)


@audit.command(short_help="Проверить весь журнал.")
@click.option(
    "--checkpoint",
    "checkpoints",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    metavar="ФАЙЛ",
    help="Сохранённая контрольная точка; можно несколько. Обычно все из папки нотариуса.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="ФАЙЛ",
    help="Сохранённый открытый ключ. Обычно из папки нотариуса.",
)
@as_json
def verify(checkpoints: tuple[Path, ...], key: Path | None, as_json: bool) -> None:
    """Весь журнал: хеш каждой записи и корни заново, против подписанного и против закрытых периодов.

    Код выхода 1, если что-то не сходится; место названо позициями.
    """
    import msgspec
    import psycopg

    from ckr_es.audit import verifying

    folder = notary_folder()
    notes, bad = verifying.opened(
        list(checkpoints) or [folder.note(size) for size in folder.sizes()], key or folder.public
    )
    with (
        existing_database() as database,
        psycopg.connect(database.conninfo("ckr_reader"), autocommit=True) as conn,
        progress("Записи") as moved,
    ):
        pinned = [*map(verifying.signed_by, notes), *verifying.closings(conn)]
        known = verifying.believed(folder, notes)
        with verifying.Seen(folder) if known else nullcontext() as seen:
            done = verifying.verify(conn, pinned, seen, known, lambda at, upto: moved(at, upto, ""))
    signed = max((n.size for n in notes), default=0)
    if as_json:
        faults = [msgspec.to_builtins(fault) for fault in done.faults]
        put_json(
            {
                "ok": not done.faults and not bad,
                "size": done.size,
                "root": done.root.hex(),
                "signed": signed,
                "checkpoints": len(notes),
                "bad_checkpoints": bad,
                "faults": faults,
                "faulty": done.faulty,
                "seconds": round(done.seconds, 3),
            }
        )
    else:
        for line in (*bad, *map(str, done.faults)):
            print(line)
        sound = "НЕ ЦЕЛ" if done.faults or bad else "цел"
        rate = done.size / done.seconds if done.seconds else 0
        print(
            f"Журнал {sound}: записей {done.size}, замечаний {done.faulty + len(bad)}, {number(rate)} записей/с."
        )
        print(f"Корень {done.root.hex()}; контрольных точек {len(notes)}, подписано записей {signed}.")
    if done.faults or bad:
        sys.exit(1)


@audit.command(short_help="Напасть на журнал и проверить, что это видно.")
@click.option(
    "--seed", type=int, metavar="N", help="Начало случайного ряда, чтобы повторить; обычно случайное."
)
@click.option(
    "--bits", type=click.IntRange(0, 100_000), default=300, show_default=True, help="Сколько случайных битов."
)
@as_json
def attacks(seed: int | None, bits: int, as_json: bool) -> None:
    """На одноразовом сервере от имени суперпользователя: правки, удаления, вставки, подделки подписей, случайные биты.

    Каждая атака должна быть обнаружена, а её место названо. Вашего журнала команда не касается. Код выхода 1, если нет.
    """
    import secrets

    import msgspec

    from ckr_es import logs
    from ckr_es.audit.battery import attack, throw_away

    logs.configure(level=40)
    seed = secrets.randbelow(2**32) if seed is None else seed
    with throw_away() as database, progress("Атаки") as moved:
        done = attack(database, seed, bits, lambda at, of: moved(at, of, ""))
    if as_json:
        put_json({"ok": done.ok, **msgspec.to_builtins(done)})
    else:
        shown = ((a.name, "✓" if a.ok else "✗", a.said, ", ".join(a.by)) for a in done.attacks)
        table(("Атака", "", "Что сказал verify_log.py", "Кто заметил"), shown)
        for line in (*done.missed, *done.false_alarms):
            print(line)
        good = sum(a.ok for a in done.attacks)
        print(
            f"Обнаружено и найдено: атак {good} из {len(done.attacks)}, битов {bits - len(done.missed)} из {bits} "
            f"(seed {seed}); ложных тревог {len(done.false_alarms)}."
        )
    if not done.ok:
        sys.exit(1)


@audit.command("diff", short_help="Почему таблица показателей изменилась.")
@moment(what=" первой таблицы")
@moment("to", " второй таблицы", "день первой")
@as_json
def diff(
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    to_as_of: datetime | None,
    to_known_at: datetime | None,
    to_known_position: int | None,
    as_json: bool,
) -> None:
    """Две таблицы показателей рядом и записи журнала, из которых складывается каждая разница.

    Дни и позиции двух таблиц — любые: «что знали тогда» против «что знаем теперь» или один день против другого.
    """
    from ckr_es.cli import changes
    from ckr_es.projections.log import head as head_of

    with existing_database() as database, following(database) as conn:
        head = head_of(conn)
        before = side(conn, as_of, known_at, known_position, head)
        after = side(conn, to_as_of, to_known_at, to_known_position, head, before.as_of)
        changes.show(conn, before, after, head, as_json=as_json, events=True)


@audit.command("trace", short_help="Почему запись есть и что из неё следует.")
@click.argument("event", metavar="ЗАПИСЬ", callback=_event)
@moment(day="")
@click.option(
    "--limit", type=click.IntRange(1, 500), default=100, help="Сколько строк показателей; обычно 100."
)
@click.option("--cursor", metavar="КУРСОР", help="С какого места продолжать строки показателей.")
@as_json
def trace(
    event: "UUID | int",
    known_at: datetime | None,
    known_position: int | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """Запись журнала (её event_id или позиция): причины и следствия, исправления, решение, показатели, отчёты.

    Отвечает так же, как GET /events/{event_id}: что её вызвало и что вызвала она, чем она исправлена и что действует
    теперь, на чём основано решение, какие строки показателей она дала и в каких закрытых отчётах стоит.
    """
    from ckr_es.api.explanation import told
    from ckr_es.api.moments import decoded
    from ckr_es.audit import trace as tracing
    from ckr_es.cli import tracing as shown
    from ckr_es.projections.kpi_evidence import LineKey
    from ckr_es.projections.log import head as head_of

    after = decoded(cursor, LineKey) if cursor else None
    with existing_database() as database, following(database) as conn:
        head = head_of(conn)
        asked = side(conn, None, known_at, known_position, head)
        found = tracing.trace(conn, event, asked.position, after, limit)
    answer = told(found)
    if as_json:
        put_json(as_api(meta(asked, head, None, None), **answer))
    else:
        shown.show(found, following=answer["kpi_lines"]["next_cursor"])


@audit.command("accesses", short_help="Что читали аудиторы.")
@click.option("--actor", metavar="КЛЮЧ", help="Только чтения этого ключа.")
@click.option("--object", "about", metavar="ID", help="Только чтения этого участника, дела, кластера.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Сколько последних."
)
@as_json
def accesses(actor: str | None, about: str | None, limit: int, as_json: bool) -> None:
    """Журнал доступа: кто из аудиторов что прочитал через API и до какой позиции был виден журнал событий."""
    import msgspec
    import psycopg

    from ckr_es.store.accesses import page

    with existing_database() as database, psycopg.connect(database.conninfo("ckr_reader")) as conn:
        found = page(conn, limit, actor=actor, object=about)
    if as_json:
        put_json({"items": [msgspec.to_builtins(access) for access in found]})
        return
    rows = (
        (
            f"{a.at:%d.%m.%Y %H:%M:%S}",
            a.actor,
            a.route,
            ", ".join(f"{name} {text}" for name, text in a.objects.items()),
            "" if a.as_of is None else f"{a.as_of:%d.%m.%Y}",
            str(a.head_position if a.known_position is None else min(a.known_position, a.head_position)),
        )
        for a in found
    )
    table(("Когда", "Ключ", "Что", "О чём", "На дату", "Позиция"), rows, right="Позиция")


WHAT = {
    "rule-set": "набор правил",
    "verdict": "вывод из записанных данных",
    "note": "примечание из записанных данных",
    "score": "балл анкеты",
    "inputs": "данные в журнале",
    "log": "вывод по журналу",
    "permission": "право принять решение",
}

"""`ckr audit`: what an auditor runs to see that the log says what it says for a reason."""

import sys
from datetime import datetime

import rich_click as click

from ckr_es.cli.figures import following, moment, side
from ckr_es.cli.terminal import as_json, existing_database, help_option, progress, put_json, table


@click.group(short_help="Для аудитора: решения заново, разница таблиц.")
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


WHAT = {
    "rule-set": "набор правил",
    "verdict": "вывод из записанных данных",
    "note": "примечание из записанных данных",
    "score": "балл анкеты",
    "inputs": "данные в журнале",
    "log": "вывод по журналу",
    "permission": "право принять решение",
}

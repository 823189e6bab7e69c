"""`ckr audit`: what an auditor runs to see that the log says what it says for a reason."""

import sys

import rich_click as click

from ckr_es.cli.terminal import as_json, existing_database, help_option, progress, put_json, table


@click.group(short_help="Для аудитора: решения заново.")
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


WHAT = {
    "rule-set": "набор правил",
    "verdict": "вывод из записанных данных",
    "note": "примечание из записанных данных",
    "score": "балл анкеты",
    "inputs": "данные в журнале",
    "log": "вывод по журналу",
    "permission": "право принять решение",
}

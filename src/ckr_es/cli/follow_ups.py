"""`ckr follow-ups`: which firms are to be asked how they fare after a complex service, and the effect."""

from datetime import datetime

import rich_click as click

from ckr_es.cli.figures import as_api, catch_up, following, known, meta, moment, side
from ckr_es.cli.terminal import as_json, existing_database, number, put_json, table

WORDS = {"done": "есть", "overdue": "просрочено", "due": "пора спросить", "upcoming": "—"}


@click.command("follow-ups", short_help="Мониторинг получателей комплексных услуг.")
@moment()
@click.option("--cluster", help="Код кластера, если нужны только его участники.")
@click.option("--overdue", is_flag=True, help="Только те, о ком сведения просрочены.")
@click.option("--effect", is_flag=True, help="Итог: как изменились численность и выручка против базы.")
@as_json
def follow_ups(
    as_of: datetime | None,
    known_at: datetime | None,
    known_position: int | None,
    cluster: str | None,
    overdue: bool,
    effect: bool,
    as_json: bool,
) -> None:
    """Кого и когда спросить через 3, 6 и 12 месяцев после комплексной услуги (концепция, функция т).

    То же отвечают GET /follow-ups и GET /follow-ups/effect.
    """
    from ckr_es.aggregates.follow_up import effects
    from ckr_es.application import ServiceTracking
    from ckr_es.audit.follow_ups import found
    from ckr_es.projections.log import head as head_of

    if effect and overdue:
        raise click.UsageError("укажите --effect или --overdue, не оба")
    with existing_database() as database, following(database) as conn:
        head = head_of(conn)
        asked = side(conn, as_of, known_at, known_position, head)
        catch_up(conn, ["directory"], asked.position)
        tracking = ServiceTracking(database)
        try:
            every = [one for one, _ in found(conn, tracking, asked.as_of, asked.position, cluster=cluster)]
        finally:
            tracking.close()
    every = [one for one in every if not overdue or one.status == "overdue"]
    if as_json:
        put_json(as_api(meta(asked, head, None, None), items=effects(every) if effect else every))
        return
    title = f"на {asked.as_of:%d.%m.%Y} ({known(asked.position, head)})"
    if effect:
        table(
            ("Месяцев", "Услуг", "Сведений", "Просрочено", "Численность", "Выручка, руб.", "Оценка"),
            (
                (
                    str(e.after_months),
                    str(e.services),
                    str(e.done),
                    str(e.overdue),
                    f"{e.headcount_change:+}",
                    number(e.sales_change_kopecks / 100, 2),
                    number(e.satisfaction_mean, 2),
                )
                for e in effects(every)
            ),
            title=f"После комплексных услуг, против базы, {title}",
            right="Месяцев Услуг Сведений Просрочено Численность Выручка, руб. Оценка",
        )
        return
    table(
        ("Дело/участник", "Кластер", "Завершена", "Через 3", "Через 6", "Через 12"),
        (
            (
                f"{one.case_id}\n{one.participant_id}",
                one.cluster,
                f"{one.completed_on:%d.%m.%Y}",
                *(f"{WORDS[point.status]}\nдо {point.due_on:%d.%m.%Y}" for point in one.points),
            )
            for one in every
        ),
        title=f"Комплексных услуг: {len(every)}, {title}",
        whole="Дело/участник",
    )

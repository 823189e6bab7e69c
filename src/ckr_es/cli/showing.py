"""`ckr demo`: the year is played, its table shown, and a key made for each role."""

from datetime import date

from ckr_es import demo
from ckr_es.application import ServiceTracking
from ckr_es.cli.figures import Side, as_api, catch_up, following, meta, print_table
from ckr_es.cli.terminal import note, progress, put_json, table
from ckr_es.cli.upkeep import as_migrator
from ckr_es.demo.desk import Numbered
from ckr_es.projections import kpi_reads
from ckr_es.rules import Refused
from ckr_es.store import keys, staff
from ckr_es.store.database import Database


def show(database: Database, as_json: bool) -> None:
    """Refused unless the log is empty."""
    acts = demo.year()
    tracking = ServiceTracking(database)
    try:
        _refuse_unless_empty(tracking, acts)
        with following(database) as conn:
            with progress("2021 год") as moved:
                demo.run(tracking, acts, lambda done, day: moved(done, len(acts), _month(day)))
            head = tracking.recorder.head()
            catch_up(conn, ["kpi", "directory"], head)
            shown = kpi_reads.table(conn, demo.LAST_DAY, head)
    finally:
        tracking.close()
    with as_migrator(database.admin_conninfo()) as conn:
        made = {role: keys.create(conn, role=role, name=f"Демонстрация: {role}") for role in keys.ROLES}
        logins = {
            role: staff.create(conn, login=role, name=f"Демонстрация: {role}", role=role)[1]
            for role in keys.ROLES
        }
    if as_json:
        about = meta(Side(demo.LAST_DAY, head, None), head, shown.kpi_set, shown.policy)
        put_json({**as_api(about, rows=shown.rows), "keys": made, "passwords": logins})
        return
    print_table(shown, demo.LAST_DAY, head, head)
    table(
        ("Роль и логин", "Пароль", "Ключ"),
        [(role, logins[role], key) for role, key in made.items()],
        whole="Пароль Ключ",
    )
    note(
        "Пароли и ключи показаны один раз; они для демонстрации. Таблица ещё раз: ckr kpi --as-of 2021-12-31"
    )


def _refuse_unless_empty(tracking: ServiceTracking, acts: list[Numbered]) -> None:
    head = tracking.recorder.head()
    if not head:
        return
    began, ended = (tracking.recorder.stored_answer(act.key) for act in (acts[0], acts[-1]))
    why = "в нём уже есть записи"
    if began:
        why = "в нём уже сыгран этот год" if ended else "в нём год, сыгранный не до конца"
    raise Refused(
        "log-not-empty",
        f"Журнал не пуст ({head}): {why}. Для демонстрации нужна пустая папка данных: задайте другую в CKR_DATA_DIR.",
    )


def _month(day: date) -> str:
    return f"{day:%m.%Y}"

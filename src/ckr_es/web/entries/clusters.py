"""What is recorded of a cluster: how it came to be, and what is done for it."""

from typing import Any, Final

from msgspec import Struct

from ckr_es.aggregates import cluster
from ckr_es.application import Receipt
from ckr_es.web.entries.subjects import about_cluster
from ckr_es.web.fields import asked_for
from ckr_es.web.forms import Form


def _to_cluster(receipt: Receipt, _: Any) -> str:
    return f"/clusters/{receipt.id}"


def _life(step: str, title: str, body: type[Struct], day: str, said: str) -> Form:
    dated: dict[str, Any] = {day: {"label": said}}
    return Form(
        path=f"/clusters/{{code}}/{step}",
        title=title,
        about=about_cluster,
        then=_to_cluster,
        fields=asked_for(body, **dated),
    )


FORMS: Final = (
    Form(
        path="/clusters",
        title="Предложить кластер",
        lead="Ещё не созданный: считаться он будет со дня соглашения.",
        then=_to_cluster,
        fields=asked_for(
            cluster.Proposed,
            code={"help": "Латиница, цифры и дефис: так кластер называют программы, и это навсегда."},
            production={"label": "Производственный кластер"},
            proposed_on={"label": "Дата предложения"},
        ),
    ),
    _life("formation", "Записать соглашение о создании", cluster.Formed, "formed_on", "Дата создания"),
    _life("title", "Переименовать кластер", cluster.Retitled, "retitled_on", "С какой даты"),
    _life(
        "programmes", "Программа или стратегия", cluster.ProgrammeApproved, "approved_on", "Дата утверждения"
    ),
    _life("assessments", "Оценка потенциала", cluster.PotentialAssessed, "assessed_on", "Дата оценки"),
    _life("brands", "Бренд кластера", cluster.BrandRegistered, "registered_on", "Дата регистрации бренда"),
    _life("projects", "Начать проект", cluster.ProjectLaunched, "launched_on", "Дата начала"),
    _life("projects/end", "Завершить проект", cluster.ProjectFinished, "finished_on", "Дата завершения"),
    _life("equipment", "Общее оборудование", cluster.EquipmentApproved, "approved_on", "Дата согласования"),
    _life("activities", "Мероприятие для кластера", cluster.ActivityHeld, "held_on", "Дата проведения"),
    _life(
        "reorganisation",
        "Преобразовать кластер",
        cluster.Reorganised,
        "reorganised_on",
        "Дата преобразования",
    ),
    _life("dissolution", "Ликвидировать кластер", cluster.Dissolved, "dissolved_on", "Дата ликвидации"),
)

"""What is recorded of a cluster: how it came to be, and what is done for it."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from ckr_es.aggregates import cluster
from ckr_es.application import Receipt
from ckr_es.rules.validation import fields_of
from ckr_es.web.entries.subjects import about_cluster, found_by_inn
from ckr_es.web.fields import Asked, Body, Field, asked_for
from ckr_es.web.forms import Form, command


def _to_cluster(receipt: Receipt, _: Any) -> str:
    return f"/clusters/{receipt.id}"


NEXT: Final = {"formation": "formed_on", "reorganisation": "reorganised_on", "dissolution": "dissolved_on"}


def _fits(step: str, cluster: Mapping[str, Any]) -> bool:
    """A cluster is formed, reorganised and dissolved once, in this order."""
    if cluster["dissolved_on"] or (step in NEXT and cluster[NEXT[step]]):
        return False
    return step not in ("reorganisation", "dissolution") or bool(cluster["formed_on"])


def _as_held(asked: Asked, said: Body) -> Body:
    """Firms by their ids, wherever an INN stands for one: no INN of a person stands in what is recorded."""
    inns = said.get(FIRMS.name)
    if not inns:
        return said
    ids = found_by_inn(asked, FIRMS.name, inns)
    known = dict(zip(inns, ids, strict=True))
    chain = [
        {name: known.get(value, value) for name, value in link.items()} for link in said.get("chain", ())
    ]
    return {**said, FIRMS.name: ids, **({"chain": chain} if chain else {})}


FIRMS: Final = Field(
    name="participants",
    label="Участники: ИНН",
    kind="lines",
    help="По одному в строке. В журнал попадут не ИНН, а сами участники.",
    optional=True,
    private=True,
)


def _life(step: str, title: str, day: str, said: str) -> Form:
    path = f"/clusters/{{code}}/{step}"
    dated: dict[str, Any] = {day: {"label": said}}
    body = command(path).body
    firms = (FIRMS,) if FIRMS.name in fields_of(body) else ()
    return Form(
        path=path,
        title=title,
        about=about_cluster,
        then=_to_cluster,
        fits=partial(_fits, step),
        body=_as_held,
        fields=(*asked_for(body, **dated), *firms),
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
    _life("formation", "Записать соглашение о создании", "formed_on", "Дата создания"),
    _life("title", "Переименовать кластер", "retitled_on", "С какой даты"),
    _life("programmes", "Программа или стратегия", "approved_on", "Дата утверждения"),
    _life("assessments", "Оценка потенциала", "assessed_on", "Дата оценки"),
    _life("brands", "Бренд кластера", "registered_on", "Дата регистрации бренда"),
    _life("projects", "Начать проект", "launched_on", "Дата начала"),
    _life("projects/end", "Завершить проект", "finished_on", "Дата завершения"),
    _life("equipment", "Общее оборудование", "approved_on", "Дата согласования"),
    _life("activities", "Мероприятие для кластера", "held_on", "Дата проведения"),
    _life("reorganisation", "Преобразовать кластер", "reorganised_on", "Дата преобразования"),
    _life("dissolution", "Ликвидировать кластер", "dissolved_on", "Дата ликвидации"),
)

"""What was done for a measure of the roadmap."""

from typing import Any, Final

from ckr_es.api.roadmap import NewReport
from ckr_es.application import Receipt
from ckr_es.rules import Unknown
from ckr_es.rules.roadmap import measures, terms
from ckr_es.web.fields import Asked, Options, asked_for
from ckr_es.web.forms import Form


def _about(asked: Asked) -> str:
    found = measures().get(asked.steps["item"])
    if found is None:
        raise Unknown("not-found", "В дорожной карте нет такой строки")
    return f"{found.no}. {found.title}"


def _terms(asked: Asked) -> Options:
    return [
        (term.label, f"{term.label.replace('/', ' — ')}, до {term.due_on:%d.%m.%Y}")
        for term in terms(asked.steps["item"])
    ]


def _to_roadmap(_: Receipt, __: Any) -> str:
    return "/roadmap"


FORMS: Final = (
    Form(
        path="/roadmap/{item}/reports",
        title="Отчёт по дорожной карте",
        about=_about,
        then=_to_roadmap,
        fields=asked_for(
            NewReport,
            period={"label": "За какой срок", "kind": "choice", "options": _terms},
            result={"label": "Что сделано"},
            complete={"label": "За этот срок сделано всё", "initial": True},
        ),
    ),
)

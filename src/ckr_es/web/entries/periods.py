"""A period is closed on the table that is shown before, and opened again by another person."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from ckr_es.api.asked import Travel
from ckr_es.api.periods import Closing, Reopening
from ckr_es.application import Receipt
from ckr_es.reports.russian import of_period
from ckr_es.rules import Invalid, Unknown
from ckr_es.rules.calendar import Period, period
from ckr_es.web.fields import Asked, Field, Typed, asked_for
from ckr_es.web.forms import Form
from ckr_es.web.page import told


def _period(asked: Asked) -> Period:
    """A path that leads to no period is 404, not a wrong value."""
    try:
        return period(asked.steps["label"])
    except Invalid as wrong:
        raise Unknown("not-found", wrong.detail) from wrong


def _about(asked: Asked) -> str:
    return of_period(_period(asked).label)


def _to_period(receipt: Receipt, _: Any) -> str:
    return f"/periods/{receipt.id}"


def _last(on: date) -> Mapping[str, str]:
    """The quarter that was over last."""
    year, number = on.year, (on.month - 1) // 3
    return {"label": f"{year}-Q{number}" if number else f"{year - 1}-Q4"}


def _table(asked: Asked, _: Typed) -> Mapping[str, Any]:
    """The figures that a closing would pin now."""
    last = _period(asked).last
    table: Mapping[str, Any] = told(asked.figures.table(Travel(last, None, None, None), None))
    return table


def _deviations(asked: Asked, typed: Typed) -> Sequence[Field]:
    short = [
        row for row in _table(asked, typed)["rows"] if row["percent"] is not None and row["percent"] < 100
    ]
    return [
        Field(
            name=f"deviations.{row['kpi']}",
            label=row["title"],
            optional=True,
            group="" if n else "Почему меньше плана",
        )
        for n, row in enumerate(short)
    ]


FORMS: Final = (
    Form(
        path="/periods/{label}/closing",
        title="Закрыть период",
        lead="Таблица закрепится такой, как она есть сейчас; что узнают потом, будет видно как изменение.",
        about=_about,
        then=_to_period,
        more=_deviations,
        look=_table,
        shows="looked/table.html",
        submit="Закрыть период",
        starts=_last,
        fields=asked_for(Closing, approved_by={"help": "Должность: имён в журнале нет."}),
    ),
    Form(
        path="/periods/{label}/reopening",
        title="Открыть период снова",
        lead="Открывает другой человек, не тот, кто закрыл. Следующее закрытие будет новой версией.",
        about=_about,
        then=_to_period,
        submit="Открыть период",
        fields=asked_for(Reopening),
    ),
)

"""What is done for the clusters in the year: every kind of record, for the functions of the concept's section 4."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice, pairwise
from typing import Any, Final

from msgspec.structs import replace

from ckr_es.aggregates.cluster_life import (
    ActivityHeld,
    BrandRegistered,
    EquipmentApproved,
    Item,
    Life,
    Link,
    Partner,
    PotentialAssessed,
    ProgrammeApproved,
    ProjectFinished,
    ProjectLaunched,
)
from ckr_es.application import stream_id
from ckr_es.demo.centre import on_cluster
from ckr_es.demo.desk import Act
from ckr_es.demo.firms import CLUSTERS, Firm
from ckr_es.rules.values import Document

COUNCIL: Final = "Совет кластера"
ALL: Final = ""
SESSION: Final = {"function": "FN.н", "kind": "public-discussion"}

# Month and day, for which cluster, what was done, its title, and what else is said of it.
_DONE: Final[tuple[tuple[int, int, str, type[Life], str, dict[str, Any]], ...]] = (
    (2, 3, ALL, ActivityHeld, "Установочная стратегическая сессия", {**SESSION, "attendees": 41}),
    (3, 17, "organic", PotentialAssessed, "Оценка потенциала органического земледелия",
     {"function": "FN.а", "score": 74, "conclusion": "Кластер может вырасти вдвое за три года"}),
    (3, 25, "tourism", ProgrammeApproved, "Программа развития кластера",
     {"function": "FN.б", "kind": "programme", "version": 3, "approved_by": COUNCIL, "first_year": 2021,
      "last_year": 2023}),
    (4, 28, "resource-service", ProgrammeApproved, "Программа развития кластера",
     {"function": "FN.б", "kind": "programme", "version": 1, "approved_by": COUNCIL, "first_year": 2021,
      "last_year": 2023}),
    (5, 19, "organic", EquipmentApproved, "Перечень оборудования для сушки и фасовки",
     {"function": "FN.в", "owner": "АНО «ККЦРБ МКК»", "items": (
         Item(name="Сушильная камера", quantity=2, cost_kopecks=845_000_00),
         Item(name="Фасовочная линия", cost_kopecks=1_260_000_00),
         Item(name="Программа учёта партий", cost_kopecks=95_000_00, software=True))}),
    (5, 26, "digital", ActivityHeld, "Вебинар об охране программ для ЭВМ",
     {"function": "FN.п", "kind": "ip-awareness", "attendees": 58, "channel": "видеосвязь"}),
    (6, 9, "organic", BrandRegistered, "Товарный знак «Енисейская тайга»",
     {"function": "FN.з", "registry_number": "812345"}),
    (6, 16, "tourism", ProjectLaunched, "Канатная дорога: технико-экономическое обоснование",
     {"function": "FN.г", "kind": "investment", "partners": (Partner(name="Инвестор проекта"),)}),
    (6, 23, "arctic", ActivityHeld, "Круглый стол об арктических маршрутах",
     {"function": "FN.л", "kind": "round-table", "attendees": 23}),
    (7, 14, "resource-service", ActivityHeld, "Программа «выращивания» поставщиков: отбор",
     {"function": "FN.р", "kind": "supplier-growing", "attendees": 12}),
    (8, 11, "tourism", ProjectLaunched, "Единый путеводитель по кластеру", {"function": "FN.и", "kind": "joint"}),
    (8, 18, "resource-service", ProjectLaunched, "Цепочка ремонта горного оборудования",
     {"function": "FN.ж", "kind": "interregional",
      "partners": (Partner(name="Завод горных машин", region="Кемеровская область"),)}),
    (9, 8, "arctic", PotentialAssessed, "Мониторинг потенциала кластера",
     {"function": "FN.д", "score": 61, "conclusion": "Не хватает мест размещения"}),
    (9, 15, ALL, ActivityHeld, "Передача об услугах центра",
     {"function": "FN.с", "kind": "promotion", "channel": "краевое телевидение"}),
    (10, 13, "digital", ProjectLaunched, "Витрина решений для добывающих предприятий",
     {"function": "FN.к", "kind": "joint", "partners": (Partner(name="Сибирский федеральный университет"),)}),
    (11, 10, "creative", PotentialAssessed, "Анализ потенциала творческих индустрий",
     {"function": "FN.а", "score": 68, "conclusion": "Кластер может быть создан"}),
    (11, 17, "digital", ProgrammeApproved, "Программа развития кластера",
     {"function": "FN.б", "kind": "programme", "version": 2, "approved_by": COUNCIL, "first_year": 2022,
      "last_year": 2024}),
    (12, 8, ALL, ActivityHeld, "Отчётная стратегическая сессия", {**SESSION, "attendees": 52}),
)  # fmt: skip
_FINISHED: Final = (
    ("tourism", ProjectFinished(
        title="Единый путеводитель по кластеру", finished_on=date(2021, 12, 15), result="Издан, 3 000 экземпляров")),
)  # fmt: skip


def acts(members: Sequence[Firm]) -> Iterator[Act]:
    for month, day, code, kind, title, said in _DONE:
        on = date(2021, month, day)
        (dated,) = (name for name in kind.__struct_fields__ if name.endswith("_on"))
        fields: dict[str, Any] = {dated: on, "title": title, "document": Document(title=title), **said}
        for one in CLUSTERS:
            if one.code == code or (not code and one.curated and one.formed_on and one.formed_on <= on):
                yield on_cluster(one.code, _with_firms(kind(**fields), one.code, members))
    for code, finished in _FINISHED:
        yield on_cluster(code, finished)


def _with_firms(event: Life, code: str, members: Sequence[Firm]) -> Life:
    """Three members that are known by then take part in a project; in one its partner begins a chain with them."""
    if not isinstance(event, ProjectLaunched):
        return event
    known = event.launched_on.replace(day=1)
    own = (m for m in members if m.cluster == code and m.kind == "legal_entity" and m.joined_on < known)
    firms = [stream_id("participant", m.inn) for m in islice(own, 3)]
    links = pairwise([event.partners[0].name, *map(str, firms)]) if event.function == "FN.ж" else ()
    chain = [Link(supplier=one, consumer=other, what="узлы и работы") for one, other in links]
    return replace(event, participants=tuple(firms), chain=tuple(chain))

"""The firms of the demonstration year: invented names, valid synthetic identifiers, codes as the register has them."""

from datetime import date, timedelta
from itertools import product
from random import Random
from typing import Final, Literal

from msgspec import Struct

from ckr_es.aggregates.cluster import ClusterKind
from ckr_es.rules import okved

NEW_YEAR: Final = date(2021, 1, 1)


class Cluster(Struct, frozen=True, kw_only=True):
    """`formed_on` None: only proposed; `association_on`: it became one.

    Names are made of `first` and `second`; `asks`: services it wants.
    """

    code: str
    title: str
    specialisation: str
    production: bool
    proposed_on: date
    formed_on: date | None = None
    association_on: date | None = None
    kind: ClusterKind
    curated: bool = True
    firms: int = 0
    first: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    trades: tuple[str, ...] = ()
    asks: str = ""


class Firm(Struct, frozen=True, kw_only=True):
    kind: Literal["legal_entity", "entrepreneur"]
    inn: str
    ogrn: str
    name: str
    contacts: str | None
    cluster: str
    joined_on: date
    okved_main: str
    okved_additional: tuple[str, ...]
    category: Literal["micro", "small", "medium"]
    included_on: date
    headcount: int

    @property
    def asks_a_person(self) -> bool:
        """Its codes may mean excise goods or minerals: somebody has to decide (condition E4)."""
        return any(
            hit.rule.mode == "REVIEW" for hit in okved.hits(self.okved_main, self.okved_additional, NEW_YEAR)
        )


# Concept, section 1. Days of forming are ours: the concept names none.
CLUSTERS: Final = (
    Cluster(
        code="tourism",
        title="Туристско-рекреационный территориальный кластер",
        kind="tourism",
        specialisation="внутренний и въездной туризм",
        production=False,
        proposed_on=date(2017, 11, 8),
        formed_on=date(2018, 6, 20),
        firms=62,
        first=("Енисейский", "Саянский", "Манский", "Ергаковский", "Минусинский", "Шушенский", "Канский"),
        second=("берег", "маршрут", "привал", "терем", "караван", "причал", "кордон", "дилижанс"),
        trades=("79.11", "79.12", "55.10", "55.20", "56.10", "93.29", "49.39", "77.21"),
        asks="вгджзим",
    ),
    Cluster(
        code="arctic",
        title="Туристско-рекреационный кластер «Арктический»",
        kind="tourism",
        specialisation="арктический туризм, народные промыслы Таймыра",
        production=False,
        proposed_on=date(2019, 2, 14),
        formed_on=date(2019, 9, 12),
        firms=28,
        first=("Таймырский", "Хатангский", "Путоранский", "Полярный", "Карский", "Пясинский"),
        second=("компас", "чум", "ледокол", "горизонт", "олень", "простор"),
        trades=("79.11", "79.90", "55.20", "56.10", "32.99", "50.30"),
        asks="бвгжзм",
    ),
    Cluster(
        code="digital",
        title="Цифровой кластер",
        kind="digital",
        specialisation="программное обеспечение, электроника, связь",
        production=False,
        proposed_on=date(2019, 10, 3),
        formed_on=date(2020, 3, 5),
        firms=48,
        first=("Код", "Сигнал", "Вектор", "Контур", "Поток", "Модуль", "Граф", "Импульс"),
        second=("Сибири", "Енисея", "Севера", "Плюс", "Лаб", "Софт"),
        trades=("62.01", "62.02", "62.09", "63.11", "58.29", "26.20"),
        asks="абгежлн",
    ),
    Cluster(
        code="organic",
        title="Территориальный кластер производителей органической продукции Красноярского края",
        kind="agricultural",
        specialisation="органическая продукция, дикоросы, переработка",
        production=True,
        proposed_on=date(2020, 4, 22),
        formed_on=date(2020, 10, 15),
        firms=44,
        first=("Таёжный", "Сибирский", "Каратузский", "Идринский", "Абанский", "Курагинский", "Ирбейский"),
        second=("мёд", "хутор", "сбор", "хлеб", "луг", "амбар", "кедр"),
        trades=("10.39", "10.51", "01.13", "01.49.1", "10.41", "10.71", "01.25", "10.89"),
        asks="вджзно",
    ),
    Cluster(
        code="resource-service",
        title="Ресурсно-сервисный территориальный кластер",
        kind="service",
        specialisation="сервис и поставки для добывающих предприятий",
        production=True,
        proposed_on=date(2020, 11, 19),
        formed_on=date(2021, 2, 25),
        firms=34,
        first=("Ангарский", "Приангарский", "Северный", "Эвенкийский", "Богучанский", "Мотыгинский"),
        second=("сервис", "ремонт", "механик", "металлист", "инструмент", "монтаж"),
        trades=("33.12", "25.62", "28.92", "09.90", "43.12", "71.12", "33.20"),
        asks="бекло",
    ),
    Cluster(
        code="creative",
        title="Креативный территориальный кластер",
        kind="creative",
        specialisation="творческие индустрии",
        production=False,
        proposed_on=date(2021, 9, 14),
    ),
    Cluster(
        code="social",
        title="Социальный территориальный кластер",
        kind="social",
        specialisation="социальное предпринимательство",
        production=False,
        proposed_on=date(2021, 11, 9),
    ),
    Cluster(
        code="zheleznogorsk",
        title="Ассоциация экономического взаимодействия «Кластер инновационных технологий ЗАТО г. Железногорск»",
        kind="innovation",
        specialisation="технологические проекты",
        production=False,
        proposed_on=date(2013, 2, 5),
        formed_on=date(2013, 4, 16),
        association_on=date(2013, 9, 3),
        curated=False,
    ),
)

_MEN: Final = (
    ("Абрамов", "Белых", "Ветров", "Громов", "Дроздов", "Ермолин", "Жданов", "Зырянов", "Ковригин", "Лапин"),
    ("Андрей", "Виктор", "Егор", "Илья", "Максим", "Павел", "Роман", "Степан"),
    ("Алексеевич", "Борисович", "Игоревич", "Николаевич", "Олегович", "Юрьевич"),
)
_WOMEN: Final = (
    ("Астафьева", "Берёзкина", "Вяткина", "Горчакова", "Ёлкина", "Иконникова", "Кедрова", "Лыткина"),
    ("Анна", "Вера", "Галина", "Дарья", "Ирина", "Марина", "Ольга", "Юлия"),
    ("Андреевна", "Викторовна", "Егоровна", "Ильинична", "Павловна", "Романовна"),
)
_ENTREPRENEURS: Final = 0.25
_NEWCOMERS: Final = 0.22  # of the firms of the older clusters, those who joined in the year


def firms(rng: Random) -> list[Firm]:
    """About two hundred firms, in the order of their clusters; the same for the same generator."""
    numbers: set[str] = set()
    people = [" ".join(words) for names in (_MEN, _WOMEN) for words in product(*names)]
    rng.shuffle(people)
    found = []
    for cluster in CLUSTERS:
        titles = [f"{a} {b}" for a, b in product(cluster.first, cluster.second)]
        rng.shuffle(titles)
        for _ in range(cluster.firms):
            person = rng.random() < _ENTREPRENEURS
            name = people.pop() if person else f"ООО «{titles.pop()}»"
            found.append(_firm(rng, cluster, name, person, numbers))
    return found


def _firm(rng: Random, cluster: Cluster, name: str, person: bool, numbers: set[str]) -> Firm:
    inn = _inn(rng, 12 if person else 10)
    while inn in numbers:
        inn = _inn(rng, 12 if person else 10)
    numbers.add(inn)
    main = rng.choice(cluster.trades)
    others = [code for code in cluster.trades if code != main and okved.match(code, NEW_YEAR) is None]
    category: Literal["micro", "small", "medium"] = (
        "micro" if person else rng.choices(("micro", "small", "medium"), (80, 18, 2))[0]
    )
    most = {"micro": 9, "small": 60, "medium": 140}[category]
    phone = f"+7 391 2{rng.randrange(10**6):06}"
    since = rng.randrange(14, 20)
    return Firm(
        kind="entrepreneur" if person else "legal_entity",
        inn=inn,
        ogrn=_ogrnip(rng, since) if person else _ogrn(rng, since),
        name=name,
        contacts=phone if person or rng.random() < 0.5 else None,
        cluster=cluster.code,
        joined_on=_joined_on(rng, cluster),
        okved_main=main,
        okved_additional=tuple(rng.sample(others, rng.randrange(4))),
        category=category,
        included_on=date(2016, 8, 1) if since < 16 else date(2000 + since, 8, 10),
        headcount=rng.randint(1, 3) if person else rng.randint(max(1, most // 6), most),
    )


def _joined_on(rng: Random, cluster: Cluster) -> date:
    """On some day since the cluster was formed; most of the older clusters' members before the year."""
    assert cluster.formed_on is not None
    if cluster.formed_on >= NEW_YEAR:
        return workday(cluster.formed_on + timedelta(days=int(110 * rng.random() ** 2)))
    if rng.random() < _NEWCOMERS:
        return workday(date(2021, 1, 18) + timedelta(days=rng.randrange(170)))
    days = (NEW_YEAR - cluster.formed_on).days - 5
    return workday(cluster.formed_on + timedelta(days=int(days * rng.random() ** 2)))


def workday(day: date) -> date:
    """The day itself, or the Monday after a weekend."""
    return day + timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)


def _inn(rng: Random, digits: int) -> str:
    head = f"24{rng.choice((60, 61, 62, 63, 64, 65, 66, 68))}{rng.randrange(10**8):08}"
    if digits == 10:
        head = head[:9]
        return head + _control(head, (2, 4, 10, 3, 5, 9, 4, 6, 8))
    head = head[:10]
    head += _control(head, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8))
    return head + _control(head, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))


def _control(number: str, weights: tuple[int, ...]) -> str:
    return str(sum(int(digit) * weight for digit, weight in zip(number, weights, strict=True)) % 11 % 10)


def _ogrn(rng: Random, since: int) -> str:
    head = f"1{since}2468{rng.randrange(10**5):05}"
    return head + str(int(head) % 11 % 10)


def _ogrnip(rng: Random, since: int) -> str:
    head = f"3{since}246800{rng.randrange(10**5):05}"
    return head + str(int(head) % 13 % 10)

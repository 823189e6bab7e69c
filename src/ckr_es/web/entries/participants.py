"""What is recorded of a firm: who it is, what registers say, its papers, its clusters, what it reports."""

from typing import Any, Final

from ckr_es.aggregates import participant
from ckr_es.api.lookups import LookUp
from ckr_es.api.participants import MembershipEnd, NewIdentity, NewParticipant
from ckr_es.application import Receipt
from ckr_es.reports.russian import of_period
from ckr_es.rules.calendar import periods_of
from ckr_es.rules.rule_sets import conditions, in_force
from ckr_es.web.entries.subjects import about_cluster, about_firm, cases_of_firm, clusters
from ckr_es.web.fields import Asked, Body, Options, asked_for
from ckr_es.web.forms import Form
from ckr_es.web.words import EVIDENCE, KINDS

QUARTERS: Final = 12  # that a report may be about


def _to_firm(receipt: Receipt, _: Any) -> str:
    return f"/participants/{receipt.id}"


def _declared(asked: Asked) -> Options:
    words = conditions(in_force(asked.page.when.as_of).valid_from)
    return [(name, f"{name} · {words[name].title}") for name in ("E5", "E6", "E7")]


def _quarters(asked: Asked) -> Options:
    """Those that are over, the last first."""
    year, now = asked.page.when.as_of.year, periods_of(asked.page.when.as_of)[0]
    labels = [f"{y}-Q{n}" for y in range(year, year - 4, -1) for n in (4, 3, 2, 1)]
    return [(one, of_period(one)) for one in labels if one < now][:QUARTERS]


def _complete(_: Asked, said: Body) -> Body:
    """Of a firm that was found, no additional codes are said as such."""
    return {"okved_additional": [], **said} if said.get("result") == "found" else said


PRIVATE: Final[dict[str, Any]] = {
    "ogrn": {"label": "ОГРН или ОГРНИП", "private": True},
    "contacts": {
        "label": "Контакты",
        "kind": "area",
        "help": "Хранятся отдельно от журнала и удаляются по требованию.",
        "private": True,
    },
}

FORMS: Final = (
    Form(
        path="/participants",
        title="Зарегистрировать участника",
        lead="Участник узнаётся по ИНН: если он уже есть, откроется его карточка, и ничего не запишется.",
        then=_to_firm,
        fields=asked_for(
            NewParticipant,
            inn={"help": "10 цифр организации или 12 предпринимателя.", "private": True},
            kind={"label": "Кто это", "options": tuple(KINDS.items()), "initial": "legal_entity"},
            name={"help": "У предпринимателя — фамилия, имя, отчество.", "private": True},
            registered_on={"label": "Дата регистрации в центре"},
            **PRIVATE,
        ),
    ),
    Form(
        path="/participants/{id}/registry-lookups",
        title="Запросить реестр",
        about=about_firm,
        lead="Ответ реестра записывается как есть; что ответа нет — тоже.",
        then=_to_firm,
        submit="Запросить и записать",
        fields=asked_for(
            LookUp,
            source={
                "label": "Где спросить",
                "options": (("snapshot", "загруженный снимок реестра МСП"), ("dadata", "DaData")),
                "initial": "snapshot",
            },
        ),
    ),
    Form(
        path="/participants/{id}/registry-checks",
        title="Внести сведения реестра",
        about=about_firm,
        lead="Когда реестр смотрели сами. Что участника там нет — тоже сведения.",
        then=_to_firm,
        body=_complete,
        fields=asked_for(
            participant.RegistryChecked,
            but=("okved_version", "via", "answer_sha256"),
            source={"label": "Какой реестр", "initial": "ЕРСМСП (rmsp.nalog.ru)"},
            as_of={"label": "На какую дату"},
            result={"label": "Что в нём", "initial": "found"},
            category={"group": "Если участник в реестре есть"},
            region_code={"label": "Код региона", "help": "Красноярский край — 24."},
            okved_main={"help": "Например 10.39"},
            okved_additional={"help": "По одному в строке; пусто, если других нет."},
            status={"label": "Состояние лица"},
            licences={"help": "По одной в строке."},
        ),
    ),
    Form(
        path="/participants/{id}/evidence",
        title="Приобщить документ",
        about=about_firm,
        then=_to_firm,
        fields=asked_for(
            participant.EvidenceFiled,
            kind={"label": "Что это", "options": tuple(EVIDENCE.items()), "initial": "tax_certificate"},
            as_of={"help": "Справка о налогах — на первое число месяца заявки."},
            debt_kopecks={"label": "Задолженность, ₽", "help": "Для справки о налогах; 0, если долга нет."},
            covers={
                "label": "Какие условия подтверждает",
                "options": _declared,
                "help": "Для заявления заявителя.",
            },
            document_title={"label": "Название документа", "rare": False},
            document_number={"label": "Номер документа", "rare": False},
            document_date={"label": "Дата документа", "rare": False},
            document_sha256={"label": "SHA-256 файла"},
        ),
    ),
    Form(
        path="/participants/{id}/memberships",
        title="Принять в кластер",
        about=about_firm,
        then=_to_firm,
        fields=asked_for(
            participant.JoinedCluster,
            cluster={"kind": "choice", "options": clusters},
            joined_on={"label": "Дата вступления"},
        ),
    ),
    Form(
        path="/participants/{id}/memberships/{code}/end",
        title="Записать выход из кластера",
        about=lambda asked: f"{about_firm(asked)}, {about_cluster(asked)}",
        then=_to_firm,
        fields=asked_for(
            MembershipEnd, left_on={"label": "Дата выхода", "help": "В этот день уже не участник."}
        ),
    ),
    Form(
        path="/participants/{id}/jobs-reports",
        title="Отчёт о рабочих местах",
        about=about_firm,
        lead="Более поздний отчёт за тот же квартал заменяет прежний.",
        then=_to_firm,
        fields=asked_for(
            participant.JobsReported,
            quarter={"kind": "choice", "options": _quarters},
            evidence={"label": "Чем подтверждено", "help": "Например: форма РСВ, письмо участника."},
        ),
    ),
    Form(
        path="/participants/{id}/sales-reports",
        title="Отчёт о продажах",
        about=about_firm,
        lead="Сумма за один квартал, не с начала года.",
        then=_to_firm,
        fields=asked_for(
            participant.SalesReported,
            quarter={"kind": "choice", "options": _quarters},
            amount_kopecks={"label": "Продажи за квартал, ₽"},
            evidence={"label": "Чем подтверждено"},
        ),
    ),
    Form(
        path="/participants/{id}/products",
        title="Новый продукт на рынке",
        about=about_firm,
        then=_to_firm,
        fields=asked_for(
            participant.ProductLaunched,
            title={"label": "Какой продукт"},
            markets={"label": "На каких рынках"},
            launched_on={"label": "Дата вывода на рынок"},
            case_id={"label": "Какая услуга помогла", "kind": "choice", "options": cases_of_firm},
            evidence={"label": "Чем подтверждено"},
        ),
    ),
    Form(
        path="/participants/{id}/follow-ups",
        title="Опрос после комплексной услуги",
        about=about_firm,
        then=_to_firm,
        fields=asked_for(
            participant.FollowedUp,
            case_id={
                "label": "После какой услуги",
                "kind": "choice",
                "options": lambda asked: cases_of_firm(asked, complex=True),
            },
            month={"label": "За какой месяц", "help": "Год и месяц, например 2021-06."},
            sales_kopecks={"label": "Продажи за месяц, ₽"},
            satisfaction={
                "label": "Оценка услуги",
                "options": tuple((str(n), str(n)) for n in range(5, 0, -1)),
                "help": "5 — отлично.",
            },
        ),
    ),
    Form(
        path="/participants/{id}/identity",
        title="Изменить сведения об участнике",
        about=about_firm,
        lead="Если название, номер или контакты изменились в жизни. Что прежнее, оставьте пустым; ИНН остаётся.",
        then=_to_firm,
        fields=asked_for(
            NewIdentity,
            changed_on={"label": "С какой даты"},
            name={"private": True},
            **PRIVATE,
        ),
    ),
)

"""The forms of the daily work: which command each makes, and what it asks for."""

from typing import Any, Final

from litestar import Response, get

from ckr_es.aggregates import participant
from ckr_es.api.auth import RECORD, roles
from ckr_es.rules.rule_sets import conditions, in_force
from ckr_es.web.forms import LATE_REASON, RECORD_PATH, Asked, Field, Form, Options, uuid_of
from ckr_es.web.page import Page, Shown, told
from ckr_es.web.words import EVIDENCE, KINDS


def about_participant(asked: Asked) -> str:
    """The firm's name; Unknown for one that is not there or not to be seen."""
    id = uuid_of(asked)
    firm = told(asked.reading.entity(participant.KIND, id, str(id), asked.page.when, None))
    return str(firm["name"] or KINDS[firm["kind"]])


def _declared(asked: Asked) -> Options:
    words = conditions(in_force(asked.page.when.as_of).valid_from)
    return [(name, f"{name} · {words[name].title}") for name in ("E5", "E6", "E7")]


FORMS: Final = (
    Form(
        path="/participants",
        title="Зарегистрировать участника",
        lead="Участник узнаётся по ИНН: если он уже есть, откроется его карточка, и ничего не запишется.",
        then=lambda receipt, _: f"/participants/{receipt.id}",
        fields=(
            Field(name="inn", label="ИНН", help="10 цифр организации или 12 предпринимателя.", private=True),
            Field(
                name="kind",
                label="Кто это",
                kind="choice",
                options=tuple(KINDS.items()),
                initial="legal_entity",
            ),
            Field(
                name="name",
                label="Наименование",
                help="У предпринимателя — фамилия, имя, отчество.",
                private=True,
            ),
            Field(name="registered_on", label="Дата регистрации в центре", kind="date"),
            Field(name="ogrn", label="ОГРН или ОГРНИП", optional=True, private=True),
            Field(
                name="contacts",
                label="Контакты",
                kind="area",
                help="Хранятся отдельно от журнала и удаляются по требованию.",
                optional=True,
                private=True,
            ),
            LATE_REASON,
        ),
    ),
    Form(
        path="/participants/{id}/evidence",
        title="Приобщить документ",
        about=about_participant,
        then=lambda _, steps: f"/participants/{steps['id']}",
        fields=(
            Field(
                name="kind",
                label="Что это",
                kind="choice",
                options=tuple(EVIDENCE.items()),
                initial="tax_certificate",
            ),
            Field(
                name="as_of",
                label="На дату",
                kind="date",
                help="Справка о налогах — на первое число месяца заявки.",
            ),
            Field(
                name="debt_kopecks",
                label="Задолженность, ₽",
                kind="money",
                help="Для справки о налогах; 0, если долга нет.",
                optional=True,
            ),
            Field(
                name="covers",
                label="Какие условия подтверждает",
                kind="choices",
                options=_declared,
                help="Для заявления заявителя.",
                optional=True,
            ),
            Field(name="document.title", label="Название документа", optional=True),
            Field(name="document.number", label="Номер документа", optional=True),
            Field(
                name="document.sha256",
                label="SHA-256 файла",
                help="Если файл хранится: по нему видно, что документ тот же.",
                optional=True,
            ),
            LATE_REASON,
        ),
    ),
)


@get(RECORD_PATH, sync_to_thread=True, include_in_schema=False, **roles(RECORD))
def index(page: Shown) -> Response[Any]:
    """The forms that begin something new, for this role."""
    mine = [form for form in FORMS if page.caller.role in form.call.roles and "{" not in form.path]
    return page.show("record.html", forms=mine)


def offered(page: Page, under: str, **steps: Any) -> list[tuple[str, str]]:
    """Title and address of each form on what stands `under` a path, "/cases/{id}" with its id, for this role."""
    return [
        (form.title, RECORD_PATH + form.path.format_map(steps))
        for form in FORMS
        if page.caller.role in form.call.roles and form.path.startswith(f"{under}/")
    ]

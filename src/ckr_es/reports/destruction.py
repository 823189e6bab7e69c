"""The act of destruction of personal data and the extract from the log that belongs to it.

What they must hold: order №179 of Roskomnadzor of 28.10.2022 (reference.md, section 7). The subject is told by the
participant's id, as "other information related to a certain person": the name is what was destroyed. The operator's
address, who else processed the data, and the names, offices and signatures of those who did it are written by hand.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

OPERATOR: Final = (
    "Автономная некоммерческая организация "
    "«Красноярский краевой центр развития бизнеса и микрокредитная компания» (АНО «ККЦРБ МКК»)"
)
SYSTEM: Final = "ckr_es, система учёта услуг Центра кластерного развития"
METHOD: Final = (
    "Строки удалены из базы данных вместе с солью, без которой обязательство в журнале нельзя проверить подбором; "
    "хеши запросов и файлов с этими данными заменены случайными"
)
BLANK: Final = "________________________________"  # what the program does not know is written by hand
CATEGORIES: Final = {
    "name": "фамилия, имя, отчество",
    "inn": "ИНН",
    "ogrnip": "ОГРНИП",
    "contacts": "контактные данные",
}
PLACES: Final = {
    "identity": "хранилище личных данных, записей",
    "commands": "хеши запросов, в которых были эти данные",
    "import_rows": "строки ещё не записанных импортов",
    "import_files": "хеши и имена импортированных файлов",
    "import_errors": "сообщения об ошибках импорта",
    "registry_rows": "строки снимков реестров ФНС",
}
ROLES: Final = {"admin": "администратор, предложил", "manager": "руководитель, подтвердил"}


class Person(Struct, frozen=True, kw_only=True):
    """One of the two who destroyed the data, by the key that acted."""

    actor: str
    role: str
    at: datetime


class LogEntry(Struct, frozen=True, kw_only=True):
    """The event of the destruction; `body` is the stored text, `leaf` its place in the ledger (hex)."""

    position: int
    event_id: UUID
    type: str
    recorded_at: datetime
    actor: str
    role: str
    body: str
    leaf: str


class Destruction(Struct, frozen=True, kw_only=True):
    """Either of the two documents about one destruction; the act also says what was destroyed where, and by whom."""

    form: Literal["destruction-act", "destruction-log-extract"]
    act_number: str
    act_date: date | None
    operator: str
    operator_address: str | None
    processor: str | None
    subjects: tuple[UUID, ...]
    categories: tuple[str, ...]
    system: str
    method: str
    reason: str
    destroyed_on: date
    destroyed_at: datetime
    destroyed: dict[str, int]
    persons: tuple[Person, ...]
    entry: LogEntry
    digest: str = ""

    def facts(self) -> Iterator[tuple[str, str]]:
        """What the order asks both documents for, in its words."""
        yield "Оператор", self.operator
        if self.form == "destruction-act":
            yield "Адрес оператора", self.operator_address or BLANK
            yield "Обработка по поручению", self.processor or BLANK
        yield "Субъект персональных данных", ", ".join(f"участник {id}" for id in self.subjects)
        yield "Категории уничтоженных данных", ", ".join(CATEGORIES.get(c, c) for c in self.categories)
        yield "Информационная система", self.system
        if self.form == "destruction-act":
            yield "Способ уничтожения", self.method
        yield "Причина уничтожения", self.reason

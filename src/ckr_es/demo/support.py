"""What the register of support recipients is told in the demonstration year, month by month, and what it answers."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from msgspec.structs import replace

from ckr_es import commands
from ckr_es.aggregates import support_file
from ckr_es.aggregates.support_file import Result
from ckr_es.application import Answer
from ckr_es.commands.support import file_stream
from ckr_es.demo.desk import Act, Desk
from ckr_es.demo.firms import workday
from ckr_es.rules.support_codes import Sender, default_codes
from ckr_es.rules.values import Document

ABOUT: Final = "реестр поддержки"
CODES_SET_ON: Final = date(2021, 1, 11)
SENDER: Final = Sender(inn="2466000017", name="АНО «ККЦРБ МКК»")
# The first of each month whose file goes on its third day; the last one is not answered yet when the story ends.
MONTHS: Final = tuple(date(2021 + month // 12, month % 12 + 1, 1) for month in range(2, 13))
REJECTED: Final = {date(2021, 4, 1): 1, date(2021, 9, 1): 2}  # documents not of the format: they go again


def acts() -> Iterator[Act]:
    yield Act(on=CODES_SET_ON, about=ABOUT, role="manager", do=_set_codes)
    for first in MONTHS:
        made_on = workday(first + timedelta(days=2))
        yield Act(on=made_on, about=ABOUT, do=_make, name=f"файл {first}")
        if first != MONTHS[-1]:
            yield _answer(workday(made_on + timedelta(days=6)), first)


def _set_codes(desk: Desk) -> Answer:
    order = Document(title="Приказ о порядке передачи сведений в реестр получателей поддержки", number="3-П")
    codes = replace(default_codes(), sender=SENDER)
    return commands.set_codes(desk.tracking, desk.request, codes, order)


def _make(desk: Desk) -> Answer:
    today = desk.request.today
    before = today.replace(day=1) - timedelta(days=1)
    return commands.make_file(desk.tracking, desk.request, commands.Wanted(made_on=today, accepted_to=before))


def _answer(on: date, first: date) -> Act:
    def do(desk: Desk) -> Answer:
        file_id = desk.id(f"файл {first}")
        stream = file_stream(desk.tracking, file_id)
        year = desk.tracking.streams([stream]).known(support_file.KIND, stream, "Файл")
        results = [
            Result(document_id=document.document_id, accepted=n >= REJECTED.get(first, 0))
            for n, document in enumerate(year.file(file_id).made.documents)
        ]
        return commands.answer_file(desk.tracking, desk.request, file_id, on, results)

    return Act(on=on, about=ABOUT, do=do)

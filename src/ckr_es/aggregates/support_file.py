"""The files of a year to the register of support recipients: what each told of which service, and what was answered.

Persons are named in no event: a file is written from its event and the identity vault when somebody downloads it.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Final, NamedTuple, assert_never
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from ckr_es.aggregates.facts import Correction, Fact, Kind, Void
from ckr_es.rules import Invalid, Problem, Refused, Unknown
from ckr_es.rules.money import Kopecks
from ckr_es.rules.support import Category
from ckr_es.rules.support_codes import Codes, Operation
from ckr_es.rules.values import Code, Number, ServiceCode, Text

MOST: Final = 1000  # documents in a file


class Service(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An accepted service, as far as the register is told of it."""

    service: ServiceCode
    decided_on: date
    accepted_on: date
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]
    unit: Text
    cost_kopecks: Kopecks


class Sent(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A document of a file. `category`: of the firm when support was decided on, None for one out of the register.

    `registered_as` is how the register calls the support where it gave it another id than ours.
    """

    document_id: UUID
    support_id: UUID
    case_id: UUID
    component_no: int
    participant_id: UUID
    cluster: Code
    operation: Operation
    service: Service
    category: Category | None = None
    registered_as: Number | None = None


class FileMade(Fact, frozen=True, kw_only=True, tag="support-file.made"):
    """A file to the register, under the codes of its day; who makes it sends it."""

    file_id: UUID
    made_on: date
    name: Number
    codes: Codes
    documents: tuple[Sent, ...]

    @property
    def effective_on(self) -> date:
        return self.made_on


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the register answered to a document: taken, or not of its format."""

    document_id: UUID
    accepted: bool
    registered_as: Number | None = None


class FileAnswered(Fact, frozen=True, kw_only=True, tag="support-file.answered"):
    """The answer to a file, or to some of its documents."""

    file_id: UUID
    answered_on: date
    results: tuple[Result, ...]

    @property
    def effective_on(self) -> date:
        return self.answered_on


Happening = FileMade | FileAnswered


class Voided(Void, frozen=True, kw_only=True, tag="support-file.voided"):
    pass


class Corrected(Correction, frozen=True, kw_only=True, tag="support-file.corrected"):
    replacement: Happening

    @property
    def effective_on(self) -> date:
        return self.replacement.effective_on


Event = Happening | Voided | Corrected


class Answered(NamedTuple):
    result: Result
    on: date


class File(Struct, frozen=True, kw_only=True):
    """A file as understood; `event_id` is of what made it."""

    event_id: UUID
    made: FileMade
    answers: tuple[FileAnswered, ...] = ()

    def results(self, as_of: date = date.max) -> dict[UUID, Answered]:
        """By document, what was answered by that day."""
        return {
            result.document_id: Answered(result, answer.answered_on)
            for answer in self.answers
            if answer.answered_on <= as_of
            for result in answer.results
        }


class Files(Struct, frozen=True, kw_only=True):
    """Those of a year, in the order they were made."""

    files: Mapping[UUID, File]

    def file(self, file_id: UUID) -> File:
        if (found := self.files.get(file_id)) is None:
            raise Unknown("not-found", "Файл не найден: его не делали, или запись о нём отменена")
        return found


def answer(
    files: Files | None, file_id: UUID, answered_on: date, results: Sequence[Result], late_reason: str | None
) -> tuple[Happening, ...]:
    """What the answer adds to what is known; nothing when it was all told before.

    Refused("already-answered") where it contradicts an earlier one: that one is voided first.
    """
    file = (files or Files(files={})).file(file_id)
    known = file.results()
    ours = {document.document_id: str(document.support_id) for document in file.made.documents}
    said = (
        replace(r, registered_as=None) if r.registered_as == ours.get(r.document_id) else r for r in results
    )
    fresh = tuple(r for r in said if (was := known.get(r.document_id)) is None or was.result != r)
    if not fresh:
        return ()
    event = FileAnswered(file_id=file_id, answered_on=answered_on, results=fresh, late_reason=late_reason)
    check(files, event)
    return (event,)


def check(files: Files | None, event: Happening) -> None:
    match event:
        case FileMade():
            if files is not None and event.file_id in files.files:
                raise Refused("already-made", "Такой файл уже есть")
        case FileAnswered():
            file = (files or Files(files={})).file(event.file_id)
            if event.answered_on < file.made.made_on:
                raise Refused("before-file", f"Ответ раньше файла ({file.made.made_on})")
            _of_file(file, event)
        case _:
            assert_never(event)


def _of_file(file: File, event: FileAnswered) -> None:
    ids = {document.document_id for document in file.made.documents}
    strange = [result.document_id for result in event.results if result.document_id not in ids]
    if strange:
        problems = [Problem("", "document-unknown", f"В файле нет документа {id}", str(id)) for id in strange]
        raise Invalid("document-unknown", "Ответ говорит о документах, которых нет в этом файле", problems)
    known = file.results()
    again = [result.document_id for result in event.results if result.document_id in known]
    if again:
        problems = [
            Problem("", "already-answered", f"На документ {id} уже ответили иначе", str(id)) for id in again
        ]
        detail = "Ответ расходится с прежним: если тот ошибочен, сначала отмените его"
        raise Refused("already-answered", detail, problems)


def evolve(files: Files | None, event: Happening, event_id: UUID) -> Files:
    event = replace(event, late_reason=None)
    known = files.files if files else {}
    match event:
        case FileMade():
            return Files(files={**known, event.file_id: File(event_id=event_id, made=event)})
        case FileAnswered():
            file = known[event.file_id]
            return Files(files={**known, event.file_id: replace(file, answers=(*file.answers, event))})
        case _:
            assert_never(event)


KIND = Kind(
    "support-file",
    evolve,
    check,
    Voided,
    Corrected,
    fixed=frozenset({"file_id", "name", "codes", "documents", "results"}),
)

"""Reads a register's file in child processes, a member at a time each, and keeps nothing but what is asked for.

What comes from outside may be made to harm: the memory of a child is limited, it dies alone, and the reading ends
with one clear refusal.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from typing import Any, Final, Literal, TypeAlias, cast

import msgspec
from msgspec import Struct

from ckr_es.registry import fns_sme, fns_support
from ckr_es.registry.archive import Member, Source, refused
from ckr_es.registry.fields import Place
from ckr_es.registry.fns_sme import SmeRecord
from ckr_es.registry.fns_support import SupportRecord
from ckr_es.registry.xml import MOST_ATTRIBUTES, Documents, many_attributes
from ckr_es.rules import Invalid, Problem

Register = Literal["sme", "support"]
MEMORY: Final = 2**30  # bytes of address space a child may take
MOST_PROCESSES: Final = 4
BATCH: Final = 500

Pipe: TypeAlias = Connection
_FORMATS: Final[dict[Register, Any]] = {"sme": fns_sme, "support": fns_support}
_TYPES: Final[dict[str, Register]] = {fns_sme.TYPE: "sme", fns_support.TYPE: "support"}
_TITLES: Final[dict[Register, str]] = {"sme": "реестр МСП", "support": "реестр получателей поддержки"}


class Keep(Struct, frozen=True):
    """A record is kept when its INN is among `inns` or, in the register of SMEs, its region is `region`."""

    inns: frozenset[str]
    region: str | None

    def wants(self, inn: str, region: str) -> bool:
        return inn in self.inns or (self.region is not None and region == self.region)


class Batch(Struct, frozen=True):
    member: str
    records: tuple[SmeRecord, ...] | tuple[SupportRecord, ...]


class MemberRead(Struct, frozen=True):
    """A member read to its end. `said` is its own count (КолДок), which is often wrong and never trusted."""

    member: str
    records: int
    kept: int
    bytes: int
    first_as_of: date | None
    last_as_of: date | None
    said: int | None


class _Failed(Struct, frozen=True):
    code: str
    detail: str
    problems: Sequence[Problem]


def register_of(source: Source) -> Register:
    """Which register this is, by the type that its first member names (ТипИнф)."""
    first = source.members[0]
    with source.opened() as stream, stream(first) as file:
        documents = Documents(file, first.name)
        for _ in documents:
            return _register(documents.root, first.name)
    raise refused("register-empty", "В первом файле нет ни одного документа", first.name)


def read(
    source: Source,
    register: Register,
    keep: Keep,
    today: date,
    *,
    skip: frozenset[str] = frozenset(),
    processes: int | None = None,
) -> Iterator[Batch | MemberRead]:
    """What is kept of every member not in `skip`; the batches of a member come before its MemberRead.

    Raises Invalid with member and line for the first thing that is wrong. Ending the iteration ends the children.
    """
    members = [member for member in source.members if member.name not in skip]
    left = iter(members)
    count = min(max(1, processes or os.cpu_count() or 1), MOST_PROCESSES, len(members))
    job = (msgspec.structs.replace(source, members=()), register, keep, today)
    readers: list[_Reader] = []
    try:
        readers.extend(_Reader(job) for _ in range(count))
        for reader in readers:
            reader.take(next(left, None))
        while at_work := {reader.pipe: reader for reader in readers if reader.member}:
            for pipe in wait(list(at_work)):
                reader = at_work[cast("Pipe", pipe)]
                item = reader.told()
                if isinstance(item, MemberRead):
                    reader.take(next(left, None))
                yield item
    finally:
        for reader in readers:
            reader.end()


class _Reader:
    """A child and the pipe to it. The pipe holds little: a child that is ahead waits until it is listened to."""

    def __init__(self, job: tuple[Source, Register, Keep, date]) -> None:
        context = get_context("spawn")
        self.member: Member | None = None
        self.pipe, theirs = context.Pipe()
        self._child = context.Process(target=_work, args=(theirs, *job), daemon=True)
        with theirs:  # ours is the only end that stays open here: when the child ends, the pipe does
            self._child.start()

    def take(self, member: Member | None) -> None:
        """The next member, or None: no more of them."""
        self.member = member
        with suppress(BrokenPipeError):  # heard of by `told`
            self.pipe.send(member)

    def told(self) -> Batch | MemberRead:
        try:
            item: Batch | MemberRead | _Failed = self.pipe.recv()
        except (EOFError, OSError) as error:
            detail = "Чтение оборвалось: файлу нужно слишком много памяти или процесс остановлен"
            raise refused("reader-died", detail, self.member.name if self.member else "") from error
        if isinstance(item, _Failed):
            raise Invalid(item.code, item.detail, item.problems)
        return item

    def end(self) -> None:
        self._child.terminate()
        self._child.join()
        self.pipe.close()


def _work(pipe: "Pipe", source: Source, register: Register, keep: Keep, today: date) -> None:
    """The life of a child. Whoever interrupts the parent by Ctrl-C interrupts it: the parent ends its children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_memory()
    Thread(target=die_with_parent, daemon=True).start()
    member: Member | None = None
    try:
        with source.opened() as stream:
            while (member := pipe.recv()) is not None:
                for item in _member(stream, member, register, keep, today):
                    pipe.send(item)
    except Invalid as wrong:
        pipe.send(_Failed(wrong.code, wrong.detail, wrong.problems))
    except MemoryError:
        name = member.name if member else ""
        out = refused("memory-exceeded", "Для чтения нужно слишком много памяти", name)
        pipe.send(_Failed(out.code, out.detail, out.problems))
    except (EOFError, BrokenPipeError):  # the parent is gone
        return


def die_with_parent() -> None:
    """A parent that was killed tells nobody: its children would wait for it for ever."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def limit_memory() -> None:
    """Of this process, as far as the system can."""
    try:
        import resource
    except ImportError:  # no such thing on Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (ValueError, OSError):  # macOS knows the limit and does not keep it
        return


def _member(
    stream: Callable[[Member], Any], member: Member, register: Register, keep: Keep, today: date
) -> Iterator[Batch | MemberRead]:
    form = _FORMATS[register]
    place = Place(member.name, today)
    kept: list[Any] = []
    records = total = 0
    days: dict[str | None, date] = {}  # as written; mostly one
    said: str | None = None
    with stream(member) as file:
        documents = Documents(file, member.name)
        for text in documents:
            if records == 0:
                root = documents.root
                if (found := _register(root, member.name)) != register:
                    detail = f"Это {_TITLES[found]}, а не {_TITLES[register]}"
                    raise refused("register-wrong-kind", detail, member.name, root.sourceline)
                said = root.get("КолДок")
            if usual := form.USUAL.match(text):
                day, legal, person, region = usual.groups()
                if day.decode() in days and not keep.wants((legal or person).decode(), region.decode()):
                    records += 1
                    continue
            for document in documents.parsed(text):
                records += 1
                place.document, place.line = document, documents.line
                told = document.get("ДатаСост")
                as_of = days.get(told) or days.setdefault(told, place.day(told, "ДатаСост"))
                inn, region = form.key(document, place)
                if not keep.wants(inn, region):
                    continue
                if any(len(part.attrib) > MOST_ATTRIBUTES for part in document.iter()):
                    raise many_attributes(member.name, place.line)
                kept.append(form.record(document, inn, region, as_of, place))
                if len(kept) == BATCH:
                    total += BATCH
                    yield Batch(member.name, tuple(kept))
                    kept = []
    if kept:
        yield Batch(member.name, tuple(kept))
    number = int(said) if said and len(said) < 10 and said.isascii() and said.isdigit() else None
    first, last = min(days.values(), default=None), max(days.values(), default=None)
    yield MemberRead(member.name, records, total + len(kept), member.size, first, last, number)


def _register(root: Any, member: str) -> Register:
    said = root.get("ТипИнф")
    if said not in _TYPES:
        known = " и ".join(f"«{name}»" for name in _TYPES)
        raise refused("register-wrong-kind", f"ТипИнф «{said}»: бывает {known}", member, root.sourceline)
    return _TYPES[said]

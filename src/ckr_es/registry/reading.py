"""Reads a register's file in child processes, a member at a time each, and keeps nothing but what is asked for.

What comes from outside may be made to harm: the memory of a child is limited, it dies alone, and the reading ends
with one clear refusal.
"""

import os
import queue
import signal
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, Final, Literal

from msgspec import Struct

from ckr_es.registry import fns_sme, fns_support
from ckr_es.registry.archive import Member, Source, refused
from ckr_es.registry.fields import Place
from ckr_es.registry.fns_sme import SmeRecord
from ckr_es.registry.fns_support import SupportRecord
from ckr_es.registry.xml import documents
from ckr_es.rules import Invalid, Problem

Register = Literal["sme", "support"]
MEMORY: Final = 2**30  # bytes of address space a child may take
MOST_PROCESSES: Final = 4
BATCH: Final = 500
WAITING: Final = 16  # batches that may wait for the parent
PATIENCE: Final = 1.0  # seconds between looks at the children when nothing comes

_FORMATS: Final[dict[Register, Any]] = {"sme": fns_sme, "support": fns_support}
_TYPES: Final[dict[str, Register]] = {fns_sme.TYPE: "sme", fns_support.TYPE: "support"}
_TITLES: Final[dict[Register, str]] = {"sme": "реестр МСП", "support": "реестр получателей поддержки"}


class Keep(Struct, frozen=True):
    """A record is kept when its INN is among `inns` or, in the register of SMEs, its region is `region`."""

    inns: frozenset[str]
    region: str | None


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
    pointer: str


def register_of(source: Source) -> Register:
    """Which register this is, by the type that its first member names (ТипИнф)."""
    first = source.members[0]
    with source.opened() as stream, stream(first) as file:
        for root, _ in documents(file, first.name):
            return _register(root, first.name)
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
    if not members:
        return
    count = max(1, min(processes or os.cpu_count() or 1, MOST_PROCESSES, len(members)))
    context = get_context("spawn")
    tasks, results = context.Queue(), context.Queue(WAITING)
    for member in members:
        tasks.put(member)
    for _ in range(count):
        tasks.put(None)
    children = [
        context.Process(target=_work, args=(source, register, keep, today, tasks, results), daemon=True)
        for _ in range(count)
    ]
    try:
        for child in children:
            child.start()
        left = len(members)
        while left:
            item = _next(results, children)
            if isinstance(item, _Failed):
                raise Invalid(item.code, item.detail, [Problem(item.pointer, item.code, item.detail)])
            left -= isinstance(item, MemberRead)
            yield item
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.join()
        for pipe in (tasks, results):
            pipe.cancel_join_thread()
            pipe.close()


def _next(results: Any, children: Sequence[BaseProcess]) -> Batch | MemberRead | _Failed:
    while True:
        try:
            item: Batch | MemberRead | _Failed = results.get(timeout=PATIENCE)
        except queue.Empty:
            if any(child.exitcode for child in children):
                detail = "Чтение оборвалось: файлу нужно слишком много памяти или процесс остановлен"
                return _Failed("reader-died", detail, "")
        else:
            return item


def _work(source: Source, register: Register, keep: Keep, today: date, tasks: Any, results: Any) -> None:
    """The life of a child. Whoever interrupts the parent by Ctrl-C interrupts it: the parent ends its children."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory()
    Thread(target=_die_with_parent, daemon=True).start()
    with source.opened() as stream:
        for member in iter(tasks.get, None):
            try:
                for item in _member(stream, member, register, keep, today):
                    results.put(item)
            except Invalid as wrong:
                pointer = wrong.problems[0].pointer if wrong.problems else ""
                results.put(_Failed(wrong.code, wrong.detail, pointer))
                return
            except MemoryError:
                detail = f"{member.name}: для чтения нужно слишком много памяти"
                results.put(_Failed("memory-exceeded", detail, f"/{member.name}"))
                return


def _die_with_parent() -> None:
    """A parent that was killed tells nobody: its children would wait for it for ever."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _limit_memory() -> None:
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
    first: date | None = None
    last: date | None = None
    said: str | None = None
    with stream(member) as file:
        for root, document in documents(file, member.name):
            if records == 0:
                if (found := _register(root, member.name)) != register:
                    detail = f"Это {_TITLES[found]}, а не {_TITLES[register]}"
                    raise refused("register-wrong-kind", detail, member.name, 1)
                said = root.get("КолДок")
            records += 1
            place.document = document
            as_of = place.day(document.get("ДатаСост"), "ДатаСост")
            if first is None or as_of < first:
                first = as_of
            if last is None or as_of > last:
                last = as_of
            inn, region = form.key(document, place)
            if inn in keep.inns or (keep.region is not None and region == keep.region):
                kept.append(form.record(document, inn, region, as_of, place))
                if len(kept) == BATCH:
                    total += BATCH
                    yield Batch(member.name, tuple(kept))
                    kept = []
    if kept:
        yield Batch(member.name, tuple(kept))
    number = int(said) if said and said.isascii() and said.isdigit() else None
    yield MemberRead(member.name, records, total + len(kept), member.size, first, last, number)


def _register(root: Any, member: str) -> Register:
    said = root.get("ТипИнф")
    if said not in _TYPES:
        known = " и ".join(f"«{name}»" for name in _TYPES)
        raise refused("register-wrong-kind", f"ТипИнф «{said}»: бывает {known}", member, 1)
    return _TYPES[said]

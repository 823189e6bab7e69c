"""All attacks, run and judged: each has to be noticed at its place, and a log that nobody touched has to pass.

On a throw-away database. Every attack ends in a ROLLBACK. The auditor has the export and `verify_log.py`; whoever can
reach the database also has `ckr audit verify` and the notary. What the leaf does not cover the script can't see: there
the other two have to notice, by the hashes that the notary keeps.
"""

import random
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from msgspec import Struct

from ckr_es.aggregates.participant import SalesReported
from ckr_es.audit import verify_log
from ckr_es.audit.attacks import (
    AT,
    BEYOND,
    BY_LEAF,
    CHANGES,
    CHECKPOINTS,
    FORGERIES,
    SIZE,
    Kept,
    Session,
    flip,
)
from ckr_es.audit.folder import Folder
from ckr_es.audit.notary import ROLE, Notary
from ckr_es.audit.verifying import Fault, Seen, differing, opened, signed_by, verify
from ckr_es.rules import Refused
from ckr_es.store.database import Database
from ckr_es.store.door import Command, append
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.envelope import EventMapper, Proposed
from ckr_es.store.log import export_page
from ckr_es.store.schema import migrate
from ckr_es.store.settings import Settings

BITS = 300
SCRIPT = "verify_log.py"

ANY = "select 1 from ckr.event limit 1"
LOOSE = """
    alter table ckr.event disable trigger all;
    alter table ckr.event drop constraint event_position_check;
    alter table ckr.event drop constraint event_stream_id_stream_version_key
"""

Progress = Callable[[int, int], None]

_MAPPER = EventMapper()


class Attack(Struct, frozen=True):
    """What was done, where, what the script said of that very place, and who noticed it there of those who have to."""

    name: str
    where: str
    said: str
    by: tuple[str, ...]
    wanted: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return set(self.wanted) <= set(self.by)


class Battery(Struct, frozen=True, kw_only=True):
    """All attacks by name and the random bits; `false_alarms` are findings in the log that nobody touched."""

    attacks: tuple[Attack, ...]
    bits: int
    missed: tuple[str, ...]
    false_alarms: tuple[str, ...]
    seed: int

    @property
    def ok(self) -> bool:
        return all(attack.ok for attack in self.attacks) and not self.missed and not self.false_alarms


def attack(
    database: Database, seed: int, bits: int = BITS, progress: Progress = lambda _done, _of: None
) -> Battery:
    """Fills the empty log of this database and rewrites it. Refused("log-not-empty") where anything is recorded."""
    with (
        tempfile.TemporaryDirectory(prefix="ckr-attacks-") as home,
        psycopg.connect(database.admin_conninfo()) as conn,
    ):
        if conn.execute(ANY).fetchone():
            detail = "Журнал не пуст: нападать можно только на пустую одноразовую базу данных."
            raise Refused("log-not-empty", detail)
        conn.rollback()
        kept = _recorded(database, Folder(Path(home)))
        total = len(CHANGES) + len(FORGERIES) + bits
        alarms = [*_script(conn, kept, kept.notes), *map(str, _verified(conn, kept))]
        conn.rollback()
        attacks: list[Attack] = []
        for name, change in CHANGES.items():
            with _undone(conn):
                change(conn)
                attacks.append(_changed(conn, kept, name))
            progress(len(attacks), total)
        for name, (where, forge) in FORGERIES.items():
            with _undone(conn):
                said = _about(where, _script(conn, kept, forge(conn, kept)))
            attacks.append(Attack(name, where, said, (SCRIPT,) if said else (), (SCRIPT,)))
            progress(len(attacks), total)
        missed = []
        rng = random.Random(seed)  # noqa: S311 (to be repeated, not to be secret)
        for n in range(bits):
            with _undone(conn):
                position, column, what = flip(conn, rng)
                where = f"позиция {position}:"
                by_script = column not in BY_LEAF or _about(where, _script(conn, kept, kept.notes))
                if not by_script or all(fault.first != position for fault in _verified(conn, kept)):
                    missed.append(f"{where} {what}")
            progress(len(attacks) + n + 1, total)
        alarms += [*_script(conn, kept, kept.notes), *map(str, _verified(conn, kept))]
        conn.rollback()
    return Battery(
        attacks=tuple(attacks), bits=bits, missed=tuple(missed), false_alarms=tuple(alarms), seed=seed
    )


@contextmanager
def throw_away() -> Iterator[Database]:
    """A database of a server of its own, both gone afterwards."""
    settings = Settings.from_environment()
    with tempfile.TemporaryDirectory(prefix="ckr-attacks-") as folder:
        Path(folder).chmod(0o711)  # root's server runs as another user
        with (
            EmbeddedServer.open(
                Path(folder, "data"), pg_bin=settings.pg_bin, pg_user=settings.pg_user
            ) as server,
            Database.on(server) as database,
        ):
            migrate(database.admin_conninfo())
            yield database


def _recorded(database: Database, folder: Folder) -> Kept:
    """A log through the door, signed at three sizes."""
    with (
        Notary(folder) as notary,
        psycopg.connect(database.conninfo(ROLE), autocommit=True) as eyes,
        psycopg.connect(database.conninfo("ckr_app"), autocommit=True) as door,
    ):
        for size in CHECKPOINTS:
            append(door, [sales(n) for n in range(notary.size + 1, size + 1)])
            notary.sign(eyes)
    notes = {str(size): folder.note(size).read_text("utf-8") for size in folder.sizes()}
    return Kept(folder, folder.public.read_text("utf-8"), notes, folder.leaves.read_bytes())


def sales(n: int) -> Command:
    """A report of sales: amounts are what attackers like best."""
    who = uuid4()
    report = SalesReported(quarter=f"2021-Q{n % 4 + 1}", amount_kopecks=n * 100, evidence=f"Форма № {n}")
    proposed = Proposed(
        originator_id=who,
        originator_version=1,
        event_id=uuid4(),
        event=report,
        participant_id=who,
        causation_id=uuid4(),
    )
    return Command(
        key=f"crm:{n}",
        request_hash=b"",
        actor=f"staff-{n % 7}",
        role="operator",
        correlation_id=uuid4(),
        status=201,
        subject=str(who),
        version=1,
        expected=((who, 0),),
        rows=(_MAPPER.to_stored_event(proposed),),
    )


def _changed(conn: Session, kept: Kept, name: str) -> Attack:
    where = f"позиция {AT}:"
    said = _about(where, _script(conn, kept, kept.notes))
    by = [SCRIPT] if said else []
    if any(fault.first == AT for fault in _verified(conn, kept)):
        by.append("ckr audit verify")
    other = differing(conn, kept.folder, 0, SIZE)
    if other is not None and other[0] == AT:
        by.append("ckr notary")
    wanted = ("ckr audit verify", "ckr notary") if name in BEYOND else (SCRIPT, "ckr audit verify")
    return Attack(name, where, said, tuple(by), wanted)


def _script(conn: Session, kept: Kept, notes: dict[str, str]) -> list[str]:
    return verify_log.check(_exported(conn), notes, kept.key, kept.leaves)


def _verified(conn: Session, kept: Kept) -> tuple[Fault, ...]:
    notes, _ = opened([kept.folder.note(size) for size in CHECKPOINTS], kept.folder.public)
    with Seen(kept.folder) as seen:
        return verify(conn, map(signed_by, notes), seen, SIZE).faults


def _about(where: str, found: Iterable[str]) -> str:
    return next((finding for finding in found if finding.startswith(where)), "")


def _exported(conn: Session) -> Iterator[bytes]:
    at = 0
    while page := list(export_page(conn, at)):
        at = page[-1][0]
        yield from (line for _, line in page)


@contextmanager
def _undone(conn: Session) -> Iterator[None]:
    conn.execute(LOOSE)
    try:
        yield
    finally:
        conn.rollback()

"""A superuser rewrites the log in every way we know; each is to be detected and located. On a throw-away database.

Every attack ends in a ROLLBACK. The attacker knows our code: where it makes him stronger he works out the leaf hashes
anew, so that the log agrees with itself. The auditor kept what the notary made before: checkpoints, leaves and the
public key. He has the export and `verify_log.py`; whoever can reach the database also has `ckr audit verify` and the
notary. What the leaf does not cover (event_id, role, causes, participant_id, effective_on) the script can't see: there
the other two have to notice, by the hashes that the notary keeps.
"""

import random
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from msgspec import Struct
from psycopg import sql

from ckr_es.aggregates.participant import SalesReported
from ckr_es.audit import verify_log
from ckr_es.audit.checkpoints import Checkpoint, Signer
from ckr_es.audit.folder import Folder
from ckr_es.audit.notary import ROLE, Notary
from ckr_es.audit.verifying import Fault, Seen, differing, head, opened, rows, signed_by, verify
from ckr_es.rules import Refused
from ckr_es.store.database import Database
from ckr_es.store.door import Column, ColumnDumper, Command, append
from ckr_es.store.embedded import EmbeddedServer
from ckr_es.store.envelope import EventMapper, Proposed
from ckr_es.store.ledger import leaf, root
from ckr_es.store.log import export_page
from ckr_es.store.schema import migrate
from ckr_es.store.settings import Settings

CHECKPOINTS = (80, 160, 240)  # sizes at which the log is signed
SIZE = CHECKPOINTS[-1]
AT = 120  # the position that the attacks by name are at, between two checkpoints
BITS = 300
SCRIPT = "verify_log.py"
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

ANY = "select 1 from ckr.event limit 1"
LOOSE = """
    alter table ckr.event disable trigger all;
    alter table ckr.event drop constraint event_position_check;
    alter table ckr.event drop constraint event_stream_id_stream_version_key
"""
LEAF = "update ckr.event set leaf = %s where position = %s"
INSERT = """
    insert into ckr.event
    select %s, gen_random_uuid(), gen_random_uuid(), 1, type, body, recorded_at - interval '1 microsecond', actor, role,
           correlation_id, causation_id, 'crm:x', effective_on, participant_id, leaf
    from ckr.event where position = %s
"""
SWAP = sql.SQL("""
    update ckr.event e set {0} = o.{0} from ckr.event o
    where (e.position, o.position) in ((%(one)s, %(other)s), (%(other)s, %(one)s))
""")
BACKDATE = """
    update ckr.event
    set recorded_at = (select recorded_at + interval '1 microsecond' from ckr.event where position = %s)
    where position = %s
"""
BY_LEAF = (
    "position",
    "stream_id",
    "stream_version",
    "type",
    "recorded_at",
    "actor",
    "command_key",
    "body",
    "leaf",
)
COLUMNS = (*BY_LEAF, "event_id", "role", "correlation_id", "causation_id", "effective_on", "participant_id")
READ = sql.SQL("select {}{} from ckr.event where position = %s")
CAST, EMPTY = sql.SQL("::text"), sql.SQL("")  # psycopg would read the body's json as an object
WRITE = sql.SQL("update ckr.event set {} = %s where position = %s")

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


class Kept(Struct, frozen=True):
    """What the auditor has from before: the notes are of the sizes that are their names."""

    folder: Folder
    key: str
    notes: dict[str, str]
    leaves: bytes

    @property
    def name(self) -> str:
        return self.key.split("+")[0]


Session = psycopg.Connection[tuple[Any, ...]]
Progress = Callable[[int, int], None]


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
                position, column, what = _flip(conn, rng)
                seen = all(
                    _about(f"позиция {position}:", found)
                    for found in (
                        map(str, _verified(conn, kept)),
                        *([_script(conn, kept, kept.notes)] if column in BY_LEAF else []),
                    )
                )
                if not seen:
                    missed.append(f"позиция {position}: {what}")
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
        door.adapters.register_dumper(Column, ColumnDumper)
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


# What is done to the log, at position AT.


def amount(conn: Session) -> None:
    conn.execute(
        "update ckr.event set body = replace(body::text, ':12000,', ':92000,')::json where position = %s",
        (AT,),
    )


def deleted(conn: Session) -> None:
    conn.execute("delete from ckr.event where position = %s", (AT,))


def renumbered(conn: Session) -> None:
    deleted(conn)
    _shift(conn, AT, -1)


def inserted(conn: Session) -> None:
    _shift(conn, AT - 1, 1)
    conn.execute(INSERT, (AT, AT + 1))


def swapped(conn: Session) -> None:
    for column in ("stream_id", "command_key", "body"):
        conn.execute(SWAP.format(sql.Identifier(column)), {"one": AT, "other": AT + 5})


def truncated(conn: Session) -> None:
    conn.execute("delete from ckr.event where position >= %s", (AT,))


def backdated(conn: Session) -> None:
    conn.execute(BACKDATE, (AT - 1, AT))


def actor(conn: Session) -> None:
    conn.execute("update ckr.event set actor = 'staff-99' where position = %s", (AT,))


def ids_swapped(conn: Session) -> None:
    """A correction names an event by its id, so this takes back another one than was meant."""
    conn.execute("alter table ckr.event drop constraint event_event_id_key")
    conn.execute(SWAP.format(sql.Identifier("event_id")), {"one": AT, "other": AT + 5})


def role(conn: Session) -> None:
    conn.execute("update ckr.event set role = 'manager' where position = %s", (AT,))


def participant(conn: Session) -> None:
    conn.execute("update ckr.event set participant_id = gen_random_uuid() where position = %s", (AT,))


def leaf_alone(conn: Session) -> None:
    conn.execute("update ckr.event set leaf = sha256('x') where position = %s", (AT,))


def rehashed(change: Callable[[Session], None]) -> Callable[[Session], None]:
    """The change, after which every leaf is that of its row."""

    def both(conn: Session) -> None:
        change(conn)
        with conn.cursor() as cursor:
            cursor.executemany(LEAF, [(leaf(*row), row[0]) for row in _rows(conn)])

    return both


CHANGES: dict[str, Callable[[Session], None]] = {
    "сумма изменена": amount,
    "сумма изменена, хеш пересчитан": rehashed(amount),
    "запись удалена": deleted,
    "запись удалена, остальные перенумерованы, хеши пересчитаны": rehashed(renumbered),
    "запись вставлена, остальные сдвинуты, хеши пересчитаны": rehashed(inserted),
    "две записи переставлены, хеши пересчитаны": rehashed(swapped),
    "хвост отрезан": truncated,
    "время записи сдвинуто назад, хеш пересчитан": rehashed(backdated),
    "автор заменён, хеш пересчитан": rehashed(actor),
    "подменён только хеш": leaf_alone,
    "event_id двух записей переставлены": ids_swapped,
    "роль автора заменена": role,
    "запись приписана другому участнику": participant,
}
BEYOND = ("event_id двух записей переставлены", "роль автора заменена", "запись приписана другому участнику")


# What the auditor is shown instead of his own notes, over a log that is rewritten and hashed anew.


def another_key(conn: Session, kept: Kept) -> dict[str, str]:
    return {
        "80": kept.notes["80"],
        "160": kept.notes["160"],
        "240": Signer.make(kept.name).sign(SIZE, _forged(conn)),
    }


def true_key(conn: Session, kept: Kept) -> dict[str, str]:
    signer = Signer.load(kept.folder.key, kept.name)
    return {**kept.notes, "новая": signer.sign(SIZE, _forged(conn))}


def true_key_later(conn: Session, kept: Kept) -> dict[str, str]:
    signer = Signer.load(kept.folder.key, kept.name)
    return {"160": kept.notes["160"], "новая": signer.sign(SIZE, _forged(conn))}


def edited_root(conn: Session, kept: Kept) -> dict[str, str]:
    signature = kept.notes["240"].partition("\n\n")[2]
    note = Checkpoint(kept.name, SIZE, _forged(conn)).text()
    return {**kept.notes, "240": f"{note}\n{signature}"}


def edited_size(conn: Session, kept: Kept) -> dict[str, str]:
    truncated(conn)
    return {"80": kept.notes["80"], "240": kept.notes["240"].replace(f"\n{SIZE}\n", f"\n{AT - 1}\n")}


Forge = Callable[[Session, Kept], dict[str, str]]
FORGERIES: dict[str, tuple[str, Forge]] = {
    "переписано и подписано другим ключом": ("контрольная точка 240:", another_key),
    "переписано и подписано настоящим ключом: две истории одного размера": (f"позиция {AT}:", true_key),
    "переписано и подписано настоящим ключом: у аудитора прежняя точка": (f"позиция {AT}:", true_key_later),
    "в контрольной точке заменён корень": ("контрольная точка 240:", edited_root),
    "в контрольной точке уменьшен размер, хвост отрезан": ("контрольная точка 240:", edited_size),
}


@contextmanager
def _undone(conn: Session) -> Iterator[None]:
    conn.execute(LOOSE)
    try:
        yield
    finally:
        conn.rollback()


def _shift(conn: Session, after: int, by: int) -> None:
    conn.execute("update ckr.event set position = -(position + %s) where position > %s", (by, after))
    conn.execute("update ckr.event set position = -position where position < 0")


def _rows(conn: Session) -> list[tuple[Any, ...]]:
    return [row[:8] for row in rows(conn, 0, head(conn))]


def _forged(conn: Session) -> bytes:
    """The root of the log after an amount was changed."""
    rehashed(amount)(conn)
    return root(leaf(*row) for row in _rows(conn))


def _flip(conn: Session, rng: random.Random) -> tuple[int, str, str]:
    """One bit of one field of a row; in half of the cases the leaf is worked out anew. The position and the column."""
    while True:
        position, column = rng.randint(1, SIZE), rng.choice(COLUMNS)
        value = conn.execute(
            READ.format(sql.Identifier(column), CAST if column == "body" else EMPTY), (position,)
        ).fetchone()
        assert value is not None
        with suppress(psycopg.IntegrityError, psycopg.DataError, UnicodeDecodeError, OverflowError):
            with conn.transaction():
                conn.execute(WRITE.format(sql.Identifier(column)), (_bit(value[0], rng), position))
                if hashed := column in BY_LEAF[1:-1] and rng.random() < 0.5:
                    (row,) = rows(conn, position - 1, position)
                    conn.execute(LEAF, (leaf(*row[:8]), position))
            return position, column, f"{column}{', хеш пересчитан' if hashed else ''}"


def _bit(value: Any, rng: random.Random) -> Any:
    match value:
        case str():
            return _bit(value.encode(), rng).decode()
        case bytes():
            at = rng.randrange(len(value) * 8)
            flipped = bytearray(value)
            flipped[at // 8] ^= 1 << at % 8
            return bytes(flipped)
        case UUID():
            return UUID(int=value.int ^ 1 << rng.randrange(128))
        case int():
            return value ^ 1 << rng.randrange(20)
        case date() if not isinstance(value, datetime):
            return date.fromordinal(value.toordinal() ^ 1 << rng.randrange(12))
        case _:
            since = (value - EPOCH) // timedelta(microseconds=1)
            return EPOCH + timedelta(microseconds=since ^ 1 << rng.randrange(50))

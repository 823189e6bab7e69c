"""What a superuser can do to the log and to what an auditor is shown. `battery.py` runs it and judges.

The attacker knows our code: where it makes him stronger he works out the leaf hashes anew, so that the log agrees with
itself. The auditor kept what the notary made before: checkpoints, leaves and the public key.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from msgspec import Struct
from psycopg import sql

from ckr_es.audit.checkpoints import Checkpoint, Signer
from ckr_es.audit.folder import Folder
from ckr_es.audit.verifying import head, rows
from ckr_es.store.ledger import leaf, root

CHECKPOINTS = (80, 160, 240)  # sizes at which the log is signed
SIZE = CHECKPOINTS[-1]
AT = 120  # the position that the attacks by name are at, between two checkpoints
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)

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


def _shift(conn: Session, after: int, by: int) -> None:
    conn.execute("update ckr.event set position = -(position + %s) where position > %s", (by, after))
    conn.execute("update ckr.event set position = -position where position < 0")


def _rows(conn: Session) -> list[tuple[Any, ...]]:
    return [row[:8] for row in rows(conn, 0, head(conn))]


def _forged(conn: Session) -> bytes:
    """The root of the log after an amount was changed."""
    rehashed(amount)(conn)
    return root(leaf(*row) for row in _rows(conn))


def flip(conn: Session, rng: random.Random) -> tuple[int, str, str]:
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

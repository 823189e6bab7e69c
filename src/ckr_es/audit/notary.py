"""The notary: follows the log with a role that only reads, and signs what it saw, if it goes on from what it signed.

It believes no hash of the database: leaves are worked out from the rows. Before a signature it looks again at rows
that it signed before, all of them in a log of up to `WINDOW` events, else a window that goes round; and at every row
when it starts and once a day.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import psycopg
import structlog

from ckr_es.audit.checkpoints import BadCheckpoint, Checkpoint, PublicKey, Signer
from ckr_es.audit.folder import Folder, SelfCheck, State, Status, sync_folder
from ckr_es.audit.verifying import (
    HASH,
    Connection,
    Seen,
    closings,
    differing,
    hashes,
    head,
    rows,
    signed_by,
    verify,
)
from ckr_es.store.ledger import Tree

ROLE = "ckr_notary"
DEMAND = "ckr_checkpoint"  # NOTIFY: somebody waits for a signature
EVERY = 60.0  # seconds between signatures when there is news
DAY = 86_400.0
LOOK = 1.0  # seconds between looks, and between signatures however much they are asked for
RETRY = 5.0  # seconds between attempts to connect
WINDOW = 50_000  # rows signed before that are looked at again before a signature
NEAR = 1_000  # of which the last ones always
MOST = 500_000  # rows under one more signature: their hashes are held until it is made

log = structlog.get_logger(__name__)


class Inconsistent(Exception):
    """The log, or the folder itself, contradicts what was signed. The message (Russian) names the position."""

    def __init__(self, detail: str, position: int | None = None) -> None:
        where = "" if position is None else f"позиция {position}: "
        super().__init__(f"Нотариус отказывается подписывать: {where}{detail}.")
        self.detail, self.position = detail, position


class Busy(Exception):
    """Another notary has the folder."""


class Notary:
    """One a folder. Raises Inconsistent from wherever it finds something, and tells the folder first."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        folder.make()
        self._lock = folder.lock()
        if self._lock is None:
            raise Busy(f"Нотариус уже работает: папка {folder.path} занята.")
        self._next = 0  # where the window of rows to look at again begins
        self._tree = Tree()
        try:
            with self._refusing():
                self._signer = _signer(folder)
                self._tree = _resumed(folder, self._signer.public)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def size(self) -> int:
        """How many events are signed."""
        return self._tree.size

    def run(self, connect: Callable[[], Connection]) -> None:
        """Until something is inconsistent, or whoever runs it is told to exit. A lost connection is made again."""
        while True:
            try:
                with connect() as conn:
                    self._follow(conn)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                log.warning("notary reconnects", error=str(error))
                self._tell("running", "нет связи с базой данных")
                time.sleep(RETRY)

    def _follow(self, conn: Connection) -> None:
        conn.execute(f"listen {DEMAND}")
        self.self_check(conn)
        checked = signed = time.monotonic()
        signed -= EVERY
        demanded = False
        while True:
            for _ in conn.notifies(timeout=LOOK, stop_after=1):
                demanded = True
            if time.monotonic() - signed >= (LOOK if demanded else EVERY):
                demanded = False
                if self.sign(conn):
                    signed = time.monotonic()
            if time.monotonic() - checked >= DAY:
                self.self_check(conn)
                checked = time.monotonic()

    def sign(self, conn: Connection) -> bool:
        """Sign what is new, if the log goes on from what was signed; whether there was something."""
        with self._refusing():
            upto = head(conn)
            if upto < self.size:
                other = differing(conn, self._folder, max(0, upto - NEAR), self.size)
                detail = f"журнал кончается раньше: подписано записей {self.size}, а есть {upto}"
                raise Inconsistent(detail, other[0] if other else None)
            if upto == self.size:
                return False
            self._look_again(conn)
            while self.size < upto:
                self._extend(conn, min(upto, self.size + MOST))
        self._tell("running")
        return True

    def self_check(self, conn: Connection) -> SelfCheck:
        """Every row of the log against itself, the leaves and all that was signed."""
        with self._refusing():
            notes = [_opened(self._folder, self._signer.public, size) for size in self._folder.sizes()]
            pinned = [*map(signed_by, notes), *closings(conn)]
            with Seen(self._folder) if self.size else nullcontext() as seen:
                found = verify(conn, pinned, seen, self.size)
            said = SelfCheck(
                at=datetime.now(UTC),
                ok=not found.faults,
                size=found.size,
                seconds=round(found.seconds, 3),
                findings=tuple(str(fault) for fault in found.faults[:10]),
            )
            self._folder.tell(said)
            if not said.ok:
                log.error("self-check failed", findings=said.findings, faults=found.faulty)
            for fault in found.faults:
                if fault.signed:
                    raise Inconsistent(fault.detail, fault.first)
        self._tell("running")
        return said

    def _look_again(self, conn: Connection) -> None:
        begin = self._next if self._next < self.size else 0
        end = min(begin + WINDOW, self.size)
        for after, upto in {(begin, end), (max(0, self.size - NEAR), self.size)} if self.size else ():
            if (other := differing(conn, self._folder, after, upto)) is not None:
                raise Inconsistent(other[1], other[0])
        self._next = end

    def _extend(self, conn: Connection, upto: int) -> None:
        grown, leaves, envelopes = deepcopy(self._tree), bytearray(), bytearray()
        for row in rows(conn, self.size, upto):
            if row[0] != grown.size + 1:
                raise Inconsistent("записей здесь нет", grown.size + 1)
            hash, beyond = hashes(row)
            grown.add(hash)
            leaves += hash
            envelopes += beyond
        if grown.size != upto:
            raise Inconsistent("записей здесь нет", grown.size + 1)
        _append(self._folder.leaves, self.size, leaves)
        _append(self._folder.envelopes, self.size, envelopes)
        self._folder.publish(upto, self._signer.sign(upto, grown.root()))
        self._tree = grown
        log.info("checkpoint signed", size=upto)

    def _tell(self, state: State, error: str | None = None, position: int | None = None) -> None:
        self._folder.tell(Status(state=state, error=error, position=position))

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Whatever is inconsistent is told to the log and to the folder before it ends the notary."""
        try:
            yield
        except Inconsistent as error:
            log.critical("notary refuses to sign", position=error.position, reason=error.detail)
            self._tell("refused", str(error), error.position)
            raise


def _signer(folder: Folder) -> Signer:
    """The key, made at the very first start; one that is lost is not replaced behind anybody's back."""
    if folder.key.exists() and folder.public.exists():
        try:
            known = PublicKey.read(folder.public.read_text("utf-8"))
            signer = Signer.load(folder.key, known.name)
        except (BadCheckpoint, UnicodeDecodeError) as error:
            raise Inconsistent(f"ключ испорчен: {error}") from error
        if signer.public != known:
            raise Inconsistent(f"{folder.public.name} — открытый ключ не от {folder.key.name}")
        return signer
    if folder.sizes() or folder.public.exists():
        raise Inconsistent(
            f"в папке {folder.path} нет ключа, которым подписано прежнее; верните его или начните с пустой папки"
        )
    folder.key.unlink(missing_ok=True)  # of a first start that did not come far: nobody saw its public key
    signer = Signer.make(f"ckr-es-{secrets.token_hex(6)}")
    signer.save(folder.key)
    folder.write(folder.public, f"{signer.public}\n".encode())
    return signer


def _resumed(folder: Folder, key: PublicKey) -> Tree:
    """The tree as it was signed last, from the notary's own leaves; what they hold beyond it was never signed."""
    sizes = folder.sizes()
    if not sizes:
        return Tree()
    last = _opened(folder, key, sizes[-1])
    for path in (folder.leaves, folder.envelopes):
        if not path.exists() or path.stat().st_size < last.size * HASH:
            raise Inconsistent(f"файл {path} потерян или короче подписанного")
    tree = Tree()
    with folder.leaves.open("rb") as leaves:
        while tree.size < last.size:
            tree.add(leaves.read(HASH))
    if tree.root() != last.root:
        raise Inconsistent(f"файл {folder.leaves} испорчен: его корень не тот, что подписан")
    note = folder.note(last.size).read_bytes()
    if not folder.last.exists() or folder.last.read_bytes() != note:
        folder.write(folder.last, note)  # the power went between the two, or somebody touched the copy
    return tree


def _opened(folder: Folder, key: PublicKey, size: int) -> Checkpoint:
    path = folder.note(size)
    try:
        found = key.opened(path.read_text("utf-8"))
    except (BadCheckpoint, UnicodeDecodeError) as error:
        raise Inconsistent(f"файл {path}: {error}", size) from error
    if found.size != size:
        raise Inconsistent(f"файл {path}: контрольная точка другого размера, {found.size}", size)
    return found


def _append(path: Path, size: int, added: bytearray) -> None:
    new = not path.exists()
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(fd, "r+b") as file:
        file.truncate(size * HASH)
        file.seek(size * HASH)
        file.write(added)
        file.flush()
        os.fsync(fd)
    if new:
        sync_folder(path.parent)

"""The ledger: the signed checkpoint, proofs against it, and the script that checks an exported log without us."""

import base64
import time
from importlib import resources
from typing import Annotated, Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from ckr_es.api.auth import READ, roles
from ckr_es.api.problems import problem
from ckr_es.audit.folder import Folder
from ckr_es.projections import ledger
from ckr_es.projections.follower import await_position
from ckr_es.projections.log import Session, head
from ckr_es.rules import Invalid, Problem, Unknown
from ckr_es.store.database import Pool

DEMAND = "select pg_notify('ckr_checkpoint', '')"
PATIENCE = 2.0  # seconds a checkpoint that is asked for is waited for
LEAF = "select encode(leaf, 'hex') from ckr.event where position = %s"

Notarised = NamedDependency[Folder]
Asking = NamedDependency[Pool]
Position = Annotated[int, QueryParameter(ge=1, le=2**62)]
OptionalSize = Annotated[int | None, QueryParameter(required=False, ge=1, le=2**62)]


class LedgerController(Controller):
    path = "/ledger"
    tags = ["ledger"]

    @get("/checkpoint", sync_to_thread=True, media_type="text/plain", **roles(READ, whole_centre=True))
    def checkpoint(
        self,
        notary: Notarised,
        pool: Asking,
        min_position: Annotated[int, QueryParameter(required=False, ge=0, le=2**62)] = 0,
    ) -> Response[Any]:
        """The last signed note; with `min_position` one that covers it, made now if need be (at most 2 s, else 503)."""
        note = _signed(notary, min_position)
        if note is None and min_position:
            note = _demanded(notary, pool, min_position)
        if note is None and min_position:
            detail = f"Нотариус ещё не подписал журнал до позиции {min_position}"
            return problem(503, "checkpoint-behind", detail, headers={"Retry-After": "1"})
        if note is None:
            raise Unknown("no-checkpoint", "Нотариус ещё ничего не подписал")
        return Response(note, media_type="text/plain; charset=utf-8")

    @get("/inclusion", sync_to_thread=True, **roles(READ, whole_centre=True))
    def inclusion(
        self, notary: Notarised, pool: Asking, position: Position, size: OptionalSize = None
    ) -> dict[str, Any]:
        """The proof that an event is in the log of that size (default: of the last checkpoint that covers it)."""
        return included(notary, pool, position, size)

    @get("/consistency", sync_to_thread=True, **roles(READ, whole_centre=True))
    def consistency(
        self,
        pool: Asking,
        old: Annotated[int, QueryParameter(name="from", ge=1, le=2**62)],
        new: Annotated[int, QueryParameter(name="to", ge=1, le=2**62)],
    ) -> dict[str, Any]:
        """The proof that the log of size `to` begins with that of size `from`."""
        return consistent(pool, old, new)

    @get("/key", sync_to_thread=True, media_type="text/plain", **roles(READ, whole_centre=True))
    def key(self, notary: Notarised) -> Response[str]:
        """The notary's public key (C2SP): keep the first one you get, a later one may be another's."""
        if not notary.public.exists():
            raise Unknown("no-checkpoint", "У нотариуса ещё нет ключа")
        return Response(notary.public.read_text("utf-8"), media_type="text/plain; charset=utf-8")

    @get("/verify_log.py", sync_to_thread=True, media_type="text/plain", **roles(READ, whole_centre=True))
    def script(self) -> Response[bytes]:
        """Checks events.ndjson against checkpoints and the key; needs Python and nothing else."""
        content = resources.files("ckr_es.audit").joinpath("verify_log.py").read_bytes()
        return Response(content, media_type="text/x-python; charset=utf-8")


def included(notary: Folder, pool: Pool, position: int, size: int | None) -> dict[str, Any]:
    signed = notary.size()
    with pool.connection() as conn:
        size = size or (signed if signed >= position else head(conn))
        _within(conn, "position", position, size)
        (leaf,) = conn.execute(LEAF, (position,)).fetchone() or ("",)
        return {
            "position": position,
            "size": size,
            "leaf": leaf,
            "root": _text(ledger.root(conn, size)),
            "hashes": [_text(hash) for hash in ledger.inclusion(conn, position, size)],
        }


def consistent(pool: Pool, old: int, new: int) -> dict[str, Any]:
    with pool.connection() as conn:
        _within(conn, "from", old, new)
        return {
            "from": old,
            "to": new,
            "from_root": _text(ledger.root(conn, old)),
            "to_root": _text(ledger.root(conn, new)),
            "hashes": [_text(hash) for hash in ledger.consistency(conn, old, new)],
        }


def _signed(notary: Folder, position: int) -> str | None:
    size = notary.size()
    return notary.note(size).read_text("utf-8") if size and size >= position else None


def _demanded(notary: Folder, pool: Pool, position: int) -> str | None:
    with pool.connection() as conn:
        conn.execute(DEMAND)
    deadline = time.monotonic() + PATIENCE
    while (note := _signed(notary, position)) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return note


def covering(notary: Folder, pool: Pool, position: int) -> tuple[int, str] | None:
    """The first note that covers the position, asked for where a notary could make it; None when there is none."""
    found = notary.covering(position)
    if found is None and notary.status().state == "running":
        _demanded(notary, pool, position)
        found = notary.covering(position)
    return found


def _within(conn: Session, name: str, at: int, size: int) -> None:
    """The size is one that the log has or had, and the nodes for it are there."""
    upto = head(conn)
    if not at <= size <= upto:
        detail = f"Нужно {name} ≤ размер ≤ {upto} (столько записей в журнале)"
        raise Invalid("size-invalid", detail, [Problem(f"/{name}", "size-invalid", detail, str(at))])
    await_position(conn, ["ledger"], size)


def _text(hash: bytes) -> str:
    return base64.b64encode(hash).decode()

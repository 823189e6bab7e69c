"""The ledger: what the notary signed, how the log fares, and proofs that anyone can check without us."""

import base64
from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from ckr_es.api.auth import READ, roles
from ckr_es.api.ledger import consistent, included
from ckr_es.audit.folder import Folder
from ckr_es.rules import Invalid
from ckr_es.store.database import Pool
from ckr_es.web.asked import Text, Typed
from ckr_es.web.page import Shown


@get("/ledger", sync_to_thread=True, include_in_schema=False, **roles(READ, whole_centre=True))
def ledger(
    page: Shown,
    notary: NamedDependency[Folder],
    pool: NamedDependency[Pool],
    position: Text = "",
    old: Text = "",
    new: Text = "",
) -> Response[Any]:
    """The last checkpoint and the key; with `position` the proof of a record, with `old` and `new` that of a prefix."""
    typed = Typed()
    at = typed.number("position", position, least=1)
    sizes = typed.number("old", old, least=1), typed.number("new", new, least=1)
    proof = prefix = None
    try:
        if at is not None:
            proof = included(notary, pool, at, None)
    except Invalid as wrong:
        typed.refuse("position", wrong.code, wrong.detail)
    try:
        if sizes[0] is not None and sizes[1] is not None:
            prefix = consistent(pool, sizes[0], sizes[1])
    except Invalid as wrong:
        typed.refuse("old", wrong.code, wrong.detail)
    size = notary.size()
    note = notary.note(size).read_text("utf-8") if size else None
    return page.show(
        "ledger.html",
        status=typed.status,
        size=size,
        note=note,
        root=_root(note) if note else None,
        signed_at=notary.signed_at(),
        key=notary.public.read_text("utf-8").strip() if notary.public.exists() else None,
        notary=notary.status(),
        checked=notary.self_check(),
        proof=proof,
        prefix=prefix,
        asked={"position": position, "old": old, "new": new or (str(size) if size else "")},
        problems=typed.problems,
    )


def _root(note: str) -> str:
    """The third line of a note (C2SP tlog-checkpoint) as the hex that leaves and reports show."""
    return base64.b64decode(note.split("\n")[2]).hex()

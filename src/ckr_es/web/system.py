"""The system itself: how its parts fare, what auditors read, whose data were erased."""

import sys
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from ckr_es.api import accesses, erasure
from ckr_es.api.auth import ADMINISTER, roles
from ckr_es.api.moments import Cursor
from ckr_es.api.projections import Rebuilding, begin
from ckr_es.api.reads import Reader
from ckr_es.application import ServiceTracking
from ckr_es.audit.folder import Folder
from ckr_es.rules import Invalid, Problem
from ckr_es.store.database import Pool
from ckr_es.web.asked import PAGE, Text, Typed, local
from ckr_es.web.page import SEE_SYSTEM, Shown, told

Tracking = NamedDependency[ServiceTracking]
PARTS: Final = ("ckr-es", "eventsourcing", "litestar", "psycopg")
HOW: Final = MappingProxyType(  # what a button asks for
    {
        "compare": Rebuilding(shadow=True),
        "replace": Rebuilding(),
        "replace-differing": Rebuilding(accept_differences=True),
    }
)
DATABASE: Final = "select current_setting('server_version'), (select max(number) from ckr.migration)"


class SystemPages(Controller):
    include_in_schema = False

    @get("/system", sync_to_thread=True, **roles(SEE_SYSTEM, whole_centre=True))
    def system(
        self,
        page: Shown,
        reading: NamedDependency[Reader],
        notary: NamedDependency[Folder],
        pool: NamedDependency[Pool],
    ) -> Response[Any]:
        """Projections with their lag, the notary, the last self-check, versions. Always of now."""
        with pool.connection() as conn:
            ((server, schema),) = conn.execute(DATABASE).fetchall()
        parts = {"Python": sys.version.split()[0], **{name: version(name) for name in PARTS}}
        return page.show(
            "system.html",
            state=(state := reading.status(errors=True)),
            rebuilding=any(
                one["rebuild"] and one["rebuild"].state == "running" for one in state["projections"]
            ),
            may_rebuild=page.caller.role in ADMINISTER,
            notary=notary.status(),
            signed=notary.size(),
            signed_at=notary.signed_at(),
            checked=notary.self_check(),
            parts=parts,
            server=server,
            schema=schema,
        )

    @post("/system/rebuild", status_code=303, **roles(ADMINISTER, whole_centre=True))
    async def rebuild(self, request: Request[Any, Any, Any], page: Shown) -> Redirect:
        """Begins it and leads back to where its progress is shown."""
        sent = await request.form()
        how = HOW.get(str(sent.get("how", "")))
        if how is None:
            raise Invalid(
                "not-an-option",
                "Не сказано, сравнить или заменить",
                [Problem("/how", "not-an-option", "Нет такого")],
            )
        await begin(request, str(sent.get("name", "")), how)
        return Redirect(page.link("/system"), status_code=303)

    @get("/access-log", sync_to_thread=True, **roles(accesses.SEE, whole_centre=True))
    def access_log(
        self,
        page: Shown,
        reading: NamedDependency[Reader],
        tracking: Tracking,
        actor: Text = "",
        object: Text = "",
        since: Text = "",
        until: Text = "",
        cursor: Cursor = None,
    ) -> Response[Any]:
        """What auditors have read, the latest first."""
        typed = Typed()
        period = typed.instant("since", since), typed.instant("until", until)
        found = None
        if not typed.problems:
            asked = {"actor": actor.strip() or None, "object": object.strip() or None}
            said = accesses.listed(tracking, PAGE, cursor, **asked, since=period[0], until=period[1])
            found = told(Response(said))
        return page.show(
            "access_log.html",
            status=typed.status,
            found=found,
            names=page.names(reading, found),
            asked={
                "actor": actor,
                "object": object,
                "since": local(period[0]) or since,
                "until": local(period[1]) or until,
            },
            problems=typed.problems,
        )

    @get("/erasures", sync_to_thread=True, **roles(erasure.SEE, whole_centre=True))
    def erasures(self, page: Shown, tracking: Tracking) -> Response[Any]:
        """Every erasure proposed and confirmed, with its papers."""
        return page.show("erasures.html", found=erasure.listed(tracking)["items"])

"""Projections: how far each is, and filling one anew from the log."""

from typing import Any, Final
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Struct

from ckr_es.api.auth import ADMINISTER, roles
from ckr_es.api.loads import Loads
from ckr_es.api.reads import Reader
from ckr_es.projections.rebuild import known, renew
from ckr_es.projections.rebuilds import Interrupted
from ckr_es.registry.loading import Stopped, Watch

AnyRequest = Request[Any, Any, Any]
PATH: Final = "/api/v1/projections"


class Rebuilding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`shadow`: only beside the live one, to compare; `accept_differences`: takes its place even if they differ."""

    shadow: bool = False
    accept_differences: bool = False


class ProjectionController(Controller):
    path = PATH
    tags = ["health"]

    @get("/", sync_to_thread=True, **roles(ADMINISTER | frozenset({"auditor"}), whole_centre=True))
    def projections(self, reading: NamedDependency[Reader]) -> dict[str, Any]:
        """How far each projection is, which event stopped it, and its last rebuild."""
        return reading.status(errors=True)

    @post("/{name:str}/rebuild", status_code=202, **roles(ADMINISTER, whole_centre=True))
    async def rebuild(
        self, request: AnyRequest, name: FromPath[str], data: JSONBody[Rebuilding]
    ) -> Response[Any]:
        """Begins to fill it anew beside the live one; how it goes on, the list of projections tells."""
        id = await begin(request, name, data)
        return Response({"id": id, "name": name}, status_code=202, headers={"Location": PATH})


async def begin(request: AnyRequest, name: str, asked: Rebuilding) -> UUID:
    """The id of the rebuild, which goes on in a thread of this process.

    Unknown("unknown-projection"), Refused("rebuild-running") while another goes on.
    """
    projection = known(name)
    state, actor = request.app.state, request.state.caller.actor
    loads = state.loads
    assert isinstance(loads, Loads)

    def work(watch: Watch) -> None:
        def go_on(_done: int, _of: int) -> None:
            if watch.stopped():
                raise Interrupted

        try:
            renew(
                projection,
                state.database,
                go_on,
                asked.shadow,
                accept_differences=asked.accept_differences,
                actor=actor,
                wait=False,
                began=watch.began,
            )
        except Interrupted:
            raise Stopped from None

    return await loads.start(work).begun()

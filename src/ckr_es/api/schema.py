"""What events look like, for whoever reads the log by program: the catalogue as it is committed in `docs/events`."""

from typing import Any

from litestar import Controller, get
from litestar.params import FromPath

from ckr_es.api.auth import ANYONE, roles
from ckr_es.audit import event_catalogue
from ckr_es.rules import Unknown


class SchemaController(Controller):
    path = "/"
    tags = ["events"]

    @get("/asyncapi.json", sync_to_thread=False, **roles(ANYONE))
    def asyncapi(self) -> dict[str, Any]:
        """AsyncAPI 3.0: the kinds of streams and the events of each."""
        return event_catalogue.asyncapi()

    @get("/schema/events", sync_to_thread=False, **roles(ANYONE))
    def list_schemas(self) -> dict[str, Any]:
        """The JSON Schema of each stored body, in the order of tags."""
        return {"items": list(event_catalogue.schemas().values())}

    @get("/schema/events/{tag:str}", sync_to_thread=False, **roles(ANYONE))
    def show(self, tag: FromPath[str]) -> dict[str, Any]:
        """The JSON Schema (2020-12) of the body that is stored under this tag; it needs no other."""
        if (found := event_catalogue.schemas().get(tag)) is None:
            raise Unknown("not-found", f"Нет записей вида «{tag}»")
        return found

"""Routes that record: they run on the event loop and are left while the log is asked or written."""

from functools import wraps
from typing import Any

from litestar import HttpMethod, Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.utils.helpers import unwrap_partial

from ckr_es.store import aside


class record(HTTPRouteHandler):  # noqa: N801 - it stands beside Litestar's own decorators
    """A POST that needs no thread: all it waits for is what the write side loads and records.

    Hundreds may wait at a time, and so are loaded and recorded together.
    """

    def __init__(self, path: str, **given: Any) -> None:
        super().__init__(path, http_method=HttpMethod.POST, sync_to_thread=False, **given)

    def on_registration(self, app: Litestar) -> None:
        super().on_registration(app)
        command = self.fn

        @wraps(unwrap_partial(command))  # the document tells of the command
        async def recorded(**said: Any) -> Any:
            return await aside.run(command, **said)

        self._fn = recorded
        self.has_sync_callable = False

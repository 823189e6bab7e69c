"""The ways to look a firm up that this installation has, behind one question."""

from datetime import date
from threading import BoundedSemaphore
from typing import Any, Final, Literal

import msgspec

from ckr_es.application import ServiceTracking
from ckr_es.registry.dadata import URL, DaData
from ckr_es.registry.port import Answer
from ckr_es.registry.snapshot_lookup import SnapshotRegistry
from ckr_es.rules import Refused
from ckr_es.store.settings import Settings
from ckr_es.store.writer import Overloaded

Source = Literal["snapshot", "dadata"]
ABROAD: Final = 4  # calls to a service outside that may wait at a time: each holds a thread


class Registries:
    """The ways to ask that this server has."""

    def __init__(self, tracking: ServiceTracking, settings: Settings) -> None:
        self._snapshot = SnapshotRegistry(tracking)
        token = settings.dadata_token
        self._dadata = DaData(token, settings.dadata_url or URL) if token else None
        self._turn = BoundedSemaphore(ABROAD)

    def lookup(self, source: Source, inn: str, as_of: date) -> Answer:
        """Refused("lookup-not-configured") for a service that nobody has given us access to."""
        if source == "snapshot":
            return self._snapshot.lookup(inn, as_of)
        if self._dadata is None:
            raise Refused("lookup-not-configured", "DaData не настроена: задайте CKR_DADATA_TOKEN")
        if not self._turn.acquire(blocking=False):
            raise Overloaded(f"{ABROAD} look-ups are under way already")
        try:
            return self._dadata.lookup(inn, as_of)
        finally:
            self._turn.release()


def told(answer: Answer) -> dict[str, Any]:
    """The answer as programs are told of it."""
    said: dict[str, Any] = msgspec.to_builtins(answer)
    return {"result": type(answer).__name__.lower(), **said}

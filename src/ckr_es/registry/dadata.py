"""DaData's `findById/party`: convenient, asked over the network, and never trusted for rights (reference.md, 4.4).

Whatever is not exactly what the service documents is `Unavailable`: nothing is guessed, and no failure looks like
"absent". Neither the token nor the firm's number is ever logged.
"""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from math import inf
from typing import Final

import httpx
import stamina
import structlog

from ckr_es.registry.dadata_answers import NotAccepted, read
from ckr_es.registry.port import Absent, Answer, Found, Unavailable
from ckr_es.rules.calendar import today

SOURCE: Final = "DaData"
URL: Final = "https://suggestions.dadata.ru/suggestions/api/4_1/rs/findById/party"
LARGEST_ANSWER: Final = 2**20  # bytes
ATTEMPTS: Final = 3
BUDGET: Final = 8.0  # seconds for all attempts and the pauses between them

log = structlog.get_logger(__name__)


class _Temporary(Exception):
    """Worth another attempt: after `wait` seconds, where the service said how many."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class DaData:
    """Asks at most three times within `budget` seconds; `timeout` is for connecting and for each read.

    Blocks: not to be called where an event loop runs.
    """

    def __init__(
        self,
        token: str,
        url: str = URL,
        *,
        timeout: float = 3.0,
        budget: float = BUDGET,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._token = token
        self._url = url
        self._timeout = httpx.Timeout(timeout)
        self._budget = budget
        self._now = now
        self._tls = httpx.create_ssl_context()

    def lookup(self, inn: str, as_of: date) -> Answer:
        """The service knows today only; for another day it is Unavailable without a call."""
        now = self._now()
        if as_of != today(now):
            return self._unavailable(now, "Справочный сервис отвечает только на сегодняшний день")
        try:
            raw = asyncio.run(self._asked(inn))
            found = read(raw, inn, as_of)
        except _Temporary as failure:
            return self._unavailable(now, f"Справочный сервис не ответил: {failure}")
        except NotAccepted as failure:
            return self._unavailable(now, f"Ответ справочного сервиса не принят: {failure}")
        digest = hashlib.sha256(raw).hexdigest()
        if found is None:
            return Absent(source=SOURCE, via="dadata", as_of=as_of, retrieved_at=now, answer_sha256=digest)
        return Found(
            company=found, source=SOURCE, via="dadata", as_of=as_of, retrieved_at=now, answer_sha256=digest
        )

    def _unavailable(self, now: datetime, reason: str) -> Unavailable:
        log.warning("look-up unavailable", source=SOURCE, reason=reason)
        return Unavailable(source=SOURCE, via="dadata", reason=reason, retrieved_at=now)

    async def _asked(self, inn: str) -> bytes:
        """On a loop of its own, as only there a deadline covers every step, a service that drips bytes included."""
        try:
            async with (
                asyncio.timeout(self._budget) as limit,
                httpx.AsyncClient(verify=self._tls, timeout=self._timeout, follow_redirects=False) as client,
            ):

                def again(error: Exception) -> bool | float:
                    if not isinstance(error, _Temporary):
                        return False
                    left = (limit.when() or inf) - asyncio.get_running_loop().time()
                    return True if error.wait is None else error.wait < left and error.wait

                async for attempt in stamina.retry_context(
                    on=again, attempts=ATTEMPTS, wait_initial=0.2, wait_jitter=0.3, wait_max=1.0
                ):
                    with attempt:
                        return await self._once(client, inn)
        except TimeoutError:
            pass
        raise _Temporary("время вышло")

    async def _once(self, client: httpx.AsyncClient, inn: str) -> bytes:
        body = {"query": inn, "count": 2, "branch_type": "MAIN"}
        headers = {
            "Authorization": f"Token {self._token}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # the size that is limited is then the size in memory
        }
        raw = bytearray()
        try:
            async with client.stream("POST", self._url, json=body, headers=headers) as answer:
                _refuse_status(answer)
                async for chunk in answer.aiter_raw():
                    raw += chunk
                    if len(raw) > LARGEST_ANSWER:
                        raise NotAccepted("он слишком велик")
        except httpx.TimeoutException:
            raise _Temporary("время вышло") from None
        except httpx.ConnectError:
            raise _Temporary("соединение не установлено") from None
        except httpx.TransportError:
            raise _Temporary("связь прервалась") from None
        return bytes(raw)


def _refuse_status(answer: httpx.Response) -> None:
    status = answer.status_code
    if status == 429 or status >= 500:
        wait = answer.headers.get("Retry-After")
        raise _Temporary(f"HTTP {status}", None if wait is None else _seconds(wait))
    if status in (401, 403):
        raise NotAccepted(f"ключ доступа отклонён (HTTP {status})")
    if status != 200:
        raise NotAccepted(f"HTTP {status}")


def _seconds(wait: str) -> float:
    """A day and hour, which the header may give as well, is later than anybody waits here."""
    return float(wait) if wait.isascii() and wait.isdigit() else inf

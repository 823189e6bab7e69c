"""Large bodies go to a file as they come: little of them stays in memory, and who sends too slowly is left."""

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Final

from litestar import Request
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from msgspec import Struct

from ckr_es.api.problems import BadRequest
from ckr_es.store.writer import Overloaded

LARGEST: Final = 4 * 2**30  # bytes
PIECE: Final = 2**20  # bytes gathered before they are written
PROGRESS: Final = 2**16  # bytes that must have come …
PATIENCE: Final = 20.0  # … within so many seconds, again and again
AT_ONCE: Final = 4  # uploads a process takes at a time
FORSAKEN: Final = 24 * 3600.0  # seconds after which a file that no process deleted is nobody's
PREFIX: Final = "upload-"


class Spooled(Struct, frozen=True):
    """A body that came whole; `sha256` in hex."""

    path: Path
    sha256: str


@dataclass
class FileOperation(Operation):
    """In the document: the body is the file itself, of one of these media types."""

    media: ClassVar[tuple[str, ...]] = ("application/octet-stream",)

    def __post_init__(self) -> None:
        whole = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY))
        self.request_body = RequestBody(content=dict.fromkeys(self.media, whole), required=True)


class Spool:
    """The folder for uploads of one process, and how many come at a time."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = _writable(data_dir / "spool")
        self._taken = 0

    async def take(self, request: Request[Any, Any, Any]) -> Spooled:
        """The body as a file, which is then the caller's to delete.

        Overloaded when too many come at once; BadRequest (408) for a sender who makes no progress.
        """
        if self._taken >= AT_ONCE:
            raise Overloaded(f"{AT_ONCE} uploads are under way already")
        self._taken += 1
        path: Path | None = None
        try:
            with await asyncio.to_thread(self._file) as file:
                path = Path(file.name)
                return Spooled(path, await _poured(request, file))
        except BaseException:
            if path is not None:
                path.unlink(missing_ok=True)
            raise
        finally:
            self._taken -= 1

    def sweep(self) -> None:
        """Deletes what no process will: the files of those that have ended, and what is too old."""
        for old in self._folder.glob(f"{PREFIX}*"):
            with suppress(FileNotFoundError):  # another process sweeps too, or is done with it
                if old.stat().st_mtime < time.time() - FORSAKEN or not _lives(old.name.split("-")[1]):
                    old.unlink()

    def _file(self) -> IO[bytes]:
        self.sweep()
        prefix = f"{PREFIX}{os.getpid()}-"
        return tempfile.NamedTemporaryFile(prefix=prefix, dir=self._folder, delete=False)


async def _poured(request: Request[Any, Any, Any], file: IO[bytes]) -> str:
    digest = hashlib.sha256()

    def write(piece: bytearray) -> None:
        digest.update(piece)
        file.write(piece)

    stream = request.stream()
    while piece := await _some(stream):
        await asyncio.to_thread(write, piece)
    return digest.hexdigest()


async def _some(stream: AsyncGenerator[bytes, None]) -> bytearray:
    """What comes next, as much as is worth a write; nothing at the end."""
    came = bytearray()
    try:
        while len(came) < PIECE:
            wanted = min(len(came) + PROGRESS, PIECE)
            async with asyncio.timeout(PATIENCE):
                while len(came) < wanted:
                    came += await anext(stream)
    except StopAsyncIteration:
        return came
    except TimeoutError:
        raise BadRequest("body-too-slow", "Тело запроса не пришло вовремя", 408) from None
    return came


def _lives(process: str) -> bool:
    if not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _writable(folder: Path) -> Path:
    """That folder, or the one for temporary files where it can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir())
    return folder if os.access(folder, os.W_OK) else Path(tempfile.gettempdir())

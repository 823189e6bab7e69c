"""The notary's folder, outside the database: what it signed, what it saw, how it fares. The API only reads it.

`key.pem` is for its owner alone, `key.pub` for everybody. `leaves`: the hash of each signed event, 32 bytes each, and
beside it in `envelopes` that of what the leaf does not cover, which no signature covers either.
`checkpoints/`: every note by its size; `checkpoint` is the last. `status.json`, `self-check.json`. `lock` is held by
the notary that is running.
"""

import fcntl
import os
from bisect import bisect_left
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

State = Literal["absent", "running", "stopped", "refused"]


class Status(Struct, frozen=True, kw_only=True):
    """`refused`: the log contradicts what was signed, from `position` on; `error` says how (Russian)."""

    state: State
    error: str | None = None
    position: int | None = None


class SelfCheck(Struct, frozen=True, kw_only=True):
    """The whole log, looked through once a day."""

    at: datetime
    ok: bool
    size: int
    seconds: float
    findings: tuple[str, ...] = ()


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.key, self.public = path / "key.pem", path / "key.pub"
        self.leaves, self.envelopes = path / "leaves", path / "envelopes"
        self.notes, self.last = path / "checkpoints", path / "checkpoint"

    def make(self) -> None:
        self.notes.mkdir(mode=0o755, parents=True, exist_ok=True)

    def lock(self) -> int | None:
        """Held until it is closed; None when another notary has it."""
        fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        return fd

    def sizes(self) -> list[int]:
        """Of all that was signed, ascending."""
        return sorted(int(note.name) for note in self.notes.glob("[0-9]*") if note.name.isdigit())

    def size(self) -> int:
        """Of the last that was signed; 0 for none."""
        try:
            note = self.last.read_text("utf-8")
        except (FileNotFoundError, NotADirectoryError):
            return 0
        return int(note.split("\n")[1])

    def signed_at(self) -> datetime | None:
        """When the last was signed; None for none."""
        size = self.size()
        return datetime.fromtimestamp(self.note(size).stat().st_mtime, UTC) if size else None

    def covering(self, position: int) -> tuple[int, str] | None:
        """The first note, with its size, that covers this position: once there is one, it stays the same."""
        sizes = self.sizes()
        first = bisect_left(sizes, position)
        return (sizes[first], self.note(sizes[first]).read_text("utf-8")) if first < len(sizes) else None

    def note(self, size: int) -> Path:
        return self.notes / f"{size:012}"

    def publish(self, size: int, note: str) -> None:
        """The note lies there whole, or not at all, whenever the power goes."""
        self.write(self.note(size), note.encode())
        self.write(self.last, note.encode())

    def write(self, path: Path, content: bytes) -> None:
        beside = path.with_name(f".{path.name}.new")
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)

    def status(self) -> Status:
        """How the notary fares, as others see it: what it wrote last, unless it is gone."""
        said: Status | None = self._read("status.json", Status)
        if said is None:
            return Status(state="absent")
        if said.state == "running" and not self._held():
            return msgspec.structs.replace(said, state="stopped")
        return said

    def self_check(self) -> SelfCheck | None:
        said: SelfCheck | None = self._read("self-check.json", SelfCheck)
        return said

    def tell(self, said: Status | SelfCheck) -> None:
        name = "status.json" if isinstance(said, Status) else "self-check.json"
        self.write(self.path / name, msgspec.json.encode(said))

    def _read(self, name: str, type: Any) -> Any:
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):  # a folder that we may not see
            return msgspec.json.decode((self.path / name).read_bytes(), type=type)
        return None

    def _held(self) -> bool:
        try:
            fd = os.open(self.path / "lock", os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False


def sync_folder(path: Path) -> None:
    """A new name in a folder is there after a power cut only once the folder itself was written."""
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)

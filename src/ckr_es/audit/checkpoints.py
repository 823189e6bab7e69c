"""Signed statements of the log's size and root: C2SP tlog-checkpoint in a C2SP signed note, Ed25519."""

import base64
import os
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec import Struct

ED25519 = b"\x01"  # the algorithm's byte in a C2SP key


class BadCheckpoint(Exception):
    """A note that is no checkpoint, or is not signed by this key. The message (Russian) says which."""


class Checkpoint(Struct, frozen=True):
    """The log of this origin has `size` events, and their tree has this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


class PublicKey(Struct, frozen=True):
    """A verifier key `name+hash+base64`; the name is the origin of the checkpoints that it may sign."""

    name: str
    raw: bytes

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises BadCheckpoint."""
        try:
            name, _, key = text.strip().split("+", 2)
            found = cls(name, base64.b64decode(key, validate=True)[1:])
        except ValueError as error:
            raise BadCheckpoint("открытый ключ записан не по форме имя+хеш+ключ") from error
        if str(found) != text.strip() or len(found.raw) != 32:
            raise BadCheckpoint("открытый ключ испорчен: хеш в нём не от этого имени и ключа")
        return found

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.raw).decode()}"

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + ED25519 + self.raw).digest()[:4]

    def opened(self, note: str) -> Checkpoint:
        """What the note says, once its signature was found to be of this key. Raises BadCheckpoint."""
        checkpoint, signatures = parsed(note)
        mine = [s for name, s in signatures if name == self.name and s[:4] == self.id]
        if checkpoint.origin != self.name or not mine:
            raise BadCheckpoint(f"нет подписи ключа {self.name}+{self.id.hex()}")
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(mine[0][4:], checkpoint.text().encode())
        except InvalidSignature as error:
            raise BadCheckpoint("подпись не от этого текста") from error
        return checkpoint


class Signer:
    """The private key, a PEM file that its owner alone reads."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = PublicKey(name, key.public_key().public_bytes_raw())

    @classmethod
    def make(cls, name: str) -> Self:
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path, name: str) -> Self:
        """Raises OSError and BadCheckpoint."""
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except ValueError as error:
            raise BadCheckpoint(f"файл {path} — не ключ Ed25519 в PEM") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise BadCheckpoint(f"файл {path} — не ключ Ed25519")
        return cls(name, key)

    def save(self, path: Path) -> None:
        """To a new file; an existing one is never written over."""
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(fd)

    def sign(self, size: int, root: bytes) -> str:
        """The note."""
        text = Checkpoint(self.public.name, size, root).text()
        signature = base64.b64encode(self.public.id + self._key.sign(text.encode())).decode()
        return f"{text}\n— {self.public.name} {signature}\n"


def parsed(note: str) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    """What a note says and by whom it claims to be signed: nothing is verified. Raises BadCheckpoint."""
    text, _, signed = note.partition("\n\n")
    try:
        origin, size, root = text.split("\n")
        signatures = [
            (name, base64.b64decode(signature, validate=True))
            for dash, name, signature in (line.split(" ") for line in signed.splitlines())
            if dash == "—"
        ]
        checkpoint = Checkpoint(origin, int(size), base64.b64decode(root, validate=True))
    except ValueError as error:
        raise BadCheckpoint("это не контрольная точка (C2SP tlog-checkpoint)") from error
    if f"{text}\n" != checkpoint.text() or len(checkpoint.root) != 32 or checkpoint.size < 0:
        raise BadCheckpoint("контрольная точка записана не по форме")
    return checkpoint, signatures

"""What pages are made of beside HTML, from this server alone; an address holds a hash of all files and keeps a year."""

import gzip
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from litestar import Request, Response, get
from litestar.params import FromPath

from ckr_es.api.auth import ANYONE, roles
from ckr_es.rules import Unknown

FOLDER: Final = files("ckr_es.web") / "static"
KINDS: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
KEEP: Final = "public, max-age=31536000, immutable"


@cache
def bundle() -> str:
    """A short hash over every file by its name."""
    total = sha256()
    for name, file in sorted(_files().items()):
        total.update(f"{name}\n".encode() + sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]


def address(name: str) -> str:
    return f"/static/{bundle()}/{name}"


@get("/static/{bundle:str}/{name:path}", sync_to_thread=True, include_in_schema=False, **roles(ANYONE))
def asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """A file of the page; text goes packed to whoever takes it so."""
    name = name.lstrip("/")
    kind = KINDS.get(name.rpartition(".")[2])
    if kind is None or name not in _files():
        raise Unknown("not-found", "Нет такого файла")
    headers = {"cache-control": KEEP, "vary": "accept-encoding"}
    if not name.endswith("woff2") and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(_packed(name), media_type=kind, headers={**headers, "content-encoding": "gzip"})
    return Response(_files()[name].read_bytes(), media_type=kind, headers=headers)


@get("/favicon.ico", sync_to_thread=True, include_in_schema=False, **roles(ANYONE))
def icon() -> Response[bytes]:
    """The mark, for views that name none: answers of the API that are opened as pages."""
    return Response(_files()["mark.svg"].read_bytes(), media_type=KINDS["svg"])


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(_files()[name].read_bytes(), mtime=0)


@cache
def _files() -> dict[str, Traversable]:
    """Those of the page, and those of others in `vendor`."""
    ours = {file.name: file for file in FOLDER.iterdir() if file.is_file()}
    return ours | {f"vendor/{file.name}": file for file in (FOLDER / "vendor").iterdir()}

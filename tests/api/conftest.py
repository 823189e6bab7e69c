"""A real server a test module: uvicorn on a free port, over the module's own database."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from api.centre import Centre, Client
from litestar import Litestar

from ckr_es.api.app import create_app
from ckr_es.store.database import Database
from ckr_es.store.settings import Settings


@contextmanager
def serving(app: Litestar, send_buffer: int | None = None) -> Iterator[str]:
    """The address of the application, while it is served from a thread; `send_buffer` (bytes) is the kernel's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        if send_buffer is not None:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        config = uvicorn.Config(
            app, lifespan="on", ws="none", access_log=False, log_config=None, timeout_graceful_shutdown=5
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            assert time.monotonic() < deadline, "the application does not start"
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
    assert not thread.is_alive(), "the server does not stop"


def settings_for(database: Database, pool_size: int = 16) -> Settings:
    """The module's database by its URL, as a real server is named."""
    return Settings(
        data_dir=Path("/nonexistent"),
        database_url=database.admin_conninfo(),
        migrate_url=database.admin_conninfo(),
        pool_size=pool_size,
    )


@pytest.fixture(scope="module")
def app(database: Database) -> Litestar:
    return create_app(settings_for(database))


@pytest.fixture(scope="module")
def centre(app: Litestar, database: Database) -> Iterator[Centre]:
    with serving(app) as base:
        found = Centre(base, database)
        try:
            yield found
        finally:
            found.close()


@pytest.fixture(scope="module")
def operator(centre: Centre) -> Client:
    return centre.operator


@pytest.fixture(scope="module")
def manager(centre: Centre) -> Client:
    return centre.manager


@pytest.fixture(scope="module")
def auditor(centre: Centre) -> Client:
    return centre.auditor

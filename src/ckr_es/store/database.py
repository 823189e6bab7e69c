"""The database the product works with: the embedded server, or the one that DATABASE_URL names."""

import select
from collections.abc import Callable
from typing import Any, Self

from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool

from ckr_es.store.embedded import DBNAME, EmbeddedServer
from ckr_es.store.settings import Settings

Pool = ConnectionPool[Connection[tuple[Any, ...]]]


class Database:
    """How each role reaches one database, and the pools opened on it."""

    def __init__(
        self,
        conninfo: Callable[[str], str],
        admin_conninfo: Callable[[], str],
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.conninfo = conninfo
        self.admin_conninfo = admin_conninfo
        self._close = close
        self._pools: list[Pool] = []

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Raises EmbeddedServerError. A DATABASE_URL server is not spoken to before the first connection."""
        if (url := settings.database_url) is None:
            server = EmbeddedServer.open(settings.data_dir, pg_bin=settings.pg_bin, pg_user=settings.pg_user)
            return cls.on(server, close=server.close)
        migrate_url = settings.migrate_url or url
        return cls(lambda role: _with_options(url, f"-c role={role}"), lambda: migrate_url)

    @classmethod
    def on(
        cls, server: EmbeddedServer, dbname: str = DBNAME, close: Callable[[], None] = lambda: None
    ) -> Self:
        """A database of a server that somebody else keeps open (unless `close` says otherwise)."""

        def conninfo(role: str) -> str:
            server.ensure_running()
            return server.conninfo(role, dbname)

        return cls(conninfo, lambda: server.conninfo(dbname=dbname), close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pool(self, role: str, size: int) -> Pool:
        """Autocommit connections of this role; 1.5 s to get one (else PoolTimeout), 5 s for a statement."""
        pool = Pool(
            lambda: _with_options(self.conninfo(role), "-c statement_timeout=5s"),
            kwargs={"autocommit": True},
            min_size=1,
            max_size=size,
            timeout=1.5,
            open=True,
            check=_check,
            name=role,
        )
        self._pools.append(pool)
        return pool

    def close(self) -> None:
        """Close the pools, then leave the embedded server. Harmless when repeated."""
        while self._pools:
            self._pools.pop().close()
        self._close()


def _check(conn: Connection[Any]) -> None:
    """An idle connection is silent unless the server ended it: only then is a round trip worth its time."""
    idle = select.poll()
    idle.register(conn.fileno(), select.POLLIN)
    if idle.poll(0):
        ConnectionPool.check_connection(conn)


def _with_options(conninfo: str, options: str) -> str:
    given = conninfo_to_dict(conninfo).get("options")
    return make_conninfo(conninfo, options=f"{given} {options}" if given else options)

"""What the program says about itself: one line an event, JSON unless somebody watches the terminal.

A line names routes, statuses, positions and ids. Query strings, bodies, names and identifiers never reach it:
they are not passed to a logger anywhere, and a line that carries such a field all the same loses it here.
"""

import logging
import re
import sys
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor

# Names under which such things usually travel; the value is dropped, the name stays and shows the mistake.
PRIVATE: Final = frozenset(
    {
        "authorization", "body", "contacts", "cookie", "cookies", "fields", "headers", "identity", "inn",
        "key", "ogrn", "ogrnip", "params", "password", "query", "query_string", "secret", "url",
    }
)  # fmt: skip

_DETAIL: Final = re.compile(r"DETAIL:.*")


def configure(level: int = logging.INFO) -> None:
    """Send structlog and the standard library's loggers to stderr alike. Harmless when repeated."""
    watched = sys.stderr.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if watched else "iso", utc=not watched),
        _without_private,
    ]
    last: list[Processor] = (
        [
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        ]  # no locals: they may be private
        if watched
        else [
            structlog.processors.format_exc_info,
            _without_details,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # uvicorn writes the whole request line, query included, to its access log.
    for name, quiet in (("uvicorn.access", logging.CRITICAL), ("psycopg.pool", logging.WARNING)):
        logging.getLogger(name).setLevel(quiet)


def _without_private(_: Any, __: str, event: EventDict) -> EventDict:
    return {name: "…" if name in PRIVATE else value for name, value in event.items()}


def _without_details(_: Any, __: str, event: EventDict) -> EventDict:
    """PostgreSQL repeats the values of the row at fault in the DETAIL of its message."""
    return {n: _DETAIL.sub("DETAIL: …", v) if isinstance(v, str) else v for n, v in event.items()}

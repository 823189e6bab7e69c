"""What every page has around its content: who looks, at which moment, where else to go; and how it is rendered."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

import jinja2
import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.template import TemplateConfig

from ckr_es.api.asked import Travel
from ckr_es.api.auth import READ, READ_FIGURES, RECORD, Caller
from ckr_es.api.moments import plain_numbers
from ckr_es.api.reads import Reader
from ckr_es.application import ServiceTracking
from ckr_es.rules.calendar import KRASNOYARSK
from ckr_es.store.keys import ROLES
from ckr_es.web import assets, shown, words

SEE_SYSTEM: Final = frozenset({"admin", "auditor"})
SIGNED_IN: Final = frozenset(ROLES)
ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENT: Final = ("as_of", "known_at", "known_position")
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "content-security-policy": CSP,
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
RECORDED_AT: Final = "select recorded_at from ckr.event where position = %s"


class Place(NamedTuple):
    path: str
    title: str
    roles: frozenset[str]


NAVIGATION: Final = (
    Place("/kpi", "Показатели", READ_FIGURES),
    Place("/periods", "Отчёты", READ_FIGURES),
    Place("/participants", "Участники", READ),
    Place("/cases", "Дела", READ),
    Place("/clusters", "Кластеры", READ),
    Place("/providers", "Исполнители", READ),
    Place("/roadmap", "Дорожная карта", READ_FIGURES),
    Place("/funding", "Финансы", READ_FIGURES),
    Place("/support-register", "Поддержка", READ),
    Place("/follow-ups", "Опросы", READ),
    Place("/log", "Журнал", READ),
    Place("/ledger", "Доказательства", READ),
    Place("/system", "Система", SEE_SYSTEM),
    Place("/record", "Записать", RECORD),
)


class Page:
    """One view for one caller: it knows its moment, makes links that keep it, and shows a template."""

    def __init__(self, request: Request[Any, Any, Any], when: Travel, tracking: ServiceTracking) -> None:
        self.request = request
        self.when = when
        self._tracking = tracking

    @property
    def caller(self) -> Caller:
        caller: Caller = self.request.state.caller
        return caller

    @property
    def name(self) -> str:
        """Who is signed in, as staff are called; a program by its key."""
        return self.caller.session.name if self.caller.session else self.caller.actor

    @property
    def csrf(self) -> str:
        return self.caller.session.csrf if self.caller.session else ""

    @property
    def path(self) -> str:
        path: str = self.request.scope["path"]
        return path

    @property
    def places(self) -> list[Place]:
        """Where this role may go."""
        return [place for place in NAVIGATION if self.caller.role in place.roles]

    @property
    def reads_figures(self) -> bool:
        return self.caller.role in READ_FIGURES and self.caller.cluster is None

    @property
    def reads_log(self) -> bool:
        return self.caller.role in READ and self.caller.cluster is None

    @property
    def reads(self) -> bool:
        return self.caller.role in READ

    def names(self, reading: Reader, *said: Any) -> dict[str, str]:
        """What all that is named in answers is called, by id or code, in one question, for who may know."""
        ids: set[UUID] = set()
        codes: set[str] = set()
        _named("", said, ids, codes)
        return reading.names(self.when, ids, codes) if (ids or codes) and self.reads else {}

    # the moment

    @property
    def moment(self) -> dict[str, str]:
        """The part of the address that says at which moment one looks; empty for now."""
        asked = self.request.query_params
        return {name: asked[name] for name in MOMENT if name in asked}

    @cached_property
    def head(self) -> int:
        return self._tracking.recorder.head()

    @cached_property
    def position(self) -> int:
        """How far the log is known in this view."""
        if self.when.known_at is not None:
            return self._tracking.recorder.position_at(self.when.known_at)
        return self.head if self.when.known_position is None else min(self.when.known_position, self.head)

    @property
    def looks_back(self) -> bool:
        """Whether less is known here than is known now."""
        return self.when.known_at is not None or self.when.known_position is not None

    @cached_property
    def known_at(self) -> datetime | None:
        """The instant of the view: as asked, or when the record of its position came."""
        if self.when.known_at is not None or self.when.known_position is None:
            return self.when.known_at
        return recorded_at(self._tracking, self.position)

    @property
    def known_at_local(self) -> str:
        """For an input of a date and time, which knows no offset."""
        at = self.known_at
        return f"{at.astimezone(KRASNOYARSK):%Y-%m-%dT%H:%M:%S}" if at else ""

    # links

    def link(self, path: str, **query: Any) -> str:
        """An address on this site at the same moment, unless the query names another."""
        return address(path, {**self.moment, **query})

    def known(self, path: str, **query: Any) -> str:
        """An address of the API whose day is given by the path itself: only what is known goes along."""
        return self.link(path, as_of=None, **query)

    def here(self, **changed: Any) -> str:
        """This very view with some of its query changed; None leaves it out."""
        return address(self.path, {**dict(self.request.query_params), **changed})

    @property
    def now(self) -> str:
        return self.here(**dict.fromkeys(MOMENT))

    def show(self, template: str, *, status: int = 200, **context: Any) -> Template:
        return render(template, {"page": self, **context}, status)


Shown = NamedDependency[Page]


def provide_page(
    request: Request[Any, Any, Any], when: NamedDependency[Travel], tracking: NamedDependency[ServiceTracking]
) -> Page:
    return Page(request, when, tracking)


def render(template: str, context: Mapping[str, Any], status: int = 200) -> Template:
    return Template(
        template,
        context=dict(context),
        status_code=status,
        headers=dict(HEADERS),
        media_type="text/html; charset=utf-8",
    )


def told(answer: Any) -> Any:
    """An answer of the API as plain JSON: pages show what it says, and nothing else."""
    response = answer if isinstance(answer, Response) else plain_numbers(answer)
    content = response.content
    return msgspec.json.decode(content if isinstance(content, bytes) else plain_numbers(content).content)


def _named(field: str, said: Any, ids: set[UUID], codes: set[str]) -> None:
    """Collects what an answer names by id, wherever it stands, and clusters by code."""
    match said:
        case dict():
            for name, value in said.items():
                _named(name, value, ids, codes)
        case list() | tuple():
            for one in said:
                _named(field, one, ids, codes)
        case str() if field == "cluster":
            codes.add(said)
        case str() if ID.fullmatch(said):
            ids.add(UUID(said))


def address(path: str, query: Mapping[str, Any]) -> str:
    said = [(name, value) for name, value in query.items() if value is not None and value != ""]
    return f"{path}?{urlencode(said)}" if said else path


def is_local(path: str) -> bool:
    """An address that leads nowhere but to this site."""
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()


def recorded_at(tracking: ServiceTracking, position: int) -> datetime | None:
    """When the record of this position came; None where there is none."""
    with tracking.recorder.pool.connection() as conn:
        found: Sequence[datetime] | None = conn.execute(RECORDED_AT, (position,)).fetchone()
    return found[0] if found else None


def templates(**known: Any) -> TemplateConfig[JinjaTemplateEngine]:
    """`known`: what else templates may call."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ckr_es.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown.FILTERS)
    environment.globals.update(asset=assets.address, words=words, **known)
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment))

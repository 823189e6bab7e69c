"""The two dates of the header: what was typed or slid becomes an address that can be sent."""

from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Redirect

from ckr_es.api.auth import roles
from ckr_es.application import ServiceTracking
from ckr_es.rules import Invalid, Problem
from ckr_es.rules.calendar import KRASNOYARSK
from ckr_es.web.page import MOMENT, SIGNED_IN, address, is_local, recorded_at
from ckr_es.web.shown import moment

Text = Annotated[str, QueryParameter(required=False)]
Path = Annotated[str, QueryParameter()]
Position = Annotated[int, QueryParameter(ge=0, le=2**62)]


@get("/moment", sync_to_thread=False, include_in_schema=False, **roles(SIGNED_IN))
def go(to: Path, day: Text = "", at: Text = "", shown_at: Text = "", position: Text = "") -> Redirect:
    """To the view `to` at another moment. Whoever did not touch the instant keeps the position that it stood for."""
    if not is_local(to):
        raise Invalid(
            "path-invalid", "Такой страницы нет", [Problem("/to", "path-invalid", "Такой страницы нет")]
        )
    parts = urlsplit(to)
    kept = {
        name: value
        for name, value in parse_qsl(parts.query)
        if name not in (*MOMENT, "cursor", "min_position")
    }
    known = {"known_position": position} if position and at == shown_at else {"known_at": _instant(at)}
    return Redirect(address(parts.path, {**kept, "as_of": _day(day), **known}), status_code=303)


@get("/moment/at", sync_to_thread=True, include_in_schema=False, **roles(SIGNED_IN))
def at(slid: Position, tracking: NamedDependency[ServiceTracking]) -> Response[str]:
    """When the record of this position came, for whoever moves the slider."""
    came = recorded_at(tracking, slid)
    said = f"запись № {slid} · {moment(came)}" if came else f"запись № {slid}"
    return Response(said, media_type="text/html; charset=utf-8")


def _day(text: str) -> str | None:
    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError:
        raise _wrong("day", "Нужна дата") from None


def _instant(text: str) -> str | None:
    """What a browser's field of date and time holds, as an instant of Krasnoyarsk."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=KRASNOYARSK).isoformat() if text else None
    except ValueError:
        raise _wrong("at", "Нужны дата и время") from None


def _wrong(name: str, detail: str) -> Any:
    return Invalid("date-invalid", detail, [Problem(f"/{name}", "date-invalid", detail)])

"""The log, the last record first: searched by what it is about, who recorded it, its kind, and both periods."""

from typing import Any, Final

from litestar import Response, get
from litestar.di import NamedDependency

from ckr_es.api.auth import READ, roles
from ckr_es.api.moments import Cursor
from ckr_es.api.reads import Reader, stream_of
from ckr_es.reports.words import EVENTS
from ckr_es.store.log import Filters
from ckr_es.web.asked import PAGE, Text, Typed, local
from ckr_es.web.page import Shown, told
from ckr_es.web.words import STREAMS

KINDS: Final = [
    (
        STREAMS.get(noun, noun),
        [(tag, title) for tag, title in EVENTS.items() if tag.partition(".")[0] == noun],
    )
    for noun in dict.fromkeys(tag.partition(".")[0] for tag in EVENTS)
]


@get("/log", sync_to_thread=True, include_in_schema=False, **roles(READ, whole_centre=True))
def log(
    page: Shown,
    reading: NamedDependency[Reader],
    participant: Text = "",
    case: Text = "",
    stream: Text = "",
    type: Text = "",
    actor: Text = "",
    effective_from: Text = "",
    effective_to: Text = "",
    recorded_from: Text = "",
    recorded_to: Text = "",
    cursor: Cursor = None,
) -> Response[Any]:
    """Every record that the filters leave, as known at the moment of the page."""
    typed = Typed()
    recorded = (typed.instant("recorded_from", recorded_from), typed.instant("recorded_to", recorded_to))
    filters = Filters(
        participant_id=typed.id("participant", participant),
        case_id=typed.id("case", case),
        stream_id=stream_of(stream.strip() or None),
        type=type or None,
        actor=actor.strip() or None,
        effective_from=typed.day("effective_from", effective_from),
        effective_to=typed.day("effective_to", effective_to),
        recorded_from=recorded[0],
        recorded_to=recorded[1],
    )
    found = None if typed.problems else told(reading.latest(page.when, PAGE, cursor, filters))
    return page.show(
        "log.html",
        status=typed.status,
        found=found,
        names=page.names(reading, found) if found else {},
        kinds=KINDS,
        asked={
            "participant": participant,
            "case": case,
            "stream": stream,
            "type": type,
            "actor": actor,
            "effective_from": effective_from,
            "effective_to": effective_to,
            "recorded_from": local(recorded[0]) or recorded_from,
            "recorded_to": local(recorded[1]) or recorded_to,
        },
        problems=typed.problems,
    )

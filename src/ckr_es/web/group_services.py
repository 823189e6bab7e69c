"""Group services: the list, and one event with who came to it."""

from typing import Any
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ckr_es.api.asked import When
from ckr_es.api.auth import READ, roles
from ckr_es.api.moments import Cursor
from ckr_es.api.reads import Reader
from ckr_es.rules.catalogue import SERVICES
from ckr_es.web.asked import PAGE, Text, Typed, tab
from ckr_es.web.clusters import titles
from ckr_es.web.page import Shown, told

Reading = NamedDependency[Reader]


class GroupServicePages(Controller):
    path = "/group-services"
    include_in_schema = False

    @get("/", sync_to_thread=True, **roles(READ))
    def listed(
        self,
        when: When,
        page: Shown,
        reading: Reading,
        participant_id: Text = "",
        cluster: Text = "",
        service: Text = "",
        held_from: Text = "",
        held_to: Text = "",
        cursor: Cursor = None,
    ) -> Response[Any]:
        """Events by day, with how many of their list got the service."""
        clusters, typed = titles(reading, when), Typed()
        participant = tab("participant_id", participant_id, UUID)
        filters: dict[str, Any] = {
            "cluster": typed.one_of("cluster", cluster, clusters),
            "service": typed.one_of("service", service, SERVICES),
            "since": typed.day("held_from", held_from),
            "until": typed.day("held_to", held_to),
        }
        found = None
        if not typed.problems:
            found = told(
                Response(reading.group_services(when, PAGE, cursor, participant_id=participant, **filters))
            )
        return page.show(
            "group_services.html",
            status=typed.status,
            found=found,
            problems=typed.problems,
            clusters=clusters,
            participant=participant,
            names=page.names(reading, participant_id),
            asked={"cluster": cluster, "service": service, "held_from": held_from, "held_to": held_to},
        )

    @get("/{id:uuid}", sync_to_thread=True, **roles(READ))
    def show(
        self, id: FromPath[UUID], when: When, page: Shown, reading: Reading, cursor: Cursor = None
    ) -> Response[Any]:
        """One event: what and when, the paper it rests on, who came and how many, every record of it."""
        group = told(reading.group_service(id, when))
        history = told(reading.timeline(id, None, when, PAGE, cursor))
        return page.show(
            "group_service.html", group=group, history=history, names=page.names(reading, group, history)
        )

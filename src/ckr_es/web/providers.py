"""Providers: who may give services on the day, and one of them with its offer, its rating and every record."""

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
from ckr_es.web.asked import ALL, PAGE, OrganisationInn, Text, Typed
from ckr_es.web.page import Shown, told

Reading = NamedDependency[Reader]


class ProviderPages(Controller):
    path = "/providers"
    include_in_schema = False

    @get("/", sync_to_thread=True, **roles(READ))
    def listed(
        self,
        when: When,
        page: Shown,
        reading: Reading,
        q: Text = "",
        inn: Text = "",
        service: Text = "",
        blocked: Text = "",
        cursor: Cursor = None,
    ) -> Response[Any]:
        """The register of providers, with the rating that the acceptances give."""
        typed = Typed()
        filters = {
            "q": q.strip() or None,
            "inn": typed.choice("inn", inn, OrganisationInn, "ИНН организации — 10 цифр"),
            "service": typed.one_of("service", service, SERVICES),
            "blocked": typed.choice("blocked", blocked, bool),
        }
        found = None if typed.problems else told(reading.providers(when, PAGE, cursor, **filters))
        return page.show(
            "providers.html",
            status=typed.status,
            found=found,
            problems=typed.problems,
            asked={"q": q, "inn": inn, "service": service, "blocked": blocked},
        )

    @get("/{id:uuid}", sync_to_thread=True, **roles(READ))
    def show(
        self, id: FromPath[UUID], when: When, page: Shown, reading: Reading, cursor: Cursor = None
    ) -> Response[Any]:
        """One provider: what it offers and for how much, how it is graded, whose group it is of."""
        provider = told(reading.provider(id, when))
        given = told(Response(reading.given(id, when, PAGE, cursor)))
        history = told(reading.timeline(id, None, when, ALL, None))
        return page.show(
            "provider.html",
            provider=provider,
            given=given,
            history=history,
            names=page.names(reading, provider, given, history),
        )

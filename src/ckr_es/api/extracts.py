"""The whole history of one participant on paper: for the firm itself, or for an audit."""

from functools import partial
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from ckr_es.api.asked import When
from ckr_es.api.auth import READ
from ckr_es.api.ledger import covering
from ckr_es.api.reads import Reader
from ckr_es.api.reports import in_form, read_as
from ckr_es.audit.folder import Folder
from ckr_es.reports.extract import Audience
from ckr_es.store.database import Pool

Reading = NamedDependency[Reader]
Notarised = NamedDependency[Folder]
Asking = NamedDependency[Pool]
Id = FromPath[UUID]
For = Annotated[Audience, QueryParameter(name="for", required=False)]


class ExtractController(Controller):
    path = "/participants/{id:uuid}"
    tags = ["reports"]

    @get("/extract.json", **read_as("json", READ, whole_centre=False))
    def json(
        self, id: Id, when: When, reading: Reading, notary: Notarised, pool: Asking, audience: For = "firm"
    ) -> Response[bytes]:
        """The canonical extract; its last member is the SHA-256 of all before it."""
        found = reading.extract(id, when, audience, partial(covering, notary, pool))
        return in_form(found, "json", lasting=False)

    @get("/extract.xlsx", **read_as("xlsx", READ, whole_centre=False))
    def xlsx(
        self, id: Id, when: When, reading: Reading, notary: Notarised, pool: Asking, audience: For = "firm"
    ) -> Response[bytes]:
        """Memberships, services and history as a workbook."""
        found = reading.extract(id, when, audience, partial(covering, notary, pool))
        return in_form(found, "xlsx", lasting=False)

    @get("/extract.pdf", **read_as("pdf", READ, whole_centre=False))
    def pdf(
        self, id: Id, when: When, reading: Reading, notary: Notarised, pool: Asking, audience: For = "firm"
    ) -> Response[bytes]:
        """The same as PDF/A; `for=audit` has every record with who, when, corrections, leaf and checkpoint."""
        found = reading.extract(id, when, audience, partial(covering, notary, pool))
        return in_form(found, "pdf", lasting=False)

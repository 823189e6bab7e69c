"""The whole server: the API, and the page beside it."""

from typing import Final

from litestar import Litestar
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from ckr_es.api.app import Site
from ckr_es.api.app import create_app as create_api
from ckr_es.store.settings import Settings
from ckr_es.web import forms, moments, refusals
from ckr_es.web.assets import asset, icon
from ckr_es.web.cases import CasePages
from ckr_es.web.changes import change
from ckr_es.web.clusters import ClusterPages
from ckr_es.web.entries import FORMS, begun, corrections, index, offered
from ckr_es.web.events import EventPages
from ckr_es.web.firms import FirmPages
from ckr_es.web.funding import funding
from ckr_es.web.group_services import GroupServicePages
from ckr_es.web.kpi import KpiPages
from ckr_es.web.ledger import ledger
from ckr_es.web.log import log
from ckr_es.web.page import provide_page, templates
from ckr_es.web.periods import PeriodPages
from ckr_es.web.providers import ProviderPages
from ckr_es.web.roadmap import roadmap
from ckr_es.web.search import SearchPages
from ckr_es.web.signing import Signing
from ckr_es.web.support import SupportPages
from ckr_es.web.system import SystemPages

PAGES: Final[tuple[ControllerRouterHandler, ...]] = (
    Signing,
    KpiPages,
    EventPages,
    change,
    PeriodPages,
    log,
    ledger,
    SystemPages,
    roadmap,
    SupportPages,
    funding,
    FirmPages,
    CasePages,
    ClusterPages,
    GroupServicePages,
    ProviderPages,
    SearchPages,
    index,
    corrections.begin,
    moments.go,
    moments.at,
    asset,
    icon,
)


def create_app(settings: Settings | None = None) -> Litestar:
    """With no settings, those of the environment."""
    site = Site(
        routes=[*PAGES, *map(forms.routes, FORMS)],
        dependencies={"page": Provide(provide_page, sync_to_thread=False)},
        templates=templates(begun=begun, offered=offered, may_correct=corrections.may_correct),
        handlers=refusals.handlers(),
    )
    return create_api(settings, site)

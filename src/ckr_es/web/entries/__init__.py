"""The forms of the daily work: which command each makes, and what it asks for. A module for each subject."""

from datetime import UTC, datetime
from typing import Any, Final

from litestar import Response, get

from ckr_es.api.auth import RECORD, roles
from ckr_es.rules.calendar import today
from ckr_es.web.entries import (
    cases,
    clusters,
    corrections,
    group_services,
    participants,
    periods,
    plans,
    roadmap,
)
from ckr_es.web.forms import RECORD_PATH, Form
from ckr_es.web.page import Page, Shown

FORMS: Final[tuple[Form, ...]] = (
    *participants.FORMS,
    *cases.FORMS,
    *group_services.FORMS,
    *clusters.FORMS,
    *periods.FORMS,
    *plans.FORMS,
    *roadmap.FORMS,
    *corrections.FORMS,
)


@get(RECORD_PATH, sync_to_thread=True, include_in_schema=False, **roles(RECORD))
def index(page: Shown) -> Response[Any]:
    """The forms that begin something new, for this role."""
    on = today(datetime.now(UTC))
    begun = [
        (form, RECORD_PATH + form.path.format_map(form.starts(on) if form.starts else {}))
        for form in FORMS
        if _may(page, form) and (form.starts or "{" not in form.path)
    ]
    return page.show("record.html", forms=begun)


def forms_of(page: Page, path: str) -> list[Form]:
    """The forms about a thing of this path, for this role, that need to know no more than which thing it is."""
    return [
        form
        for form in FORMS
        if form.path.startswith(f"{path}/")
        and form.offered
        and form.path.count("{") == 1
        and _may(page, form)
    ]


def _may(page: Page, form: Form) -> bool:
    call, caller = form.call, page.caller
    return caller.role in call.roles and not (call.whole_centre and caller.cluster)

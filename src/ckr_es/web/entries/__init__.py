"""The forms of the daily work: which command each makes, and what it asks for. A module for each subject."""

from collections.abc import Mapping
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
    providers,
    roadmap,
)
from ckr_es.web.forms import RECORD_PATH, Form
from ckr_es.web.page import Page, Shown

FORMS: Final[tuple[Form, ...]] = (
    *participants.FORMS,
    *cases.FORMS,
    *group_services.FORMS,
    *clusters.FORMS,
    *providers.FORMS,
    *periods.FORMS,
    *plans.FORMS,
    *roadmap.FORMS,
    *corrections.FORMS,
)


@get(RECORD_PATH, sync_to_thread=True, include_in_schema=False, **roles(RECORD))
def index(page: Shown) -> Response[Any]:
    """The forms that begin something new, for this role."""
    on = today(datetime.now(UTC))
    first = [
        (form, RECORD_PATH + form.path.format_map(form.starts(on) if form.starts else {}))
        for form in FORMS
        if _may(page, form) and (form.starts or "{" not in form.path)
    ]
    return page.show("record.html", forms=first)


def begun(page: Page, *paths: str, **steps: Any) -> list[tuple[str, str]]:
    """Title and address of the forms of these paths, which begin something new, for this role."""
    mine = [form for form in FORMS if form.path in paths and _may(page, form)]
    return [(form.title, page.link(RECORD_PATH + form.path.format_map(steps))) for form in mine]


def offered(
    page: Page, under: str, of: Mapping[str, Any] | None = None, **steps: Any
) -> list[tuple[str, str]]:
    """Title and address of each form on what stands `under` a path, "/cases/{id}" with its id, for this role.

    Those that do not fit what `of` tells of it are left out, unless the page shows another day than today.
    """
    fitting = of if of is not None and not page.moment else None
    mine = [form for form in FORMS if _may(page, form)]
    about = [
        (form.title, page.link(RECORD_PATH + form.path.format_map(steps)))
        for form in mine
        if form.path.startswith(f"{under}/")
        and form.offered
        and _steps(form) == set(steps)
        and (fitting is None or form.fits(fitting))
    ]
    begun = [
        (form.title, page.link(RECORD_PATH + form.path, of=steps["id"]))
        for form in mine
        if form.begun_at == under and set(steps) == {"id"}
    ]
    return [*begun, *about]


def _may(page: Page, form: Form) -> bool:
    call, caller = form.call, page.caller
    return caller.role in call.roles and not (call.whole_centre and caller.cluster)


def _steps(form: Form) -> set[str]:
    return {step[0] for step in form.call.template if isinstance(step, tuple)}

"""Reports of a period: closed versions, the same bytes for ever, and drafts of what is known."""

import os
import threading
from typing import Annotated, Any, Final

from litestar import Controller, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter

from ckr_es.api.asked import Travel, known
from ckr_es.api.auth import READ_FIGURES, roles
from ckr_es.api.figures import Figures
from ckr_es.reports import forms
from ckr_es.reports.forms import Form
from ckr_es.reports.report import PARTS, AnyReport, Part
from ckr_es.rules import Invalid, Problem
from ckr_es.store.writer import Overloaded

Asking = NamedDependency[Figures]
Known = NamedDependency[Travel]
Label = FromPath[str]
Version = Annotated[int | None, QueryParameter(required=False, ge=1, le=2**31)]
Draft = Annotated[bool, QueryParameter(required=False)]
Parts = Annotated[list[Part] | None, QueryParameter(name="part", required=False)]

# A report is seconds of one core: a few at a time, and whoever waits longer than this is asked to come again.
_TURN: Final = threading.BoundedSemaphore(max(1, (os.cpu_count() or 2) // 2))
_PATIENCE: Final = 10.0


def read_as(
    form: Form, allowed: frozenset[str] = READ_FIGURES, *, whole_centre: bool = True
) -> dict[str, Any]:
    """What a route declares that answers with a report in this form."""
    return {
        "sync_to_thread": True,
        "media_type": forms.MEDIA[form],
        **roles(allowed, whole_centre=whole_centre),
    }


class ReportController(Controller):
    path = "/periods/{label:str}"
    tags = ["reports"]
    dependencies = {"known": Provide(known, sync_to_thread=False)}

    @get("/report.json", **read_as("json"))
    def json(
        self,
        label: Label,
        known: Known,
        figures: Asking,
        version: Version = None,
        draft: Draft = False,
        parts: Parts = None,
    ) -> Response[bytes]:
        """The canonical report; its last member is the SHA-256 of all before it."""
        return _report("json", label, known, figures, version, draft, parts)

    @get("/report.xlsx", **read_as("xlsx"))
    def xlsx(
        self,
        label: Label,
        known: Known,
        figures: Asking,
        version: Version = None,
        draft: Draft = False,
        parts: Parts = None,
    ) -> Response[bytes]:
        """The report as a workbook, one sheet a part."""
        return _report("xlsx", label, known, figures, version, draft, parts)

    @get("/report.pdf", **read_as("pdf"))
    def pdf(
        self,
        label: Label,
        known: Known,
        figures: Asking,
        version: Version = None,
        draft: Draft = False,
        parts: Parts = None,
    ) -> Response[bytes]:
        """The report as PDF/A, to be printed and signed; the canonical report is attached to it."""
        return _report("pdf", label, known, figures, version, draft, parts)

    @get("/restatement.xlsx", **read_as("xlsx"))
    def restatement_xlsx(
        self, label: Label, known: Known, figures: Asking, version: Version = None
    ) -> Response[bytes]:
        """From a submitted version to what is known, with the events, as a workbook."""
        return in_form(figures.restated(label, known, version), "xlsx", lasting=False)

    @get("/restatement.pdf", **read_as("pdf"))
    def restatement_pdf(
        self, label: Label, known: Known, figures: Asking, version: Version = None
    ) -> Response[bytes]:
        """From a submitted version to what is known, with the events, as PDF/A."""
        return in_form(figures.restated(label, known, version), "pdf", lasting=False)


def _report(
    form: Form,
    label: str,
    known: Travel,
    figures: Figures,
    version: int | None,
    draft: bool,
    parts: list[Part] | None,
) -> Response[bytes]:
    if draft and version is not None:
        detail = "Черновик не имеет версии: укажите version или draft, не оба"
        raise Invalid("ambiguous", detail, [Problem("/version", "ambiguous", detail, version)])
    report = figures.report(label, known, version, draft, parts or PARTS)
    return in_form(report, form, lasting=report.status == "closed")


def in_form(report: AnyReport, form: Form, *, lasting: bool) -> Response[bytes]:
    """The file, with the report's digest as its ETag when it is the same for ever."""
    if form != "json" and not _TURN.acquire(timeout=_PATIENCE):
        raise Overloaded
    try:
        content = forms.rendered(report, form)
    finally:
        if form != "json":
            _TURN.release()
    headers = {"Content-Disposition": f'attachment; filename="{forms.file_name(report, form)}"'}
    if lasting:
        headers["ETag"] = f'"{report.digest}"'
    return Response(content, media_type=forms.MEDIA[form], headers=headers)

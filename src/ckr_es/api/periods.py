"""Reporting periods: what was submitted, by whom it was opened again, what has moved since."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from ckr_es.api.asked import Asked, When, answered
from ckr_es.api.auth import MANAGE, READ_FIGURES, roles
from ckr_es.api.figures import Figures
from ckr_es.application import Receipt, ServiceTracking
from ckr_es.commands import close_period, reopen_period
from ckr_es.rules.values import Text

Tracking = NamedDependency[ServiceTracking]
Asking = NamedDependency[Figures]
Label = FromPath[str]
Version = Annotated[int | None, QueryParameter(required=False, ge=1, le=2**31)]


class Closing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`deviations`: why a figure is not the planned one, by KPI."""

    approved_by: Text
    note: Text | None = None
    deviations: dict[str, Text] = {}


class Reopening(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Text


class PeriodController(Controller):
    path = "/periods"
    tags = ["periods"]

    @post("/{label:str}/closing", sync_to_thread=True, **roles(MANAGE, whole_centre=True))
    def close(
        self, label: Label, data: JSONBody[Closing], asked: Asked, tracking: Tracking, figures: Asking
    ) -> Response[Receipt]:
        """Pins the table, the position, the KPI set, the policy and the ledger's root."""
        return answered(
            close_period(
                tracking,
                asked,
                label,
                approved_by=data.approved_by,
                note=data.note,
                deviations=data.deviations,
                table=figures.snapshot,
            )
        )

    @post("/{label:str}/reopening", sync_to_thread=True, **roles(MANAGE, whole_centre=True))
    def reopen(
        self, label: Label, data: JSONBody[Reopening], asked: Asked, tracking: Tracking
    ) -> Response[Receipt]:
        """A second person opens the period; its next closing is another version."""
        return answered(reopen_period(tracking, asked, label, data.reason))

    @get("/", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def list_periods(self, when: When, figures: Asking) -> dict[str, Any]:
        """Every period that was ever closed, with its versions."""
        return figures.periods(when)

    @get("/{label:str}", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def show(self, label: Label, when: When, figures: Asking) -> dict[str, Any]:
        """The period's closings, each with the table as submitted."""
        return figures.period(label, when)

    @get("/{label:str}/restatement", sync_to_thread=True, **roles(READ_FIGURES, whole_centre=True))
    def restatement(
        self, label: Label, when: When, figures: Asking, version: Version = None
    ) -> Response[Any]:
        """From the figures as submitted (the last time, or in that version) to those known now, with the events."""
        return figures.restatement(label, when, version)

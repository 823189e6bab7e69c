"""The commands of the contract as a table, made of the routes themselves: imports and forms call what HTTP calls."""

from collections.abc import Callable
from typing import Any, Final

from litestar import Controller
from litestar.handlers import HTTPRouteHandler

from ckr_es.api.cases import CaseController
from ckr_es.api.clusters import ClusterController
from ckr_es.api.group_services import GroupServiceController
from ckr_es.api.participants import ParticipantController
from ckr_es.api.periods import PeriodController
from ckr_es.api.plans import PlanController
from ckr_es.api.providers import ProviderController
from ckr_es.api.roadmap import RoadmapController
from ckr_es.application import Answer
from ckr_es.imports.contract import Call, Contract, Do

CONTROLLERS: Final[tuple[type[Controller], ...]] = (
    ClusterController,
    ParticipantController,
    CaseController,
    ProviderController,
    GroupServiceController,
    PlanController,
)
# What a route of an import may need. Asking a register is no fact that a file could hold.
NEEDED: Final = frozenset({"data", "asked", "tracking"})
# A person who fills in a form may ask for these too.
ASKED_FOR: Final = frozenset({"figures", "registries"})


def contract() -> Contract:
    """Every command that says all in its path and body."""
    return Contract([call for controller in CONTROLLERS for call in _calls(controller) if not call.needs])


def commands() -> Contract:
    """Every command that a form may make."""
    controllers = (*CONTROLLERS, PeriodController, RoadmapController)
    return Contract([call for controller in controllers for call in _calls(controller)])


def _calls(controller: type[Controller]) -> list[Call]:
    calls = []
    base = str(vars(controller)["path"])
    for handler in vars(controller).values():
        if not isinstance(handler, HTTPRouteHandler):
            continue
        parameters = handler.parsed_fn_signature.parameters
        (path,) = handler.paths
        template = _template(f"{base}/{path}")
        steps = {step[0] for step in template if isinstance(step, tuple)}
        needs = set(parameters) - NEEDED - steps
        if set(parameters) >= NEEDED and needs <= ASKED_FOR:
            (method,) = handler.http_methods
            calls.append(
                Call(
                    str(method),
                    template,
                    handler.opt["roles"],
                    parameters["data"].annotation,
                    _do(handler.fn, controller),
                    bool(handler.opt.get("whole_centre")),
                    frozenset(needs),
                )
            )
    return calls


def _template(path: str) -> tuple[str | tuple[str, str], ...]:
    steps: list[str | tuple[str, str]] = []
    for part in filter(None, path.split("/")):
        name, _, kind = part.strip("{}").partition(":")
        steps.append((name, kind) if part.startswith("{") else part)
    return tuple(steps)


def _do(route: Callable[..., Any], controller: type[Controller]) -> Do:
    def do(tracking: Any, request: Any, steps: dict[str, Any], body: Any, **needed: Any) -> Answer:
        said = route(controller, data=body, asked=request, tracking=tracking, **steps, **needed)
        replayed = "Idempotent-Replayed" in said.headers
        return Answer(status=said.status_code, receipt=said.content, replayed=replayed)

    return do

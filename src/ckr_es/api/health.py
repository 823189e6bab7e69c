"""Whether the server lives, whether it can do its work, what it has done; and the documentation, offline."""

from importlib import resources
from typing import Any

from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from ckr_es.api.auth import ANYONE, roles
from ckr_es.api.contract import document
from ckr_es.api.problems import problem
from ckr_es.api.reads import Reader
from ckr_es.audit.folder import Folder
from ckr_es.rules import Unknown

Reading = NamedDependency[Reader]
Notarised = NamedDependency[Folder]
ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
PAGE = """<!doctype html><html lang="ru"><head><meta charset="utf-8"><title>ckr_es: API</title>
<link rel="stylesheet" href="/api/docs/swagger-ui.css"></head><body><div id="docs"></div>
<script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script></body></html>"""
START = 'SwaggerUIBundle({url: "/api/v1/openapi.json", dom_id: "#docs", deepLinking: true});'
CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


class HealthController(Controller):
    path = "/health"
    tags = ["health"]

    @get("/live", sync_to_thread=False, **roles(ANYONE))
    def live(self) -> dict[str, str]:
        """The process answers."""
        return {"status": "live"}

    @get("/ready", sync_to_thread=True, **roles(ANYONE))
    def ready(self, reading: Reading, notary: Notarised) -> Response[Any]:
        """The database answers and every projection follows the log; how the notary fares is told and stops nobody."""
        status = reading.status()
        stopped = [p["name"] for p in status["projections"] if p["status"] != "running"]
        if stopped:
            return problem(503, "projection-stopped", f"Остановлены проекции: {', '.join(stopped)}")
        return Response({"status": "ready", **status, "ledger": _ledger(notary)})


@get(
    "/metrics",
    sync_to_thread=True,
    **roles(ANYONE),
    include_in_schema=False,
    media_type="text/plain; version=0.0.4",
)
def metrics(reading: Reading, notary: Notarised) -> str:
    """Prometheus text: the log's head, how far each projection is, what is signed and whether the log is sound."""
    status, ledger, checked = reading.status(), notary.status(), notary.self_check()
    running = {p["name"]: (p["position"], int(p["status"] == "running")) for p in status["projections"]}
    lines = [
        "# TYPE ckr_log_head gauge",
        f"ckr_log_head {status['head_position']}",
        "# TYPE ckr_projection_position gauge",
        *(f'ckr_projection_position{{name="{name}"}} {position}' for name, (position, _) in running.items()),
        "# TYPE ckr_projection_running gauge",
        *(f'ckr_projection_running{{name="{name}"}} {up}' for name, (_, up) in running.items()),
        "# TYPE ckr_notary_running gauge",
        f"ckr_notary_running {int(ledger.state == 'running')}",
        "# TYPE ckr_checkpoint_size gauge",
        f"ckr_checkpoint_size {notary.size()}",
        "# TYPE ckr_self_check_ok gauge",
        *([f"ckr_self_check_ok {int(checked.ok)}"] if checked else []),
    ]
    return "\n".join(lines) + "\n"


def _ledger(notary: Folder) -> dict[str, Any]:
    """Without the findings: who asks has no key."""
    status, checked = notary.status(), notary.self_check()
    return {
        "notary": status.state,
        "checkpoint_size": notary.size(),
        "signed_at": notary.signed_at(),
        "self_check": checked and {"ok": checked.ok, "at": checked.at, "size": checked.size},
    }


@get("/api/v1/openapi.json", sync_to_thread=False, **roles(ANYONE), include_in_schema=False)
def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The contract for programs."""
    return Response(document(request.app), media_type="application/json")


@get("/", sync_to_thread=False, **roles(ANYONE), include_in_schema=False)
def root() -> Redirect:
    """Whoever opens the printed address sees what there is."""
    return Redirect("/api/docs")


@get("/api/docs", sync_to_thread=False, **roles(ANYONE), include_in_schema=False)
def docs() -> Response[str]:
    """The contract for people; every asset comes from this server."""
    headers = {"Content-Security-Policy": CSP}
    return Response(PAGE, media_type="text/html; charset=utf-8", headers=headers)


@get("/api/docs/{asset:str}", sync_to_thread=False, **roles(ANYONE), include_in_schema=False)
def docs_asset(asset: FromPath[str]) -> Response[Any]:
    """What the page of the documentation is made of."""
    if asset == "start.js":
        return Response(START, media_type="text/javascript")
    if asset not in ASSETS:
        raise Unknown("not-found", "Нет такого файла")
    content = resources.files("ckr_es.api").joinpath("docs", asset).read_bytes()
    return Response(content, media_type=ASSETS[asset])

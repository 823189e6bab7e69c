"""What is not a success, as a page for browsers; programs keep problem+json."""

from collections.abc import Callable
from typing import Any, Final

from litestar import Request, Response
from litestar.response import Redirect
from litestar.types import ExceptionHandlersMap

from ckr_es.api import problems
from ckr_es.web.page import address, render

AnyRequest = Request[Any, Any, Any]
Handler = Callable[[Any, Any], Response[Any]]

PROGRAMS: Final = ("/api/", "/health", "/metrics", "/static/")


def handlers() -> ExceptionHandlersMap:
    """Those of the API, each shown as a page to whoever asks for one."""
    return {kind: _shown(handler) for kind, handler in problems.HANDLERS.items()}


def _shown(handler: Any) -> Handler:
    def shown(request: AnyRequest, error: Any) -> Response[Any]:
        answer: Response[Any] = handler(request, error)
        if not _is_page(request):
            return answer
        problem = answer.content
        if problem["status"] == 401 and request.method == "GET":
            return Redirect(address("/login", {"next": _asked(request)}), status_code=303)
        page = render("problem.html", {"page": None, "problem": problem}, problem["status"])
        page.headers |= {name: value for name, value in answer.headers.items() if name == "Retry-After"}
        return page

    return shown


def _is_page(request: AnyRequest) -> bool:
    path: str = request.scope["path"]
    return not path.startswith(PROGRAMS) and "text/html" in request.headers.get("accept", "")


def _asked(request: AnyRequest) -> str:
    query = request.scope["query_string"].decode("latin-1")
    path: str = request.scope["path"]
    return f"{path}?{query}" if query else path

"""The OpenAPI document: what Litestar works out of the routes, told the way the contract has it."""

from typing import Any

import msgspec
from litestar import Litestar
from litestar.openapi.spec import OpenAPI

from ckr_es.api.problems import MEDIA_TYPE, TITLES, ProblemDetails

PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}}
COMMAND = (400, 401, 403, 404, 409, 412, 413, 422, 503)
READ = (401, 403, 404, 422, 503)


def document(app: Litestar) -> bytes:
    """The document as JSON; an event used as a body loses its stored tag, which no client sends."""
    schema: OpenAPI = app.openapi_schema
    told: dict[str, Any] = schema.to_schema()
    schemas = told["components"]["schemas"]
    for component in schemas.values():
        kind = component.get("properties", {}).get("type", {})
        if "." in str(kind.get("const", "")):
            del component["properties"]["type"]
            component["required"].remove("type")
    (_, definitions) = msgspec.json.schema_components(
        [ProblemDetails], ref_template="#/components/schemas/{name}"
    )
    schemas |= definitions
    told["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    told["security"] = [{"key": []}]
    told["paths"] = dict(sorted(told["paths"].items()))
    for path in told["paths"].values():
        for method, operation in path.items():
            if isinstance(operation, dict):
                _complete(operation, COMMAND if method in ("post", "put") else READ)
    return msgspec.json.encode(told)


def _complete(operation: dict[str, Any], statuses: tuple[int, ...]) -> None:
    operation["summary"] = operation.pop("description", operation["summary"])
    for parameter in operation.get("parameters", ()):
        parameter["required"] |= parameter["name"] == "Idempotency-Key"
    operation["responses"].pop("400", None)
    for status in statuses:
        operation["responses"][str(status)] = {"description": TITLES[status], **PROBLEM}

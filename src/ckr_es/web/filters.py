"""What a form of filters asks for: a browser sends its empty fields too, and they ask for nothing."""

from typing import Annotated, Any, Final

import msgspec
from litestar.params import QueryParameter
from msgspec import Meta

from ckr_es.rules import Invalid, Problem

Filter = Annotated[str, QueryParameter(required=False, max_length=200)]
OrganisationInn = Annotated[str, Meta(pattern="^[0-9]{10}$")]
PAGE: Final = 50  # lines of a list shown at once
ALL: Final = (
    500  # the most that a list of the API gives: more than there are clusters, members of one, providers
)


def chosen(name: str, text: str, type_: Any) -> Any:
    """The filter as the API takes it, None where nothing was chosen."""
    if not text.strip():
        return None
    try:
        return msgspec.convert(text.strip(), type_, strict=False)
    except msgspec.ValidationError as error:
        detail = f"Фильтр «{name}» так не задаётся"
        raise Invalid("filter-invalid", detail, [Problem(f"/{name}", "filter-invalid", detail)]) from error

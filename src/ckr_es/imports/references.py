"""How a line names what has an id of its own: by natural key, or as what an earlier line made.

In a path a step is an id, `inn:2466000017`, `SOURCE:EXTERNAL` (a case) or `ref:KEY` (percent-encoded where need be).
In a body, the value of `participant_id` or `case_id`, and each of `participants`, is an id, {"inn": …},
{"source": …, "external_id": …} or {"ref": KEY}.
"""

from typing import Any, Final, NoReturn
from urllib.parse import unquote
from uuid import UUID

from ckr_es.application import stream_id
from ckr_es.commands import case_stream
from ckr_es.imports.contract import Call, Steps
from ckr_es.imports.rehearsal import Missing, Rehearsal, Wanted
from ckr_es.rules import Invalid, Problem, Unknown
from ckr_es.rules.identifiers import inn as checked_inn

FIELDS: Final = ("participant_id", "case_id")
OF_PARTICIPANTS: Final = ("attendance", "overrides")  # lists of what names a participant
PERSON: Final = 12  # digits of a natural person's INN


def resolved_steps(call: Call, said: Steps, window: Rehearsal, actor: str) -> Steps:
    """The steps as the command takes them; Unknown for one that names nothing."""
    kinds = dict(part for part in call.template if isinstance(part, tuple))
    return {name: _step(kinds[name], text, window, actor) for name, text in said.items()}


def resolved_body(body: Any, window: Rehearsal, actor: str) -> Any:
    """The body with ids for references; Invalid for one that names nothing. All that is not read yet is asked for."""
    if not isinstance(body, dict):
        return body
    wanted = Wanted()

    def named(at: str, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        try:
            return str(_named(at, given, window, actor))
        except Missing as missing:
            nonlocal wanted
            wanted |= missing.wanted
        return given

    def whom(at: str, given: Any) -> Any:
        if not isinstance(given, dict) or "participant_id" not in given:
            return given
        return {**given, "participant_id": named(f"{at}/participant_id", given["participant_id"])}

    found: dict[str, Any] = {}
    for name, given in body.items():
        if name in FIELDS:
            found[name] = named(f"/{name}", given)
        elif isinstance(given, list) and (name == "participants" or name in OF_PARTICIPANTS):
            read = whom if name in OF_PARTICIPANTS else named
            found[name] = [read(f"/{name}/{n}", one) for n, one in enumerate(given)]
    if wanted:
        raise Missing(wanted)
    return {**body, **found}


def _step(kind: str, text: str, window: Rehearsal, actor: str) -> Any:
    try:
        match kind:
            case "int":
                return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else _unknown()
            case "uuid":
                return _id(text, window, actor)
    except Invalid:
        _unknown()
    source, colon, rest = text.partition(":")
    return _ref(unquote(rest), window, actor) if (source, colon) == ("ref", ":") else unquote(text)


def _id(text: str, window: Rehearsal, actor: str) -> UUID:
    source, colon, rest = text.partition(":")
    source, rest = unquote(source), unquote(rest)
    if not colon:
        try:
            return UUID(text)
        except ValueError:
            _unknown()
    if source == "ref":
        return _as_id(_ref(rest, window, actor))
    if source == "inn":
        return _participant(rest, window)
    return case_stream(source, rest)


def _named(at: str, given: dict[str, Any], window: Rehearsal, actor: str) -> UUID:
    try:
        match given:
            case {"ref": str(key), **other} if not other:
                return _as_id(_ref(key, window, actor))
            case {"inn": str(inn), **other} if not other:
                return _participant(inn, window)
            case {"source": str(source), "external_id": str(external), **other} if external and not other:
                return case_stream(source, external)
    except (Unknown, Invalid):
        pass
    detail = "Ссылка ни на что не указывает: нужен id, ref более ранней строки, inn или source и external_id"
    raise Invalid("reference-unknown", detail, [Problem(at, "reference-unknown", detail)])


def _participant(inn: str, window: Rehearsal) -> UUID:
    number = checked_inn(inn)
    if len(number) < PERSON:
        return stream_id("participant", number)
    return window.participant_by_inn(number) or _unknown()


def _ref(key: str, window: Rehearsal, actor: str) -> str:
    answer = window.stored_answer(f"{actor}:{key.strip()}")
    return answer.subject if answer is not None and answer.status < 400 else _unknown()


def _as_id(subject: str) -> UUID:
    try:
        return UUID(subject)
    except ValueError:
        _unknown()


def _unknown() -> NoReturn:
    raise Unknown("not-found", "Не найдено: ни такого id, ни такой ссылки")

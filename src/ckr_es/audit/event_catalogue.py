"""The catalogue of stored events, made from the structs: a JSON Schema for each tag, and one AsyncAPI document."""

import inspect
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import cache
from typing import Any, Final, get_args
from uuid import UUID

import msgspec
from msgspec import Struct

from ckr_es.aggregates import Event
from ckr_es.rules.values import Sha256

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
ABOUT: Final = (
    "Events of the log, in the order of their positions. A payload is the stored body: its bytes never change, and its "
    "hash is in the leaf. GET /api/v1/events lists events, GET /api/v1/events.ndjson streams all of them."
)
# What msgspec makes of our types; anything else has to be thought about first (`_adapted`).
VALUES: Final = frozenset(
    {"type", "enum", "const", "default", "format", "pattern", "minimum", "maximum", "required", "title"}
    | {"minLength", "maxLength", "minItems", "maxItems", "description"}
)


class Envelope(Struct, frozen=True, kw_only=True):
    """What GET /events tells of an event beside its body; `leaf` is the RFC 6962 leaf hash, in hex.

    `effective_on` is when it happened (a day of Asia/Krasnoyarsk), `recorded_at` when it was recorded (UTC).
    """

    position: int
    event_id: UUID
    stream_id: UUID
    stream_version: int
    type: str
    effective_on: date
    recorded_at: datetime
    actor: str
    role: str
    correlation_id: UUID
    causation_id: UUID | None
    participant_id: UUID | None
    command_key: str
    leaf: Sha256


@cache
def components() -> dict[str, Schema]:
    """Every event by its tag and every struct in it by its name; they refer to each other as `#/NAME`."""
    kinds = {tag(kind): kind for kind in get_args(Event)}
    _, made = msgspec.json.schema_components(kinds.values(), ref_template="{name}")
    names = {name: _tagged(schema, kinds) or name for name, schema in made.items()}
    found = {}
    for name, schema in made.items():
        adapted = _adapted(schema, lambda ref: f"#/{names[ref]}")
        if (kind := kinds.get(names[name])) is not None:
            adapted["title"] = names[name]
            adapted["description"] = _described(kind)
            adapted["properties"]["type"] = {"const": names[name]}
        found[names[name]] = adapted
    plain: dict[str, Schema] = msgspec.json.decode(msgspec.json.encode(dict(sorted(found.items()))))
    return plain  # defaults too are what JSON has


@cache
def schemas() -> dict[str, Schema]:
    """For each tag a schema that needs nothing else."""
    known = components()
    found = {}
    for name, component in known.items():
        if "." not in name:
            continue
        defined = dict.fromkeys(sorted(set(_named(component, known)) - {name}))
        found[name] = {
            "$schema": DIALECT,
            "$id": f"/api/v1/schema/events/{name}",
            **_adapted(component, _within("#/$defs/")),
            **({"$defs": {n: _adapted(known[n], _within("#/$defs/")) for n in defined}} if defined else {}),
        }
    return found


@cache
def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0: a channel for each kind of stream, a message for each tag."""
    known = {
        name: _adapted(schema, _within("#/components/schemas/")) for name, schema in components().items()
    }
    (_, envelope) = msgspec.json.schema_components([Envelope])
    headers = _adapted(envelope["Envelope"], str)
    channels: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for kind in sorted(get_args(Event), key=tag):
        name = tag(kind)
        stream = name.partition(".")[0]
        channel = channels.setdefault(
            stream,
            {
                "address": None,
                "title": stream,
                "description": _words(inspect.getdoc(sys.modules[kind.__module__])),
                "messages": {},
            },
        )
        channel["messages"][name] = {"$ref": f"#/components/messages/{name}"}
        messages[name] = {
            "name": name,
            "title": name,
            "summary": known[name]["description"],
            "contentType": "application/json",
            "correlationId": {"location": "$message.header#/correlation_id"},
            "headers": {"$ref": "#/components/schemas/Envelope"},
            "payload": {"$ref": f"#/components/schemas/{name}"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "ckr_es", "version": "1", "description": ABOUT},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {
            f"record-{stream}": {"action": "send", "channel": {"$ref": f"#/channels/{stream}"}}
            for stream in channels
        },
        "components": {"messages": messages, "schemas": {"Envelope": headers, **known}},
    }


def tag(kind: Any) -> str:
    return str(kind.__struct_config__.tag)


def _tagged(schema: Schema, kinds: dict[str, Any]) -> str | None:
    (first, *more) = schema["properties"].get("type", {}).get("enum", [None])
    return first if first in kinds and not more else None


def _described(kind: type[Struct]) -> str:
    """In the words of its class; a void or correction in those of what all of its sort are."""
    return _words(inspect.getdoc(kind))


def _words(text: str | None) -> str:
    return " ".join((text or "").split())


def _adapted(schema: Schema, refer: Callable[[str], str]) -> Schema:
    """The schema with its references led elsewhere, words in one line, and units said beside fields."""
    found: Schema = {}
    for key, value in schema.items():
        match key:
            case "$ref":
                found[key] = refer(value)
            case "properties":
                found[key] = {name: _field(name, _adapted(field, refer)) for name, field in value.items()}
            case "items" | "additionalProperties" if isinstance(value, dict):
                found[key] = _adapted(value, refer)
            case "anyOf":
                found[key] = [_adapted(one, refer) for one in value]
            case "discriminator":
                pass  # tags are constants, and AsyncAPI means another thing by the word
            case "description":
                found[key] = _words(value)
            case "items" | "additionalProperties":
                found[key] = value
            case _ if key in VALUES:
                found[key] = value
            case _:
                raise NotImplementedError(f"the catalogue does not know what to do with {key}")
    return found


def _field(name: str, schema: Schema) -> Schema:
    if name.endswith("_kopecks"):
        said = "Kopecks."
    elif name == "late_reason":
        said = "Why it was recorded after its period had been closed."
    elif any(one.get("format") == "date" for one in schema.get("anyOf", [schema])):
        said = "A day of Asia/Krasnoyarsk."
    else:
        return schema
    return {"description": said, **schema}


def _named(schema: Schema, known: dict[str, Schema]) -> Iterator[str]:
    """All that the schema refers to, directly or not."""
    for value in schema.values():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield from _named(one, known)
    if ref := schema.get("$ref"):
        name = ref.removeprefix("#/")
        yield name
        yield from _named(known[name], known)


def _within(place: str) -> Callable[[str], str]:
    return lambda ref: place + ref.removeprefix("#/")

"""Writes the catalogue of events (`docs/events`) from the structs, or checks that it is what the structs say.

`stored.json` holds the shapes that may lie in a log. It only grows: a shape by which a body stored before would not be
read, or would be read otherwise, is refused, and then nothing is written.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ckr_es.audit.event_catalogue import asyncapi, components, schemas

Schema = dict[str, Any]

FOLDER = Path(__file__).parent.parent / "docs" / "events"
STORED = FOLDER / "stored.json"
REGENERATE = "uv run python scripts/catalogue.py"
WORDS = {"title", "description"}  # what may be said otherwise
AT_LEAST = {"minimum", "minLength", "minItems"}
AT_MOST = {"maximum", "maxLength", "maxItems"}
SAME = {"pattern", "format"}
STRUCTURE = {
    "type",
    "enum",
    "const",
    "default",
    "anyOf",
    "items",
    "properties",
    "required",
    "additionalProperties",
}
KINDS = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def main() -> None:
    stored = msgspec.json.decode(STORED.read_bytes()) if STORED.exists() else {}
    if broken := list(breaks(stored, components())):
        told = "\n  ".join(broken)
        sys.exit(
            f"events that are stored could not be read as they were meant:\n  {told}\n"
            "A stored shape stays: new fields have defaults, another shape is another tag (architecture, section 3).\n"
            f"If the shape has never landed on main: git checkout main -- {STORED.relative_to(FOLDER.parent.parent)}"
        )
    wanted = files()
    if "--check" in sys.argv:
        if stale := differing(wanted):
            sys.exit(f"the catalogue is not what the structs say ({', '.join(stale)}): {REGENERATE}")
        return
    for name in differing(wanted):
        path = FOLDER / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], "utf-8")
        else:
            path.unlink()


def files() -> dict[str, str]:
    """The catalogue as it should be, by the names of its files."""
    return {
        "asyncapi.json": _text(asyncapi()),
        "stored.json": _text({name: bare(schema) for name, schema in components().items()}),
        **{f"schemas/{name}.json": _text(schema) for name, schema in schemas().items()},
    }


def differing(wanted: Mapping[str, str]) -> list[str]:
    """Names of files that are missing, of no event, or say something else."""
    present = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*.json")}
    return sorted(
        name
        for name in wanted.keys() | present.keys()
        if name not in present or present[name].read_text("utf-8") != wanted.get(name)
    )


def bare(schema: Schema) -> Schema:
    """The shape alone: without words, for they may change."""
    found = {key: value for key, value in schema.items() if key not in WORDS}
    if "properties" in schema:
        found["properties"] = {name: bare(field) for name, field in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            found[key] = bare(schema[key])
    if "anyOf" in schema:
        found["anyOf"] = [bare(one) for one in schema["anyOf"]]
    return found


def breaks(stored: Mapping[str, Schema], now: Mapping[str, Schema]) -> Iterator[str]:
    """Why a body of a stored shape may not be read, or not as it was meant; nothing when all is well."""
    for name, schema in stored.items():
        if "." not in name:
            continue  # a struct within events is met where an event refers to it
        if name not in now:
            yield f"{name}: the tag is gone"
        else:
            yield from _Comparison(stored, now).narrower(name, schema, now[name])


class _Comparison:
    """References of each side lead to its own components; a struct may hold itself."""

    def __init__(self, stored: Mapping[str, Schema], now: Mapping[str, Schema]) -> None:
        self.stored, self.now = stored, now
        self.within: list[tuple[str | None, str | None]] = []

    def narrower(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        pair = (old.get("$ref"), new.get("$ref"))
        if None not in pair and pair in self.within:
            return
        self.within.append(pair)
        ways = [_resolved(way, self.now) for way in _ways(_resolved(new, self.now))]
        for one in _ways(_resolved(old, self.stored)):
            known = _resolved(one, self.stored)
            refused = [list(self._narrower(path, known, way)) for way in ways]
            if all(refused):
                yield from min(refused, key=len)
        self.within.pop()

    def _narrower(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        if new.keys() - STRUCTURE - AT_LEAST - AT_MOST - SAME - WORDS:
            raise NotImplementedError(f"{path}: nobody knows if {sorted(new)} is narrower")
        yield from _values(path, old, new)
        for key in AT_LEAST & new.keys():
            if old.get(key, new[key] - 1) < new[key]:
                yield f"{path}: {key} is {new[key]}, was {old.get(key, 'none')}"
        for key in AT_MOST & new.keys():
            if old.get(key, new[key] + 1) > new[key]:
                yield f"{path}: {key} is {new[key]}, was {old.get(key, 'none')}"
        for key in SAME & new.keys():
            if old.get(key) != new[key]:
                yield f"{path}: {key} is {new[key]}, was {old.get(key, 'none')}"
        if "items" in new:
            yield from self.narrower(f"{path}[]", old.get("items", {}), new["items"])
        yield from self._fields(path, old, new)

    def _fields(self, path: str, old: Schema, new: Schema) -> Iterator[str]:
        fields, now = old.get("properties", {}), new.get("properties", {})
        for name, field in fields.items():
            if name not in now:
                yield f"{path}.{name}: the field is gone"
                continue
            yield from self.narrower(f"{path}.{name}", field, now[name])
            # A body does not hold what has its default, so another default is another meaning.
            if "default" in field and field["default"] != now[name].get("default", ...):
                said = now[name].get("default", "none")
                yield f"{path}.{name}: the default is {said}, was {field['default']}"
        for name in new.get("required", []):
            if name not in old.get("required", []):
                yield f"{path}.{name}: the field has become required"
        allowed, others = new.get("additionalProperties"), old.get("additionalProperties", {})
        if allowed is False and others is not False:
            yield f"{path}: other fields are not allowed any more"
        elif isinstance(allowed, dict) and isinstance(others, dict):
            yield from self.narrower(f"{path}.*", others, allowed)


def _values(path: str, old: Schema, new: Schema) -> Iterator[str]:
    before, after = _enumerated(old), _enumerated(new)
    if after is not None:
        if before is None:
            yield f"{path}: only {sorted(map(str, after))} are allowed now"
            return
        for gone in sorted(map(str, set(before) - set(after))):
            yield f"{path}: the value {gone} is gone"
        return
    types = {new["type"]} if "type" in new else None
    had = (
        {old["type"]}
        if "type" in old
        else {KINDS[type(value)] for value in before}
        if before
        else {"anything"}
    )
    if types is not None and not had <= types | ({"integer"} if "number" in types else set()):
        yield f"{path}: the type is {new['type']}, was {', '.join(sorted(had))}"


def _ways(schema: Schema) -> list[Schema]:
    ways: list[Schema] = schema.get("anyOf", [schema])
    return ways


def _enumerated(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _resolved(schema: Schema, known: Mapping[str, Schema]) -> Schema:
    return known[schema["$ref"].removeprefix("#/")] if "$ref" in schema else schema


def _text(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


if __name__ == "__main__":
    main()

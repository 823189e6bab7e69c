"""The catalogue says what is stored: every golden file and every event fits it, and no stored shape is ever broken."""

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args

import catalogue
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from shapes import instances

from ckr_es.aggregates import Event
from ckr_es.audit.event_catalogue import asyncapi, components, schemas, tag
from ckr_es.store.envelope import encode

ROOT = Path(__file__).parent.parent
GOLDEN = sorted((ROOT / "tests" / "events").glob("*.json"))
TAGS = {tag(kind) for kind in get_args(Event)}

Schemas = dict[str, dict[str, Any]]


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schemas()[name], format_checker=FormatChecker())


def test_the_committed_catalogue_is_what_the_structs_say() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "scripts" / "catalogue.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_shape_ever_stored_fits_the_schema_of_its_tag(path: Path) -> None:
    validator(path.stem.partition("~")[0]).validate(msgspec.json.decode(path.read_bytes()))


@given(st.one_of(*(instances(kind) for kind in get_args(Event))))
def test_every_event_fits_the_schema_of_its_tag(event: Any) -> None:
    validator(tag(type(event))).validate(msgspec.json.decode(encode(event)))


def test_a_body_that_is_not_read_does_not_fit() -> None:
    good = msgspec.json.decode((ROOT / "tests/events/plan.funding-set.json").read_bytes())
    assert validator("plan.funding-set").is_valid(good)
    for wrong in (
        {"surprise": 1},
        {"federal_kopecks": -1},
        {"federal_kopecks": 1.5},
        {"year": "2021"},
        {"type": "plan.set"},
        {"document": {"title": "x", "date": "31.12.2020"}},
    ):
        assert not validator("plan.funding-set").is_valid(good | wrong), wrong
    del good["year"]
    assert not validator("plan.funding-set").is_valid(good)


def test_every_schema_is_one_and_tells_in_english_what_the_event_is() -> None:
    assert set(schemas()) == TAGS
    for name, schema in schemas().items():
        Draft202012Validator.check_schema(schema)
        assert schema["properties"]["type"] == {"const": name}
        assert schema["title"] == name
    for kind in get_args(Event):
        amends = tag(kind).endswith((".voided", ".corrected"))
        assert kind.__doc__ or amends, f"{tag(kind)} has no docstring"


def test_money_days_and_reasons_say_their_units() -> None:
    fields = schemas()["service-case.component-added"]["properties"]
    assert fields["cost_kopecks"] == {
        "description": "Kopecks.", "type": "integer", "minimum": 0, "maximum": 10**15,
    }  # fmt: skip
    assert fields["added_on"] == {
        "description": "A day of Asia/Krasnoyarsk.",
        "type": "string",
        "format": "date",
    }
    for schema in components().values():
        for name, field in schema["properties"].items():
            if name.endswith(("_kopecks", "_on")):
                assert field["description"], name


def test_the_asyncapi_document_has_a_message_for_each_tag_in_the_channel_of_its_stream() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    messages = {name: stream for stream, of in document["channels"].items() for name in of["messages"]}
    assert messages == {name: name.partition(".")[0] for name in TAGS}
    assert set(document["components"]["messages"]) == TAGS
    for channel in document["channels"].values():
        assert channel["description"]
    assert references(document), "nothing refers to anything"
    for reference in references(document):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found


def references(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(references, value))
    if not isinstance(value, dict):
        return set()
    own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
    return own.union(*map(references, value.values()))


# --- what lies in a log stays readable


def changed(change: Callable[[Schemas], object]) -> list[str]:
    """What is said against the present shapes after a change to them."""
    now = deepcopy(components())
    change(now)
    return list(catalogue.breaks(components(), now))


def fields(now: Schemas, name: str) -> dict[str, Any]:
    found: dict[str, Any] = now[name]["properties"]
    return found


def renamed(now: Schemas) -> None:
    fields(now, "plan.funding-set")["federal"] = fields(now, "plan.funding-set").pop("federal_kopecks")


def replaced(name: str, field: str, schema: dict[str, Any]) -> Callable[[Schemas], object]:
    return lambda now: fields(now, name).update({field: schema})


def without(name: str, field: str, key: str) -> Callable[[Schemas], object]:
    return lambda now: fields(now, name)[field].pop(key)


BREAKING: dict[str, tuple[Callable[[Schemas], object], str]] = {
    "a tag is removed": (lambda now: now.pop("period.reopened"), "period.reopened: the tag is gone"),
    "a field is removed": (
        lambda now: fields(now, "cluster.retitled").pop("title"),
        "cluster.retitled.title: the field is gone",
    ),
    "a field is renamed": (renamed, "plan.funding-set.federal_kopecks: the field is gone"),
    "a field of a part is removed": (
        lambda now: fields(now, "Document").pop("sha256"),
        "cluster.programme-approved.document.sha256: the field is gone",
    ),
    "there is a new required field": (
        lambda now: (
            fields(now, "plan.set").update(author={"type": "string"}),
            now["plan.set"]["required"].append("author"),
        ),
        "plan.set.author: the field has become required",
    ),
    "a field has become required": (
        lambda now: now["cluster.proposed"]["required"].append("specialisation"),
        "cluster.proposed.specialisation: the field has become required",
    ),
    "a type is another": (
        replaced("period.closed", "version", {"type": "string"}),
        "period.closed.version: the type is string, was integer",
    ),
    "a number has become an integer": (
        lambda now: fields(now, "plan.set")["values"]["additionalProperties"]["anyOf"].pop(),
        "plan.set.values.*: the type is integer, was number",
    ),
    "null is not allowed any more": (
        replaced(
            "cluster.proposed",
            "specialisation",
            {"type": "string", "minLength": 1, "maxLength": 2000, "default": None},
        ),
        "cluster.proposed.specialisation: the type is string, was null",
    ),
    "a text must look like something": (
        lambda now: fields(now, "cluster.retitled")["title"].update(pattern="^К"),
        "cluster.retitled.title: pattern is ^К, was none",
    ),
    "a text has become a date": (
        lambda now: fields(now, "period.closed")["closed_by"].update(format="date"),
        "period.closed.closed_by: format is date, was none",
    ),
    "a text must be shorter": (
        lambda now: fields(now, "cluster.retitled")["title"].update(maxLength=100),
        "cluster.retitled.title: maxLength is 100, was 2000",
    ),
    "a number must be larger": (
        lambda now: fields(now, "service-case.scored")["score"].update(minimum=1),
        "service-case.scored.score: minimum is 1, was 0",
    ),
    "a list must be shorter": (
        lambda now: fields(now, "participant.product-launched")["markets"].update(maxItems=1),
        "participant.product-launched.markets: maxItems is 1, was 2",
    ),
    "a value is removed": (
        lambda now: fields(now, "service-case.eligibility-decided")["decision"]["enum"].remove("refused"),
        "service-case.eligibility-decided.decision: the value refused is gone",
    ),
    "a value of a list is removed": (
        lambda now: fields(now, "participant.product-launched")["markets"]["items"]["enum"].remove("foreign"),
        "participant.product-launched.markets[]: the value foreign is gone",
    ),
    "values are listed that were free": (
        replaced("period.reopened", "label", {"enum": ["2021"]}),
        "period.reopened.label: only ['2021'] are allowed now",
    ),
    "a default is another": (
        lambda now: fields(now, "participant.registry-checked")["via"].update(default="snapshot"),
        "participant.registry-checked.via: the default is snapshot, was entry",
    ),
    "a default is gone": (
        without("participant.registry-checked", "via", "default"),
        "participant.registry-checked.via: the default is none, was entry",
    ),
    "the parts of a map are narrower": (
        lambda now: fields(now, "period.closed")["deviations"]["additionalProperties"].update(maxLength=5),
        "period.closed.deviations.*: maxLength is 5, was 2000",
    ),
    "other fields are not allowed any more": (
        lambda now: now["Verdict"].update(additionalProperties=False),
        "service-case.eligibility-decided.checks[]: other fields are not allowed any more",
    ),
    "a correction takes one record less": (
        lambda now: fields(now, "plan.corrected")["replacement"]["anyOf"].pop(),
        "plan.corrected.replacement.type: the value plan.funding-set is gone",
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_a_change_that_breaks_what_is_stored_is_refused(name: str) -> None:
    change, said = BREAKING[name]
    assert said in changed(change)


COMPATIBLE: dict[str, Callable[[Schemas], object]] = {
    "nothing": lambda now: None,
    "a new tag": lambda now: now.update({"plan.set.2": deepcopy(now["plan.set"])}),
    "a new field with a default": replaced("plan.set", "author", {"type": "string", "default": ""}),
    "a new field of a part with a default": replaced("Document", "pages", {"type": "integer", "default": 0}),
    "a required field gets a default": lambda now: (
        now["cluster.dissolved"]["required"].remove("reason"),
        fields(now, "cluster.dissolved")["reason"].update(default="-"),
    ),
    "a new value": lambda now: fields(now, "participant.evidence-filed")["kind"]["enum"].append("photo"),
    "values become free": replaced("cluster.reorganised", "into", {"type": "string"}),
    "an integer becomes a number": replaced("period.closed", "version", {"type": "number"}),
    "a text may be null": replaced(
        "period.closed", "closed_by", {"anyOf": [{"type": "string"}, {"type": "null"}]}
    ),
    "a text may be longer": lambda now: fields(now, "cluster.retitled")["title"].update(maxLength=9_000),
    "a text may look like anything": without("cluster.proposed", "code", "pattern"),
    "other words": lambda now: now["plan.set"].update(description="Otherwise said."),
    "a part is called otherwise": lambda now: (
        now.update(Paper=now["Document"]),
        fields(now, "plan.set").update(document={"$ref": "#/Paper"}),
    ),
    "a correction takes one record more": lambda now: fields(now, "plan.corrected")["replacement"][
        "anyOf"
    ].append({"$ref": "#/plan.voided"}),
}


@pytest.mark.parametrize("name", COMPATIBLE)
def test_a_change_that_reads_all_that_is_stored_is_taken(name: str) -> None:
    assert changed(COMPATIBLE[name]) == []


def test_a_part_is_looked_at_in_each_way_that_it_may_be_meant() -> None:
    """Both ways hold the same part, and only one of them fits otherwise: its part does not."""

    def way(kind: str) -> dict[str, Any]:
        return {"type": "object", "properties": {"part": {"$ref": "#/Part"}, "kind": {"const": kind}}}

    def shapes(kinds: tuple[str, ...], part: dict[str, Any]) -> Schemas:
        replacement = {"anyOf": [way(kind) for kind in kinds]}
        return {"test.done": {"type": "object", "properties": {"what": replacement}}, "Part": part}

    stored = shapes(("b",), {"type": "object", "properties": {"x": {"type": "string"}}})
    said = list(catalogue.breaks(stored, shapes(("a", "b"), {"type": "object", "properties": {}})))
    assert said == ["test.done.what.part.x: the field is gone"]


def test_a_part_may_hold_itself() -> None:
    tree = {"type": "object", "properties": {"parts": {"type": "array", "items": {"$ref": "#/Tree"}}}}
    event = {"type": "object", "properties": {"tree": {"$ref": "#/Tree"}}}
    shapes = {"test.grown": event, "Tree": tree}
    assert list(catalogue.breaks(shapes, deepcopy(shapes))) == []


def test_the_script_refuses_to_break_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "docs" / "events"
    monkeypatch.setattr(catalogue, "FOLDER", folder)
    monkeypatch.setattr(catalogue, "STORED", folder / "stored.json")
    monkeypatch.setattr(sys, "argv", ["catalogue.py"])
    catalogue.main()
    assert catalogue.differing(catalogue.files()) == []

    # the structs know less than what was stored
    stored = msgspec.json.decode(catalogue.STORED.read_bytes())
    stored["plan.set"]["properties"]["author"] = {"type": "string", "default": ""}
    catalogue.STORED.write_bytes(msgspec.json.encode(stored))
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    with pytest.raises(SystemExit, match=r"plan\.set\.author: the field is gone"):
        catalogue.main()
    assert {path: path.read_bytes() for path in folder.rglob("*.json")} == before

    # they know more: it is to be written, and what is of no event goes
    del stored["period.reopened"], stored["plan.set"]["properties"]["author"]
    catalogue.STORED.write_bytes(msgspec.json.encode(stored))
    (folder / "schemas" / "plan.forgotten.json").write_text("{}")
    (folder / "schemas" / "plan.set.json").unlink()
    monkeypatch.setattr(sys, "argv", ["catalogue.py", "--check"])
    with pytest.raises(SystemExit) as refused:
        catalogue.main()
    assert all(
        name in str(refused.value)
        for name in (
            "stored.json",
            "schemas/plan.forgotten.json",
            "schemas/plan.set.json",
            catalogue.REGENERATE,
        )
    )
    monkeypatch.setattr(sys, "argv", ["catalogue.py"])
    catalogue.main()
    assert catalogue.differing(catalogue.files()) == []

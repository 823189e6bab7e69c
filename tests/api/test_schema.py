"""The catalogue of events over HTTP is the committed one, and says what the log answers."""

import json
from pathlib import Path

from api.centre import Centre, Client, cluster, firm, problem
from jsonschema import Draft202012Validator

DOCS = Path(__file__).parent.parent.parent / "docs" / "events"


def test_what_is_served_is_what_is_committed(centre: Centre) -> None:
    """To anybody: it holds no data."""
    assert centre.nobody.read("/asyncapi.json") == json.loads((DOCS / "asyncapi.json").read_text())
    listed = centre.nobody.read("/schema/events")["items"]
    committed = sorted((DOCS / "schemas").glob("*.json"))
    assert listed == [json.loads(path.read_text()) for path in committed]
    for schema in listed:
        assert centre.nobody.http.get(schema["$id"]).json() == schema
    problem(centre.nobody.get("/schema/events/cluster.forgotten"), 404, "not-found")


def test_an_event_of_the_log_has_the_envelope_and_the_body_that_are_told(
    operator: Client, auditor: Client
) -> None:
    firm(operator, 1, cluster(operator, "organic"))
    document = auditor.read("/asyncapi.json")
    envelope = Draft202012Validator(document["components"]["schemas"]["Envelope"])
    for event in auditor.read("/events")["items"]:
        body = event.pop("body")
        envelope.validate(event)
        assert set(event) == set(document["components"]["schemas"]["Envelope"]["properties"])
        Draft202012Validator(auditor.read(f"/schema/events/{event['type']}")).validate(body)

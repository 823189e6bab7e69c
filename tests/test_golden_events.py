"""Every shape ever stored stays readable: one file per shape, never edited, decoded for ever.

`tag.json` is the first shape of an event; when fields were added, `tag~2.json` shows them.
"""

import re
from datetime import date
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from ckr_es import aggregates
from ckr_es.aggregates import Event
from ckr_es.store.envelope import decode, encode, tag

SHAPES = {path.stem: path for path in sorted((Path(__file__).parent / "events").glob("*.json"))}
TAGS = {str(shape.__struct_config__.tag) for shape in get_args(Event)}

EFFECTIVE_ON = {
    "cluster.proposed": "2021-01-11",
    "cluster.formed": "2021-01-12",
    "cluster.retitled": "2021-01-13",
    "cluster.programme-approved": "2021-01-14",
    "cluster.potential-assessed": "2021-01-15",
    "cluster.brand-registered": "2021-01-16",
    "cluster.project-launched": "2021-01-17",
    "cluster.project-finished": "2021-01-18",
    "cluster.equipment-approved": "2021-01-19",
    "cluster.activity-held": "2021-01-20",
    "cluster.reorganised": "2021-01-21",
    "cluster.dissolved": "2021-01-22",
    "cluster.voided": "2021-01-23",
    "cluster.corrected": "2021-01-24",
    "participant.registered": "2021-02-01",
    "participant.identity-changed": "2021-02-02",
    "participant.registry-checked": "2021-02-03",
    "participant.support-checked": "2021-02-14",
    "participant.evidence-filed": "2021-02-04",
    "participant.joined-cluster": "2021-02-05",
    "participant.left-cluster": "2021-02-06",
    "participant.jobs-reported": "2021-06-30",
    "participant.sales-reported": "2021-09-30",
    "participant.product-launched": "2021-02-09",
    "participant.followed-up": "2021-07-31",
    "participant.identity-erased": "2021-02-11",
    "participant.voided": "2021-02-12",
    "participant.corrected": "2021-02-13",
    "service-case.opened": "2021-03-01",
    "service-case.scored": "2021-03-02",
    "service-case.eligibility-decided": "2021-03-03",
    "service-case.component-added": "2021-03-04",
    "service-case.agreement-signed": "2021-03-05",
    "service-case.service-accepted": "2021-03-06",
    "service-case.completed": "2021-03-07",
    "service-case.cancelled": "2021-03-08",
    "service-case.support-reported": "2021-03-09",
    "service-case.voided": "2021-03-10",
    "service-case.corrected": "2021-03-11",
    "provider.registered": "2021-06-01",
    "provider.services-changed": "2021-06-02",
    "provider.blocked": "2021-06-03",
    "provider.unblocked": "2021-06-04",
    "provider.voided": "2021-06-05",
    "provider.corrected": "2021-06-06",
    "group-service.held": "2021-03-21",
    "group-service.voided": "2021-03-22",
    "group-service.corrected": "2021-03-23",
    "plan.set": "2021-04-01",
    "plan.funding-set": "2021-04-02",
    "plan.voided": "2021-04-03",
    "plan.corrected": "2021-04-04",
    "period.closed": "2021-07-05",
    "period.reopened": "2021-07-06",
    "roadmap.measure-reported": "2021-05-01",
    "roadmap.voided": "2021-05-02",
    "roadmap.corrected": "2021-05-03",
    "support-codes.set": "2021-04-01",
    "support-file.made": "2021-04-05",
    "support-file.answered": "2021-04-09",
    "support-file.voided": "2021-04-10",
    "support-file.corrected": "2021-04-12",
}


def of(stem: str) -> str:
    return stem.partition("~")[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_old_body_is_read_and_written_again_byte_for_byte(shape: str) -> None:
    body = SHAPES[shape].read_bytes()
    event = decode(of(shape), body)
    assert tag(event) == of(shape)
    assert encode(event) == body


@pytest.mark.parametrize("shape", SHAPES)
def test_an_event_happened_on_its_business_date(shape: str) -> None:
    event = decode(of(shape), SHAPES[shape].read_bytes())
    assert event.effective_on == date.fromisoformat(EFFECTIVE_ON[of(shape)])


def test_every_shape_has_a_golden_file_and_its_day() -> None:
    assert {of(shape) for shape in SHAPES} == TAGS == TAGS & set(SHAPES)
    assert set(EFFECTIVE_ON) == TAGS


def test_golden_files_fill_every_field_so_that_no_renaming_goes_unnoticed() -> None:
    """The files show shapes, not stories: a real paper is no certificate and declaration at once."""
    for shape in get_args(Event):
        name = str(shape.__struct_config__.tag)
        filled = {"late_reason"}.union(
            *(msgspec.json.decode(path.read_bytes()) for stem, path in SHAPES.items() if of(stem) == name)
        )
        assert filled >= {field.name for field in msgspec.structs.fields(shape)}, name
    assert b'"late_reason":' in SHAPES["service-case.voided"].read_bytes()


def test_every_event_of_the_aggregates_is_in_the_union() -> None:
    modules = (
        vars(aggregates)[name]
        for name in (
            "cluster",
            "cluster_life",
            "participant",
            "service_case",
            "group_service",
            "provider",
            "plan",
            "reporting_period",
            "roadmap",
            "support_codes",
            "support_file",
        )
    )
    written = {
        found
        for module in modules
        for found in re.findall(r' tag="([^"]+)"', Path(module.__file__).read_text("utf-8"))
    }
    assert written == TAGS


@pytest.mark.parametrize("shape", SHAPES)
def test_a_body_with_a_field_nobody_knows_is_not_read_as_if_it_were_not_there(shape: str) -> None:
    body = msgspec.json.decode(SHAPES[shape].read_bytes())
    with pytest.raises(Exception, match="unknown field `surprise`"):
        decode(of(shape), msgspec.json.encode(body | {"surprise": 1}))

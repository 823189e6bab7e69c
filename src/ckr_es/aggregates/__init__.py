"""Every event this system has ever recorded, as one tagged union."""

from ckr_es.aggregates import (
    cluster,
    participant,
    plan,
    reporting_period,
    roadmap,
    service_case,
    support_codes,
    support_file,
)

Event = (
    cluster.Event
    | participant.Event
    | service_case.Event
    | plan.Event
    | reporting_period.Event
    | roadmap.Event
    | support_codes.Event
    | support_file.Event
)

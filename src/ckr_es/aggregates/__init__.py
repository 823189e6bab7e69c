"""Every event this system has ever recorded, as one tagged union."""

from ckr_es.aggregates import (
    cluster,
    participant,
    plan,
    provider,
    reporting_period,
    roadmap,
    service_case,
)

Event = (
    cluster.Event
    | participant.Event
    | service_case.Event
    | provider.Event
    | plan.Event
    | reporting_period.Event
    | roadmap.Event
)

"""Every event this system has ever recorded, as one tagged union."""

from ckr_es.aggregates import (
    cluster,
    group_service,
    participant,
    plan,
    provider,
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
    | provider.Event
    | group_service.Event
    | plan.Event
    | reporting_period.Event
    | roadmap.Event
    | support_codes.Event
    | support_file.Event
)

"""A season of trainings told through the API: a list from the desk, what is wrong with it, what is put right."""

from typing import Any

from api import conftest as api
from api.centre import Centre, cluster, file_all, firm, firm_inn, pointers, problem, ready_firm

app, centre = api.app, api.centre


def test_a_season_of_trainings(centre: Centre) -> None:
    operator, manager, auditor = centre.operator, centre.manager, centre.auditor
    cluster(operator, "organic", production=True)
    firms = [ready_firm(operator, n, "organic") for n in range(5)]
    newcomer = firm(operator, 5, "organic")
    event: dict[str, Any] = {
        "service": "SVC.и",
        "cluster": "organic",
        "held_on": "2021-03-18",
        "title": "Тренинг по экспорту",
        "act_number": "Т-1",
    }

    # The desk has INNs, one of them twice, one of a firm without papers: it looks before it records.
    pasted = [firm_inn(n) for n in range(6)] + [firm_inn(2)]
    look = operator.post("/group-services/check", key=None, **event, participants=pasted).json()
    assert not look["possible"]
    assert pointers(look) == {
        ("/participants/5", "condition-not-checked"),
        ("/participants/6", "duplicate-participant"),
    }
    whom = [line["participant_id"] for line in look["participants"]]
    assert whom[:6] == [*firms, newcomer]

    # Recorded all the same, nobody is served: not the firms that everything is right with either.
    refused = operator.post("/group-services", **event, participants=[*firms, newcomer])
    assert pointers(problem(refused, 409, "participants-refused")) == {
        ("/participants/5", "condition-not-checked")
    }
    assert auditor.figures(as_of="2021-03-31")["services"] == 0

    # The papers come in, and the list goes through: six firms, nine people, six services.
    file_all(operator, newcomer)
    came = [
        {"participant_id": who, "attendees": people}
        for who, people in zip([*firms, newcomer], (1, 3, 1, 2, 1, 1), strict=True)
    ]
    training = operator.done("/group-services", **event, participants=[*firms, newcomer], attendance=came)
    assert len(training["events"]) == 1 + 4 * 6
    figures = auditor.figures(as_of="2021-03-31")
    assert (figures["services"], figures["supported_smes"], figures["complex_services"]) == (6, 6, 0)
    shown = auditor.read(f"/group-services/{training['id']}")
    assert (shown["participants"], shown["served"], shown["attendees"]) == (6, 6, 9)

    # A second event: those served already count as firms once, as services again.
    exhibition = operator.done(
        "/group-services",
        **{**event, "service": "SVC.д", "title": "Выставка", "held_on": "2021-03-25", "act_number": "В-1"},
        participants=firms[:3],
    )
    figures = auditor.figures(as_of="2021-03-31")
    assert (figures["services"], figures["supported_smes"]) == (9, 6)
    lines = [
        line
        for page in auditor.walk("/kpi/services/evidence", as_of="2021-03-31", limit=4)
        for line in page
        if not line["voided_by"]
    ]
    assert sum(line["n"] for line in lines) == 9

    # The quarter is closed. Then it turns out that nobody of one firm came, and that the exhibition fell through.
    closing = manager.done("/periods/2021-Q1/closing", approved_by="директор")
    last = shown["items"][5]
    act = next(
        e
        for e in auditor.read(f"/cases/{last['case_id']}/timeline")["items"]
        if e["type"] == "service-case.service-accepted"
    )
    operator.done(
        f"/cases/{last['case_id']}/corrections",
        event_id=act["event_id"],
        reason="Участника не было",
        void=True,
        late_reason="Сверка листа регистрации",
    )
    operator.done(
        f"/group-services/{exhibition['id']}/corrections",
        event_id=exhibition["events"][0]["event_id"],
        reason="Выставка не состоялась",
        void=True,
        late_reason="Сверка отчётов",
    )
    now = auditor.figures(as_of="2021-03-31")
    then = auditor.figures(as_of="2021-03-31", known_position=closing["position"])
    assert (then["services"], then["supported_smes"]) == (9, 6)
    assert (now["services"], now["supported_smes"]) == (5, 5)
    moved = {
        row["kpi"]: (row["from"], row["to"])
        for row in auditor.read("/periods/2021-Q1/restatement")["rows"]
        if row["from"] != row["to"]
    }
    assert moved == {"services": (9, 5), "supported_smes": (6, 5)}
    listed = auditor.read("/group-services", as_of="2021-12-31")["items"]
    assert [(one["title"], one["participants"], one["served"]) for one in listed] == [
        ("Тренинг по экспорту", 6, 5)
    ]
    before = auditor.read("/group-services", as_of="2021-12-31", known_position=closing["position"])["items"]
    assert [(one["title"], one["served"]) for one in before] == [("Тренинг по экспорту", 6), ("Выставка", 3)]

    # An auditor makes the decisions again from what they rest on, one trace leads from an act to its event.
    trace = auditor.read(f"/events/{act['event_id']}")
    assert trace["causes"][0]["type"] == "group-service.held"

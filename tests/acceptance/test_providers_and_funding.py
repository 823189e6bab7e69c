"""A year of money told through the API: who gives the services, what is reserved, spent, freed, and what is refused."""

from typing import Any

from api.centre import Centre, Client, accept, application, cluster, firm_inn, problem, ready_firm

FIRMS = 4


def test_the_year_of_a_limit(centre: Centre) -> None:
    operator, manager, auditor = centre.operator, centre.manager, centre.auditor
    cluster(operator, "organic")
    firms = [ready_firm(operator, n, "organic") for n in range(FIRMS)]

    # The budget: 1 000 roubles federal, 200 regional.
    answer = manager.put(
        "/plans/2021/funding",
        federal_kopecks=1_000_00,
        regional_kopecks=200_00,
        document={"title": "Закон о краевом бюджете", "number": "10-4538", "date": "2020-12-10"},
    )
    assert answer.status_code == 201

    # Who gives services: one is reliable, one belongs to the second firm's group, one will be blocked.
    reliable = provider(operator, 51)
    related = provider(operator, 52, group=[firm_inn(1)])
    slow = provider(operator, 53)

    # Four agreements of 400: two fit, the third only after one is cancelled.
    cases = [
        decided(operator, who, giver, 400_00)
        for who, giver in zip(firms, (reliable, related, slow, None), strict=True)
    ]
    assert sign(operator, cases[0]) == 200
    problem(signing(operator, cases[1]), 409, "conflict-not-answered")
    answered = [{"component_no": 1, "answer": "Цена ниже двух других предложений"}]
    assert sign(operator, cases[1], conflicts_answered=answered) == 200
    problem(signing(operator, cases[3]), 409, "funding-exceeded")
    operator.done(f"/providers/{slow}/blocking", reason="Акты не представлены", blocked_on="2021-03-01")
    problem(signing(operator, cases[2]), 409, "provider-blocked")

    assert balance(auditor, "2021-03-31") == {"federal": (1_000_00, 800_00, 0), "regional": (200_00, 0, 0)}
    accept(operator, cases[0], grade=5)
    cancelled = operator.done(f"/cases/{cases[1]}/cancellation", cancelled_on="2021-04-05", reason="Отказ")
    assert sign(operator, cases[3], signed_on="2021-04-06") == 200

    # Valid time and known time: in March the second still held its money; before it was known, in April too.
    assert balance(auditor, "2021-03-31")["federal"] == (1_000_00, 400_00, 400_00)
    assert balance(auditor, "2021-04-05")["federal"] == (1_000_00, 0, 400_00)
    assert balance(auditor, "2021-04-06")["federal"] == (1_000_00, 400_00, 400_00)
    then = balance(auditor, "2021-04-05", known_position=cancelled["position"] - 1)
    assert then["federal"] == (1_000_00, 400_00, 400_00)

    # The money of the balance is that of its lines, and the provider is rated by what it gave.
    lines = auditor.read("/plans/2021/funding/lines", as_of="2021-04-06")["items"]
    assert sorted((line["state"], line["kopecks"]) for line in lines) == [
        ("released", 400_00),
        ("reserved", 400_00),
        ("spent", 400_00),
    ]
    rating = auditor.read(f"/providers/{reliable}")["rating"]
    assert (rating["grade"], rating["accepted"], rating["paid_kopecks"]) == (5.0, 1, 400_00)


def provider(operator: Client, n: int, **other: Any) -> str:
    made = operator.done(
        "/providers",
        inn=firm_inn(n),
        name=f"ООО «Исполнитель {n}»",
        services=["SVC.е"],
        prices_kopecks={"SVC.е": 500_00},
        registered_on="2021-01-11",
        **other,
    )
    return str(made["id"])


def decided(operator: Client, who: str, giver: str | None, cost: int) -> str:
    asked = application(who, "organic", cost_kopecks=cost, funding="federal", provider_id=giver)
    case = operator.done("/cases", **asked)["id"]
    operator.done(f"/cases/{case}/eligibility-decision", decision="eligible", decided_on="2021-03-11")
    return str(case)


def signing(operator: Client, case: str, **other: Any) -> Any:
    return operator.post(f"/cases/{case}/agreement", **{"number": "Д-1", "signed_on": "2021-03-12", **other})


def sign(operator: Client, case: str, **other: Any) -> int:
    return int(signing(operator, case, **other).status_code)


def balance(client: Client, as_of: str, **known: Any) -> dict[str, tuple[int, int, int]]:
    """Limit, reserved and spent, by budget."""
    found = client.read("/plans/2021/funding", as_of=as_of, **known)["rows"]
    return {
        row["source"]: (row["limit_kopecks"], row["reserved_kopecks"], row["spent_kopecks"])
        for row in found
        if row["source"] in ("federal", "regional")
    }

"""Function т: two firms got complex services; one answers after 3, 6 and 12 months, the other is silent."""

from api.centre import Client, accept, cluster, complex_case, ready_firm


def test_a_year_after_complex_services(operator: Client, manager: Client, auditor: Client) -> None:
    cluster(operator, "organic")
    talks, silent = (ready_firm(operator, n, "organic") for n in (1, 2))
    cases = {who: complex_case(operator, who, "organic") for who in (talks, silent)}
    operator.done(
        f"/participants/{talks}/jobs-reports", quarter="2020-Q4", headcount=10, jobs_created=0, evidence="РСВ"
    )
    for no, day in ((1, "2021-03-25"), (2, "2021-03-31")):
        for case in cases.values():
            accept(operator, case, no, day)

    def points(who: str, as_of: str) -> list[str]:
        (item,) = auditor.read("/follow-ups", as_of=as_of, participant_id=who)["items"]
        return [point["status"] for point in item["points"]]

    # The service is complete with its last act; until then there is nobody to ask.
    assert auditor.read("/follow-ups", as_of="2021-03-30")["items"] == []
    assert points(talks, "2021-03-31") == ["upcoming", "upcoming", "upcoming"]

    # The firm that answers, each time a little larger; the other is overdue each time.
    for month, headcount, asked_on in (
        ("2021-06", 11, "2021-07-20"),
        ("2021-09", 12, "2021-10-20"),
        ("2022-03", 15, "2022-04-20"),
    ):
        operator.done(
            f"/participants/{talks}/follow-ups",
            case_id=cases[talks],
            month=month,
            headcount=headcount,
            sales_kopecks=100_000_00,
            satisfaction=4,
        )
        assert points(talks, asked_on).count("overdue") == 0
        overdue = auditor.read("/follow-ups", as_of=asked_on, status="overdue")["items"]
        assert [item["participant_id"] for item in overdue] == [silent]
    assert points(talks, "2022-04-20") == ["done", "done", "done"]
    assert points(silent, "2022-04-20") == ["overdue", "overdue", "overdue"]

    # The effect: five people more after a year, of one firm of two.
    effect = manager.read("/follow-ups/effect", as_of="2022-04-20")["items"]
    assert [(e["after_months"], e["services"], e["done"], e["headcount_change"]) for e in effect] == [
        (3, 2, 1, 1),
        (6, 2, 1, 2),
        (12, 2, 1, 5),
    ]

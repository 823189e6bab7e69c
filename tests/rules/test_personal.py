"""Free text holds no numbers and addresses of natural persons; what only looks like one is let through."""

import pytest

from ckr_es.rules.personal import held, perhaps_inns


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("ОГРНИП 321246800001239.", "ОГРНИП"),
        ("письмо a.b@example.org", "адрес электронной почты"),
        ("тел. +7 (391) 222-33-44", "телефон"),
        ("+73912223344", "телефон"),
        ("акт № 321246800001238 от 01.02.2021", None),
        ("89123456789", None),
        ("a @ b, услуга@цех", None),
        ("a321246800001239", None),
        ('"sha256":"' + "12" * 32 + '"', None),
    ],
)
def test_what_is_certainly_a_persons_is_named(text: str, what: str | None) -> None:
    assert held(text) == what


def test_twelve_digits_alone_may_be_an_inn() -> None:
    assert perhaps_inns("ИНН 246500000152, дело 7-246500000153; 2465000001520, x246500000152") == [
        "246500000152",
        "246500000153",
    ]


def test_the_end_of_an_id_is_no_inn() -> None:
    """Else one id in three hundred would cost a question to the vault."""
    assert perhaps_inns('{"case_id":"5f0c11aa-9157-498d-9077-246500000152"}') == []
    assert perhaps_inns("2021-246500000152") == ["246500000152"]

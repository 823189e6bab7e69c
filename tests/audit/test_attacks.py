"""Every known way to rewrite the log is detected and located, and an untouched log of the same size passes."""

import pytest

from ckr_es.audit.attacks import CHANGES, FORGERIES
from ckr_es.audit.battery import BITS, attack
from ckr_es.rules import Refused
from ckr_es.store.database import Database

SEED = 20211231


def test_each_attack_is_detected_and_located_and_nothing_else_is(database: Database) -> None:
    told: list[tuple[int, int]] = []
    battery = attack(database, SEED, progress=lambda done, of: told.append((done, of)))
    assert battery.false_alarms == ()
    assert [a for a in battery.attacks if not a.ok] == []
    assert [a.name for a in battery.attacks] == [*CHANGES, *FORGERIES]
    assert battery.missed == (), f"seed {SEED}"
    assert battery.ok
    assert told[-1] == (len(battery.attacks) + BITS,) * 2
    with pytest.raises(Refused, match="одноразовую"):
        attack(database, SEED)

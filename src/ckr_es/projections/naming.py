"""What records call by id or by code has a name: of participants, cases, providers and clusters, in one question."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from ckr_es.rules.values import ERASED

# Whose name lay in the vault and lies there no more is named so. A case without a number is called by its day.
NAMES: Final = """
    with known (id, name) as (
        select p.id::text, case when p.kind = 'entrepreneur' and i.participant_id is null then %(erased)s
                                else coalesce(p.name, i.fields ->> 'name') end
        from directory.participant p left join ckr.identity i on i.participant_id = p.id
        where p.id = any (%(ids)s) and p.known_from <= %(position)s
          and (p.known_to is null or %(position)s < p.known_to)
        union all
        select id::text, coalesce(external_id, 'от ' || to_char(applied_on, 'DD.MM.YYYY')) from directory.service_case
        where id = any (%(ids)s) and known_from <= %(position)s and (known_to is null or %(position)s < known_to)
        union all
        select code, title from directory.cluster
        where code = any (%(codes)s) and known_from <= %(position)s and (known_to is null or %(position)s < known_to)
        union all
        select p.id::text, case when p.name is null and i.participant_id is null then %(erased)s
                                else coalesce(p.name, i.fields ->> 'name') end
        from funding.provider p left join ckr.identity i on i.participant_id = p.participant_id
        where p.id = any (%(ids)s) and p.known_from <= %(position)s
          and (p.known_to is null or %(position)s < p.known_to)
    )
    select id, name from known
"""


def names(conn: Connection[Any], ids: Iterable[UUID], codes: Iterable[str], position: int) -> dict[str, str]:
    """By ids as they stand in JSON, and by clusters' codes; nothing of what is not known at the position."""
    asked = {"ids": list(ids), "codes": list(codes), "position": position, "erased": ERASED}
    return dict(conn.execute(NAMES, asked).fetchall())

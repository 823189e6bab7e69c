"""Providers and money in PostgreSQL: versioned rows, as the directory's.

`line` is the money of one component of a case, `budget` one setting of a year's limits; `no` orders what has the same
day. `offer` and `block` belong to a provider. `provider_sought` is for `search.py`, as in the directory.
"""

TABLES = ("line", "budget", "provider", "offer", "block")

CREATE = """
    create table if not exists line (
        id uuid not null, known_from bigint not null, known_to bigint,
        case_id uuid not null, component_no integer not null, participant_id uuid not null, cluster text not null,
        service text not null, provider_id uuid, year integer not null, source text not null,
        kopecks bigint not null, own_kopecks bigint not null,
        reserved_on date, spent_on date, released_on date, grade integer,
        primary key (id, known_from)
    );
    create table if not exists budget (
        id uuid not null, known_from bigint not null, known_to bigint,
        year integer not null, no integer not null, set_on date not null,
        federal_kopecks bigint not null, regional_kopecks bigint not null, document jsonb not null,
        primary key (id, known_from)
    );
    create table if not exists provider (
        id uuid not null, known_from bigint not null, known_to bigint,
        inn text, name text, participant_id uuid, registered_on date not null,
        primary key (id, known_from)
    );
    create table if not exists offer (
        id uuid not null, known_from bigint not null, known_to bigint,
        provider_id uuid not null, no integer not null, since date not null, services text[] not null,
        prices_kopecks jsonb not null, selection_basis text, contract jsonb,
        "group" text[] not null, group_participants uuid[] not null, of_centre boolean not null,
        primary key (id, known_from)
    );
    create table if not exists block (
        id uuid not null, known_from bigint not null, known_to bigint,
        provider_id uuid not null, blocked_on date not null, unblocked_on date, reason text not null,
        primary key (id, known_from)
    );
"""
INDEXES = """
    create index if not exists line_year on line (year, source);
    create index if not exists line_case on line (case_id);
    create index if not exists line_provider on line (provider_id) where provider_id is not null;
    create index if not exists budget_year on budget (year);
    create index if not exists offer_provider on offer (provider_id);
    create index if not exists block_provider on block (provider_id);
    create index if not exists provider_sought on provider using gin (
        to_tsvector('russian', ckr.sought(name)), ckr.sought(name) public.gin_trgm_ops,
        ckr.numbers(array[inn]) public.gin_trgm_ops);
"""

"""The directory in PostgreSQL: five tables of versioned rows.

The days, components and numbers of a case's acts are three arrays in one order. `rests_on` is the register's answer
that its decision rests on; `registry_answer.position` is where that answer was recorded. The indexes named `…_sought`
are for `search.py`, which asks for the same expressions.
"""

TABLES = ("cluster", "participant", "membership", "registry_answer", "service_case")

CREATE = """
    create table if not exists cluster (
        id uuid not null, known_from bigint not null, known_to bigint,
        code text not null, title text not null, production boolean not null, specialisation text,
        kind text, curated boolean not null,
        proposed_on date not null, formed_on date, reorganised_on date, legal_inn text, dissolved_on date,
        primary key (id, known_from)
    );
    create table if not exists participant (
        id uuid not null, known_from bigint not null, known_to bigint,
        kind text not null, inn text, ogrn text, name text, registered_on date not null,
        primary key (id, known_from)
    );
    create table if not exists membership (
        id uuid not null, known_from bigint not null, known_to bigint,
        participant_id uuid not null, cluster text not null, joined_on date not null, left_on date,
        primary key (id, known_from)
    );
    create table if not exists registry_answer (
        id uuid not null, known_from bigint not null, known_to bigint,
        participant_id uuid not null, position bigint not null, via text not null, as_of date not null,
        result text not null, included_on date, region_code text,
        primary key (id, known_from)
    );
    create table if not exists service_case (
        id uuid not null, known_from bigint not null, known_to bigint,
        participant_id uuid not null, cluster text not null, complex boolean not null,
        services text[] not null, applied_on date not null, decision text, decided_on date, rests_on uuid,
        agreement_number text, signed_on date, accepted_on date[] not null, accepted_components integer[] not null,
        act_numbers text[] not null, completed_on date, cancelled_on date,
        source text, external_id text,
        primary key (id, known_from)
    );
"""
INDEXES = """
    create index if not exists cluster_code on cluster (code);
    create index if not exists participant_inn on participant (inn);
    create index if not exists membership_participant on membership (participant_id);
    create index if not exists membership_cluster on membership (cluster);
    create index if not exists registry_answer_participant on registry_answer (participant_id, as_of, position);
    create index if not exists service_case_participant on service_case (participant_id);
    create index if not exists service_case_applied on service_case (applied_on, id);
    create index if not exists participant_sought on participant using gin (
        to_tsvector('russian', ckr.sought(name)), ckr.sought(name) public.gin_trgm_ops,
        ckr.numbers(array[inn, ogrn]) public.gin_trgm_ops);
    create index if not exists service_case_sought on service_case using gin (
        ckr.numbers(act_numbers || array[agreement_number, external_id]) public.gin_trgm_ops);
"""
EARLIER = """
    select position, event_id, stream_id, participant_id, type, body::text from ckr.event
    where stream_id = any (%s) and position <= %s and type <> all (%s) order by position
"""

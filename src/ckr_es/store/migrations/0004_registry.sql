-- Snapshots of public registers: which file was read, how far, and the rows that concern the centre.
--
-- The rows stand here so that a file of gigabytes is matched with the participants in SQL; what is recorded of them is in
-- the log. A natural person's INN stands in them in plain because matching needs it; no name and no OGRNIP of a person does.
-- So they are for ckr_app alone, and an erasure must delete a person's rows here as well.
create schema registry authorization ckr_owner;

set local role ckr_owner;

-- One file. `known_position` is the head of the log when its reading began: participants registered by then were looked for.
create table registry.snapshot (
    id             uuid primary key,
    register       text not null check (register in ('sme', 'support')),
    sha256         text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    file_name      text,
    kind           text not null check (kind in ('zip', 'xml', 'dir')),
    bytes          bigint not null,
    members        int not null,
    region         text,
    complete_said  boolean,  -- null: nobody said, the kind of the file decides
    complete       boolean,  -- what absence from it means; null until it is read
    known_position bigint not null,
    state          text not null check (state in ('reading', 'read', 'recorded', 'failed')),
    staged         boolean not null default true,  -- whether its rows stand here
    backend        int,  -- the server process whose lock says that somebody is at it
    records        bigint,
    kept           bigint,
    first_as_of    date,
    last_as_of     date,
    found          int not null default 0,  -- records made, in all runs
    absent         int not null default 0,
    unchanged      int not null default 0,  -- in the last run
    notes          text[] not null default '{}',
    error          jsonb,
    actor          text not null,
    started_at     timestamptz not null default clock_timestamp(),
    finished_at    timestamptz,
    unique (register, sha256)
);
create index snapshot_started on registry.snapshot (register, started_at desc, id);

-- A member of the archive that was read to its end; it is committed together with the last of its rows.
create table registry.member (
    snapshot_id uuid not null references registry.snapshot,
    name        text not null,
    bytes       bigint not null,
    records     bigint not null,
    kept        bigint not null,
    said        bigint,
    first_as_of date,
    last_as_of  date,
    primary key (snapshot_id, name)
);

create table registry.sme (
    snapshot_id      uuid not null references registry.snapshot,
    inn              text not null,
    as_of            date not null,
    included_on      date not null,
    category         text not null,
    region_code      text not null,
    okved_main       text,
    okved_additional text[] not null,
    okved_version    text not null,
    headcount        int,
    licences         text[] not null,
    name             text,
    ogrn             text,
    member           text not null,
    line             int not null,
    primary key (snapshot_id, inn),
    constraint no_name_of_a_person check (length(inn) = 10 or (name is null and ogrn is null))
);

-- One document; a recipient may have several.
create table registry.support (
    snapshot_id uuid not null references registry.snapshot,
    inn         text not null,
    as_of       date not null,
    supports    jsonb not null,
    member      text not null,
    line        int not null  -- a file may be one line
);
create index support_inn on registry.support (snapshot_id, inn);

-- Which Idempotency-Key brought which file.
create table registry.upload (
    key          text primary key,
    request_hash bytea not null,
    snapshot_id  uuid not null references registry.snapshot,
    uploaded_at  timestamptz not null default clock_timestamp()
);

grant usage on schema registry to ckr_app, ckr_reader, ckr_migrator;
grant select, insert, update on registry.snapshot to ckr_app;
grant select, insert on registry.upload to ckr_app;
grant select, insert, delete on registry.member, registry.sme, registry.support to ckr_app;
grant select on registry.snapshot, registry.member to ckr_reader;

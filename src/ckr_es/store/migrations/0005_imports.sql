-- Imports: files of commands, what each row was judged to do, and what it did.
--
-- The rows of a file stand here until it is recorded or given up, because a preview and a commit both read them and neither
-- holds the file in memory. They hold what the file holds, a natural person's name and INN among it: so they are for
-- ckr_app alone and go as soon as they are not needed. What stays (judgements, errors) names no such value.
create schema imports authorization ckr_owner;

set local role ckr_owner;

create table imports.import (
    id          uuid primary key,
    actor       text not null,
    role        text not null,
    sha256      text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    format      text not null check (format in ('ndjson', 'csv', 'xlsx')),
    file_name   text,
    bytes       bigint not null,
    state       text not null check (state in (
                    'reading', 'previewing', 'previewed', 'committing', 'committed', 'reverting', 'reverted',
                    'failed', 'expired')),
    backend     int,  -- the server process whose lock says that somebody is at it
    rows        bigint not null default 0,
    done        bigint not null default 0,  -- the last row that the present phase is through with
    preview     json,  -- what each phase came to, as its rows were counted
    recorded    json,
    reverted    bigint,
    reason      text,  -- of the revert, with its late reason
    late_reason text,
    error       jsonb,
    started_at  timestamptz not null default clock_timestamp(),
    finished_at timestamptz
);
-- The same file of the same caller is the same import, until that is undone.
create unique index import_of_a_file on imports.import (actor, sha256)
    where state not in ('reverted', 'failed', 'expired');
create index import_started on imports.import (started_at desc, id);

-- A command as the file has it. `line` is the line of a text, the row of a sheet; `error` is why there is no command.
create table imports.row (
    import_id uuid not null references imports.import,
    no        bigint not null,
    line      bigint not null,
    sheet     text,
    kind      text,  -- of a list: which column is which field
    path      text,
    key       text,
    body      text,
    error     jsonb,
    primary key (import_id, no)
);

-- What became of a row, in the preview and in the commit. `positions` are where its events lie.
create table imports.verdict (
    import_id      uuid not null references imports.import,
    phase          text not null check (phase in ('preview', 'commit')),
    no             bigint not null,
    line           bigint not null,
    sheet          text,
    kind           text,
    outcome        text not null check (outcome in ('recorded', 'unchanged', 'replayed', 'refused')),
    subject        text,
    types          text[] not null,
    first_position bigint,
    last_position  bigint,
    error          jsonb,
    primary key (import_id, phase, no)
);
create index verdict_refused on imports.verdict (import_id, phase, no) where outcome = 'refused';

-- Which Idempotency-Key was used for which import.
create table imports.upload (
    key          text primary key,
    request_hash bytea not null,
    import_id    uuid not null references imports.import,
    uploaded_at  timestamptz not null default clock_timestamp()
);

grant usage on schema imports to ckr_app, ckr_reader, ckr_migrator;
grant select, insert, update on imports.import to ckr_app;
grant select, insert on imports.upload to ckr_app;
grant select, insert, delete on imports.row, imports.verdict to ckr_app;
grant select on imports.import, imports.verdict to ckr_reader;

-- Staff who sign in to the page: the one place where their names lie; their sessions, and what failed at the door.
set local role ckr_owner;

create table ckr.staff (
    id            text primary key,
    login         text not null unique,
    name          text not null,
    role          text not null,
    cluster       text,
    password_hash text not null,
    created_at    timestamptz not null default clock_timestamp(),
    disabled_at   timestamptz
);

-- The cookie holds the token, the database its SHA-256.
create table ckr.session (
    token_hash   bytea primary key check (octet_length(token_hash) = 32),
    staff_id     text not null references ckr.staff (id),
    csrf         text not null,
    created_at   timestamptz not null default clock_timestamp(),
    last_seen_at timestamptz not null default clock_timestamp(),
    expires_at   timestamptz not null
);
create index session_staff on ckr.session (staff_id);

-- How often one login, or one address, was tried in vain since; `subject` is a SHA-256 of either.
create table ckr.failed_sign_in (
    subject bytea primary key check (octet_length(subject) = 32),
    tries   int not null,
    since   timestamptz not null default clock_timestamp()
);

-- The planner's statistics are samples of values: none of these are kept twice.
alter table ckr.staff
    alter login set statistics 0, alter name set statistics 0, alter password_hash set statistics 0;
alter table ckr.session alter token_hash set statistics 0, alter csrf set statistics 0;

grant select, insert, update on ckr.staff to ckr_migrator;
grant select, delete on ckr.session to ckr_migrator;
grant select, delete on ckr.failed_sign_in to ckr_migrator;
grant select on ckr.staff to ckr_app;
grant select, insert, delete, update (last_seen_at) on ckr.session to ckr_app;
grant select, insert, update, delete on ckr.failed_sign_in to ckr_app;

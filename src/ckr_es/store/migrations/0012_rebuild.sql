-- Every rebuild of a projection: who asked for it, how far it came, what it found. What is said to be going on is true
-- while its backend holds the lock of rebuilding.
set local role ckr_owner;

create table ckr.rebuild (
    id                 uuid primary key,
    name               text not null,
    actor              text not null,
    shadow_only        boolean not null,
    accept_differences boolean not null,
    backend            int not null,
    done               bigint not null default 0,
    upto               bigint not null default 0,
    state              text not null default 'running' check (state in ('running', 'done', 'failed')),
    position           bigint,
    rows               bigint,
    switched           boolean,
    differences        jsonb,
    error              text,
    started_at         timestamptz not null default clock_timestamp(),
    finished_at        timestamptz
);
create index rebuild_of on ckr.rebuild (name, started_at);

grant select on ckr.rebuild to ckr_migrator, ckr_app, ckr_projector, ckr_reader;
grant insert, update on ckr.rebuild to ckr_projector;

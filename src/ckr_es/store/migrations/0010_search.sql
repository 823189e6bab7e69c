-- Search: how texts and numbers are made alike before they are compared, and an index over the names of the vault.
--
-- The extension is PostgreSQL's own (contrib) and trusted: it needs no superuser. It may stand in this schema already.
create extension if not exists pg_trgm with schema public;

set local role ckr_owner;

-- One letter for those that look or are typed alike: ё is е, and a Latin letter is its Cyrillic double.
create function ckr.sought(said text) returns text language sql immutable parallel safe
    return translate(lower(said), 'ёabcehkmoptxy', 'еавсенкмортху');

-- A number without what people write differently: «№ 12-П/2021» is 12п2021.
create function ckr.number(said text) returns text language sql immutable parallel safe
    return regexp_replace(ckr.sought(said), '[^0-9a-zа-я]', '', 'g');

-- All numbers of one thing, each after a space: its beginning is found by `like '% 12п%'`.
create function ckr.numbers(said text[]) returns text language sql immutable parallel safe
    return (select string_agg(' ' || ckr.number(n), '') from unnest(said) n where ckr.number(n) <> '');

create index identity_sought on ckr.identity using gin (
    to_tsvector('russian', ckr.sought(fields ->> 'name')),
    ckr.sought(fields ->> 'name') public.gin_trgm_ops,
    ckr.numbers(array[inn, fields ->> 'ogrnip']) public.gin_trgm_ops
);
-- No samples of what may name a person are kept (0008).
alter index ckr.identity_sought alter column 1 set statistics 0;
alter index ckr.identity_sought alter column 2 set statistics 0;
alter index ckr.identity_sought alter column 3 set statistics 0;

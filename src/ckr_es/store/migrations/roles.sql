-- Roles belong to the cluster, and GRANT … ON DATABASE is not copied from a template or a dump, so this file has no
-- number: every migration runs it first, and it only adds what is missing.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['ckr_owner', 'ckr_migrator', 'ckr_app', 'ckr_projector', 'ckr_reader', 'ckr_notary'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I %s', wanted, case wanted when 'ckr_owner' then 'nologin' else 'login' end);
            exception when duplicate_object or unique_violation then
                null;  -- a migration of another database of this cluster was faster
            end;
        end if;
    end loop;

    if not pg_has_role('ckr_migrator', 'ckr_owner', 'usage') then
        begin
            grant ckr_owner to ckr_migrator;
        exception when unique_violation or internal_error then
            null;  -- "tuple concurrently updated": the same race
        end;
    end if;

    -- On a server that is not ours the migrating user is no superuser: it takes the roles it creates, so that
    -- DATABASE_URL with `role=ckr_app` works for it. Where it may not, the statement that needs the role says so.
    foreach wanted in array array['ckr_owner', 'ckr_migrator', 'ckr_app', 'ckr_projector', 'ckr_reader', 'ckr_notary'] loop
        if not pg_has_role(current_user, wanted, 'usage') then
            begin
                execute format('grant %I to %I', wanted, current_user);
            exception when insufficient_privilege or unique_violation or internal_error then
                null;
            end;
        end if;
    end loop;

    if not has_database_privilege('ckr_projector', current_database(), 'create') then
        execute format('grant create on database %I to ckr_projector', current_database());
    end if;
end
$$;

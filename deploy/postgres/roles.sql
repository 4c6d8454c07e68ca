-- Two roles for the database: one owns the schema and migrates it, the other one
-- is the workers'. A superuser runs this once, in the database portal_invites:
--
--   psql --set ON_ERROR_STOP=1 --file deploy/postgres/roles.sql postgres://postgres@db.internal/portal_invites
--   psql --command '\password portal_owner' --command '\password portal_worker' postgres://postgres@db.internal/portal_invites
--
-- Then migrate as portal_owner, before each new version of the workers:
--
--   DATABASE_URL=postgres://portal_owner:…@db.internal/portal_invites invite-worker migrate
--
-- And run the workers as portal_worker, with MIGRATE=never.

CREATE ROLE portal_owner LOGIN;
CREATE ROLE portal_worker LOGIN;

-- Nobody else gets in.
REVOKE ALL ON DATABASE portal_invites FROM PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- The owner creates tables, and owns those that workers have created so far.
GRANT CONNECT, TEMPORARY ON DATABASE portal_invites TO portal_owner;
GRANT USAGE, CREATE ON SCHEMA public TO portal_owner;
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER TABLE public.%I OWNER TO portal_owner', one.tablename);
    END LOOP;
END $$;

-- A worker reads and writes rows. It can't create, change, empty or drop a table.
GRANT CONNECT ON DATABASE portal_invites TO portal_worker;
GRANT USAGE ON SCHEMA public TO portal_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO portal_worker;
-- The same for the tables of every later migration.
ALTER DEFAULT PRIVILEGES FOR ROLE portal_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO portal_worker;

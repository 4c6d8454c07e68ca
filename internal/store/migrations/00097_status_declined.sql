-- Whoever has declined has a state of their own in the list of people (ADR 156, ADR 154): their access is expired, and the
-- address that it was for has declined by the page's button.

-- +goose Up
CREATE INDEX access_expired ON access (firm_id, email) WHERE state = 'expired';

-- refresh_statuses reads this in place of the access' own state.
-- +goose StatementBegin
CREATE FUNCTION status_access(a access) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN a.state = 'expired' AND EXISTS (
        SELECT FROM declines d WHERE d.firm_id = a.firm_id AND d.email = a.email AND NOT d.bulk_only) THEN 'declined'
        ELSE coalesce(a.state, '') END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
DO $do$
DECLARE
    before text := pg_get_functiondef('refresh_statuses'::regproc);
    after text := replace(before, $$coalesce(a.state, '') AS access,$$, $$status_access(a) AS access,$$);
BEGIN
    ASSERT after <> before, 'refresh_statuses does not read the state of an access as it did';
    EXECUTE after;
END $do$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION statuses_of_declines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_statuses(array_agg(a.firm_id), array_agg(a.client_id), array_agg(a.person))
    FROM changed_rows d JOIN access a ON a.firm_id = d.firm_id AND a.email = d.email AND a.state = 'expired'
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER statuses_inserted AFTER INSERT ON declines REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_declines();
CREATE TRIGGER statuses_updated AFTER UPDATE ON declines REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_declines();
CREATE TRIGGER statuses_deleted AFTER DELETE ON declines REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_declines();

SELECT refresh_statuses(array_agg(a.firm_id), array_agg(a.client_id), array_agg(a.person))
FROM access a JOIN declines d USING (firm_id, email) WHERE a.state = 'expired' HAVING count(*) > 0;
INSERT INTO migrations (migration, least_worker) VALUES (97, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 97;
DROP TRIGGER statuses_inserted ON declines;
DROP TRIGGER statuses_updated ON declines;
DROP TRIGGER statuses_deleted ON declines;
DROP FUNCTION statuses_of_declines;
-- +goose StatementBegin
DO $do$
BEGIN
    EXECUTE replace(pg_get_functiondef('refresh_statuses'::regproc), $$status_access(a) AS access,$$,
        $$coalesce(a.state, '') AS access,$$);
END $do$;
-- +goose StatementEnd
DROP FUNCTION status_access;
DROP INDEX access_expired;
SELECT refresh_statuses(array_agg(firm_id), array_agg(client_id), array_agg(person))
FROM statuses WHERE access = 'declined' HAVING count(*) > 0;

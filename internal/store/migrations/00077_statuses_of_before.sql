-- +goose NO TRANSACTION
-- The statuses of everybody who was there before there was a table for them (ADR 156). Each step is a transaction of its
-- own, so workers wait for none of them for long.

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE
    firm text;
    part record;
BEGIN
    FOR firm IN SELECT firm_id FROM clients UNION SELECT firm_id FROM access UNION SELECT firm_id FROM invites ORDER BY 1 LOOP
        DROP TABLE IF EXISTS pg_temp.people;
        CREATE TEMPORARY TABLE people AS
        SELECT client_id, person, (row_number() OVER (ORDER BY client_id, person) - 1) / 1000 AS part FROM (
            SELECT client_id, 'contact:' || unnest(contact_ids) AS person FROM clients WHERE firm_id = firm AND NOT removed
            UNION SELECT client_id, person FROM access WHERE firm_id = firm
            UNION SELECT client_id, person FROM invites WHERE firm_id = firm AND person <> ''
        ) p;
        COMMIT;
        FOR part IN
            SELECT array_agg(firm) AS firms, array_agg(client_id) AS clients, array_agg(person) AS persons
            FROM pg_temp.people p GROUP BY p.part ORDER BY p.part
        LOOP
            FOR try IN 1..1000 LOOP
                BEGIN
                    PERFORM refresh_statuses(part.firms, part.clients, part.persons);
                    EXIT;
                EXCEPTION WHEN lock_not_available OR deadlock_detected THEN -- a worker has a row; it has it no longer soon
                    IF try = 1000 THEN RAISE; END IF;
                END;
            END LOOP;
            COMMIT;
        END LOOP;
    END LOOP;
    DROP TABLE IF EXISTS pg_temp.people;
END $$;
-- +goose StatementEnd
ANALYZE statuses;
INSERT INTO migrations (migration, least_worker) VALUES (77, 0) ON CONFLICT DO NOTHING;

-- +goose Down
DELETE FROM migrations WHERE migration = 77;

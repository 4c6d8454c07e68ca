-- A row for each person on a client says what stands (ADR 156): who is listed there, and what became of their invites and
-- of their access. Triggers write it in the transaction of the change, and only if something in it changes. So no
-- statement can forget it, and workers from before write it too.

-- +goose Up
CREATE TABLE statuses (
    firm_id       text COLLATE "C" NOT NULL,
    client_id     text COLLATE "C" NOT NULL,
    person        text COLLATE "C" NOT NULL,        -- as in access; never ''
    state         text NOT NULL DEFAULT 'never_asked', -- status_state of the columns below
    listed        boolean NOT NULL DEFAULT false,   -- the client lists the contact
    is_primary    boolean NOT NULL DEFAULT false,
    access        text NOT NULL DEFAULT '',         -- the state of the access; '' for none
    opener_id     uuid,                             -- the invite whose link opens the access
    opener_state  text NOT NULL DEFAULT '',         -- the state of that invite; 'queued' also while it is being sent
    last_login_at timestamptz,
    invite_id     uuid,                             -- the newest invite
    decided_at    timestamptz,                      -- and what it says
    invite_state  text NOT NULL DEFAULT '',
    reason        text NOT NULL DEFAULT '',
    mail          text NOT NULL DEFAULT '',         -- delivered or bounced, by reports about its mail; '' for neither
    guest_name    text NOT NULL DEFAULT '',         -- of somebody who is no contact
    PRIMARY KEY (firm_id, client_id, person)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX statuses_by_person ON statuses (firm_id, person);

-- The state that a person sees in a list. It is the state that the service status answers, and tells those who were never
-- asked from those to whom nothing was sent.
-- +goose StatementBegin
CREATE FUNCTION status_state(access text, opener_state text, invite_state text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN access = 'invited' THEN CASE WHEN opener_state = 'queued' THEN 'queued' ELSE 'invited' END
        WHEN access = 'expired' AND opener_state IN ('skipped', 'failed') THEN 'not_sent'
        WHEN access <> '' THEN access
        WHEN invite_state = '' THEN 'never_asked'
        ELSE 'not_sent'
    END
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION status_invite_state(state text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE state WHEN 'sending' THEN 'queued' ELSE state END
$$;
-- +goose StatementEnd

-- refresh_statuses makes the rows of these people anew from what they say. It locks the rows first, and only then it reads.
-- So if another transaction changes something about the same person at the same time, whoever comes second sees both
-- changes. A wait for such a lock ends before Postgres looks for a deadlock; then the transaction is run again.
-- +goose StatementBegin
CREATE FUNCTION refresh_statuses(firms text[], clients text[], persons text[]) RETURNS void LANGUAGE plpgsql
SET lock_timeout = '500ms' AS $$
BEGIN
    INSERT INTO statuses (firm_id, client_id, person)
    SELECT DISTINCT * FROM unnest(firms, clients, persons) AS k (firm_id, client_id, person)
    WHERE person <> '' ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING;

    PERFORM FROM (SELECT DISTINCT * FROM unnest(firms, clients, persons) AS u (firm_id, client_id, person)) k
    JOIN statuses s USING (firm_id, client_id, person)
    ORDER BY s.firm_id, s.client_id, s.person FOR NO KEY UPDATE OF s;

    WITH now_so AS MATERIALIZED (
        SELECT k.*, coalesce(l.contact_ids, '{}') <> '{}' AS listed, coalesce(l.is_primary, false) AS is_primary,
            coalesce(a.state, '') AS access, a.invite_id AS opener_id, coalesce(status_invite_state(o.state), '') AS opener_state,
            a.last_login_at, i.invite_id, i.decided_at, coalesce(status_invite_state(i.state), '') AS invite_state,
            coalesce(i.reason, '') AS reason, coalesce(m.mail, '') AS mail,
            CASE WHEN k.person LIKE 'email:%' THEN coalesce(i.name, '') ELSE '' END AS guest_name
        FROM (SELECT DISTINCT * FROM unnest(firms, clients, persons) AS u (firm_id, client_id, person) WHERE person <> '') k
        LEFT JOIN LATERAL (
            SELECT contact_ids, primaries[array_position(contact_ids, substr(k.person, 9) COLLATE "C")] AS is_primary
            FROM clients c WHERE c.firm_id = k.firm_id AND c.client_id = k.client_id AND NOT c.removed
              AND k.person LIKE 'contact:%' AND substr(k.person, 9) = ANY (c.contact_ids) LIMIT 1
        ) l ON true
        LEFT JOIN LATERAL (
            SELECT * FROM access a WHERE a.firm_id = k.firm_id AND a.client_id = k.client_id AND a.person = k.person LIMIT 1
        ) a ON true
        LEFT JOIN LATERAL (SELECT state FROM invites WHERE invite_id = a.invite_id LIMIT 1) o ON true
        LEFT JOIN LATERAL (
            SELECT * FROM invites i WHERE i.firm_id = k.firm_id AND i.person = k.person AND i.client_id = k.client_id
            ORDER BY decided_at DESC, state = 'skipped', invite_id LIMIT 1
        ) i ON true
        LEFT JOIN LATERAL (
            SELECT CASE WHEN bool_or(kind = 'bounced' AND failed) THEN 'bounced' WHEN bool_or(kind = 'delivered') THEN 'delivered'
                END AS mail
            FROM mail_reports r WHERE r.invite_id = i.invite_id AND r.nonce = i.nonce
        ) m ON true
    )
    UPDATE statuses s SET state = status_state(n.access, n.opener_state, n.invite_state), listed = n.listed,
        is_primary = n.is_primary, access = n.access, opener_id = n.opener_id, opener_state = n.opener_state,
        last_login_at = n.last_login_at, invite_id = n.invite_id, decided_at = n.decided_at, invite_state = n.invite_state,
        reason = n.reason, mail = n.mail, guest_name = n.guest_name
    FROM now_so n
    WHERE s.firm_id = n.firm_id AND s.client_id = n.client_id AND s.person = n.person
      AND (s.listed, s.is_primary, s.access, s.opener_id, s.opener_state, s.last_login_at, s.invite_id, s.decided_at,
            s.invite_state, s.reason, s.mail, s.guest_name)
        IS DISTINCT FROM (n.listed, n.is_primary, n.access, n.opener_id, n.opener_state, n.last_login_at, n.invite_id,
            n.decided_at, n.invite_state, n.reason, n.mail, n.guest_name);

    DELETE FROM statuses s USING unnest(firms, clients, persons) AS k (firm_id, client_id, person)
    WHERE s.firm_id = k.firm_id AND s.client_id = k.client_id AND s.person = k.person
      AND NOT s.listed AND s.access = '' AND s.invite_id IS NULL;
END $$;
-- +goose StatementEnd

-- New invites. This is on the hot path, so the usual case is one UPDATE: the person has a row, and nobody else has decided
-- about the person since. What the decision reserved is written by the same transaction before its invites.
-- +goose StatementBegin
CREATE FUNCTION statuses_of_new_invites() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = '500ms' AS $$
DECLARE
    people bigint;
    written bigint;
BEGIN
    SELECT count(*) INTO people FROM (SELECT DISTINCT firm_id, client_id, person FROM new_rows WHERE person <> '') p;
    IF people = 0 THEN RETURN NULL; END IF;
    UPDATE statuses s SET
        access = CASE WHEN n.state = 'skipped' THEN s.access ELSE n.access END,
        opener_id = CASE WHEN n.state = 'skipped' THEN s.opener_id ELSE n.opener_id END,
        opener_state = CASE WHEN n.opener_id = n.invite_id THEN 'queued' ELSE s.opener_state END,
        invite_id = n.invite_id, decided_at = n.decided_at, invite_state = n.state, reason = n.reason, mail = '',
        guest_name = n.guest_name,
        state = CASE WHEN n.state = 'skipped' THEN status_state(s.access, s.opener_state, n.state)
            ELSE status_state(n.access, CASE WHEN n.opener_id = n.invite_id THEN 'queued' ELSE s.opener_state END, n.state) END
    FROM (
        SELECT DISTINCT ON (firm_id, client_id, person) n.firm_id, n.client_id, n.person, n.invite_id, n.decided_at, n.reason,
            status_invite_state(n.state) AS state, a.state AS access, a.invite_id AS opener_id,
            CASE WHEN n.person LIKE 'email:%' THEN n.name ELSE '' END AS guest_name
        FROM new_rows n LEFT JOIN LATERAL (
            SELECT state, invite_id FROM access a
            WHERE a.firm_id = n.firm_id AND a.client_id = n.client_id AND a.person = n.person AND n.state <> 'skipped' LIMIT 1
        ) a ON true
        WHERE n.person <> ''
        ORDER BY firm_id, client_id, person, decided_at DESC, n.state = 'skipped', invite_id
    ) n
    WHERE s.firm_id = n.firm_id AND s.client_id = n.client_id AND s.person = n.person
      AND (s.invite_id IS NULL OR (n.decided_at, n.state <> 'skipped') > (s.decided_at, s.invite_state <> 'skipped'))
      AND (n.state = 'skipped' OR n.state = 'queued' AND n.access IN ('invited', 'active') AND (
            n.opener_id = n.invite_id OR n.opener_id IS NOT DISTINCT FROM s.opener_id));
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written < people THEN
        PERFORM refresh_statuses(array_agg(firm_id), array_agg(client_id), array_agg(person)) FROM new_rows;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- Invites that change. A claim changes none of what a row says. The result of a mail changes the state of one invite. All
-- other changes are rare, and make the rows anew.
-- +goose StatementBegin
CREATE FUNCTION statuses_of_changed_invites() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = '500ms' AS $$
DECLARE
    people bigint;
    results bigint;
    changes bigint;
    firms text[]; clients text[]; persons text[];
BEGIN
    SELECT count(DISTINCT (n.firm_id, n.client_id, n.person)),
        count(*) FILTER (WHERE n.state IN ('sent', 'failed') AND o.state IN ('queued', 'sending', 'sent')
            AND n.decided_at = o.decided_at AND n.person = o.person),
        count(*), array_agg(n.firm_id), array_agg(n.client_id), array_agg(n.person)
    INTO people, results, changes, firms, clients, persons
    FROM old_rows o JOIN new_rows n USING (invite_id)
    WHERE (status_invite_state(o.state), o.reason, o.decided_at, o.person)
        IS DISTINCT FROM (status_invite_state(n.state), n.reason, n.decided_at, n.person);
    IF changes = 0 THEN RETURN NULL; END IF;
    IF results < changes OR people < changes THEN
        PERFORM refresh_statuses(firms || array_agg(o.firm_id), clients || array_agg(o.client_id), persons || array_agg(o.person))
        FROM old_rows o JOIN new_rows n USING (invite_id) WHERE o.person <> n.person;
        RETURN NULL;
    END IF;
    UPDATE statuses s SET
        invite_state = CASE WHEN s.invite_id = n.invite_id THEN n.state ELSE s.invite_state END,
        reason = CASE WHEN s.invite_id = n.invite_id THEN n.reason ELSE s.reason END,
        opener_state = CASE WHEN s.opener_id = n.invite_id THEN n.state ELSE s.opener_state END,
        state = status_state(s.access, CASE WHEN s.opener_id = n.invite_id THEN n.state ELSE s.opener_state END,
            CASE WHEN s.invite_id = n.invite_id THEN n.state ELSE s.invite_state END)
    FROM (
        SELECT n.* FROM old_rows o JOIN new_rows n USING (invite_id) WHERE (status_invite_state(o.state), o.reason)
            IS DISTINCT FROM (status_invite_state(n.state), n.reason)
        ORDER BY n.firm_id, n.client_id, n.person
    ) n
    WHERE s.firm_id = n.firm_id AND s.client_id = n.client_id AND s.person = n.person
      AND (s.invite_id = n.invite_id OR s.opener_id = n.invite_id);
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION statuses_of_deleted_invites() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_statuses(array_agg(s.firm_id), array_agg(s.client_id), array_agg(s.person))
    FROM old_rows o JOIN statuses s USING (firm_id, client_id, person)
    WHERE o.invite_id IN (s.invite_id, s.opener_id) HAVING count(*) > 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- New access that a decision reserves is left to the trigger of its invite, which the same transaction writes.
-- +goose StatementBegin
CREATE FUNCTION statuses_of_new_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_statuses(array_agg(firm_id), array_agg(client_id), array_agg(person))
    FROM new_rows WHERE state <> 'invited' HAVING count(*) > 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION statuses_of_changed_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_statuses(array_agg(firm_id), array_agg(client_id), array_agg(person)) FROM (
        (SELECT firm_id, client_id, person, state, invite_id, last_login_at FROM new_rows
        EXCEPT SELECT firm_id, client_id, person, state, invite_id, last_login_at FROM old_rows)
        UNION ALL
        (SELECT firm_id, client_id, person, state, invite_id, last_login_at FROM old_rows
        EXCEPT SELECT firm_id, client_id, person, state, invite_id, last_login_at FROM new_rows)
    ) changed
    HAVING count(*) > 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION statuses_of_deleted_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_statuses(array_agg(firm_id), array_agg(client_id), array_agg(person)) FROM old_rows HAVING count(*) > 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION statuses_of_reports() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_statuses(array_agg(i.firm_id), array_agg(i.client_id), array_agg(i.person))
    FROM new_rows r JOIN invites i USING (invite_id)
    WHERE r.kind IN ('delivered', 'bounced') AND r.nonce = i.nonce HAVING count(*) > 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- A client says whom it lists. The rows of an import are new, so they are only inserted.
-- +goose StatementBegin
CREATE FUNCTION statuses_of_new_clients() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = '500ms' AS $$
BEGIN
    INSERT INTO statuses AS s (firm_id, client_id, person, listed, is_primary)
    SELECT n.firm_id, n.client_id, 'contact:' || l.id, true, l.is_primary
    FROM new_rows n CROSS JOIN LATERAL unnest(n.contact_ids, n.primaries) AS l (id, is_primary)
    WHERE NOT n.removed ORDER BY 1, 2, 3
    ON CONFLICT (firm_id, client_id, person) DO UPDATE SET listed = true, is_primary = excluded.is_primary;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION statuses_of_changed_clients() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refresh_statuses(array_agg(firm_id), array_agg(client_id), array_agg('contact:' || id)) FROM (
        SELECT firm_id, client_id, id FROM (
            SELECT o.firm_id, o.client_id, l.id, l.is_primary, 'old' AS side
            FROM old_rows o JOIN new_rows n USING (firm_id, client_id)
            CROSS JOIN LATERAL unnest(o.contact_ids, o.primaries) AS l (id, is_primary)
            WHERE NOT o.removed AND (o.contact_ids, o.primaries, o.removed) <> (n.contact_ids, n.primaries, n.removed)
            UNION ALL
            SELECT n.firm_id, n.client_id, l.id, l.is_primary, 'new'
            FROM old_rows o JOIN new_rows n USING (firm_id, client_id)
            CROSS JOIN LATERAL unnest(n.contact_ids, n.primaries) AS l (id, is_primary)
            WHERE NOT n.removed AND (o.contact_ids, o.primaries, o.removed) <> (n.contact_ids, n.primaries, n.removed)
        ) lists GROUP BY firm_id, client_id, id, is_primary HAVING count(*) = 1
    ) changed HAVING count(*) > 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER statuses_inserted AFTER INSERT ON invites REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_new_invites();
CREATE TRIGGER statuses_updated AFTER UPDATE ON invites REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_changed_invites();
CREATE TRIGGER statuses_deleted AFTER DELETE ON invites REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_deleted_invites();
CREATE TRIGGER statuses_inserted AFTER INSERT ON access REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_new_access();
CREATE TRIGGER statuses_updated AFTER UPDATE ON access REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_changed_access();
CREATE TRIGGER statuses_deleted AFTER DELETE ON access REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_deleted_access();
CREATE TRIGGER statuses_inserted AFTER INSERT ON mail_reports REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_reports();
CREATE TRIGGER statuses_updated AFTER UPDATE ON mail_reports REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_reports();
CREATE TRIGGER statuses_inserted AFTER INSERT ON clients REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_new_clients();
CREATE TRIGGER statuses_updated AFTER UPDATE ON clients REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION statuses_of_changed_clients();
INSERT INTO migrations (migration, least_worker) VALUES (76, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 76;
DROP TRIGGER statuses_inserted ON clients;
DROP TRIGGER statuses_updated ON clients;
DROP TRIGGER statuses_inserted ON mail_reports;
DROP TRIGGER statuses_updated ON mail_reports;
DROP TRIGGER statuses_inserted ON access;
DROP TRIGGER statuses_updated ON access;
DROP TRIGGER statuses_deleted ON access;
DROP TRIGGER statuses_inserted ON invites;
DROP TRIGGER statuses_updated ON invites;
DROP TRIGGER statuses_deleted ON invites;
DROP FUNCTION statuses_of_changed_clients, statuses_of_new_clients, statuses_of_reports, statuses_of_deleted_access,
    statuses_of_changed_access, statuses_of_new_access, statuses_of_deleted_invites, statuses_of_changed_invites,
    statuses_of_new_invites, refresh_statuses, status_invite_state, status_state;
DROP TABLE statuses;

-- A request for each client that sends a new link to everybody who is invited or active: contacts whether or not they
-- are Primary, and people who were added by email. 100 people at most are in one request. scripts/new-links.sh
-- publishes them.
SELECT firm_id, json_build_object('client_id', client_id, 'recipients', json_agg(recipient), 'requested_by', 'Operators')
FROM (
    SELECT firm_id, client_id, (row_number() OVER (PARTITION BY firm_id, client_id ORDER BY person) - 1) / 100 AS part,
        CASE WHEN person LIKE 'contact:%' THEN json_build_object('contact_id', substr(person, 9))
             ELSE json_build_object('email', substr(person, 7), 'name', coalesce(nullif(i.name, ''), substr(person, 7)))
        END AS recipient
    FROM access LEFT JOIN (SELECT invite_id, name FROM invites) AS i USING (invite_id)
    WHERE state IN ('invited', 'active')
) AS named
GROUP BY firm_id, client_id, part
ORDER BY firm_id, client_id, part

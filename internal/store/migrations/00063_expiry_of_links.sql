-- Pending access ends when the link that was delivered does (ADR 141). Until now a resend moved its end when it was
-- decided, even if its mail never left. Workers from before would send a resend and not move the end at all, so its link
-- would be dead too early. They must not run any more.

-- +goose Up
UPDATE access a SET expires_at = i.expires_at, version = a.version + 1 FROM invites i
WHERE i.invite_id = a.invite_id AND a.state = 'invited' AND i.state = 'sent' AND i.expires_at < a.expires_at;
INSERT INTO migrations (migration, least_worker) VALUES (63, 63);

-- +goose Down
DELETE FROM migrations WHERE migration = 63;

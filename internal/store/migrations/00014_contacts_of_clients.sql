-- Without its list of pending entries, which every search would read from end to end after an import.

-- +goose Up
ALTER INDEX clients_by_contact SET (fastupdate = off);

-- +goose Down
ALTER INDEX clients_by_contact RESET (fastupdate);

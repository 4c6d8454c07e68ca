-- Without fastupdate the index has no list of pending entries. After an import, every search would read the whole list.

-- +goose Up
ALTER INDEX clients_by_contact SET (fastupdate = off);

-- +goose Down
ALTER INDEX clients_by_contact RESET (fastupdate);

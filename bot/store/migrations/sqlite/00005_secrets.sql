-- +goose Up
-- Projects' secrets, sealed: what they were sealed with is not in the database.
CREATE TABLE secrets (
    project_id  TEXT NOT NULL,
    secret_key  TEXT NOT NULL,
    environment TEXT NOT NULL,
    kind        TEXT NOT NULL,
    file_name   TEXT NOT NULL,
    set_by      TEXT NOT NULL,
    set_by_name TEXT NOT NULL,
    updated_at  INTEGER NOT NULL,
    key_id      TEXT NOT NULL,
    sealed      BLOB NOT NULL,
    PRIMARY KEY (project_id, secret_key, environment)
) STRICT;
-- secret are the fields of a form whose values are sealed before they are stored.
ALTER TABLE actions ADD COLUMN secret TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE actions DROP COLUMN secret;
DROP TABLE secrets;

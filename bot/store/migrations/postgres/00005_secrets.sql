-- +goose Up
-- Projects' secrets, sealed: what they were sealed with is not in the database.
CREATE TABLE secrets (
    project_id  TEXT COLLATE "C" NOT NULL,
    secret_key  TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    file_name   TEXT COLLATE "C" NOT NULL,
    set_by      TEXT COLLATE "C" NOT NULL,
    set_by_name TEXT COLLATE "C" NOT NULL,
    updated_at  BIGINT NOT NULL,
    key_id      TEXT COLLATE "C" NOT NULL,
    sealed      BYTEA NOT NULL,
    PRIMARY KEY (project_id, secret_key, environment)
);
-- secret are the fields of a form whose values are sealed before they are stored.
ALTER TABLE actions ADD COLUMN secret TEXT COLLATE "C" NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE actions DROP COLUMN secret;
DROP TABLE secrets;

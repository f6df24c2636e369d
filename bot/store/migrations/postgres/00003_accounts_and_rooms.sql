-- +goose Up
-- joined_into is who a person was found to be; their id stands for that one.
ALTER TABLE users ADD COLUMN joined_into TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN disabled BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE rooms ADD COLUMN project_id TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN state TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX rooms_project ON rooms (project_id) WHERE project_id <> '';
ALTER TABLE actions ADD COLUMN form BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE actions DROP COLUMN form;
DROP INDEX rooms_project;
ALTER TABLE rooms DROP COLUMN state;
ALTER TABLE rooms DROP COLUMN project_id;
ALTER TABLE accounts DROP COLUMN disabled;
ALTER TABLE users DROP COLUMN joined_into;

-- +goose Up
-- inputs are the questions that a build waits for now.
ALTER TABLE builds ADD COLUMN inputs TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX actions_expired ON actions (expires_at) WHERE expires_at > 0;

-- +goose Down
DROP INDEX actions_expired;
ALTER TABLE builds DROP COLUMN inputs;

-- +goose Up
CREATE TABLE users (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE accounts (
    instance   TEXT NOT NULL,
    workspace  TEXT NOT NULL,
    account_id TEXT NOT NULL,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (instance, workspace, account_id)
) STRICT;
CREATE INDEX accounts_name ON accounts (instance, name_key);
CREATE INDEX accounts_user ON accounts (user_id, created_at);

CREATE TABLE sessions (
    kind       TEXT NOT NULL,
    hash       TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    PRIMARY KEY (kind, hash)
) STRICT;
CREATE INDEX sessions_user ON sessions (kind, user_id);

CREATE TABLE rooms (
    instance  TEXT NOT NULL,
    workspace TEXT NOT NULL,
    room_id   TEXT NOT NULL,
    name      TEXT NOT NULL,
    style     TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    PRIMARY KEY (instance, workspace, room_id)
) STRICT;

CREATE TABLE entries (
    instance   TEXT NOT NULL,
    workspace  TEXT NOT NULL,
    room_id    TEXT NOT NULL,
    entry_id   TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    thread     TEXT NOT NULL,
    author     TEXT NOT NULL,
    bot        INTEGER NOT NULL,
    text       TEXT NOT NULL,
    post       TEXT NOT NULL,
    post_key   TEXT NOT NULL,
    to_account TEXT NOT NULL,
    sent_at    INTEGER NOT NULL,
    edited_at  INTEGER NOT NULL,
    root       TEXT NOT NULL,
    PRIMARY KEY (instance, workspace, room_id, entry_id)
) STRICT;
CREATE UNIQUE INDEX entries_seq ON entries (instance, workspace, room_id, seq);

CREATE TABLE inbox (
    seq           INTEGER PRIMARY KEY,
    id            TEXT NOT NULL,
    instance      TEXT NOT NULL,
    delivery_key  TEXT NOT NULL,
    delivery      TEXT NOT NULL,
    body          BLOB,
    event         TEXT NOT NULL,
    scope_project TEXT NOT NULL,
    state         TEXT NOT NULL,
    attempts      INTEGER NOT NULL,
    error         TEXT NOT NULL,
    received_at   INTEGER NOT NULL,
    not_before    INTEGER NOT NULL,
    lease_owner   TEXT NOT NULL,
    lease_until   INTEGER NOT NULL,
    cause         TEXT NOT NULL,
    root          TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX inbox_id ON inbox (id);
CREATE UNIQUE INDEX inbox_delivery ON inbox (instance, delivery_key);
CREATE INDEX inbox_new ON inbox (seq) WHERE state = 'new';
CREATE INDEX inbox_open ON inbox (root) WHERE state = 'new';

CREATE TABLE messages (
    seq         INTEGER PRIMARY KEY,
    instance    TEXT NOT NULL,
    message_id  TEXT NOT NULL,
    workspace   TEXT NOT NULL,
    room_id     TEXT NOT NULL,
    thread      TEXT NOT NULL,
    body        TEXT NOT NULL,
    root        TEXT NOT NULL,
    added_at    INTEGER NOT NULL,
    lease_owner TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    done        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_id ON messages (instance, message_id);
CREATE INDEX messages_new ON messages (seq) WHERE done = FALSE;
CREATE INDEX messages_thread ON messages (instance, workspace, room_id, thread, seq) WHERE done = FALSE;
CREATE INDEX messages_open ON messages (root) WHERE done = FALSE;

CREATE TABLE post_rooms (
    instance  TEXT NOT NULL,
    workspace TEXT NOT NULL,
    room_id   TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    PRIMARY KEY (instance, workspace, room_id)
) STRICT;

CREATE TABLE posts (
    id          INTEGER PRIMARY KEY,
    instance    TEXT NOT NULL,
    workspace   TEXT NOT NULL,
    room_id     TEXT NOT NULL,
    post_key    TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    content     TEXT NOT NULL,
    card_kind   TEXT NOT NULL,
    card_id     TEXT NOT NULL,
    wanted      INTEGER NOT NULL,
    delivered   INTEGER NOT NULL,
    message_id  TEXT NOT NULL,
    thread      TEXT NOT NULL,
    shown       TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    not_before  INTEGER NOT NULL,
    lease_owner TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    cause       TEXT NOT NULL,
    root        TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX posts_key ON posts (instance, workspace, room_id, post_key);
CREATE INDEX posts_due ON posts (id) WHERE wanted > delivered;
CREATE INDEX posts_order ON posts (instance, workspace, room_id, seq) WHERE wanted > delivered;
CREATE INDEX posts_thread ON posts (thread) WHERE thread <> '';
CREATE INDEX posts_message ON posts (message_id) WHERE message_id <> '';

-- Which causes wait for a post to be shown: several may want the same card.
CREATE TABLE post_roots (
    root    TEXT NOT NULL,
    post_id INTEGER NOT NULL,
    wanted  INTEGER NOT NULL,
    PRIMARY KEY (root, post_id)
) STRICT;
CREATE INDEX post_roots_post ON post_roots (post_id, wanted);

CREATE TABLE actions (
    id         TEXT PRIMARY KEY,
    verb       TEXT NOT NULL,
    args       TEXT NOT NULL,
    plan_id    TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    instance   TEXT NOT NULL,
    workspace  TEXT NOT NULL,
    room_id    TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    once       INTEGER NOT NULL
) STRICT;

CREATE TABLE plans (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL,
    body       TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    state      TEXT NOT NULL,
    instance   TEXT NOT NULL,
    workspace  TEXT NOT NULL,
    room_id    TEXT NOT NULL,
    thread     TEXT NOT NULL,
    message_id TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX plans_id ON plans (id);
CREATE INDEX plans_user ON plans (user_id, seq) WHERE state = 'open';
CREATE INDEX plans_room ON plans (instance, workspace, room_id, seq) WHERE state = 'open';

CREATE TABLE audit (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL,
    at          INTEGER NOT NULL,
    user_id     TEXT NOT NULL,
    user_name   TEXT NOT NULL,
    account     TEXT NOT NULL,
    as_owner    INTEGER NOT NULL,
    verb        TEXT NOT NULL,
    args        TEXT NOT NULL,
    project_id  TEXT NOT NULL,
    environment TEXT NOT NULL,
    decision    TEXT NOT NULL,
    policies    TEXT NOT NULL,
    plan_hash   TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    cause       TEXT NOT NULL,
    root        TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_id ON audit (id);
CREATE INDEX audit_root ON audit (root, seq);
CREATE INDEX audit_project ON audit (project_id, seq);
CREATE INDEX audit_user ON audit (user_id, seq);

-- The audit rows are evidence: nothing in OpsBot may change or remove one.
-- +goose StatementBegin
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit rows are append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit rows are append-only');
END;
-- +goose StatementEnd

CREATE TABLE documents (
    instance TEXT NOT NULL,
    kind     TEXT NOT NULL,
    doc_key  TEXT NOT NULL,
    rev      INTEGER NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (instance, kind, doc_key)
) STRICT;

-- +goose Down
DROP TABLE documents;
DROP TABLE audit;
DROP TABLE plans;
DROP TABLE actions;
DROP TABLE post_roots;
DROP TABLE posts;
DROP TABLE post_rooms;
DROP TABLE messages;
DROP TABLE inbox;
DROP TABLE entries;
DROP TABLE rooms;
DROP TABLE sessions;
DROP TABLE accounts;
DROP TABLE users;

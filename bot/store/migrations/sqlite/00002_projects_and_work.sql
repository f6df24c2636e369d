-- +goose Up
CREATE TABLE projects (
    id                TEXT PRIMARY KEY,
    slug              TEXT NOT NULL,
    slug_key          TEXT NOT NULL,
    description       TEXT NOT NULL,
    owner             TEXT NOT NULL,
    team              TEXT NOT NULL,
    created_by        TEXT NOT NULL,
    created_by_name   TEXT NOT NULL,
    state             TEXT NOT NULL,
    blueprint         TEXT NOT NULL,
    blueprint_version TEXT NOT NULL,
    default_branch    TEXT NOT NULL,
    forge             TEXT NOT NULL,
    pipeline          TEXT NOT NULL,
    private           INTEGER NOT NULL,
    instance          TEXT NOT NULL,
    workspace         TEXT NOT NULL,
    room_id           TEXT NOT NULL,
    created_at        INTEGER NOT NULL,
    archived_at       INTEGER NOT NULL
) STRICT;
-- slug_key is the slug in lower case: names differ by more than case.
CREATE UNIQUE INDEX projects_slug ON projects (slug_key);

CREATE TABLE resources (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL,
    project_id  TEXT NOT NULL,
    kind        TEXT NOT NULL,
    instance    TEXT NOT NULL,
    external_id TEXT NOT NULL,
    name        TEXT NOT NULL,
    url         TEXT NOT NULL,
    clone_url   TEXT NOT NULL,
    made_by     TEXT NOT NULL,
    adopted     INTEGER NOT NULL,
    state       TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX resources_id ON resources (id);
CREATE INDEX resources_external ON resources (instance, kind, external_id) WHERE state = 'active';
-- A push must find one project: a repository belongs to one at a time.
CREATE UNIQUE INDEX resources_repository ON resources (instance, external_id)
    WHERE state = 'active' AND kind = 'repository' AND external_id <> '';
CREATE INDEX resources_project ON resources (project_id) WHERE state = 'active';
CREATE INDEX resources_made_by ON resources (made_by) WHERE state = 'active';

CREATE TABLE operations (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL,
    kind        TEXT NOT NULL,
    project_id  TEXT NOT NULL,
    subject     TEXT NOT NULL,
    environment TEXT NOT NULL,
    input       TEXT NOT NULL,
    state       TEXT NOT NULL,
    error       TEXT NOT NULL,
    requester   TEXT NOT NULL,
    message     TEXT NOT NULL,
    lease_owner TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    wake_at     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    cause       TEXT NOT NULL,
    root        TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX operations_id ON operations (id);
-- What people are shown of an id: its last, random part.
CREATE INDEX operations_short ON operations (substr(id, 25));
CREATE INDEX operations_live ON operations (seq) WHERE state IN ('running', 'undoing', 'waiting');
CREATE INDEX operations_open ON operations (root) WHERE state IN ('running', 'undoing', 'waiting');
CREATE INDEX operations_failed ON operations (root) WHERE state = 'failed';
CREATE INDEX operations_project ON operations (project_id, seq);
CREATE INDEX operations_unfinished ON operations (project_id, environment, seq) WHERE state NOT IN ('succeeded', 'undone');

CREATE TABLE steps (
    operation_id TEXT NOT NULL REFERENCES operations (id),
    name         TEXT NOT NULL,
    position     INTEGER NOT NULL,
    title        TEXT NOT NULL,
    state        TEXT NOT NULL,
    attempt      INTEGER NOT NULL,
    output       TEXT NOT NULL,
    detail       TEXT NOT NULL,
    url          TEXT NOT NULL,
    error        TEXT NOT NULL,
    made         INTEGER NOT NULL,
    not_before   INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL,
    PRIMARY KEY (operation_id, name)
) STRICT;

CREATE TABLE changes (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL,
    project_id TEXT NOT NULL,
    branch     TEXT NOT NULL,
    commit_sha TEXT NOT NULL,
    title      TEXT NOT NULL,
    author     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    cause      TEXT NOT NULL,
    root       TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX changes_id ON changes (id);
CREATE UNIQUE INDEX changes_commit ON changes (project_id, commit_sha, branch);
CREATE INDEX changes_recent ON changes (project_id, seq);

CREATE TABLE builds (
    seq          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL,
    project_id   TEXT NOT NULL,
    instance     TEXT NOT NULL,
    job          TEXT NOT NULL,
    branch       TEXT NOT NULL,
    number       INTEGER NOT NULL,
    queue        TEXT NOT NULL,
    attempt      INTEGER NOT NULL,
    state        TEXT NOT NULL,
    result       TEXT NOT NULL,
    commit_sha   TEXT NOT NULL,
    stages       TEXT NOT NULL,
    tests        TEXT NOT NULL,
    artifacts    TEXT NOT NULL,
    message      TEXT NOT NULL,
    queued_at    INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL,
    url          TEXT NOT NULL,
    log_url      TEXT NOT NULL,
    parameters   TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    cause        TEXT NOT NULL,
    root         TEXT NOT NULL,
    sequence     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX builds_id ON builds (id);
CREATE UNIQUE INDEX builds_number ON builds (instance, job, branch, number) WHERE number > 0;
CREATE INDEX builds_queue ON builds (instance, job, queue) WHERE queue <> '';
CREATE INDEX builds_commit ON builds (project_id, commit_sha);
CREATE INDEX builds_recent ON builds (project_id, seq);
CREATE INDEX builds_branch ON builds (project_id, branch, seq);
CREATE INDEX builds_open ON builds (root) WHERE state <> 'finished';
CREATE INDEX builds_failed ON builds (root) WHERE state = 'finished' AND result <> 'SUCCESS';

CREATE TABLE versions (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL,
    project_id TEXT NOT NULL,
    commit_sha TEXT NOT NULL,
    build_id   TEXT NOT NULL,
    number     INTEGER NOT NULL,
    label      TEXT NOT NULL,
    branch     TEXT NOT NULL,
    artifacts  TEXT NOT NULL,
    spec       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    cause      TEXT NOT NULL,
    root       TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX versions_id ON versions (id);
CREATE UNIQUE INDEX versions_build ON versions (build_id) WHERE build_id <> '';
CREATE INDEX versions_label ON versions (project_id, label);
CREATE INDEX versions_commit ON versions (project_id, commit_sha);
CREATE INDEX versions_recent ON versions (project_id, seq);

CREATE TABLE deployments (
    seq          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL,
    project_id   TEXT NOT NULL,
    environment  TEXT NOT NULL,
    verb         TEXT NOT NULL,
    version_id   TEXT NOT NULL,
    previous_id  TEXT NOT NULL,
    state        TEXT NOT NULL,
    external_id  TEXT NOT NULL,
    url          TEXT NOT NULL,
    message      TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    started_at   INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL,
    cause        TEXT NOT NULL,
    root         TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX deployments_id ON deployments (id);
CREATE INDEX deployments_project ON deployments (project_id, seq);
CREATE INDEX deployments_version ON deployments (version_id, seq);
CREATE INDEX deployments_live ON deployments (seq)
    WHERE state IN ('planned', 'waiting', 'applying', 'watching');
CREATE INDEX deployments_open ON deployments (root)
    WHERE state IN ('planned', 'waiting', 'applying', 'watching');
CREATE INDEX deployments_failed ON deployments (root) WHERE state IN ('failed', 'rolled_back', 'unknown');

CREATE TABLE environments (
    project_id  TEXT NOT NULL,
    environment TEXT NOT NULL,
    desired_id  TEXT NOT NULL,
    observed_id TEXT NOT NULL,
    health      TEXT NOT NULL,
    url         TEXT NOT NULL,
    locked_by   TEXT NOT NULL,
    lock_reason TEXT NOT NULL,
    locked_at   INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    PRIMARY KEY (project_id, environment)
) STRICT;

-- +goose Down
DROP TABLE environments;
DROP TABLE deployments;
DROP TABLE versions;
DROP TABLE builds;
DROP TABLE changes;
DROP TABLE steps;
DROP TABLE operations;
DROP TABLE resources;
DROP TABLE projects;

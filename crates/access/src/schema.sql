-- All times are milliseconds since 1970. Of tokens, links and cookies, only the SHA-256 is here.

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    display_name TEXT NOT NULL,
    email TEXT,
    -- A PHC text of argon2id; none for who only comes through a provider.
    password TEXT,
    is_disabled INTEGER NOT NULL DEFAULT 0,
    is_admin INTEGER NOT NULL DEFAULT 0,
    -- As the provider said at the last login.
    is_provider_admin INTEGER NOT NULL DEFAULT 0,
    issuer TEXT,
    subject TEXT,
    -- The next login of a provider under this name is this user's.
    is_link_expected INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    UNIQUE (issuer, subject)
) STRICT;

CREATE TABLE user_groups (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE group_members (
    group_id INTEGER NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id),
    -- `manual` or `provider`; a membership of both has two rows.
    source TEXT NOT NULL CHECK (source IN ('manual', 'provider')),
    PRIMARY KEY (group_id, user_id, source)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON group_members (user_id);

CREATE TABLE login_attempts (
    -- The SHA-256 of what is counted: a person may type a password where the name belongs.
    subject BLOB PRIMARY KEY,
    failures INTEGER NOT NULL,
    failed_ms INTEGER NOT NULL,
    succeeded_ms INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_time ON login_attempts (failed_ms);

CREATE TABLE invitations (
    id INTEGER PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    purpose TEXT NOT NULL CHECK (purpose IN ('first-admin', 'new-user', 'password-reset')),
    user_name TEXT,
    created_by TEXT,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER,
    revoked_ms INTEGER
) STRICT;

CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    used_ms INTEGER,
    revoked_ms INTEGER
) STRICT;
CREATE INDEX tokens_by_user ON api_tokens (user_id);

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users (id),
    client TEXT NOT NULL,
    agent TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE grants (
    id INTEGER PRIMARY KEY,
    who_kind TEXT NOT NULL CHECK (who_kind IN ('everyone', 'user', 'group', 'trigger')),
    who_name TEXT NOT NULL,
    permitted TEXT NOT NULL,
    on_kind TEXT NOT NULL CHECK (on_kind IN ('pipelines', 'targets')),
    pattern TEXT NOT NULL,
    UNIQUE (who_kind, who_name, permitted, on_kind, pattern)
) STRICT;

CREATE TABLE oidc_logins (
    state_hash BLOB PRIMARY KEY,
    browser_hash BLOB NOT NULL,
    -- For ten minutes, and of no use without the state and the code of the same login.
    nonce TEXT NOT NULL,
    verifier TEXT NOT NULL,
    return_to TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oidc_logins_by_time ON oidc_logins (created_ms);

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    who TEXT NOT NULL,
    via TEXT NOT NULL,
    client TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE INDEX audit_by_who ON audit (who, seq);
CREATE INDEX audit_by_object ON audit (object, seq);
CREATE INDEX audit_by_action ON audit (action, seq);

CREATE TRIGGER audit_is_not_updated BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
-- Refuses holes, and INSERT OR REPLACE, which deletes without the trigger above.
CREATE TRIGGER audit_is_appended BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT COALESCE(MAX(seq), 0) + 1 FROM audit) BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- As long as nobody restricts it, every user may do everything but to administer and to run
-- outside of the windows; triggers may run on all targets.
INSERT INTO grants (who_kind, who_name, permitted, on_kind, pattern)
SELECT 'everyone', '', permitted, on_kind, '*'
FROM (SELECT 'view' AS permitted UNION ALL SELECT 'run' UNION ALL SELECT 'approve'
      UNION ALL SELECT 'cancel' UNION ALL SELECT 'answer'),
     (SELECT 'pipelines' AS on_kind UNION ALL SELECT 'targets');
INSERT INTO grants (who_kind, who_name, permitted, on_kind, pattern)
SELECT 'trigger', '*', permitted, 'targets', '*'
FROM (SELECT 'view' AS permitted UNION ALL SELECT 'run');

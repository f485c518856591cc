-- Version 2: the number of a session or of a grant that is gone is never given to another one, so
-- that a page that shows the one cannot end or remove the other.

CREATE TABLE numbered_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash BLOB NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users (id),
    client TEXT NOT NULL,
    agent TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT;
INSERT INTO numbered_sessions SELECT * FROM sessions;
DROP TABLE sessions;
ALTER TABLE numbered_sessions RENAME TO sessions;
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE numbered_grants (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    who_kind TEXT NOT NULL CHECK (who_kind IN ('everyone', 'user', 'group', 'trigger')),
    who_name TEXT NOT NULL,
    permitted TEXT NOT NULL,
    on_kind TEXT NOT NULL CHECK (on_kind IN ('pipelines', 'targets')),
    pattern TEXT NOT NULL,
    UNIQUE (who_kind, who_name, permitted, on_kind, pattern)
) STRICT;
INSERT INTO numbered_grants SELECT * FROM grants;
DROP TABLE grants;
ALTER TABLE numbered_grants RENAME TO grants;

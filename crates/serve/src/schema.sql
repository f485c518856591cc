-- The tables of the server, beside those of its users. Times are milliseconds since 1970 in UTC.

-- Runs that were asked for. A row is there before the process that runs it: after a crash of the
-- server the process is started again, and the id, which is unique among runs, makes it one run.
CREATE TABLE starts (
  run         TEXT PRIMARY KEY,
  -- `run`, `resume`, `retry` or `undo`, with its arguments, as JSON.
  command     TEXT NOT NULL,
  user        TEXT NOT NULL,
  pipeline    TEXT NOT NULL,
  at          INTEGER NOT NULL,
  -- The key that the caller gave so that a repeated request starts nothing twice; unique for
  -- each caller. The fingerprint says whether the repeated request is the same.
  key         TEXT UNIQUE,
  fingerprint TEXT NOT NULL,
  -- `asked`, `begun`, or `refused` with the reason.
  state       TEXT NOT NULL,
  reason      TEXT
) STRICT;
CREATE INDEX starts_open ON starts (state) WHERE state = 'asked';

-- The pipeline of a run by its file, and the infrastructures of its plan: who may see it.
CREATE TABLE scopes (
  run       TEXT PRIMARY KEY,
  pipeline  TEXT NOT NULL,
  targets   TEXT NOT NULL
) STRICT;

-- What has come to triggers and what has come of it. A delivery is known by its id and, where the
-- sender's signature does not cover the id, by its content: one that is repeated starts nothing.
CREATE TABLE deliveries (
  number    INTEGER PRIMARY KEY,
  -- `shop.deploy/nightly`
  trigger   TEXT NOT NULL,
  delivery  TEXT NOT NULL,
  -- The digest of the content, where it says which delivery this is.
  content   TEXT,
  at        INTEGER NOT NULL,
  -- `started`, `no-match`, `refused`
  decision  TEXT NOT NULL,
  reason    TEXT NOT NULL,
  run       TEXT,
  -- How often it has come again, and when it did last.
  repeats   INTEGER NOT NULL DEFAULT 0,
  repeated  INTEGER,
  UNIQUE (trigger, delivery),
  UNIQUE (trigger, content)
) STRICT;

-- What a trigger has seen last: the time of a schedule, the digest of an image, a commit.
CREATE TABLE trigger_states (
  trigger  TEXT PRIMARY KEY,
  seen     TEXT NOT NULL
) STRICT;

-- Who is notified of runs, and of which: those behind this number of the state directory.
CREATE TABLE notify_targets (
  target  TEXT PRIMARY KEY,
  after   INTEGER NOT NULL
) STRICT;

-- How far the runs were looked at: the last record, so many answers, and what is remembered.
CREATE TABLE notify_runs (
  run      INTEGER PRIMARY KEY,
  record   INTEGER NOT NULL,
  answers  INTEGER NOT NULL,
  memory   TEXT NOT NULL,
  is_done  INTEGER NOT NULL
) STRICT;

-- The outbox. The id says what a message is about, so nothing is written twice; a receiver gets it
-- with each try.
CREATE TABLE notifications (
  number      INTEGER PRIMARY KEY AUTOINCREMENT,
  id          TEXT NOT NULL UNIQUE,
  run         TEXT NOT NULL,
  target      TEXT NOT NULL,
  event       TEXT NOT NULL,
  message     TEXT NOT NULL,
  -- Whether it is the first of its run for the target.
  is_first    INTEGER NOT NULL,
  -- `waiting`, `sending`, `sent` or `given-up`.
  state       TEXT NOT NULL,
  attempts    INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  next_at     INTEGER NOT NULL,
  settled_at  INTEGER,
  error       TEXT
) STRICT;
CREATE INDEX notifications_open ON notifications (target, state, run) WHERE settled_at IS NULL;
CREATE INDEX notifications_settled ON notifications (settled_at) WHERE settled_at IS NOT NULL;

-- The conversation of a run with a target, where the target has such.
CREATE TABLE notify_threads (
  run     TEXT NOT NULL,
  target  TEXT NOT NULL,
  thread  TEXT,
  at      INTEGER NOT NULL,
  PRIMARY KEY (run, target)
) STRICT;

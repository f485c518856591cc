-- The tables of a state directory, version 1. Times are milliseconds since 1970 in UTC.

-- Programs, once each however many runs have them.
CREATE TABLE programs (
  number   INTEGER PRIMARY KEY,
  hash     TEXT NOT NULL UNIQUE,
  version  INTEGER NOT NULL,
  text     TEXT NOT NULL
);

CREATE TABLE runs (
  number      INTEGER PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  -- The pipeline's name, and its place in the program.
  pipeline    TEXT NOT NULL,
  place       INTEGER NOT NULL,
  program     INTEGER NOT NULL REFERENCES programs (number),
  -- What is known before the run, as JSON; with the program and the place it is the plan.
  facts       TEXT NOT NULL,
  plan_hash   TEXT NOT NULL,
  -- What was given, as a JSON object for people.
  inputs      TEXT NOT NULL,
  -- The file that was named, and the folder that it was named in.
  file        TEXT NOT NULL,
  folder      TEXT NOT NULL,
  user        TEXT NOT NULL,
  -- The version of this program that began it.
  made_by     TEXT NOT NULL,
  seed        INTEGER NOT NULL,
  -- The most commands at once, where that was asked for.
  most        INTEGER,
  -- The run that this one retries.
  parent      INTEGER REFERENCES runs (number),
  -- What the run that this one retries had done already, as a JSON object: the paths
  -- of nodes, and their values.
  kept        TEXT,
  -- `running` until it has ended; then how: succeeded, failed, rollback-failed, cancelled.
  status      TEXT NOT NULL,
  started_at  INTEGER NOT NULL,
  finished_at INTEGER,
  -- The process that drives it; none where nobody does.
  owner       INTEGER,
  owner_start TEXT,
  -- The machine's clock when it was last heard of, in milliseconds.
  clock       INTEGER NOT NULL DEFAULT 0
);

-- What happened in a run. The key is `run << 32 | seq`: a run's records lie together and are
-- written at the end.
CREATE TABLE journal (
  key   INTEGER PRIMARY KEY,
  -- When it was taken in, by the wall and by the machine's clock.
  at    INTEGER NOT NULL,
  clock INTEGER NOT NULL,
  -- What happened, as JSON: an event of the machine, or that a command was begun.
  event TEXT NOT NULL,
  -- What was told because of it, as a JSON list; none where nothing was.
  told  TEXT,
  run   INTEGER GENERATED ALWAYS AS (key >> 32) VIRTUAL,
  seq   INTEGER GENERATED ALWAYS AS (key & 4294967295) VIRTUAL
);

-- Who holds locks, and who waits: in the order of their tickets. One row for each `Acquire`.
CREATE TABLE lock_requests (
  ticket     INTEGER PRIMARY KEY AUTOINCREMENT,
  run        INTEGER NOT NULL REFERENCES runs (number),
  effect     INTEGER NOT NULL,
  node       TEXT NOT NULL,
  asked_at   INTEGER NOT NULL,
  granted_at INTEGER,
  UNIQUE (run, effect)
);

-- What each of them wants, or holds: a row goes when the lock is given back.
CREATE TABLE lock_wants (
  name   TEXT NOT NULL,
  ticket INTEGER NOT NULL REFERENCES lock_requests (ticket) ON DELETE CASCADE,
  places INTEGER NOT NULL,
  PRIMARY KEY (name, ticket)
) WITHOUT ROWID;
CREATE INDEX lock_wants_of_ticket ON lock_wants (ticket);

-- Questions that wait for a person.
CREATE TABLE questions (
  run      INTEGER NOT NULL REFERENCES runs (number),
  effect   INTEGER NOT NULL,
  node     TEXT NOT NULL,
  question TEXT NOT NULL,
  asked_at INTEGER NOT NULL,
  PRIMARY KEY (run, effect)
) WITHOUT ROWID;

-- What other processes ask of a run: answers to its questions, and to cancel.
CREATE TABLE requests (
  number   INTEGER PRIMARY KEY AUTOINCREMENT,
  run      INTEGER NOT NULL REFERENCES runs (number),
  -- `answer` or `cancel`.
  kind     TEXT NOT NULL,
  -- For an answer: the question, and what is answered, as JSON.
  effect   INTEGER,
  answer   TEXT,
  who      TEXT NOT NULL,
  comment  TEXT,
  asked_at INTEGER NOT NULL,
  -- When the run took it in, and why it does not heed it, where it does not.
  taken_at INTEGER,
  refused  TEXT
);
CREATE INDEX open_requests ON requests (run) WHERE taken_at IS NULL;

-- Who allowed or refused what.
CREATE TABLE approvals (
  number      INTEGER PRIMARY KEY AUTOINCREMENT,
  run         INTEGER NOT NULL REFERENCES runs (number),
  effect      INTEGER NOT NULL,
  node        TEXT NOT NULL,
  question    TEXT NOT NULL,
  answer      TEXT NOT NULL,
  who         TEXT NOT NULL,
  comment     TEXT,
  plan_hash   TEXT NOT NULL,
  answered_at INTEGER NOT NULL
);
CREATE INDEX approvals_of_run ON approvals (run);

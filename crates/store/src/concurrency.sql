-- Version 3: what runs that share a directory have to know of each other.

-- Whether a rollback makes the request: then others give way to it.
ALTER TABLE lock_requests ADD COLUMN rolls_back INTEGER NOT NULL DEFAULT 0;
-- What has to happen in the run before the lock is given back: the effects of its requests that
-- must be granted, and the paths of the nodes that must end, each a JSON list. None where it is
-- only the node of the request that must end.
ALTER TABLE lock_wants ADD COLUMN after TEXT;
ALTER TABLE lock_wants ADD COLUMN inside TEXT;

-- The run, and the node of it, whose command began this run.
ALTER TABLE runs ADD COLUMN outer_run INTEGER REFERENCES runs (number);
ALTER TABLE runs ADD COLUMN outer_node TEXT;

-- The real folder of each source file when the run began, as a JSON list: a link in the path of the
-- file may point elsewhere later.
ALTER TABLE runs ADD COLUMN folders TEXT;
-- The numbers of events up to this one may have been used.
ALTER TABLE runs ADD COLUMN events INTEGER NOT NULL DEFAULT 0;

-- The user id of the process that began the run, asked or answered: names can be chosen.
ALTER TABLE runs ADD COLUMN uid INTEGER;
ALTER TABLE requests ADD COLUMN uid INTEGER;
ALTER TABLE approvals ADD COLUMN uid INTEGER;

-- What was deployed where, in the order of its numbers. `state` is
--   open     it has begun,
--   done     it ended well,
--   undone   it was taken back,
--   left     it ended in another way, and counts,
--   nothing  it was not done, as a later run had deployed there,
--   unclear  taking it back failed.
CREATE TABLE deployments (
  number  INTEGER PRIMARY KEY AUTOINCREMENT,
  run     INTEGER NOT NULL REFERENCES runs (number),
  node    TEXT NOT NULL,
  service TEXT NOT NULL,
  target  TEXT NOT NULL,
  state   TEXT NOT NULL,
  before  TEXT,
  after   TEXT,
  at      INTEGER NOT NULL
);
CREATE INDEX deployments_of_run ON deployments (run, node);
CREATE INDEX deployments_of_place ON deployments (service, target, number);

-- Version 6: the number of a run that was forgotten is never given to another one.

-- The highest number of the runs that were forgotten.
CREATE TABLE forgotten_runs (last INTEGER NOT NULL);
INSERT INTO forgotten_runs VALUES (0);

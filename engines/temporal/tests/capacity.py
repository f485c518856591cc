#!/usr/bin/env python3
"""Simulates many cells on many workers, with the costs that `cells.py` measures.

    capacity.py [--cells-per-hour N] [--workers N] [--slots N] [--pools N] [--runs N] [--cores N]
                [--seconds N] [--server-ms N] [--database-ms N] [--worker-ms N] [--run-worker-ms N]
                [--idle-ms N]

Every step passes through the server and its database twice, when it is begun and when it has ended,
and through the worker that drives its run, which takes all that has happened to the run at once. A run has no more
than 500 steps open. Prints how long the cells take, and how busy each part is.
"""

import argparse
import heapq
import random
from collections import deque

# As in `run_loop.rs`.
MOST_OPEN = 500

# A request to the server and its answer, between machines of one region.
ROUND_TRIP_SECONDS = 0.002


class Processors:
    """Some processors that share one queue of work, first come first served."""

    def __init__(self, count):
        self.free = [0.0] * count
        self.busy = 0.0

    def work(self, at, seconds):
        """When work that comes at a time has been done."""
        begins = max(at, heapq.heappop(self.free))
        heapq.heappush(self.free, begins + seconds)
        self.busy += seconds
        return begins + seconds

    def use(self, elapsed):
        return self.busy / (elapsed * len(self.free))


class Run:
    def __init__(self, cells):
        self.left = cells
        self.open = 0
        self.ended = 0
        self.is_deciding = False


def simulate(options, rng):
    # The server also answers the polls of workers that have nothing to do.
    idle = options.workers * options.idle_ms / 1000
    if idle >= options.cores:
        raise SystemExit(f"{options.workers} idle workers alone need {idle:.1f} processors of the server")
    slow = options.cores / (options.cores - idle)
    server = Processors(options.cores)
    # One writer, as SQLite has it: the worst database that the server knows.
    database = Processors(1)
    drivers = Processors(options.cores)
    half_step = options.server_ms / 1000 / 2 * slow
    half_write = options.database_ms / 1000 / 2
    decide = options.run_worker_ms / 1000
    carry = options.worker_ms / 1000
    slots = [options.workers * options.slots // options.pools] * options.pools
    waiting = [deque() for _ in range(options.pools)]
    cells = [options.cells_per_hour // options.runs] * options.runs
    runs = [Run(count) for count in cells]
    events = []
    order = 0
    overhead = []
    most_open = most_busy = busy = 0

    def happens(at, kind, *what):
        nonlocal order
        order += 1
        heapq.heappush(events, (at, order, kind, what))

    def records(at):
        return database.work(server.work(at, half_step), half_write)

    def decides(at, run):
        """What the run makes of all that has happened by now: new steps."""
        run.is_deciding = True
        ended, run.ended = run.ended, 0
        run.open -= ended
        begun = min(MOST_OPEN - run.open, run.left)
        run.left -= begun
        run.open += begun
        done = drivers.work(at + ROUND_TRIP_SECONDS, decide * max(begun, ended, 1))
        for _ in range(begun):
            pool = rng.randrange(options.pools)
            known = records(done + ROUND_TRIP_SECONDS)
            happens(known, "begun", run, pool, at)
        happens(done + ROUND_TRIP_SECONDS, "decided", run)

    def starts(at, run, pool, since):
        slots[pool] -= 1
        takes = rng.expovariate(1 / options.seconds) + carry + ROUND_TRIP_SECONDS
        happens(at + takes, "ended", run, pool, since, takes)

    for run in runs:
        happens(0.0, "decided", run)
    now = 0.0
    while events:
        now, _, kind, what = heapq.heappop(events)
        run = what[0]
        if kind == "decided":
            run.is_deciding = False
            if run.ended or run.left and run.open < MOST_OPEN:
                decides(now, run)
        elif kind == "begun":
            _, pool, since = what
            if slots[pool]:
                starts(now, run, pool, since)
                busy += 1
                most_busy = max(most_busy, busy)
            else:
                waiting[pool].append((run, since))
        elif kind == "ended":
            _, pool, since, takes = what
            slots[pool] += 1
            busy -= 1
            if waiting[pool]:
                next_run, next_since = waiting[pool].popleft()
                starts(now, next_run, pool, next_since)
                busy += 1
            happens(records(now), "recorded", run, since, takes)
        else:
            _, since, takes = what
            run.ended += 1
            overhead.append(now - since - takes)
            if not run.is_deciding:
                decides(now, run)
        most_open = max(most_open, sum(run.open for run in runs))

    assert all(run.left == 0 for run in runs) and len(overhead) == sum(cells), "a cell is lost"
    overhead.sort()
    return {
        "seconds": now,
        "rate": len(overhead) / now,
        "overhead_ms": [overhead[int(len(overhead) * part)] * 1000 for part in (0.5, 0.99)],
        "open": most_open,
        "busy": most_busy,
        "server": server.use(now) / slow + idle / options.cores,
        "database": database.use(now),
        "drivers": drivers.use(now),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells-per-hour", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--slots", type=int, default=32, help="commands at once on a worker: its --max")
    parser.add_argument("--pools", type=int, default=20)
    parser.add_argument("--runs", type=int, default=1, help="runs that share the cells")
    parser.add_argument("--cores", type=int, default=2, help="processors of the server, and of the run workers")
    parser.add_argument("--seconds", type=float, default=15.0, help="a command takes so long, on average")
    parser.add_argument("--server-ms", type=float, default=4.5)
    parser.add_argument("--database-ms", type=float, default=6.8)
    parser.add_argument("--worker-ms", type=float, default=3.7)
    parser.add_argument("--run-worker-ms", type=float, default=1.4)
    parser.add_argument("--idle-ms", type=float, default=0.8, help="server time for each idle worker and second")
    options = parser.parse_args()
    it = simulate(options, random.Random(1))
    print(
        f"{options.runs} runs, commands of {options.seconds:g} s, {options.cores} processors: "
        f"{it['rate'] * 3600:.0f} cells an hour, at most {it['open']} open and {it['busy']} under way\n"
        f"  beside its command a cell takes {it['overhead_ms'][0]:.0f} ms, "
        f"{it['overhead_ms'][1]:.0f} ms for the slowest of 100\n"
        f"  server {it['server']:.0%} busy, its database {it['database']:.0%}, workers that drive runs {it['drivers']:.0%}"
    )


if __name__ == "__main__":
    main()

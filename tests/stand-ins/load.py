"""A steady load of requests: `load.py FILE URL…`.

It asks the addresses in turn from four threads, each request on a connection of its own, until it
gets SIGTERM. Then it writes into FILE what it has seen, one fact a line: `requests N`, `failed N`,
`body TEXT N` for each first line of an answer, and `failure TEXT` for the first ten failures.
"""

import collections
import itertools
import signal
import sys
import threading
import urllib.request

THREADS = 4
PAUSE = 0.01

path, urls = sys.argv[1], sys.argv[2:]
end = threading.Event()
lock = threading.Lock()
bodies = collections.Counter()
failures = []


def ask(turn):
    while not end.is_set():
        url = next(turn)
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                line = answer.read().decode().split("\n")[0]
            with lock:
                bodies[line] += 1
        except Exception as error:  # whatever it is, the request has failed
            with lock:
                failures.append(f"{url}: {error}")
        end.wait(PAUSE)


signal.signal(signal.SIGTERM, lambda *_: end.set())
turns = [urls[n % len(urls) :] + urls[: n % len(urls)] for n in range(THREADS)]
threads = [threading.Thread(target=ask, args=(itertools.cycle(turn),)) for turn in turns]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with open(path, "w", encoding="utf-8") as out:
    print("requests", sum(bodies.values()) + len(failures), file=out)
    print("failed", len(failures), file=out)
    for line, count in sorted(bodies.items()):
        print("body", line, count, file=out)
    for failure in failures[:10]:
        print("failure", failure, file=out)

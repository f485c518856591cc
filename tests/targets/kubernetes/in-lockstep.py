"""Whether no strand began a weight before all had the one before, by the events of a run.

  in-lockstep.py EVENTS STRANDS WEIGHT…
"""

import json
import sys

path, strands, *weights = sys.argv[1:]
began, ended = {}, {}
with open(path) as file:
    for event in map(json.loads, file):
        for weight in weights:
            if event.get("node", "").endswith(f"/serial[{weight}25]/weigh"):
                times = {"node-started": began, "node-finished": ended}.get(event["event"], {})
                times.setdefault(weight, []).append(event["seq"])

for weight in weights:
    if len(began.get(weight, [])) != int(strands) or len(ended.get(weight, [])) != int(strands):
        sys.exit(f"{weight}: {began.get(weight)} began, {ended.get(weight)} ended")
for before, after in zip(weights, weights[1:]):
    if max(ended[before]) > min(began[after]):
        sys.exit(f"{after} began before all had {before}")

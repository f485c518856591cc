"""What somebody else does meanwhile: meddle.py nothing | SERVICE."""

import json
import os
import sys

if sys.argv[1] == "nothing":
    sys.exit()
path = os.path.join(os.environ["AWS_STAND_IN"], "state.json")
with open(path, encoding="utf-8") as file:
    state = json.load(file)
if sys.argv[1] == "ecs":
    arn = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:1"
    other = arn.replace("web:1", "other:1")
    state["definitions"][other] = {**state["definitions"][arn], "family": "other"}
    web = state["services"]["web"]
    web["taskDefinition"] = web["deployments"][0]["taskDefinition"] = other
if sys.argv[1] == "lambda":
    state["aliases"]["mailer:live"] = {"FunctionVersion": "2", "RevisionId": "revision-x"}
if sys.argv[1] == "scaling":
    state["scaling"]["workers"]["template"]["Version"] = "11"
with open(path, "w", encoding="utf-8") as file:
    json.dump(state, file, indent=1)

"""The API against its own description: whatever is sent, the server answers as the description
says, and never with a mistake of its own; and a client that is generated from the description
starts a run.

    python3 tests/serve/api.py lockstep

with `schemathesis` and `openapi-python-client` beside this Python.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from served import Server, ask

# Streams that do not end, and what would take away the token that is used.
LEFT_OUT = r"/events$|^/api/v1/session$|/tokens/|/users/"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,"
CHECKS += "response_schema_conformance"
RIGHTS = ["view", "run", "approve", "cancel", "answer", "admin"]


def tool(name):
    return os.path.join(os.path.dirname(sys.executable), name)


def main():
    program = os.path.abspath(sys.argv[1])
    folder = tempfile.mkdtemp(prefix="lockstep-api-")
    shop = os.path.join(folder, "shop")
    shutil.copytree(os.path.join(os.path.dirname(__file__), "../../examples/shop"), shop)
    server = None
    try:
        server = Server(program, shop, RIGHTS)
        generated(server.address, server.token, folder)
        fuzzed(server.address, server.token, folder)
        _, text = server.ask("GET", "/api/v1/audit/check", server.session)
        assert json.loads(text)["is_whole"], text
    finally:
        if server:
            server.process.kill()
        subprocess.run(["pkill", "-9", "-f", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)


def generated(address, token, folder):
    """A run is started by a client that nobody has written."""
    _, text = ask(address, "GET", "/api/v1/openapi.json", {})
    description = os.path.join(folder, "openapi.json")
    with open(description, "wb") as file:
        file.write(text)
    client = os.path.join(folder, "client")
    subprocess.run(
        [tool("openapi-python-client"), "generate", "--path", description, "--output-path", client,
         "--meta", "none", "--overwrite"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    sys.path.insert(0, folder)
    # pylint: disable=import-outside-toplevel,import-error
    from client import AuthenticatedClient
    from client.api.runs import show, start
    from client.models import StartJson

    api = AuthenticatedClient(base_url=f"http://{address}", token=token)
    wanted = StartJson.from_dict({"pipeline": "shop.deploy/ship", "inputs": {"version": "v2"}})
    run = start.sync(client=api, body=wanted, idempotency_key="generated")
    again = start.sync(client=api, body=wanted, idempotency_key="generated")
    assert run.run == again.run, (run, again)
    while show.sync(run.run, client=api).status in ("starting", "running", "queued"):
        time.sleep(0.1)
    assert show.sync(run.run, client=api).status == "succeeded"
    print(f"a generated client has started run {run.run}")


def fuzzed(address, token, folder):
    """Requests of all kinds, right and wrong ones."""
    done = subprocess.run(
        [tool("schemathesis"), "run", f"http://{address}/api/v1/openapi.json",
         "--header", f"Authorization: Bearer {token}", "--checks", CHECKS,
         "--exclude-path-regex", LEFT_OUT, "--max-examples", os.environ.get("EXAMPLES", "10"),
         "--phases", "examples,coverage,fuzzing", "--seed", "7", "--no-color",
         "--request-timeout", "60", "--suppress-health-check", "all"],
        check=False, stdout=subprocess.PIPE, text=True, cwd=folder,
    )
    if done.returncode != 0:
        print(re.sub(re.escape(token), "…", done.stdout))
        sys.exit("the API does not keep to its description")
    print(done.stdout[-1500:])


if __name__ == "__main__":
    main()

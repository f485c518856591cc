"""The API against its own description: whatever is sent, the server answers as the description
says, and never with a mistake of its own; and a client that is generated from the description
starts a run.

    python3 tests/serve/api.py lockstep

with `schemathesis` and `openapi-python-client` beside this Python.
"""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

# Streams that do not end, and what would take away the token that is used.
LEFT_OUT = r"/events$|^/api/v1/session$|/tokens/|/users/"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,"
CHECKS += "response_schema_conformance"
RIGHTS = ["view", "run", "approve", "cancel", "answer", "admin"]


def ask(address, method, path, headers, body=None):
    connection = http.client.HTTPConnection(address, timeout=60)
    text = None if body is None else json.dumps(body)
    kind = {} if body is None else {"Content-Type": "application/json"}
    connection.request(method, path, text, {**headers, **kind})
    answer = connection.getresponse()
    return answer, answer.read()


def tool(name):
    return os.path.join(os.path.dirname(sys.executable), name)


def main():
    program = os.path.abspath(sys.argv[1])
    folder = tempfile.mkdtemp(prefix="lockstep-api-")
    shop = os.path.join(folder, "shop")
    shutil.copytree(os.path.join(os.path.dirname(__file__), "../../examples/shop"), shop)
    server = subprocess.Popen(
        [program, "serve", "--listen", "127.0.0.1:0"], cwd=shop, stdout=subprocess.PIPE, text=True
    )
    try:
        address = server.stdout.readline().split("http://")[1].strip()
        server.stdout.readline()
        link = server.stdout.readline().split("#")[1].strip()
        account = {"name": "ada", "password": "correct horse battery"}
        answer, _ = ask(address, "POST", f"/api/v1/invitations/{link}", {}, account)
        session = {"Cookie": answer.getheader("set-cookie").split(";")[0]}
        _, text = ask(address, "GET", "/api/v1/session", session)
        session["X-CSRF-Token"] = json.loads(text)["csrf_token"]
        wanted = {"name": "test", "rights": RIGHTS}
        _, text = ask(address, "POST", "/api/v1/tokens", session, wanted)
        token = json.loads(text)["token"]
        generated(address, token, folder)
        fuzzed(address, token, folder)
        _, text = ask(address, "GET", "/api/v1/audit/check", session)
        assert json.loads(text)["is_whole"], text
    finally:
        server.kill()
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

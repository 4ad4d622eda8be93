"""A server that stands in for Weights & Biases, of what `wandb sync` calls. It keeps what it is sent.

Usage: python wandb_server.py FOLDER [COMMAND...]. Runs COMMAND with WANDB_BASE_URL set to the server and a key that the client
accepts, and then prints as JSON what was sent: `runs` (what GraphQL created), `streams` (the rows of each file of a run, by
offset, so that rows which are sent twice are there once; `sent` counts all of them), `files`, `artifacts`. With FAIL=n in the
environment the first n requests of a file stream are answered with 500; with STATUS=n every request is.

A command that begins with `serve` only prints the address and serves until its standard input ends.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STATE = {"runs": {}, "streams": {}, "sent": 0, "files": {}, "artifacts": [], "operations": [], "failed": 0, "complete": {}}
LOCK = threading.Lock()


def answer_graphql(base, query, variables):
    name = query.split("(")[0].split("{")[0].split()[-1]
    STATE["operations"].append(name)
    if "upsertBucket" in query:
        run = STATE["runs"].setdefault(variables["name"], {})
        run.update({key: value for key, value in variables.items() if value is not None})
        project = {"name": variables.get("project"), "entity": {"name": "someone"}}
        bucket = {"id": "run", "name": variables["name"], "displayName": variables.get("displayName"), "description": "", "config": "{}", "sweepName": None, "historyLineCount": 0, "project": project}
        return {"upsertBucket": {"bucket": bucket, "inserted": True}}
    if "createRunFiles" in query:
        files = [{"name": file, "uploadUrl": f"{base}/put/files/{file}"} for file in variables["files"]]
        return {"createRunFiles": {"runID": "run", "uploadHeaders": [], "files": files}}
    if "createArtifactManifest" in query:
        file = {"id": "file", "name": "manifest", "uploadUrl": f"{base}/put/manifest/{len(STATE['artifacts'])}", "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": "manifest", "file": file}}}
    if "updateArtifactManifest" in query:
        file = {"id": "file", "name": "manifest", "uploadUrl": f"{base}/put/manifest/{len(STATE['artifacts'])}", "uploadHeaders": []}
        return {"updateArtifactManifest": {"artifactManifest": {"id": "manifest", "file": file}}}
    if "createArtifactFiles" in query:
        given = variables.get("input", variables)
        nodes = []
        for spec in given.get("artifactFiles", given.get("fileSpecs", [])):
            number = spec["artifactID"].split("-")[1]
            nodes.append(
                {
                    "node": {
                        "id": spec["name"],
                        "name": spec["name"],
                        "displayName": spec["name"],
                        "storagePath": f"wandb_artifacts/{spec['name']}",
                        "uploadUrl": f"{base}/put/artifact/{number}/{spec['name']}",
                        "uploadHeaders": [],
                        "uploadMultipartUrls": None,
                        "artifact": {"id": f"artifact-{number}"},
                    }
                }
            )
        return {"createArtifactFiles": {"files": {"edges": nodes, "pageInfo": {"hasNextPage": False, "endCursor": None}}}}
    if "commitArtifact" in query:
        number = int(variables.get("artifactID", variables.get("input", {}).get("artifactID")).split("-")[1])
        STATE["artifacts"][number - 1]["is_committed"] = True
        return {"commitArtifact": {"artifact": {"id": "artifact", "digest": "digest"}}}
    if "createArtifact" in query:
        given = variables.get("input", variables)
        STATE["artifacts"].append(given)
        artifact = {"id": f"artifact-{len(STATE['artifacts'])}", "state": "PENDING", "artifactSequence": {"id": "sequence", "latestArtifact": None}}
        return {"createArtifact": {"artifact": artifact}}
    if "__type" in query or "__schema" in query:
        return {"QueryType": {"fields": []}, "MutationType": {"fields": []}, "TypeInfo": {"fields": [], "inputFields": []}}
    if "viewer" in query or "Viewer" in name:
        return {"viewer": {"id": "me", "entity": "someone", "username": "someone", "email": "a@example.com", "flags": "{}", "teams": {"edges": []}}, "serverInfo": {"cliVersionInfo": {"max_cli_version": "99.0.0"}, "latestLocalVersionInfo": None}}
    if "serverFeatures" in query or "ServerFeatures" in name:
        return {"serverInfo": {"features": []}}
    return {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def reply(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self):
        self.reply(STATE["sent"] if self.path == "/sent" else {})

    def do_PUT(self):
        body = self.body()
        with LOCK:
            kind, path = self.path.removeprefix("/put/").split("/", 1)
            if kind == "files":
                STATE["files"][path] = {"size": len(body), "text": body.decode("utf-8", "replace")[:4000]}
            elif kind == "artifact":
                number, name = path.split("/", 1)
                digest = base64.b64encode(hashlib.md5(body).digest()).decode()
                STATE["artifacts"][int(number) - 1].setdefault("uploaded", {})[name] = {"size": len(body), "md5": digest}
        self.reply({})

    def do_POST(self):
        body = self.body()
        base = f"http://{self.headers['Host']}"
        with LOCK:
            if "STATUS" in os.environ:
                return self.reply({"errors": [{"message": "refused"}]}, int(os.environ["STATUS"]))
            request = json.loads(body or b"{}")
            if self.path.endswith("/graphql"):
                return self.reply({"data": answer_graphql(base, request["query"], request.get("variables") or {})})
            if self.path.endswith("/file_stream"):
                if STATE["failed"] < int(os.environ.get("FAIL", "0")):
                    STATE["failed"] += 1
                    return self.reply({}, 500)
                run = self.path.split("/")[-2]
                streams = STATE["streams"].setdefault(run, {})
                for name, part in (request.get("files") or {}).items():
                    rows = streams.setdefault(name, {})
                    for at, row in enumerate(part["content"]):
                        rows[int(part.get("offset") or 0) + at] = row
                        STATE["sent"] += name == "wandb-history.jsonl"
                if request.get("complete"):
                    STATE["complete"][run] = request.get("exitcode")
                return self.reply({"limits": {}})
        self.reply({})


def report():
    with LOCK:
        streams = {run: {name: [rows[at] for at in sorted(rows)] for name, rows in files.items()} for run, files in STATE["streams"].items()}
        return json.dumps({**STATE, "streams": streams})


def main():
    folder, command = sys.argv[1], sys.argv[2:]
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    if command[:1] == ["serve"]:
        print(address, flush=True)
        sys.stdin.read()
        print(report(), flush=True)
        return
    config = os.path.join(folder, "client")
    os.makedirs(config, exist_ok=True)
    environment = {**os.environ, "WANDB_BASE_URL": address, "WANDB_API_KEY": "0" * 40, "WANDB_CONFIG_DIR": config, "WANDB_CACHE_DIR": config, "WANDB_DATA_DIR": config, "WANDB_ERROR_REPORTING": "false"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, cwd=folder)
    print(json.dumps({"status": done.returncode, "printed": done.stdout, **json.loads(report())}))


if __name__ == "__main__":
    main()

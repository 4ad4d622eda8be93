"""Serves Trackio, or prints the rows of a project that it has stored, as JSON. Needs the package `trackio`.

Usage: python trackio_reads.py serve PORT, or python trackio_reads.py read PROJECT. The folder is TRACKIO_DIR, and the token of
the server TRACKIO_WRITE_TOKEN.
"""

import json
import math
import sys
import time


def serve(port):
    import trackio

    trackio.show(server_port=int(port), open_browser=False, block_thread=False)
    while True:
        time.sleep(1)


def finite(value):
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def read(project):
    from trackio.sqlite_storage import SQLiteStorage

    runs = {}
    for run in SQLiteStorage.get_runs(project):
        name = run if isinstance(run, str) else run["name"]
        rows = SQLiteStorage.get_logs(project, name)
        config = SQLiteStorage.get_run_config(project, name)
        runs[name] = {"config": config, "rows": [{key: finite(value) for key, value in row.items()} for row in rows]}
    print(json.dumps(runs))


if __name__ == "__main__":
    {"serve": serve, "read": read}[sys.argv[1]](sys.argv[2])

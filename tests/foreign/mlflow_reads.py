"""Prints the runs of an experiment as an MLflow server has them, as JSON.

Usage: python mlflow_reads.py ADDRESS EXPERIMENT. Needs the package `mlflow`.
"""

import json
import math
import sys

from mlflow.tracking import MlflowClient


def main():
    address, experiment = sys.argv[1:]
    client = MlflowClient(tracking_uri=address)
    found = client.get_experiment_by_name(experiment)
    runs = []
    for run in client.search_runs([found.experiment_id]):
        def artifacts(path=None):
            for info in client.list_artifacts(run.info.run_id, path):
                yield from artifacts(info.path) if info.is_dir else [[info.path, info.file_size]]

        history = {
            key: [[metric.step, metric.value if math.isfinite(metric.value) else str(metric.value)] for metric in client.get_metric_history(run.info.run_id, key)]
            for key in run.data.metrics
        }
        runs.append(
            {
                "id": run.info.run_id,
                "name": run.info.run_name,
                "status": run.info.status,
                "params": run.data.params,
                "tags": run.data.tags,
                "metrics": {key: sorted(rows, key=lambda row: row[0]) for key, rows in history.items()},
                "artifacts": dict(artifacts()),
            }
        )
    print(json.dumps(runs))


if __name__ == "__main__":
    main()

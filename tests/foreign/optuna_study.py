"""Optuna with a journal that this library writes.

optuna_study.py read FILE NAME          prints the trials as JSON
optuna_study.py run FILE NAME TRIALS    adds trials of the quadratic function of `tests/it/search_journal.rs`
optuna_study.py watch FILE NAME         for each line of the input, opens the file anew and prints the
                                        finished trials as `[[number, state, values], …]`
"""

import json
import math
import sys

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend


def objective(trial):
    lr = trial.suggest_float("lr", 1e-4, 1.0, log=True)
    width = trial.suggest_int("width", 1, 64)
    kind = trial.suggest_categorical("kind", ["adam", "sgd"])
    if kind == "sgd":
        trial.suggest_float("momentum", 0.0, 0.9)
    return lr + width / 64


def watch(path, name):
    for _ in sys.stdin:
        study = optuna.load_study(storage=JournalStorage(JournalFileBackend(path)), study_name=name)
        finished = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
        print(json.dumps([[trial.number, trial.state.name, trial.values] for trial in finished]), flush=True)


def main():
    command, path, name = sys.argv[1:4]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if command == "watch":
        return watch(path, name)
    storage = JournalStorage(JournalFileBackend(path))
    if command == "run":
        study = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
        study.optimize(objective, n_trials=int(sys.argv[4]))
    study = optuna.load_study(storage=storage, study_name=name)
    trials = [
        {
            "number": trial.number,
            "state": trial.state.name,
            "values": trial.values,
            "params": trial.params,
            "reports": {str(step): None if math.isnan(value) else value for step, value in trial.intermediate_values.items()},
            "user_attrs": trial.user_attrs,
            "constraints": trial.constraints,
            "seconds": trial.duration.total_seconds() if trial.duration else None,
        }
        for trial in study.get_trials()
    ]
    directions = [direction.name for direction in study.directions]
    print(json.dumps({"directions": directions, "metrics": study.metric_names, "trials": trials}))


main()

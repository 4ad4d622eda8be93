"""The ten functions of `tests/src/bin/search_functions.rs`, searched by Optuna's multivariate TPE.

Prints a line for each function: its name and the median of the best values over the seeds.
Usage: optuna_functions.py [TRIALS] [SEEDS]
"""

import math
import statistics
import sys

import optuna


def cube(trial, dimensions, low, high):
    return [trial.suggest_float(f"x{at}", low, high) for at in range(dimensions)]


def branin(trial):
    x, y = trial.suggest_float("x0", -5, 10), trial.suggest_float("x1", 0, 15)
    curve = y - 5.1 * x * x / (4 * math.pi**2) + 5 * x / math.pi - 6
    return curve**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann6(trial):
    x = cube(trial, 6, 0, 1)
    alpha = [1.0, 1.2, 3.0, 3.2]
    a = [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
    p = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
    return -sum(
        alpha[row] * math.exp(-sum(a[row][at] * (x[at] - p[row][at]) ** 2 for at in range(6))) for row in range(4)
    )


def ackley(x):
    square = sum(value**2 for value in x) / len(x)
    cosine = sum(math.cos(2 * math.pi * value) for value in x) / len(x)
    return 20 + math.e - 20 * math.exp(-0.2 * math.sqrt(square)) - math.exp(cosine)


def rosenbrock4(trial):
    x = cube(trial, 4, -2, 2)
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))


def levy4(trial):
    w = [1 + (x - 1) / 4 for x in cube(trial, 4, -10, 10)]
    middle = sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
    last = (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
    return math.sin(math.pi * w[0]) ** 2 + middle + last


def rastrigin3(trial):
    return sum(10 + x * x - 10 * math.cos(2 * math.pi * x) for x in cube(trial, 3, -4, 5))


def log3(trial):
    x, y, z = (math.log10(trial.suggest_float(f"x{at}", 1e-6, 1, log=True)) for at in range(3))
    return (x + 3) ** 2 + (y + 4.5) ** 2 + (z + 1 - x - 2) ** 2


def integers(trial):
    n, m = trial.suggest_int("n", 1, 1024, log=True), trial.suggest_int("m", 0, 100, step=5)
    x = trial.suggest_float("x0", 0, 1, step=0.05)
    return math.log2(n / 96) ** 2 + (m / 10 - 3.5) ** 2 / 4 + 10 * (x - 0.3) ** 2


def mixed(trial):
    x, y = cube(trial, 2, -5, 5)
    n = trial.suggest_int("n", -5, 5)
    kind = trial.suggest_categorical("kind", ["a", "b", "c", "d"])
    return ackley([x - 1, y + 1.5, n - 2]) + {"a": 0.5, "b": 1.5, "c": 0.0, "d": 2.5}[kind]


def conditional(trial):
    kind = trial.suggest_categorical("kind", ["a", "b"])
    x = trial.suggest_float("x0", -5, 5)
    if kind == "a":
        return 0.5 + (x - 1) ** 2 + (trial.suggest_float("x1", -5, 5) + 2) ** 2
    y = math.log10(trial.suggest_float("x2", 1e-4, 10, log=True))
    return (x + 1) ** 2 + (y + 2) ** 2 + 4 * (trial.suggest_float("x3", 0, 1) - 0.7) ** 2


def main():
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    functions = [branin, hartmann6, rosenbrock4, lambda trial: ackley(cube(trial, 5, -20, 30)), levy4]
    functions += [rastrigin3, log3, integers, mixed, conditional]
    for function in functions:
        bests = []
        for seed in range(seeds):
            sampler = optuna.samplers.TPESampler(multivariate=True, seed=seed)
            study = optuna.create_study(sampler=sampler)
            study.optimize(function, n_trials=trials)
            bests.append(study.best_value)
        name = "ackley5" if function.__name__ == "<lambda>" else function.__name__
        print(name, statistics.median(bests), flush=True)


main()

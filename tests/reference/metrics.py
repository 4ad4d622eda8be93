"""Writes metrics.json: what torchmetrics makes of some batches, for the tests of `lightning_core::metrics`.

    python metrics.py

Every case is updated batch by batch and computed once. Numbers are rounded before they are used, so that both sides start from the same.
"""

import json
import pathlib
import warnings

import numpy as np
import torch
import torchmetrics
from torchmetrics import classification as tmc
from torchmetrics import regression as tmr
from torchmetrics import text as tmt

warnings.filterwarnings("ignore")

CLASSES = 5
LABELS = 4


def plain(value):
    """A tensor as a list of numbers, with None for NaN."""
    numbers = torch.as_tensor(value, dtype=torch.float64).flatten().tolist()
    return [None if number != number else number for number in numbers]


def rows(rng, count, classes, logits):
    """Scores without ties within a row, rounded; probabilities or logits."""
    while True:
        scores = rng.normal(size=(count, classes)) * 2.0
        if not logits:
            scores = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        scores = scores.round(4)
        if all(len(set(row)) == classes for row in scores.tolist()):
            return scores.tolist()


def batches(seed, form, sizes=(17, 8, 23), logits=False, present=range(CLASSES), ignored=None, ties=None):
    rng = np.random.default_rng(seed)
    result = []
    for size in sizes:
        if form == "scores":
            scores = rows(rng, size, CLASSES, logits)
        elif form == "multilabel":
            scores = rng.normal(size=(size, LABELS)) * 2.0 if logits else rng.uniform(size=(size, LABELS))
            scores = scores.round(4).tolist()
        elif form == "binary":
            scores = rng.normal(size=size) * 2.0 if logits else rng.uniform(size=size)
            scores = scores.round(4).tolist()
        else:
            scores = rng.integers(0, CLASSES, size=size).tolist()
        if ties:
            scores = (np.round(np.asarray(scores) * ties) / ties).tolist()
        classes = [0, 1] if form in ("binary", "multilabel") else list(present)
        shape = (size, LABELS) if form == "multilabel" else size
        targets = rng.choice(classes, size=shape)
        if form == "multilabel":
            # Only the labels of `present` ever hold.
            targets *= np.isin(np.arange(LABELS), list(present))
        if ignored is not None:
            targets = np.where(rng.uniform(size=shape) < 0.25, ignored, targets)
        result.append({"predictions": scores, "targets": targets.tolist()})
    return result


def run(metric, data, dtype=torch.float32):
    for batch in data:
        predictions = torch.tensor(batch["predictions"])
        if predictions.is_floating_point():
            predictions = predictions.to(dtype)
        metric.update(predictions, torch.tensor(batch["targets"]))
    return plain(metric.compute())


def classification():
    kinds = {
        "accuracy": (tmc.BinaryAccuracy, tmc.MulticlassAccuracy, tmc.MultilabelAccuracy),
        "precision": (tmc.BinaryPrecision, tmc.MulticlassPrecision, tmc.MultilabelPrecision),
        "recall": (tmc.BinaryRecall, tmc.MulticlassRecall, tmc.MultilabelRecall),
        "f_beta": (tmc.BinaryFBetaScore, tmc.MulticlassFBetaScore, tmc.MultilabelFBetaScore),
    }
    averages = {"micro": "micro", "macro": "macro", "weighted": "weighted", "per_class": None}
    cases = []
    for metric, (binary, multiclass, multilabel) in kinds.items():
        beta = {"beta": 0.5} if metric == "f_beta" else {}

        def add(name, form, data, expected, **settings):
            cases.append(
                {"name": f"{metric}: {name}", "metric": metric, "form": form, "batches": data, "expected": expected}
                | beta
                | settings
            )

        for average, theirs in averages.items():
            for name, form, data, more in [
                ("probabilities", "scores", batches(1, "scores"), {}),
                ("logits, absent classes", "scores", batches(2, "scores", logits=True, present=[0, 2]), {}),
                ("ignored outside", "scores", batches(3, "scores", ignored=-1), {"ignore_index": -1}),
                ("ignored class", "scores", batches(4, "scores", ignored=3), {"ignore_index": 3}),
                ("top 2", "scores", batches(5, "scores", present=[0, 1, 4]), {"top_k": 2}),
                ("labels", "labels", batches(6, "labels", present=[0, 1, 2]), {}),
            ]:
                if metric == "f_beta":
                    found = multiclass(beta["beta"], CLASSES, average=theirs, **more)
                else:
                    found = multiclass(CLASSES, average=theirs, **more)
                settings = {"average": average, "num_classes": CLASSES} | more
                add(f"{name}, {average}", form, data, run(found, data), **settings)
            for name, data, more in [
                ("probabilities", batches(12, "multilabel"), {}),
                ("logits", batches(13, "multilabel", logits=True), {}),
                ("threshold", batches(14, "multilabel"), {"threshold": 0.7}),
                ("absent labels", batches(15, "multilabel", present=[0, 2]), {}),
                ("ignored", batches(16, "multilabel", ignored=-1), {"ignore_index": -1}),
            ]:
                before = [beta["beta"]] if metric == "f_beta" else []
                found = multilabel(*before, LABELS, average=theirs, **more)
                add(f"multilabel {name}, {average}", "multilabel", data, run(found, data), average=average, **more)
        for name, data, more in [
            ("probabilities", batches(7, "binary"), {}),
            ("logits", batches(8, "binary", logits=True), {}),
            ("threshold", batches(9, "binary"), {"threshold": 0.7}),
            ("ignored", batches(10, "binary", ignored=-1), {"ignore_index": -1}),
            ("ties at the threshold", batches(11, "binary", ties=4), {}),
        ]:
            found = binary(beta["beta"], **more) if metric == "f_beta" else binary(**more)
            add(f"binary {name}", "binary", data, run(found, data), **more)
        # No positive prediction and no positive target at all.
        nothing = [{"predictions": [0.1, 0.2, 0.3], "targets": [0, 0, 0]}]
        found = binary(beta["beta"]) if metric == "f_beta" else binary()
        add("binary without positives", "binary", nothing, run(found, nothing))
        if metric != "accuracy":
            found = binary(beta["beta"], zero_division=1) if metric == "f_beta" else binary(zero_division=1)
            add("binary zero division", "binary", nothing, run(found, nothing), zero_division=1.0)
    return cases


def confusion():
    cases = []
    for normalize in [None, "true", "pred", "all"]:
        for name, form, data, more in [
            ("scores", "scores", batches(20, "scores", present=[0, 1, 3]), {}),
            ("ignored", "scores", batches(21, "scores", ignored=-1), {"ignore_index": -1}),
            ("labels", "labels", batches(22, "labels"), {}),
        ]:
            found = tmc.MulticlassConfusionMatrix(CLASSES, normalize=normalize, **more)
            settings = {"normalize": normalize, "num_classes": CLASSES} | more
            cases.append({"name": f"{name}, {normalize}", "form": form, "batches": data, "expected": run(found, data)} | settings)
        for name, data, more in [
            ("scores", batches(24, "multilabel"), {}),
            ("absent labels", batches(25, "multilabel", present=[1]), {}),
            ("ignored", batches(26, "multilabel", ignored=-1), {"ignore_index": -1}),
        ]:
            found = tmc.MultilabelConfusionMatrix(LABELS, normalize=normalize, **more)
            settings = {"normalize": normalize} | more
            cases.append({"name": f"multilabel {name}, {normalize}", "form": "multilabel", "batches": data, "expected": run(found, data)} | settings)
        data = batches(23, "binary")
        found = tmc.BinaryConfusionMatrix(normalize=normalize)
        cases.append({"name": f"binary, {normalize}", "form": "binary", "batches": data, "expected": run(found, data), "normalize": normalize})
    return cases


def defined(batches, form, ignored, average, per_class, negatives):
    """The mean of the classes whose curve is defined: torchmetrics counts the others as 0 in some settings.

    A class without a positive target has no recall and, for a ROC curve (`negatives`), one without a negative target no
    false positive rate. Its value is NaN, and a mean leaves it out.
    """
    targets = np.concatenate([np.asarray(batch["targets"]) for batch in batches])
    if form == "binary" or average == "micro":
        columns = [targets.flatten()]
    elif form == "multilabel":
        columns = list(targets.T)
    else:
        columns = [np.where(targets == ignored, -7, targets == number) for number in range(CLASSES)]
        ignored = -7 if ignored is not None else None
    if ignored is not None:
        columns = [column[column != ignored] for column in columns]
    positives = np.array([(column == 1).sum() for column in columns], dtype=float)
    others = np.array([(column != 1).sum() for column in columns])
    values = np.asarray(per_class, dtype=float).reshape(-1)
    values[(positives == 0) | (negatives & (others == 0))] = np.nan
    if average in ("per_class", "micro", None):
        return plain(values)
    known = ~np.isnan(values)
    weights = (positives if average == "weighted" else np.ones_like(values))[known]
    return plain(np.average(values[known], weights=weights) if weights.sum() else np.nan)


def curves():
    kinds = {
        "auroc": (tmc.BinaryAUROC, tmc.MulticlassAUROC, tmc.MultilabelAUROC),
        "average_precision": (tmc.BinaryAveragePrecision, tmc.MulticlassAveragePrecision, tmc.MultilabelAveragePrecision),
    }
    cases = []
    for metric, (binary, multiclass, multilabel) in kinds.items():
        for thresholds in [None, 5, 33, [0.1, 0.25, 0.9]]:
            more = {"thresholds": thresholds}
            for name, data, ignored in [
                ("probabilities", batches(30, "binary"), {}),
                ("logits", batches(31, "binary", logits=True), {}),
                ("ties", batches(32, "binary", ties=8), {}),
                ("ignored", batches(33, "binary", ignored=-1), {"ignore_index": -1}),
                ("no positives", [{"predictions": [0.1, 0.7, 0.3], "targets": [0, 0, 0]}], {}),
                ("no negatives", [{"predictions": [0.1, 0.7, 0.3], "targets": [1, 1, 1]}], {}),
            ]:
                found = run(binary(**more, **ignored), data)
                expected = defined(data, "binary", ignored.get("ignore_index"), None, found, metric == "auroc")
                cases.append(
                    {"name": f"{metric}: binary {name}, {thresholds}", "metric": metric, "form": "binary", "batches": data, "expected": expected}
                    | more
                    | ignored
                )
            for average in ["micro", "macro", "weighted", "per_class"]:
                theirs = "micro" if average == "micro" else None
                for name, data, ignored in [
                    ("probabilities", batches(60, "multilabel"), {}),
                    ("logits", batches(61, "multilabel", logits=True), {}),
                    ("ties", batches(62, "multilabel", ties=8), {}),
                    ("absent labels", batches(63, "multilabel", present=[1, 2]), {}),
                    ("ignored", batches(64, "multilabel", ignored=-1), {"ignore_index": -1}),
                ]:
                    found = run(multilabel(LABELS, average=theirs, **more, **ignored), data)
                    expected = defined(data, "multilabel", ignored.get("ignore_index"), average, found, metric == "auroc")
                    cases.append(
                        {
                            "name": f"{metric}: multilabel {name}, {average}, {thresholds}",
                            "metric": metric,
                            "form": "multilabel",
                            "average": average,
                            "batches": data,
                            "expected": expected,
                        }
                        | more
                        | ignored
                    )
                if average == "micro":
                    # Not of classes of which one is right.
                    continue
                for name, data, ignored in [
                    ("probabilities", batches(34, "scores"), {}),
                    ("logits", batches(35, "scores", logits=True), {}),
                    ("ties", batches(36, "scores", ties=8), {}),
                    ("absent classes", batches(37, "scores", present=[1, 2]), {}),
                    ("only the first class", batches(38, "scores", present=[0]), {}),
                    ("ignored", batches(39, "scores", ignored=-1), {"ignore_index": -1}),
                ]:
                    found = run(multiclass(CLASSES, average=theirs, **more, **ignored), data)
                    expected = defined(data, "scores", ignored.get("ignore_index"), average, found, metric == "auroc")
                    cases.append(
                        {
                            "name": f"{metric}: {name}, {average}, {thresholds}",
                            "metric": metric,
                            "form": "scores",
                            "average": average,
                            "batches": data,
                            "expected": expected,
                        }
                        | more
                        | ignored
                    )
    return cases


def regression():
    rng = np.random.default_rng(40)

    def data(shape_of, offset=0.0):
        result = []
        for size in (9, 1, 14):
            targets = rng.normal(size=shape_of(size)) * 3.0 + offset
            predictions = targets + rng.normal(size=shape_of(size))
            result.append({"predictions": predictions.round(3).tolist(), "targets": targets.round(3).tolist()})
        return result

    one, two = data(lambda size: (size,)), data(lambda size: (size, 3))
    far = data(lambda size: (size,), offset=50.0)
    constant = [{"predictions": [1.0, 2.0], "targets": [2.0, 2.0]}]
    exact = [{"predictions": [2.0, 2.0], "targets": [2.0, 2.0]}]
    cases = []

    def add(name, metric, found, batches, dtype=torch.float32, **settings):
        for batch in batches:
            found.update(torch.tensor(batch["predictions"], dtype=dtype), torch.tensor(batch["targets"], dtype=dtype))
        cases.append({"name": name, "metric": metric, "batches": batches, "expected": plain(found.compute())} | settings)

    for name, batches in [("one output", one), ("three outputs", two), ("far from 0", far)]:
        add(f"mae: {name}", "mae", tmr.MeanAbsoluteError(), batches)
        add(f"mse: {name}", "mse", tmr.MeanSquaredError(), batches)
        add(f"rmse: {name}", "rmse", tmr.MeanSquaredError(squared=False), batches)
    # In double precision: the variance of targets far from 0 is lost in single.
    double = {"dtype": torch.float64}
    for name, batches in [("one output", one), ("far from 0", far), ("constant targets", constant), ("exact", exact)]:
        add(f"r2: {name}", "r2", tmr.R2Score().set_dtype(torch.float64), batches, **double)
    add("r2: adjusted", "r2", tmr.R2Score(adjusted=4).set_dtype(torch.float64), one, **double, adjusted=4)
    add("r2: adjusted too far", "r2", tmr.R2Score(adjusted=5), constant, adjusted=5)
    for ours, theirs in [("uniform", "uniform_average"), ("variance_weighted", "variance_weighted"), ("raw", "raw_values")]:
        found = tmr.R2Score(multioutput=theirs).set_dtype(torch.float64)
        add(f"r2: three outputs, {ours}", "r2", found, two, **double, multi_output=ours)
    return cases


def perplexity():
    rng = np.random.default_rng(50)
    cases = []
    for name, ignored in [("all tokens", None), ("ignored", -100), ("ignored token of the vocabulary", 2)]:
        found, data = tmt.Perplexity(ignore_index=ignored), []
        for batch, length in [(3, 4), (1, 6), (2, 2)]:
            logits = (rng.normal(size=(batch, length, 7)) * 2.0).round(3)
            targets = rng.integers(0, 7, size=(batch, length))
            if ignored is not None:
                targets = np.where(rng.uniform(size=targets.shape) < 0.3, ignored, targets)
            data.append({"predictions": logits.tolist(), "targets": targets.tolist()})
            found.update(torch.tensor(logits, dtype=torch.float32), torch.tensor(targets))
        cases.append({"name": name, "ignore_index": ignored, "batches": data, "expected": plain(found.compute())})
    return cases


def bleu():
    corpus = [
        [
            ("the cat is on the mat", ["there is a cat on the mat", "a cat is on the mat"]),
            ("it is a guide to action which ensures that the military always obeys the commands of the party",
             ["it is a guide to action that ensures that the military will forever heed party commands",
              "it is the guiding principle which guarantees the military forces always being under the command of the party"]),
        ],
        [("he read the book because he was interested in world history",
          ["he was interested in world history because he read the book"])],
        [("the the the the the the the", ["the cat is on the mat"]), ("", ["an empty candidate"])],
    ]
    short = [[("the cat", ["the cat sat on the mat"])]]
    unrelated = [[("nothing in common here", ["a wholly different sentence"])]]
    cases = []
    for name, batches in [("corpus", corpus), ("short", short), ("unrelated", unrelated)]:
        for n_gram in (1, 2, 3, 4):
            for smooth in (False, True):
                found = tmt.BLEUScore(n_gram=n_gram, smooth=smooth)
                for batch in batches:
                    found.update([pair[0] for pair in batch], [pair[1] for pair in batch])
                data = [{"candidates": [pair[0] for pair in batch], "references": [pair[1] for pair in batch]} for batch in batches]
                cases.append({"name": f"{name}, {n_gram}, {smooth}", "n_gram": n_gram, "smooth": smooth, "batches": data, "expected": plain(found.compute())})
    weights = [0.5, 0.3, 0.2]
    found = tmt.BLEUScore(n_gram=3, weights=weights)
    for batch in corpus:
        found.update([pair[0] for pair in batch], [pair[1] for pair in batch])
    data = [{"candidates": [pair[0] for pair in batch], "references": [pair[1] for pair in batch]} for batch in corpus]
    cases.append({"name": "weights", "n_gram": 3, "smooth": False, "weights": weights, "batches": data, "expected": plain(found.compute())})
    return cases


def shared(cases, data):
    """The cases with their batches by number: many have the same ones."""
    for case in cases:
        batches = case.pop("batches")
        if batches not in data:
            data.append(batches)
        case["data"] = data.index(batches)
    return cases


def main():
    data = []
    numbers = {
        "torchmetrics": torchmetrics.__version__,
        "torch": torch.__version__,
        "classification": shared(classification(), data),
        "confusion": shared(confusion(), data),
        "curves": shared(curves(), data),
        "regression": shared(regression(), data),
        "perplexity": shared(perplexity(), data),
        "bleu": shared(bleu(), data),
        "data": data,
        # The thresholds that a number of them stands for.
        "linspace": {str(count): torch.linspace(0, 1, count).tolist() for count in (2, 5, 33, 100, 200)},
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    sections = ",\n".join(
        f"{json.dumps(key)}: " + ("[\n" + ",\n".join(json.dumps(case) for case in value) + "\n]" if isinstance(value, list) else json.dumps(value))
        for key, value in numbers.items()
    )
    path.write_text("{\n" + sections + "\n}\n")


if __name__ == "__main__":
    main()

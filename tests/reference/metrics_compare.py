"""Writes metrics_compare.json: 300 random and 100 nasty configurations of metrics with the values of torchmetrics.

    pip install torch torchmetrics scikit-learn scipy
    python metrics_compare.py

Where the definition of a metric gives something else than torchmetrics, a case has that value as `right`, computed here by scikit-learn,
scipy or the definition, and the reason. The section `differences` lists them. A case whose `expected` or `right` is "error" must be refused.
Numbers that JSON lacks are null (NaN), "inf" and "-inf".
"""

import collections
import json
import math
import pathlib
import random
import warnings

import numpy as np
import scipy.special
import scipy.stats
import sklearn.metrics
import torch
from torchmetrics import classification as tmc
from torchmetrics import image as tmi
from torchmetrics import regression as tmr
from torchmetrics import retrieval as tmrt
from torchmetrics import text as tmt

warnings.filterwarnings("ignore")

WHY = {
    "undefined": "A class without a positive (or, for ROC, a negative) target has no area: NaN on its own, and left out of a mean. torchmetrics counts it as 0.",
    "not a number": "A NaN score has no rank and no confidence, and no sum: the value is NaN. torchmetrics ranks or drops it, or is lucky.",
    "saturated": "Large logits are ranked as they are. torchmetrics ranks their probabilities, which round to 1 in float32.",
    "one decision": "Whether scores are logits is one decision for the epoch. torchmetrics decides for each batch.",
    "ignored scores": "A score whose target is ignored does not decide whether scores are logits.",
    "nan is no logit": "A NaN does not make the other scores of its batch logits.",
    "small variance": "No variance counts as 0 but 0. torchmetrics takes sums of squares up to 1e-4 (R²), or relative to the largest deviation (Pearson), as 0.",
    "no variance": "Without any variance a correlation is undefined: NaN, as in scipy. torchmetrics returns 0, or what rounding left.",
    "constant targets": "The variance-weighted mean of constant outputs is their mean, as in scikit-learn. torchmetrics divides 0 by 0.",
    "matthews": "A coefficient whose predictions or targets are all of one class is 0, as in scikit-learn. torchmetrics returns a limit that depends on the counts.",
    "positive scores": "Documents rank by their scores, whatever the sign. torchmetrics counts documents with a score of 0 or less as irrelevant.",
    "integers": "Labels of any integer type are counted in 64 bits. torchmetrics computes places in the type of the labels.",
    "empty": "An empty batch counts nothing. torchmetrics refuses it, or returns NaN for the epoch.",
    "letters": "Words consist of the letters of any language. torchmetrics' ROUGE takes ASCII letters only.",
    "log softmax": "The likelihood is computed by a log softmax. torchmetrics takes the logarithm of a probability that rounds to 0.",
}


# Numbers


def encode(value):
    if isinstance(value, (list, tuple)):
        return [encode(entry) for entry in value]
    if isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return int(value) if value == int(value) and abs(value) < 1e15 and not (value == 0 and math.copysign(1, value) < 0) else value
    return value


def plain(value):
    if isinstance(value, str):
        return value
    return torch.as_tensor(value, dtype=torch.float64).flatten().tolist()


def close(a, b):
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return len(a) == len(b) and all(
        (math.isnan(x) and math.isnan(y)) or x == y or abs(x - y) <= 4e-6 * max(1.0, abs(y)) for x, y in zip(a, b)
    )


# Metrics of torchmetrics from the settings of a case


def average_of(settings):
    return {"average": None if settings.get("average") == "per_class" else settings["average"]} if "average" in settings else {}


def classification_metric(case):
    form, settings = case["form"], case["settings"]
    kind = {"scores": "Multiclass", "labels": "Multiclass", "multilabel": "Multilabel", "binary": "Binary"}[form]
    name, args = {
        "accuracy": ("Accuracy", []),
        "precision": ("Precision", []),
        "recall": ("Recall", []),
        "f_beta": ("FBetaScore", [settings.get("beta")]),
        "jaccard": ("JaccardIndex", []),
        "matthews": ("MatthewsCorrCoef", []),
        "kappa": ("CohenKappa", []),
        "confusion": ("ConfusionMatrix", []),
        "calibration": ("CalibrationError", []),
        "auroc": ("AUROC", []),
        "average_precision": ("AveragePrecision", []),
    }[case["metric"]]
    if kind != "Binary":
        args = args + [case["classes"]]
    more = {key: settings[key] for key in ("ignore_index", "top_k", "threshold", "zero_division", "thresholds", "norm") if key in settings}
    if "normalize" in settings:
        more["normalize"] = settings["normalize"]
    if "kappa" in settings:
        more["weights"] = settings["kappa"]
    if "bins" in settings:
        more["n_bins"] = settings["bins"]
    metric = getattr(tmc, kind + name)(*args, **more, **average_of(settings))
    return metric, lambda batch: metric.update(tensor(batch, "predictions"), tensor(batch, "targets"))


INTEGERS = {"u8": torch.uint8, "i8": torch.int8, "i16": torch.int16, "i32": torch.int32, "i64": torch.int64}


def tensor(batch, part, dtype=torch.float32):
    values = np.asarray(batch[part])
    if values.dtype.kind in "iu":
        return torch.tensor(values, dtype=INTEGERS[batch.get("dtype", "i64")])
    return torch.tensor(values, dtype=dtype)


def regression_metric(case):
    settings = case["settings"]
    outputs = np.asarray(case["batches"][0]["targets"]).shape[1:] or (1,)
    outputs = outputs[0] if len(outputs) == 1 else 1
    multi = {"uniform": "uniform_average", "variance_weighted": "variance_weighted", "raw": "raw_values"}
    metric = {
        "mae": lambda: tmr.MeanAbsoluteError(),
        "mse": lambda: tmr.MeanSquaredError(),
        "rmse": lambda: tmr.MeanSquaredError(squared=False),
        "r2": lambda: tmr.R2Score(multioutput=multi[settings.get("multi_output", "uniform")], adjusted=settings.get("adjusted", 0)),
        "pearson": lambda: tmr.PearsonCorrCoef(num_outputs=outputs),
        "spearman": lambda: tmr.SpearmanCorrCoef(num_outputs=outputs),
        "psnr": lambda: tmi.PeakSignalNoiseRatio(data_range=settings["data_range"]),
        "ssim": lambda: tmi.StructuralSimilarityIndexMeasure(data_range=settings["data_range"]),
    }[case["metric"]]().set_dtype(torch.float64)
    return metric, lambda batch: metric.update(tensor(batch, "predictions", torch.float64), tensor(batch, "targets", torch.float64))


def retrieval_metric(case):
    settings = case["settings"]
    kind = {"mrr": tmrt.RetrievalMRR, "map": tmrt.RetrievalMAP, "ndcg": tmrt.RetrievalNormalizedDCG}[case["metric"]]
    metric = kind(empty_target_action=settings.get("empty", "neg"), top_k=settings.get("top_k"), ignore_index=settings.get("ignore_index"))
    return metric, lambda batch: metric.update(
        tensor(batch, "predictions"), tensor(batch, "targets"), indexes=tensor(batch, "queries")
    )


def text_metric(case):
    settings = case["settings"]
    key = "L" if settings.get("n_gram") == 0 else settings.get("n_gram")
    metric = {
        "wer": lambda: tmt.WordErrorRate(),
        "cer": lambda: tmt.CharErrorRate(),
        "bleu": lambda: tmt.BLEUScore(n_gram=settings["n_gram"], smooth=settings["smooth"]),
        "rouge": lambda: tmt.ROUGEScore(rouge_keys=f"rouge{key}", accumulate=settings["references"]),
    }[case["metric"]]()
    return metric, lambda batch: metric.update(batch["candidates"], batch["references"])


def perplexity_metric(case):
    metric = tmt.Perplexity(ignore_index=case["settings"].get("ignore_index"))
    return metric, lambda batch: metric.update(tensor(batch, "predictions"), tensor(batch, "targets"))


MAKERS = {"classification": classification_metric, "regression": regression_metric, "retrieval": retrieval_metric, "text": text_metric, "perplexity": perplexity_metric}


def torchmetrics_value(case):
    try:
        metric, update = MAKERS[case["kind"]](case)
        for batch in case["batches"]:
            update(batch)
        value = metric.compute()
        if case["metric"] == "rouge":
            key = "L" if case["settings"]["n_gram"] == 0 else case["settings"]["n_gram"]
            value = value[f"rouge{key}_{case['settings']['score']}"]
        return plain(value)
    except Exception:
        return "error"


# Right values: each returns (value, reason) or None where it has nothing to say


def replaced(case, **changes):
    return {**case, **changes}


def joined(case):
    """All batches in one, so that one decision holds for all."""
    batches = [batch for batch in case["batches"] if np.asarray(batch["targets"]).size]
    if not batches:
        return case
    merged = {part: np.concatenate([np.asarray(batch[part]) for batch in batches]) for part in ("predictions", "targets")}
    return replaced(case, batches=[merged])


def columns(case):
    """Scores and yes-or-no targets of each column, without what is ignored; logits are told by all counted scores."""
    merged = joined(case)["batches"][0]
    scores, targets = np.asarray(merged["predictions"], dtype=float), np.asarray(merged["targets"])
    ignored = case["settings"].get("ignore_index")
    counted = np.ones(targets.shape, bool) if ignored is None else targets != ignored
    if case["form"] == "binary":
        return [(scores[counted], targets[counted])], outside(scores[counted])
    if case["form"] == "multilabel":
        is_logits = outside(scores[counted])
        if case["settings"].get("average") == "micro":
            return [(scores[counted], targets[counted])], is_logits
        return [(scores[counted[:, c], c], targets[counted[:, c], c]) for c in range(scores.shape[1])], is_logits
    scores, targets = scores[counted], targets[counted]
    is_logits = outside(scores)
    if is_logits:
        odds = np.empty_like(scores)
        for c in range(scores.shape[1]):
            odds[:, c] = scores[:, c] - scipy.special.logsumexp(np.delete(scores, c, axis=1), axis=1)
        scores = odds
    return [(scores[:, c], (targets == c).astype(int)) for c in range(scores.shape[1])], is_logits


def outside(scores):
    return bool(np.any((scores < 0) | (scores > 1)))


def right_curve(case):
    """Exact areas by scikit-learn, of the classes that have one."""
    if case["settings"].get("thresholds") is not None:
        return right_binned(case)
    parts, _ = columns(case)
    area = sklearn.metrics.roc_auc_score if case["metric"] == "auroc" else sklearn.metrics.average_precision_score
    values, weights, has_nan, is_undefined = [], [], False, False
    for scores, targets in parts:
        if np.isnan(scores).any():
            values.append(math.nan)
            has_nan = True
        elif not targets.any() or (case["metric"] == "auroc" and targets.all()):
            values.append(None)
            is_undefined = True
        else:
            values.append(float(area(targets, np.clip(scores, -1e300, 1e300))))
        weights.append(float(targets.sum()))
    if case["form"] == "binary" or case["settings"].get("average") == "micro":
        found = [math.nan if values[0] is None else values[0]]
    elif case["settings"]["average"] == "per_class":
        found = [math.nan if value is None else value for value in values]
    else:
        weighted = case["settings"]["average"] == "weighted"
        known = [(value, weight if weighted else 1.0) for value, weight in zip(values, weights) if value is not None]
        total = sum(weight for _, weight in known)
        found = [sum(value * weight for value, weight in known) / total if total else math.nan]
    if has_nan or is_undefined:
        return found, "not a number" if has_nan else "undefined"
    if any(not np.asarray(batch["targets"]).size for batch in case["batches"]):
        return found, "empty"
    return found, "one decision" if close(torchmetrics_value(joined(case)), found) else "saturated"


def right_binned(case):
    merged = joined(case)
    scores = np.asarray(merged["batches"][0]["predictions"], dtype=float)
    targets = np.asarray(merged["batches"][0]["targets"])
    ignored = case["settings"].get("ignore_index")
    counted = targets != ignored if ignored is not None else np.ones(targets.shape, bool)
    if np.isnan(scores[counted] if scores.shape == targets.shape else scores[counted]).any():
        size = case["classes"] if case["settings"].get("average") == "per_class" else 1
        return [math.nan] * size, "not a number"
    settings = {**case["settings"]}
    if "average" in settings and settings["average"] != "micro":
        settings["average"] = "per_class"
    values = torchmetrics_value(replaced(merged, settings=settings))
    parts, _ = columns(case)
    positives = np.array([(part[1] == 1).sum() for part in parts], float)
    negatives = np.array([(part[1] != 1).sum() for part in parts], float)
    values = np.array(values, float)
    values[(positives == 0) | ((case["metric"] == "auroc") & (negatives == 0))] = math.nan
    average = case["settings"].get("average")
    if average in ("macro", "weighted"):
        known = ~np.isnan(values)
        weights = (positives if average == "weighted" else np.ones_like(values))[known]
        values = np.array([np.average(values[known], weights=weights) if weights.sum() else math.nan])
    return values.tolist(), "undefined"


def right_counts(case):
    """torchmetrics on 64-bit labels, one batch and counted scores."""
    merged = joined(case)
    batch = merged["batches"][0]
    scores, targets = np.asarray(batch["predictions"]), np.asarray(batch["targets"])
    reason = "integers" if case["batches"][0].get("dtype") else "one decision"
    if not targets.size:
        return None
    if any(not np.asarray(part["targets"]).size for part in case["batches"]):
        reason = "empty"
    if scores.dtype.kind == "f" and case["form"] in ("binary", "multilabel") or case["metric"] == "calibration":
        ignored = case["settings"].get("ignore_index")
        counted = targets != ignored if ignored is not None else np.ones(targets.shape, bool)
        rows = scores[counted]
        if np.isnan(rows).any() and case["metric"] == "calibration":
            return [math.nan], "not a number"
        if outside(scores[~np.isnan(scores)]) != outside(rows[~np.isnan(rows)]):
            reason = "ignored scores"
            scores = np.where((counted if counted.shape == scores.shape else counted[:, None]), scores, 0.5)
        if np.isnan(scores).any() and not outside(scores):
            # NaN is not above any threshold.
            reason, scores = "nan is no logit", np.where(np.isnan(scores), 0.0, scores)
        merged = replaced(merged, batches=[{**batch, "predictions": scores}])
    if case["metric"] == "matthews":
        return right_matthews(merged, reason)
    return torchmetrics_value(merged), reason


def right_matthews(case, reason):
    value = torchmetrics_value(case)
    settings = {key: value for key, value in case["settings"].items() if key in ("ignore_index", "threshold", "top_k")}
    counts = replaced(case, metric="confusion", settings=settings)
    matrix = np.array(torchmetrics_value(counts))
    size = 2 if case["form"] in ("binary", "multilabel") else case["classes"]
    matrix = matrix.reshape(-1, size, size).sum(0)
    predicted, targets = (matrix.sum(0) > 0).sum(), (matrix.sum(1) > 0).sum()
    if predicted > 1 and targets > 1:
        return value, reason
    right, all_samples = np.trace(matrix), matrix.sum()
    if size == 2 and all_samples and right in (0, all_samples):
        return [1.0 if right else -1.0], reason
    return [0.0], "matthews"


def right_r2(case):
    merged = joined(case)["batches"][0]
    x, y = (np.asarray(merged[part], dtype=np.float64) for part in ("predictions", "targets"))
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    settings = case["settings"]
    if len(y) < 2:
        return "error", "empty"
    finite = np.isfinite(y).all(0) & ~np.isnan(x).any(0)
    values, spreads = [], []
    reason = "small variance"
    for column in range(y.shape[1]):
        if not finite[column]:
            values.append(math.nan)
            reason = "not a number"
        elif not np.isfinite(x[:, column]).all():
            values.append(-math.inf)
        elif (y[:, column] == y[0, column]).all():
            # Not by scikit-learn, whose mean of equal numbers is another number.
            values.append(float((x[:, column] == y[:, column]).all()))
        else:
            values.append(sklearn.metrics.r2_score(y[:, column], x[:, column]))
        spreads.append(np.square(y[:, column] - y[:, column].mean()).sum() if (y[:, column] != y[0, column]).any() else 0.0)
    k, n = settings.get("adjusted", 0), len(y)
    adjust = lambda value: 1 - (1 - value) * (n - 1) / (n - k - 1) if k and n - k - 1 > 0 else value
    how = settings.get("multi_output", "uniform")
    if how == "raw":
        return [adjust(value) for value in values], reason
    if how == "uniform":
        return [adjust(float(np.mean(values)))], reason
    if not any(spreads):
        return [adjust(float(np.mean(values)))], "constant targets"
    return [adjust(float(np.average(values, weights=spreads)))], reason


def right_correlation(case):
    merged = joined(case)["batches"][0]
    x, y = (np.asarray(merged[part], dtype=np.float64) for part in ("predictions", "targets"))
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    values, reason = [], "small variance"
    for a, b in zip(x.T, y.T):
        if np.isnan(a).any() or np.isnan(b).any() or (case["metric"] == "pearson" and not np.isfinite([a, b]).all()):
            values.append(math.nan)
            reason = "not a number"
        elif len(a) < 2 or (a == a[0]).all() or (b == b[0]).all():
            values.append(math.nan)
            reason = "no variance"
        else:
            theirs = scipy.stats.pearsonr if case["metric"] == "pearson" else scipy.stats.spearmanr
            values.append(float(theirs(a, b)[0]))
    return values, reason


def right_retrieval(case):
    batches = [dict(batch) for batch in case["batches"] if len(batch["queries"])]
    if not batches:
        return [math.nan], "empty"
    ignored = case["settings"].get("ignore_index")
    every = np.concatenate([np.asarray(batch["predictions"])[np.asarray(batch["targets"]) != ignored] for batch in batches])
    if np.isnan(every).any():
        return [math.nan], "not a number"
    # The same order above 0.
    order = np.unique(every)
    for batch in batches:
        scores = np.asarray(batch["predictions"])
        batch["predictions"] = ((np.searchsorted(order, scores) + 1) / (len(order) + 1)).astype(float)
    return torchmetrics_value(replaced(case, batches=batches)), "positive scores"


def right_plain_regression(case):
    merged = joined(case)
    empty = any(not np.asarray(batch["targets"]).size for batch in case["batches"])
    return torchmetrics_value(merged), "empty" if empty else "not a number"


def right_perplexity(case):
    logits = np.concatenate([np.asarray(batch["predictions"], float).reshape(-1, case["classes"]) for batch in case["batches"]])
    targets = np.concatenate([np.asarray(batch["targets"]).flatten() for batch in case["batches"]])
    ignored = case["settings"].get("ignore_index")
    counted = targets != ignored if ignored is not None else np.ones(targets.shape, bool)
    if not counted.any():
        return [math.nan], "empty"
    likelihoods = scipy.special.log_softmax(logits[counted], axis=1)[np.arange(counted.sum()), targets[counted]]
    return [float(np.exp(-likelihoods.mean()))], "log softmax"


def right(case):
    metric = case["metric"]
    with np.errstate(all="ignore"):
        if "right" in case:
            return case["right"]
        if metric in ("auroc", "average_precision"):
            return right_curve(case)
        if case["kind"] == "classification":
            return right_counts(case)
        if metric == "r2":
            return right_r2(case)
        if metric in ("pearson", "spearman"):
            return right_correlation(case)
        if case["kind"] == "retrieval":
            return right_retrieval(case)
        if metric in ("mae", "mse", "rmse", "psnr"):
            return right_plain_regression(case)
        if metric == "perplexity":
            return right_perplexity(case)
    return None


# Random configurations


def rows(rng, count, classes, logits):
    while True:
        scores = rng.normal(size=(count, classes)) * 2
        if not logits:
            scores = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        scores = scores.round(3)
        if all(len(set(row)) == classes for row in scores.tolist()) and (not logits or count == 0 or outside(scores)):
            return scores


def random_classification(rng, pick):
    metric = pick.choice(["accuracy", "precision", "recall", "f_beta", "jaccard", "matthews", "kappa", "confusion", "calibration", "auroc", "auroc", "average_precision", "average_precision"])
    forms = {"kappa": ["scores", "labels", "binary"], "calibration": ["scores", "binary"], "auroc": ["scores", "binary", "multilabel"], "average_precision": ["scores", "binary", "multilabel"]}
    form = pick.choice(forms.get(metric, ["scores", "labels", "binary", "multilabel"]))
    classes = 2 if form == "binary" else pick.choice([2, 3, 4, 7])
    settings = {}
    if metric not in ("matthews", "kappa", "confusion", "calibration") and form != "binary":
        averages = ["micro", "macro", "weighted", "per_class"]
        if metric in ("auroc", "average_precision") and form == "scores":
            averages.remove("micro")
        settings["average"] = pick.choice(averages)
    if pick.random() < 0.35:
        settings["ignore_index"] = pick.choice([-1, 255, -100] + ([1] if classes > 2 and form in ("scores", "labels") else []))
    if metric in ("accuracy", "precision", "recall", "f_beta") and form == "scores" and classes > 2 and pick.random() < 0.4:
        settings["top_k"] = pick.randint(2, classes - 1)
    if form in ("binary", "multilabel") and metric not in ("auroc", "average_precision", "calibration") and pick.random() < 0.4:
        settings["threshold"] = pick.choice([0.25, 0.6, 0.75])
    if metric in ("precision", "recall", "f_beta") and pick.random() < 0.3 and "top_k" not in settings:
        settings["zero_division"] = 1
    if metric == "f_beta":
        settings["beta"] = pick.choice([0.5, 1.0, 2.0])
    if metric == "kappa":
        settings["kappa"] = pick.choice([None, "linear", "quadratic"])
    if metric == "confusion":
        settings["normalize"] = pick.choice([None, "true", "pred", "all"])
    if metric == "calibration":
        settings |= {"norm": pick.choice(["l1", "l2", "max"]), "bins": pick.choice([3, 10, 15])}
    if metric in ("auroc", "average_precision"):
        settings["thresholds"] = pick.choice([None, None, None, 4, 11, [0.0, 0.2, 0.5, 0.9, 1.0]])
    logits, batches = pick.random() < 0.5, []
    for size in [pick.randint(4, 12) for _ in range(pick.randint(1, 3))]:
        if form == "scores":
            predictions = rows(rng, size, classes, logits)
        elif form == "labels":
            predictions = rng.integers(0, classes, size=size)
        else:
            shape = (size,) if form == "binary" else (size, classes)
            while True:
                predictions = (rng.normal(size=shape) * 2 if logits else rng.uniform(size=shape)).round(3)
                if not logits or outside(predictions):
                    break
        shape = (size, classes) if form == "multilabel" else (size,)
        targets = rng.integers(0, 2 if form in ("binary", "multilabel") else classes, size=shape)
        if "ignore_index" in settings and settings["ignore_index"] != 1:
            targets = np.where(rng.uniform(size=shape) < 0.2, settings["ignore_index"], targets)
        batches.append({"predictions": predictions.tolist(), "targets": targets.tolist()})
    return {"kind": "classification", "metric": metric, "form": form, "classes": classes, "settings": settings, "batches": batches}


def random_regression(rng, pick):
    metric = pick.choice(["mae", "mse", "rmse", "r2", "r2", "pearson", "spearman", "psnr", "ssim"])
    settings = {}
    outputs = pick.choice([None, 3])
    if metric == "r2":
        settings = {"multi_output": pick.choice(["uniform", "variance_weighted", "raw"]), "adjusted": pick.choice([0, 0, 2])}
    if metric in ("psnr", "ssim"):
        settings["data_range"] = pick.choice([1.0, 10.0])
    scale, offset = pick.choice([1.0, 1.0, 100.0, 0.01]), pick.choice([0.0, 0.0, 5.0])
    batches = []
    for size in [pick.randint(1, 9) for _ in range(pick.randint(2, 4))]:
        shape = (1, 1, 11, 12) if metric == "ssim" else (size,) if outputs is None else (size, outputs)
        targets = rng.normal(size=shape) * scale + offset
        predictions = targets + rng.normal(size=shape) * scale * 0.5
        if metric == "ssim":
            targets, predictions = np.abs(targets) % settings["data_range"], np.abs(predictions) % settings["data_range"]
        batches.append({"predictions": predictions.round(4).tolist(), "targets": targets.round(4).tolist()})
    if metric == "ssim":
        batches = batches[:1]
    return {"kind": "regression", "metric": metric, "settings": settings, "batches": batches}


def random_retrieval(rng, pick):
    metric = pick.choice(["mrr", "map", "ndcg"])
    settings = {"empty": pick.choice(["neg", "pos", "skip"])}
    if pick.random() < 0.4:
        settings["top_k"] = pick.randint(1, 4)
    if pick.random() < 0.3:
        settings["ignore_index"] = -1
    batches = []
    # One order of all scores: torch's top_k leaves equal ones in any order.
    scores = iter(rng.permutation(np.arange(1, 60)) / 64)
    for size in [pick.randint(3, 12) for _ in range(pick.randint(1, 3))]:
        relevance = rng.integers(0, 4 if metric == "ndcg" else 2, size=size)
        if "ignore_index" in settings:
            relevance = np.where(rng.uniform(size=size) < 0.2, -1, relevance)
        batches.append({"queries": rng.integers(0, 4, size=size).tolist(), "predictions": [next(scores) for _ in range(size)], "targets": relevance.tolist()})
    return {"kind": "retrieval", "metric": metric, "settings": settings, "batches": batches}


WORDS = "the a cat dog sat on mat and then it was not very 42 red".split()


def random_text(rng, pick):
    metric = pick.choice(["wer", "cer", "bleu", "rouge", "rouge"])
    sentence = lambda low: " ".join(pick.choice(WORDS) for _ in range(pick.randint(low, 9)))
    settings, several = {}, metric in ("bleu", "rouge")
    if metric == "bleu":
        settings = {"n_gram": pick.randint(1, 3), "smooth": pick.random() < 0.5}
    if metric == "rouge":
        settings = {"n_gram": pick.randint(0, 3), "references": pick.choice(["best", "avg"]), "score": pick.choice(["fmeasure", "precision", "recall"])}
    batches = []
    for size in [pick.randint(1, 3) for _ in range(pick.randint(1, 3))]:
        references = [[sentence(1) for _ in range(pick.randint(1, 3))] if several else sentence(1) for _ in range(size)]
        batches.append({"candidates": [sentence(0) for _ in range(size)], "references": references})
    return {"kind": "text", "metric": metric, "settings": settings, "batches": batches}


def random_perplexity(rng, pick):
    settings, batches = {}, []
    if pick.random() < 0.5:
        settings["ignore_index"] = pick.choice([-100, 2])
    for _ in range(pick.randint(1, 3)):
        shape = (pick.randint(1, 3), pick.randint(1, 4))
        targets = rng.integers(0, 5, size=shape)
        if "ignore_index" in settings:
            targets = np.where(rng.uniform(size=shape) < 0.3, settings["ignore_index"], targets)
        batches.append({"predictions": (rng.normal(size=(*shape, 5)) * 2).round(3).tolist(), "targets": targets.tolist()})
    return {"kind": "perplexity", "metric": "perplexity", "classes": 5, "settings": settings, "batches": batches}


def random_cases():
    pick, rng = random.Random(15), np.random.default_rng(15)
    makers = [random_classification] * 6 + [random_regression] * 2 + [random_retrieval, random_text] + [random_perplexity]
    cases = []
    for number in range(300):
        case = pick.choice(makers)(rng, pick)
        cases.append({"name": f"random {number}", **case})
    return cases


# Nasty configurations


def nasty_cases():
    nan, inf = math.nan, math.inf
    cases = []

    def add(kind, metric, batches, form=None, classes=None, right=None, **settings):
        case = {"kind": kind, "metric": metric, "settings": settings, "batches": batches}
        case |= {} if form is None else {"form": form, "classes": classes or 2}
        case |= {} if classes is None else {"classes": classes}
        case |= {} if right is None else {"right": right}
        cases.append({"name": f"nasty {len(cases)}", **case})

    def batch(predictions, targets, **more):
        return {"predictions": predictions, "targets": targets, **more}

    curve = ["auroc", "average_precision"]
    yes_no = [0, 0, 1, 1]
    # NaN, infinite and saturated scores.
    for metric in curve:
        add("classification", metric, [batch([0.1, nan, 0.35, 0.8], yes_no)], "binary")
        add("classification", metric, [batch([nan] * 4, yes_no)], "binary", thresholds=5)
        add("classification", metric, [batch([[0.2, nan], [0.6, 0.1], [0.3, 0.4]], [[0, 1], [1, 0], [0, 0]])], "multilabel", 2, average="per_class")
        add("classification", metric, [batch([[0.2, nan], [0.6, 0.1], [0.3, 0.4]], [[0, 1], [1, 0], [0, 0]])], "multilabel", 2, average="macro")
        add("classification", metric, [batch([17.5, 18.5, 19.5, 20.5], yes_no)], "binary")
        add("classification", metric, [batch([-200.0, -120.0, 90.0, 140.0], [1, 0, 0, 1])], "binary")
        add("classification", metric, [batch([[40.0, 0.0, 0.0], [50.0, 0.0, 0.0], [60.0, 0.0, 0.0], [0.0, 70.0, 0.0], [0.0, 0.0, 80.0]], [1, 0, 0, 1, 2])], "scores", 3, average="macro")
        add("classification", metric, [batch([-inf, 0.5, inf, 3.0], yes_no)], "binary")
        # One class, absent classes, everything ignored.
        add("classification", metric, [batch([0.1, 0.4, 0.35, 0.8], [0, 0, 0, 0])], "binary")
        add("classification", metric, [batch([0.1, 0.4, 0.35, 0.8], [1, 1, 1, 1])], "binary")
        add("classification", metric, [batch([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1]], [0, 1, 1])], "scores", 3, average="macro")
        add("classification", metric, [batch([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1]], [0, 1, 1])], "scores", 3, average="macro", thresholds=4)
        add("classification", metric, [batch([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]], [0, 0])], "scores", 3, average="weighted")
        add("classification", metric, [batch([0.2, 0.7], [-1, -1])], "binary", ignore_index=-1, right=([nan], "undefined"))
        # All scores equal, -0 and 0, one sample a batch that alone would not be logits.
        add("classification", metric, [batch([0.5, 0.5, 0.5, 0.5], yes_no)], "binary")
        add("classification", metric, [batch([-0.0, 0.0, 0.0, 0.25], yes_no)], "binary")
        add("classification", metric, [batch([-1.0], [1]), batch([0.0], [0]), batch([1.0], [1])], "binary")
        add("classification", metric, [batch([0.5, 0.6], [1, 0]), batch([7.0, -0.5], [0, 1])], "binary")
        add("classification", metric, [batch([0.5, 0.6, 9.0], [1, 0, -1]), batch([0.7, 0.1], [1, 0])], "binary", ignore_index=-1)
    # One decision, counted.
    for metric in ["accuracy", "f_beta", "confusion", "matthews", "jaccard"]:
        settings = {"beta": 1.0} if metric == "f_beta" else {}
        add("classification", metric, [batch([-1.0], [1]), batch([0.2], [0]), batch([0.9], [1])], "binary", **settings)
    for metric in ["accuracy", "confusion", "jaccard"]:
        add("classification", metric, [batch([0.4, nan, 0.6], [0, 1, 1])], "binary")
    add("classification", "precision", [batch([0.4, 0.3, 5.0], [1, 1, -1])], "binary", ignore_index=-1)
    add("classification", "calibration", [batch([0.9, 0.2, nan], [1, 0, 1])], "binary", norm="l1", bins=10)
    add("classification", "calibration", [batch([0.5, 0.25], [1, 0]), batch([-2.0, 3.0], [0, 1])], "binary", norm="l1", bins=4)
    # Small integers.
    wide = list(range(17)) * 2
    for dtype in ["u8", "i8", "i16", "i32"]:
        shift = [(label + index // 17) % 17 for index, label in enumerate(wide)]
        add("classification", "confusion", [batch(wide, shift, dtype=dtype)], "labels", 17, normalize=None)
    many = list(range(100))
    for metric in ["f_beta", "jaccard", "matthews", "kappa"]:
        settings = {"f_beta": {"beta": 1.0, "average": "macro"}, "jaccard": {"average": "macro"}, "matthews": {}, "kappa": {"kappa": None}}[metric]
        add("classification", metric, [batch(many, many[1:] + [99], dtype="u8" if metric in ("f_beta", "kappa") else "i8")], "labels", 100, **settings)
    # Degenerate coefficients.
    for predictions, targets in [([1, 1, 1, 1], [1, 0, 1, 1]), ([1, 0, 1, 0], [1, 1, 1, 1]), ([1, 1], [1, 1]), ([0, 0], [1, 1])]:
        add("classification", "matthews", [batch([float(p) * 0.8 + 0.1 for p in predictions], targets)], "binary")
    add("classification", "matthews", [batch([2, 2, 2], [2, 2, 2])], "labels", 3)
    add("classification", "kappa", [batch([1, 1, 1], [1, 1, 1])], "labels", 3, kappa="linear")
    # Empty batches.
    for metric, settings in [("accuracy", {}), ("auroc", {}), ("average_precision", {}), ("confusion", {"normalize": None}), ("calibration", {"norm": "l1", "bins": 5})]:
        add("classification", metric, [batch([], [], shape=[0]), batch([0.1, 0.4, 0.35, 0.8], yes_no)], "binary", **settings)
    add("regression", "mae", [batch([], [], shape=[0]), batch([1.0, 2.0], [1.0, 5.0])])
    # Regression: scales, constants, NaN and infinity.
    book = ([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0])
    for scale in [1e-3, 1e-6, 1e4]:
        add("regression", "r2", [batch([p * scale for p in book[0]], [t * scale for t in book[1]])])
    add("regression", "r2", [batch([1.0, 1.0, 1.0], [0.1, 0.1, 0.1])])
    add("regression", "r2", [batch([0.1, 0.1, 0.1], [0.1, 0.1, 0.1])])
    add("regression", "r2", [batch([5.0, 5.0, 5.0, 5.0], [5.0, 5.001, 5.0, 4.999])])
    add("regression", "r2", [batch([nan, 0.0, 2.0, 8.0], book[1])])
    add("regression", "r2", [batch([inf, 0.0, 2.0, 8.0], [inf, -0.5, 2.0, 7.0])])
    add("regression", "r2", [batch([inf, 0.0, 2.0, 8.0], book[1])])
    add("regression", "r2", [batch([[1.0, 2.0], [3.0, 2.0]], [[2.0, 2.0], [2.0, 2.0]])], multi_output="variance_weighted")
    for metric in ["mae", "mse", "rmse"]:
        add("regression", metric, [batch([nan, 1.0], [0.0, 1.0]), batch([1.0], [2.0])])
    add("regression", "mse", [batch([inf, 1.0], [0.0, 1.0])])
    add("regression", "mae", [batch([inf, 1.0], [inf, 1.0])])
    for metric in ["pearson", "spearman"]:
        add("regression", metric, [batch([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])])
        add("regression", metric, [batch([nan, 1.0, 2.0], [1.0, 2.0, 3.0])])
        add("regression", metric, [batch([1e-9, 2e-9, 4e-9], [1.0, 2.0, 3.0])])
    add("regression", "psnr", [batch([0.5, 0.25], [0.5, 0.25])], data_range=1.0)
    add("regression", "spearman", [batch([-0.0, 0.0, 1.0, inf], [1.0, 2.0, 3.0, 4.0])])
    # Search results.
    query = {"queries": [0, 0, 0, 1, 1]}
    for metric in ["mrr", "map", "ndcg"]:
        add("retrieval", metric, [batch([-3.0, -1.0, -2.0, 0.0, -1.0], [1, 0, 1, 1, 0], **query)])
    add("retrieval", "ndcg", [batch([nan, 0.5, 0.2, 0.4, 0.1], [1, 0, 2, 1, 0], **query)])
    add("retrieval", "ndcg", [batch([0.5, 0.5, 0.5, 0.5, 0.5], [3, 0, 2, 1, 0], **query)], top_k=2)
    # Texts.
    add("text", "wer", [{"candidates": [""], "references": [""]}])
    add("text", "rouge", [{"candidates": ["Die Füße der Frau"], "references": [["Die Füsse der Frau"]]}], n_gram=1, references="best", score="fmeasure", right=([0.75], "letters"))
    # A likelihood below the smallest float.
    add("perplexity", "perplexity", [batch([[[0.0, 120.0], [0.0, 0.0]]], [[0, 1]])], classes=2)
    assert len(cases) == 100, len(cases)
    return cases


# Writing


def flat(values):
    array = np.asarray(values)
    return encode(array.flatten().tolist()), list(array.shape)


def compact(case, expected):
    batches = []
    for batch in case["batches"]:
        if case["kind"] == "text":
            batches.append(batch)
            continue
        (predictions, shape), (targets, target_shape) = flat(batch["predictions"]), flat(batch["targets"])
        entry = {"p": predictions, "ps": batch.get("shape", shape), "t": targets, "ts": batch.get("shape", target_shape)}
        if "queries" in batch:
            entry["q"] = batch["queries"]
        if "dtype" in batch:
            entry["dtype"] = batch["dtype"]
        batches.append(entry)
    found = {"name": case["name"], "metric": case["metric"]}
    found |= {key: case[key] for key in ("form", "classes") if key in case}
    found |= {key: value for key, value in case["settings"].items() if value is not None}
    return found | {"batches": batches, "expected": encode(expected)}


def main():
    cases, differences, reasons = [], [], collections.Counter()
    for case in random_cases() + nasty_cases():
        expected = torchmetrics_value(case)
        entry, found = compact(case, expected), right(case)
        if found is not None and not close(expected, found[0]):
            value, reason = found
            entry["right"] = encode(value)
            differences.append({"case": case["name"], "metric": case["metric"], "torchmetrics": encode(expected), "right": encode(value), "why": reason})
            reasons[reason] += 1
        cases.append(entry)
    line = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    block = lambda values: "[\n" + ",\n".join(map(line, values)) + "\n]"
    why = {reason: text for reason, text in WHY.items() if reasons[reason]}
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(
        "{\n" + f'"why": {json.dumps(why, indent=0, ensure_ascii=False)},\n"differences": {block(differences)},\n"cases": {block(cases)}\n' + "}\n"
    )
    print(len(cases), dict(reasons))


if __name__ == "__main__":
    main()

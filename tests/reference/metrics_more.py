"""Writes metrics_more.json: what torchmetrics makes of some batches, for the metrics that metrics.py does not have.

    python metrics_more.py

Every case is updated batch by batch and computed once, as in metrics.py. Where torchmetrics returns something else than the definition, the
case is left out here and named in metrics_compare.py.
"""

import json
import pathlib
import warnings

import numpy as np
import torch
from metrics import CLASSES, LABELS, batches, plain, run, shared
from torchmetrics import classification as tmc
from torchmetrics import image as tmi
from torchmetrics import regression as tmr
from torchmetrics import retrieval as tmrt
from torchmetrics import segmentation as tms
from torchmetrics import text as tmt

warnings.filterwarnings("ignore")

FORMS = [
    ("probabilities", "scores", dict(seed=101), {}),
    ("logits", "scores", dict(seed=102, logits=True), {}),
    ("absent classes", "scores", dict(seed=103, present=[0, 2]), {}),
    ("ignored outside", "scores", dict(seed=104, ignored=-1), {"ignore_index": -1}),
    ("ignored class", "scores", dict(seed=105, ignored=3), {"ignore_index": 3}),
    ("labels", "labels", dict(seed=106), {}),
    ("binary probabilities", "binary", dict(seed=107), {}),
    ("binary logits", "binary", dict(seed=108, logits=True), {}),
    ("binary threshold", "binary", dict(seed=109), {"threshold": 0.7}),
    ("binary ignored", "binary", dict(seed=110, ignored=-1), {"ignore_index": -1}),
    ("multilabel probabilities", "multilabel", dict(seed=111), {}),
    ("multilabel logits", "multilabel", dict(seed=112, logits=True), {}),
    ("multilabel ignored", "multilabel", dict(seed=113, ignored=-1), {"ignore_index": -1}),
]


def of_form(form, binary, multiclass, multilabel):
    """The metric for a form, or None."""
    return {"binary": binary, "scores": multiclass, "labels": multiclass, "multilabel": multilabel}[form]


def data_of(form, options):
    options = dict(options)
    return batches(options.pop("seed"), form, **options)


def classification():
    cases = []
    for name, form, options, more in FORMS:
        data = data_of(form, options)
        settings = {"form": form, "batches": data} | more
        count = {"num_classes": CLASSES} if form in ("scores", "labels") else {}
        args = {"scores": [CLASSES], "labels": [CLASSES], "multilabel": [LABELS], "binary": []}[form]

        metric = of_form(form, tmc.BinaryMatthewsCorrCoef, tmc.MulticlassMatthewsCorrCoef, tmc.MultilabelMatthewsCorrCoef)
        cases.append({"name": f"matthews: {name}", "metric": "matthews", "expected": run(metric(*args, **more), data)} | settings | count)

        for average in ["micro", "macro", "weighted", "per_class"] if form != "binary" else [None]:
            metric = of_form(form, tmc.BinaryJaccardIndex, tmc.MulticlassJaccardIndex, tmc.MultilabelJaccardIndex)
            theirs = {} if form == "binary" else {"average": None if average == "per_class" else average}
            found = run(metric(*args, **theirs, **more), data)
            setting = {} if average is None else {"average": average}
            cases.append({"name": f"jaccard: {name}, {average}", "metric": "jaccard", "expected": found} | settings | count | setting)

        if form == "multilabel":
            continue
        for weights in [None, "linear", "quadratic"]:
            metric = of_form(form, tmc.BinaryCohenKappa, tmc.MulticlassCohenKappa, None)
            found = run(metric(*args, weights=weights, **more), data)
            cases.append({"name": f"kappa: {name}, {weights}", "metric": "kappa", "kappa": weights, "expected": found} | settings | count)
        if form == "labels" or "threshold" in more:
            continue
        for norm in ["l1", "l2", "max"]:
            for bins in [15, 4]:
                metric = of_form(form, tmc.BinaryCalibrationError, tmc.MulticlassCalibrationError, None)
                found = run(metric(*args, norm=norm, n_bins=bins, **more), data)
                cases.append(
                    {"name": f"calibration: {name}, {norm}, {bins}", "metric": "calibration", "norm": norm, "bins": bins, "expected": found}
                    | settings
                )
    # Sure predictions are a bin of their own.
    sure = [{"predictions": [1.0, 0.0, 1.0, 0.3, 0.55], "targets": [1, 0, 0, 1, 0]}]
    found = run(tmc.BinaryCalibrationError(n_bins=2), sure)
    cases.append({"name": "calibration: sure", "metric": "calibration", "norm": "l1", "bins": 2, "form": "binary", "batches": sure, "expected": found})
    return cases


def segmentation():
    """Dice over masks of [batch, height, width], against scores of [batch, classes, height, width]."""
    cases = []
    rng = np.random.default_rng(120)
    data = []
    for size in (2, 3):
        scores = rng.normal(size=(size, 4, 3, 5)).round(3)
        data.append({"predictions": scores.tolist(), "targets": rng.integers(0, 4, size=(size, 3, 5)).tolist()})
    for average in ["micro", "macro", "weighted", "per_class"]:
        theirs = "none" if average == "per_class" else average
        found = tms.DiceScore(num_classes=4, average=theirs, aggregation_level="global", input_format="index")
        for batch in data:
            found.update(torch.tensor(batch["predictions"]).argmax(1), torch.tensor(batch["targets"]))
        cases.append({"name": f"dice: {average}", "metric": "dice", "form": "pixels", "average": average, "batches": data, "expected": plain(found.compute())})
        found = tmc.MulticlassJaccardIndex(4, average=None if average == "per_class" else average)
        for batch in data:
            found.update(torch.tensor(batch["predictions"]), torch.tensor(batch["targets"]))
        cases.append({"name": f"jaccard: pixels, {average}", "metric": "jaccard", "form": "pixels", "average": average, "batches": data, "expected": plain(found.compute())})
    return cases


def regression():
    rng = np.random.default_rng(130)

    def data(shape_of, offset=0.0, ties=None, scale=1.0):
        result = []
        for size in (9, 1, 14):
            targets = rng.normal(size=shape_of(size)) * 3.0 * scale + offset
            predictions = targets + rng.normal(size=shape_of(size)) * scale
            if ties:
                targets, predictions = (np.round(values * ties) / ties for values in (targets, predictions))
            digits = 3 - int(np.log10(scale))
            result.append({"predictions": predictions.round(digits).tolist(), "targets": targets.round(digits).tolist()})
        return result

    one, two = data(lambda size: (size,)), data(lambda size: (size, 3))
    far, ties, small = data(lambda size: (size,), offset=50.0), data(lambda size: (size,), ties=1), data(lambda size: (size,), scale=1e-3)
    images = data(lambda size: (2, 3, size, 4))
    cases = []

    def add(name, metric, found, batches, **settings):
        for batch in batches:
            found.update(torch.tensor(batch["predictions"], dtype=torch.float64), torch.tensor(batch["targets"], dtype=torch.float64))
        cases.append({"name": name, "metric": metric, "batches": batches, "expected": plain(found.compute())} | settings)

    for name, batches in [("one output", one), ("far from 0", far), ("equal values", ties), ("small", small)]:
        add(f"pearson: {name}", "pearson", tmr.PearsonCorrCoef().set_dtype(torch.float64), batches)
        add(f"spearman: {name}", "spearman", tmr.SpearmanCorrCoef(), batches)
    add("pearson: three outputs", "pearson", tmr.PearsonCorrCoef(num_outputs=3).set_dtype(torch.float64), two)
    add("spearman: three outputs", "spearman", tmr.SpearmanCorrCoef(num_outputs=3), two)
    for data_range in [1.0, 255.0]:
        add(f"psnr: {data_range}", "psnr", tmi.PeakSignalNoiseRatio(data_range=data_range).set_dtype(torch.float64), images, data_range=data_range)
    return cases


def images():
    rng = np.random.default_rng(140)
    cases = []
    for name, data_range, shapes in [("unit", 1.0, [(2, 3, 13, 17), (1, 3, 13, 17)]), ("bytes", 255.0, [(1, 1, 11, 11), (2, 1, 12, 14)])]:
        data, found = [], tmi.StructuralSimilarityIndexMeasure(data_range=data_range).set_dtype(torch.float64)
        for shape in shapes:
            targets = rng.uniform(size=shape) * data_range
            predictions = np.clip(targets + rng.normal(size=shape) * 0.1 * data_range, 0, data_range)
            digits = 3 if data_range == 1.0 else 1
            batch = {"predictions": predictions.round(digits).tolist(), "targets": targets.round(digits).tolist()}
            found.update(torch.tensor(batch["predictions"], dtype=torch.float64), torch.tensor(batch["targets"], dtype=torch.float64))
            data.append(batch)
        cases.append({"name": f"ssim: {name}", "metric": "ssim", "data_range": data_range, "batches": data, "expected": plain(found.compute())})
    return cases


def retrieval():
    rng = np.random.default_rng(150)

    def data(graded=False, ties=None, empty=False):
        result = []
        for size in (12, 3, 20):
            queries = rng.integers(0, 5, size=size)
            # Above 0: torchmetrics takes documents with other scores as irrelevant.
            scores = rng.uniform(0.05, 1.0, size=size).round(3)
            if ties:
                scores = np.ceil(scores * ties) / ties
            relevance = rng.integers(0, 4 if graded else 2, size=size)
            if empty:
                relevance[queries == 2] = 0
            result.append({"queries": queries.tolist(), "predictions": scores.tolist(), "targets": relevance.tolist()})
        return result

    cases = []
    kinds = {"mrr": tmrt.RetrievalMRR, "map": tmrt.RetrievalMAP, "ndcg": tmrt.RetrievalNormalizedDCG}
    for metric, theirs in kinds.items():
        for name, batches, settings in [
            ("usual", data(), {}),
            ("top 2", data(), {"top_k": 2}),
            ("empty, neg", data(empty=True), {"empty": "neg"}),
            ("empty, pos", data(empty=True), {"empty": "pos"}),
            ("empty, skip", data(empty=True), {"empty": "skip"}),
        ] + ([("graded", data(graded=True), {}), ("ties", data(graded=True, ties=4), {}), ("ties, top 3", data(graded=True, ties=3), {"top_k": 3})] if metric == "ndcg" else []):
            found = theirs(empty_target_action=settings.get("empty", "neg"), top_k=settings.get("top_k"))
            for batch in batches:
                found.update(torch.tensor(batch["predictions"]), torch.tensor(batch["targets"]), indexes=torch.tensor(batch["queries"]))
            cases.append({"name": f"{metric}: {name}", "metric": metric, "batches": batches, "expected": plain(found.compute())} | settings)
    return cases


def texts():
    cases = []
    pairs = [
        [("this is the prediction", "this is the reference"), ("there is an other sample", "there is another one")],
        [("", "missing words"), ("the the the", "the"), ("exactly the same", "exactly the same")],
        [("Straße und Füße", "Strasse und Fuesse"), ("a  b\tc", "a b c")],
    ]
    for metric, theirs in {"wer": tmt.WordErrorRate, "cer": tmt.CharErrorRate}.items():
        found = theirs()
        for batch in pairs:
            found.update([pair[0] for pair in batch], [pair[1] for pair in batch])
        data = [{"candidates": [pair[0] for pair in batch], "references": [pair[1] for pair in batch]} for batch in pairs]
        cases.append({"name": metric, "metric": metric, "batches": data, "expected": plain(found.compute())})

    corpus = [
        [
            ("The quick, brown fox jumps over the lazy dog!", ["A quick brown dog jumps over the lazy fox.", "The fox jumps."]),
            ("My name is John", ["Is your name John?"]),
        ],
        [("nothing in common", ["a wholly different sentence"]), ("", ["empty"]), ("3.14 is pi's value", ["pi is 3 14", "it's pi"])],
    ]
    for key in [1, 2, 3, "L"]:
        for references in ["best", "avg"]:
            found = tmt.ROUGEScore(rouge_keys=f"rouge{key}", accumulate=references)
            for batch in corpus:
                found.update([pair[0] for pair in batch], [pair[1] for pair in batch])
            value = found.compute()
            data = [{"candidates": [pair[0] for pair in batch], "references": [pair[1] for pair in batch]} for batch in corpus]
            for score in ["fmeasure", "precision", "recall"]:
                cases.append(
                    {
                        "name": f"rouge{key}, {references}, {score}",
                        "metric": "rouge",
                        "n_gram": 0 if key == "L" else key,
                        "references": references,
                        "score": score,
                        "batches": data,
                        "expected": plain(value[f"rouge{key}_{score}"]),
                    }
                )
    return cases


def main():
    data = []
    sections = {
        "classification": shared(classification() + segmentation(), data),
        "regression": shared(regression(), data),
        "images": shared(images(), data),
        "retrieval": shared(retrieval(), data),
        "texts": shared(texts(), data),
        "data": data,
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    text = ",\n".join(f"{json.dumps(key)}: [\n" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in value) + "\n]" for key, value in sections.items())
    path.write_text("{\n" + text + "\n}\n")


if __name__ == "__main__":
    main()

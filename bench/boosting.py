"""Objectives of boosters: equal to the built-in ones, and as fast. ``python -m bench.boosting [--parity]``.

`--parity` trains each built-in objective of each booster and the loss here that it is, and writes what their models
predict apart to bench/results/boosting.json and docs/boosting-parity.md; it needs no quiet machine. Without it, rounds
are timed: with the built-in objective, ours, the plain NumPy that people write, and one that says again what ours said,
which is what the booster charges for any objective of Python: with the built-in one it knows, for instance, that the
second derivative is the same in all rows. It needs two rounds of trainings, and room for the derivatives of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastloss as fl

from . import command, parity_page, timing
from .boosting_cases import CASES, CLASSES, MORE, Case, Pair, case_of, objective, rows

CHUNK = 1000
"""CatBoost hands over so many rows at a time."""


# -- Rounds ------------------------------------------------------------------------------------------------------------


def threads() -> int:
    """How many all are told to use."""
    return fl.get_num_threads()


class Replayed:
    """An objective that costs nothing: what another one said in a training, again in each, so that the trees are its.

    Its first training is one with the other.
    """

    def __init__(self, objective: Callable[[Any, Any], Pair], count: int) -> None:
        self.objective, self.count, self.calls = objective, count, 0
        self.kept: list[Pair] = []

    def __call__(self, p: Any, data: Any) -> Pair:
        """The derivatives of a round."""
        if len(self.kept) < self.count:
            self.kept.append(tuple(np.array(a, order="K") for a in self.objective(p, data)))  # type: ignore[arg-type]
        self.calls += 1
        return self.kept[(self.calls - 1) % self.count]


class Chunks:
    """NumPy's formula as CatBoost's objective."""

    no_jit = True

    def __init__(self, formula: Callable[[Any, Any], Pair]) -> None:
        self.formula = formula

    def calc_ders_range(self, approxes: Any, targets: Any, weights: Any) -> NDArray[Any]:
        """Of a chunk."""
        g, h = self.formula(np.asarray(approxes), np.asarray(targets))
        return np.column_stack([-g, -h])


def xgboost_rounds(case: Case, name: str, n: int, count: int) -> dict[str, Callable[[], Any]]:
    """Trainings with each objective."""
    import xgboost

    x, y = rows(case.labels, n)
    data = xgboost.QuantileDMatrix(x, y)
    several = {"num_class": CLASSES} if case.labels == "classes" else {}
    told = {"tree_method": "hist", "max_depth": 6, "verbosity": 0, "nthread": threads(), **several}
    own = {**told, "objective": case.built_in["xgboost"], **MORE.get(("xgboost", name), {})}
    custom = {**told, "base_score": 0.0, "disable_default_eval_metric": True}

    def as_xgboost(formula: Callable[[Any, Any], Pair]) -> Callable[..., Any]:
        kind = np.float32  # NumPy's where() and clip() of Python's numbers keep it, a bare literal would not
        return lambda p, d: tuple(a.astype(kind, copy=False) for a in formula(p, d.get_label()))

    ours = objective("xgboost", case)
    free = Replayed(ours, count)
    return {
        "built-in": lambda: xgboost.train(own, data, count),
        "ours": lambda: xgboost.train(custom, data, count, obj=ours),
        "numpy": lambda: xgboost.train(custom, data, count, obj=as_xgboost(case.formula)),
        "free": lambda: xgboost.train(custom, data, count, obj=free),
    }


def lightgbm_rounds(case: Case, name: str, n: int, count: int) -> dict[str, Callable[[], Any]]:
    """Trainings with each objective."""
    import lightgbm

    x, y = rows(case.labels, n)
    several = {"num_class": CLASSES} if case.labels == "classes" else {}
    told = {"verbosity": -1, "boost_from_average": False, "force_col_wise": True, "metric": "None",
            "num_threads": threads()}  # fmt: skip
    data = lightgbm.Dataset(x, y, params=told, free_raw_data=False).construct()
    told |= several

    def train(objective: Any, **more: Any) -> Any:
        return lightgbm.train({**told, "objective": objective, **more}, data, count)

    def as_lightgbm(formula: Callable[[Any, Any], Pair]) -> Callable[..., Any]:
        return lambda p, d: formula(p, d.get_label())

    ours = objective("lightgbm", case)
    free = Replayed(ours, count)
    return {
        "built-in": lambda: train(case.built_in["lightgbm"], **MORE.get(("lightgbm", name), {})),
        "ours": lambda: train(ours),
        "numpy": lambda: train(as_lightgbm(case.formula)),
        "free": lambda: train(free),
    }


def catboost_rounds(case: Case, name: str, n: int, count: int) -> dict[str, Callable[[], Any]]:
    """Trainings with each objective, with leaves by the gradient, the one way that all have."""
    import catboost

    x, y = rows(case.labels, n)
    data = catboost.Pool(x, y)
    data.quantize()

    def train(objective: Any, metric: Any = None) -> Any:
        told = {"iterations": count, "learning_rate": 0.1, "boost_from_average": False, "bootstrap_type": "No",
                "leaf_estimation_method": "Gradient", "leaf_estimation_iterations": 1, "boosting_type": "Plain",
                "allow_writing_files": False, "logging_level": "Silent", "metric_period": count,
                "thread_count": threads(), "loss_function": objective, "eval_metric": metric,
                "classes_count": CLASSES if case.labels == "classes" else None}  # fmt: skip
        return catboost.CatBoost({k: v for k, v in told.items() if v is not None}).fit(data)

    ours = objective("catboost", case)
    return {
        "built-in": lambda: train(case.built_in["catboost"]),
        "ours": lambda: train(ours, ours.metric),
        **({"numpy": lambda: train(Chunks(case.formula), "RMSE")} if case.labels != "classes" else {}),
    }


def in_chunks(objective: Any, p: NDArray[Any], y: NDArray[Any]) -> None:
    """All rows, as CatBoost goes through them."""
    for k in range(0, len(y), CHUNK):
        objective.calc_ders_range(p[k : k + CHUNK], y[k : k + CHUNK], None)


class Data:
    """A data set, as far as an objective asks it."""

    def __init__(self, y: NDArray[Any]) -> None:
        self.y = y

    def get_label(self) -> NDArray[Any]:
        """The labels."""
        return self.y

    def get_weight(self) -> Any:
        """None."""
        return None

    get_group = get_weight


def alone(booster: str, case: Case, n: int) -> dict[str, Callable[[], Any]]:
    """The objective itself, on the arrays that the booster hands it."""
    _, y = rows(case.labels, n)
    rng = np.random.default_rng(1)
    several = case.labels == "classes"
    kind = "f4" if booster == "xgboost" else "f8"
    p = np.asarray(rng.normal(size=(n, CLASSES) if several else n), kind, order="F" if booster == "lightgbm" else "C")
    ours = objective(booster, case)
    if booster == "catboost":
        return {"ours": partial(in_chunks, ours, p, y), "numpy": partial(in_chunks, Chunks(case.formula), p, y)}
    data = Data(y)
    # Until the library has what it wants, which of LightGBM's is float32 by columns.
    taken = {"xgboost": lambda a: a, "lightgbm": lambda a: np.ravel(a, "F").astype("f4")}[booster]
    numpy = lambda: tuple(taken(a) for a in case.formula(p, data.get_label()))  # noqa: E731
    return {"ours": lambda: tuple(np.ravel(a, "A") for a in ours(p, data)), "numpy": numpy}


ROUNDS: dict[str, Callable[[Case, str, int, int], dict[str, Callable[[], Any]]]] = {
    "xgboost": xgboost_rounds, "lightgbm": lightgbm_rounds, "catboost": catboost_rounds,
}  # fmt: skip


def in_turns(calls: dict[str, Callable[[], Any]], rounds: int, count: int) -> dict[str, list[float]]:
    """Seconds of a round of boosting, each training so many times, in turns; on one thread the processor's seconds."""
    clock = time.process_time if threads() == 1 else time.perf_counter
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = clock()
            call()
            found[name].append((clock() - start) / count)
    return found


def timed(options: Any, boosters: Sequence[str]) -> list[dict[str, Any]]:
    """Times of the objectives alone and of rounds with them."""
    n, count = (2000, 2) if options.quick else (options.rows, options.boosting)
    records = []
    for booster, name in product(boosters, options.losses.split(",")):
        case = case_of(booster, name)
        by_row = booster == "catboost" and name == "softmax"
        here = min(n, 10_000) if by_row else n
        record: dict[str, Any] = {"booster": booster, "loss": name, "rows": here, "count": count}
        if not by_row:
            found = timing.interleaved(alone(booster, case, here), rounds=3 if options.quick else 9)
            record["alone"] = a = {k: t.best for k, t in found.items()}
            said = f"ours {timing.seconds(a['ours'])}, NumPy's / ours {a['numpy'] / a['ours']:.2f}"
            print(f"{booster:9s} {name:14s} {here} rows, alone: {said}", flush=True)
        seconds = in_turns(ROUNDS[booster](case, name, here, count), options.rounds, count)
        record["round"] = r = {k: min(t) for k, t in seconds.items()}
        said = ", ".join(f"{k} / built-in {r[k] / r['built-in']:.2f}" for k in r if k != "built-in")
        print(
            f"{booster:9s} {name:14s} {here} rows, a round: built-in {timing.seconds(r['built-in'])}, {said}",
            flush=True,
        )
        records.append(record)
    return records


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare or time."""
    parser = command.parser(__doc__, rounds=3, of="training")
    parser.add_argument("--parity", action="store_true", help="compare with the built-in objectives")
    parser.add_argument("--boosters", default=",".join(ROUNDS), help="some of them, separated by commas")
    parser.add_argument("--losses", default=",".join(CASES), help="some of them, separated by commas")
    parser.add_argument("--rows", type=timing.count, default=1_000_000)
    parser.add_argument("--boosting", type=int, default=50, help="rounds of boosting in a training")
    parser.add_argument(
        "--threads", type=int, default=0, help="with 1, the processor's seconds count, on a busy machine"
    )
    options = parser.parse_args(arguments)
    if options.threads:
        fl.set_num_threads(options.threads)
    boosters = options.boosters.split(",")
    if options.parity:
        parity_page.equal(boosters)
        return 0
    timing.warn_if_busy()
    timing.write_json(options.json, timed(options, boosters), what="boosting speed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

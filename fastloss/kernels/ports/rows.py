"""What the row templates are completed with: plain functions of one element or one row, in which no loss is known.

`arrays` are (data, target, class weights, gradient, second derivative, stash) and `at` where a row begins in
(first scores, second scores, target, weight, gradient, second derivative).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bind import port
from ..places import (
    AT_GRADS,
    AT_HESSES,
    AT_SCORES,
    AT_SECOND,
    AT_TARGET,
    AT_WEIGHT,
    CLASSES,
    FIRST,
    GRADS,
    HESSES,
    INNER,
    LABELED,
    LEFT,
    MIX,
    OTHERS,
    OUTER,
    PARAMS,
    SCORES,
    TARGET,
    WORTH,
)

# Ports of the ports: the K-th scores, where a row of them begins, where their bounds are.
real = read = reread = write_grad0 = write_hess0 = write_stats0 = write_stats1 = write_stats2 = port
decode = decode_target = decode_weight = save = test = beyond = raw = K = AT = LEAST = MOST = port
peak = fold = finish = note = stats = all_but_last = grad = port


# -- where a row is ----------------------------------------------------------------------------------------------------


def places(steps: Any, outer: int, inner: int) -> Any:
    return (
        np.uint64(outer * steps[AT_SCORES, OUTER] + inner * steps[AT_SCORES, INNER]),
        np.uint64(outer * steps[AT_SECOND, OUTER] + inner * steps[AT_SECOND, INNER]),
        np.uint64(outer * steps[AT_TARGET, OUTER] + inner * steps[AT_TARGET, INNER]),
        np.uint64(outer * steps[AT_WEIGHT, OUTER] + inner * steps[AT_WEIGHT, INNER]),
        np.uint64(outer * steps[AT_GRADS, OUTER] + inner * steps[AT_GRADS, INNER]),
        np.uint64(outer * steps[AT_HESSES, OUTER] + inner * steps[AT_HESSES, INNER]),
    )


def along(at: Any, steps: Any, r: int) -> Any:
    return (
        at[AT_SCORES] + np.uint64(r * steps[AT_SCORES, INNER]),
        at[AT_SECOND] + np.uint64(r * steps[AT_SECOND, INNER]),
        at[AT_TARGET] + np.uint64(r * steps[AT_TARGET, INNER]),
        at[AT_WEIGHT] + np.uint64(r * steps[AT_WEIGHT, INNER]),
        at[AT_GRADS] + np.uint64(r * steps[AT_GRADS, INNER]),
        at[AT_HESSES] + np.uint64(r * steps[AT_HESSES, INNER]),
    )


# -- scores ------------------------------------------------------------------------------------------------------------


def scores(arrays: Any, at: Any, k: int) -> Any:
    return (decode(read(arrays[SCORES][K], at[AT] + k)),)


def scores_inplace(arrays: Any, at: Any, k: int) -> Any:
    """In place, the first scores are the gradient's own array, and read as such."""
    return (decode(reread(arrays[GRADS][0], at[AT_GRADS] + k)),)


# -- the program's functions, of tuples --------------------------------------------------------------------------------


def folds(x: Any, t: Any, m: Any, params: Any) -> Any:
    return fold(*(x + (t,) + m + params))


def finishes(m: Any, sums: Any, params: Any) -> Any:
    return finish(*(m + sums + params))


# Where statistics are asked for, there is one more sum.


def folds_noting(x: Any, t: Any, m: Any, params: Any) -> Any:
    terms, kept = fold(*(x + (t,) + m + params))
    return terms + (note(*(x + m + params)),), kept


def finishes_noted(m: Any, sums: Any, params: Any) -> Any:
    return finish(*(m + all_but_last(sums) + params))


def statistics(m: Any, sums: Any, params: Any) -> Any:
    return stats(*(m + sums + params))


# -- the row's maxima --------------------------------------------------------------------------------------------------


def peaks_blind(x: Any, t: Any, params: Any) -> Any:
    return (peak(*(x + params)),)


def peaks_sighted(x: Any, t: Any, params: Any) -> Any:
    return (peak(*(x + (t,) + params)),)


def peaks_several(x: Any, t: Any, params: Any) -> Any:
    return peak(*(x + params))


def peaks_several_sighted(x: Any, t: Any, params: Any) -> Any:
    return peak(*(x + (t,) + params))


def no_peaks(x: Any, t: Any, params: Any) -> Any:
    return ()


# -- target masses: of an element that is not the label's, and of the label's ------------------------------------------


def no_mass(arrays: Any, fixed: Any, at: Any, k: int) -> Any:
    return real(0.0)


def one_mass(arrays: Any, fixed: Any, at: Any, k: int) -> Any:
    return real(1.0)


def smoothed(arrays: Any, fixed: Any, at: Any, k: int) -> Any:
    return fixed[MIX][OTHERS]


def dense_mass(arrays: Any, fixed: Any, at: Any, k: int) -> Any:
    return decode_target(read(arrays[TARGET][0], at[AT_TARGET] + k))


def smooth_dense_mass(arrays: Any, fixed: Any, at: Any, k: int) -> Any:
    return decode_target(read(arrays[TARGET][0], at[AT_TARGET] + k)) * fixed[MIX][LEFT] + fixed[MIX][OTHERS]


def class_mass(arrays: Any, fixed: Any, at: Any, k: int) -> Any:
    """Relative to the row's worth, by which everything in it is multiplied."""
    return raw(arrays, fixed, at, k) * read(arrays[CLASSES][0], k) / fixed[WORTH]


def label_mass(arrays: Any, fixed: Any, k: int) -> Any:
    return fixed[MIX][LABELED]


# -- labels and row weights --------------------------------------------------------------------------------------------


def label_of(arrays: Any, at: Any) -> Any:
    return np.int64(read(arrays[TARGET][0], at[AT_TARGET]))


def no_label(arrays: Any, at: Any) -> Any:
    return np.int64(-1)


def share_alike(arrays: Any, weight: Any, at: Any, label: int, ignore: int) -> Any:
    return real(1.0)


def share_kept(arrays: Any, weight: Any, at: Any, label: int, ignore: int) -> Any:
    return real(0.0) if label == ignore else real(1.0)


def share_weighted(arrays: Any, weight: Any, at: Any, label: int, ignore: int) -> Any:
    return decode_weight(read(weight[0], at[AT_WEIGHT]))


def share_weighted_kept(arrays: Any, weight: Any, at: Any, label: int, ignore: int) -> Any:
    return real(0.0) if label == ignore else decode_weight(read(weight[0], at[AT_WEIGHT]))


# -- what a row is worth by the weights of its classes: its label's, or their mean under its masses, or where there are
# none. `step` lies between two masses.


def worth_alike(arrays: Any, at: Any, label: int, step: int, width: int) -> Any:
    return real(1.0)


def worth_of_label(arrays: Any, at: Any, label: int, step: int, width: int) -> Any:
    return real(read(arrays[CLASSES][0], np.uint64(label)))


def worth_of_masses(arrays: Any, at: Any, label: int, step: int, width: int) -> Any:
    sums = np.float64(0.0), np.float64(0.0), np.float64(0.0)
    for k in range(width):
        c, t, weight = weighed_mass(arrays, at[AT_TARGET] + np.uint64(k * step), k)
        sums = sums[0] + np.float64(c), sums[1] + np.float64(t), sums[2] + np.float64(weight)
    return real(mean_worth(sums, width))


def worth_of_classes(arrays: Any, at: Any, label: int, step: int, width: int) -> Any:
    total = np.float64(0.0)
    for k in range(width):
        total += np.float64(read(arrays[CLASSES][0], np.uint64(k)))
    return real(total / width)


def weighed_alike(arrays: Any, i: int, k: int) -> Any:
    """A class's weight, as `weighed_mass` has it for a mass of 1."""
    c = real(read(arrays[CLASSES][0], np.uint64(k)))
    return c, real(1.0), c


def weighed_mass(arrays: Any, i: int, k: int) -> Any:
    """A mass times its class's weight, and both; the i-th mass is the k-th class's."""
    t, c = abs(decode_target(read(arrays[TARGET][0], i))), real(read(arrays[CLASSES][0], np.uint64(k)))
    return c * t, t, c


def mean_worth(sums: Any, width: int) -> Any:
    """The mean of a row's weights under its masses; the plain one where it has no mass, or one that is not known."""
    mean = sums[0] / (sums[1] if sums[1] > 0.0 else 1.0)
    return mean if sums[1] > 0.0 and mean == mean else sums[2] / width


# -- domains, of the numbers as they are stored ------------------------------------------------------------------------


def outside(arrays: Any, x: Any, at: Any, k: int, bounds: Any) -> Any:
    return np.int32(beyond(arrays, x, at, k, bounds))


def tested(arrays: Any, x: Any, at: Any, k: int, bounds: Any) -> Any:
    return test(x[K], bounds[LEAST], bounds[MOST])


def tested_mass(arrays: Any, x: Any, at: Any, k: int, bounds: Any) -> Any:
    return test(decode_target(read(arrays[TARGET][0], at[AT_TARGET] + k)), bounds[LEAST], bounds[MOST])


# -- parameters of the i-th row ------------------------------------------------------------------------------------


def params_of_all(fixed: Any, i: int) -> Any:
    return fixed[PARAMS]


def param(fixed: Any, i: int) -> Any:
    return (fixed[PARAMS][K],)


def param_of_row(fixed: Any, i: int) -> Any:
    return (read(fixed[PARAMS][K], fixed[FIRST] + i),)


def strayed(params: Any) -> Any:
    return not ((params[K] >= LEAST) & (params[K] <= MOST))


# -- derivatives and statistics ----------------------------------------------------------------------------------------


def first_slope(*point: Any) -> Any:
    """A gradient without a second derivative as one that has it."""
    return grad(*point), real(0.0)


def put_grad(arrays: Any, at: Any, k: int, value: Any) -> None:
    write_grad0(arrays[GRADS][0], at[AT_GRADS] + k, save(value))


def put_hess(arrays: Any, at: Any, k: int, value: Any) -> None:
    write_hess0(arrays[HESSES][0], at[AT_HESSES] + k, save(value))


def put_stats(facts: Any, row: int, values: Any) -> None:
    write_stats0(facts[0], row, values[0])
    write_stats1(facts[1], row, values[1])


def put_top(facts: Any, row: int, k: int) -> None:
    write_stats2(facts[2], row, np.int64(k))

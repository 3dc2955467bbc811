"""What the row templates are completed with: plain functions of one element or one row, in which no loss is known.

`arrays` are (data, target, class weights, gradient, second derivative, stash) and `at` where a row begins in
(first scores, second scores, target, weight, gradient, second derivative).
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Ports of the ports.
real: Any = None
read: Any = None
reread: Any = None
write_grad0: Any = None
write_hess0: Any = None
write_stats0: Any = None
write_stats1: Any = None
write_stats2: Any = None
decode0: Any = None
decode1: Any = None
decode_target: Any = None
decode_weight: Any = None
save: Any = None
test0: Any = None
test1: Any = None
test_target: Any = None
peak: Any = None
fold: Any = None
finish: Any = None
note: Any = None
stats: Any = None
all_but_last: Any = None
slope1: Any = None
raw: Any = None


# -- where a row is ----------------------------------------------------------------------------------------------------


def places(steps: Any, outer: int, inner: int) -> Any:
    return (
        np.uint64(outer * steps[0, 0] + inner * steps[0, 1]),
        np.uint64(outer * steps[1, 0] + inner * steps[1, 1]),
        np.uint64(outer * steps[2, 0] + inner * steps[2, 1]),
        np.uint64(outer * steps[3, 0] + inner * steps[3, 1]),
        np.uint64(outer * steps[4, 0] + inner * steps[4, 1]),
        np.uint64(outer * steps[5, 0] + inner * steps[5, 1]),
    )


def along(at: Any, steps: Any, r: int) -> Any:
    return (
        at[0] + np.uint64(r * steps[0, 1]),
        at[1] + np.uint64(r * steps[1, 1]),
        at[2] + np.uint64(r * steps[2, 1]),
        at[3] + np.uint64(r * steps[3, 1]),
        at[4] + np.uint64(r * steps[4, 1]),
        at[5] + np.uint64(r * steps[5, 1]),
    )


# -- scores ------------------------------------------------------------------------------------------------------------


def scores1(arrays: Any, at: Any, k: int) -> Any:
    return (decode0(read(arrays[0][0], at[0] + k)),)


def scores2(arrays: Any, at: Any, k: int) -> Any:
    return decode0(read(arrays[0][0], at[0] + k)), decode1(read(arrays[0][1], at[1] + k))


# In place, the first scores are the gradient's own array, and read as such.


def inplace1(arrays: Any, at: Any, k: int) -> Any:
    return (decode0(reread(arrays[3][0], at[4] + k)),)


def inplace2(arrays: Any, at: Any, k: int) -> Any:
    return decode0(reread(arrays[3][0], at[4] + k)), decode1(read(arrays[0][1], at[1] + k))


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


def no_peaks(x: Any, t: Any, params: Any) -> Any:
    return ()


# -- target masses: of an element that is not the label's, and of the label's ------------------------------------------


def no_mass(arrays: Any, fixed: Any, at: Any, k: int) -> Any:
    return real(0.0)


def one_mass(arrays: Any, fixed: Any, at: Any, k: int) -> Any:
    return real(1.0)


def smoothed(arrays: Any, fixed: Any, at: Any, k: int) -> Any:
    return fixed[1][0]


def dense_mass(arrays: Any, fixed: Any, at: Any, k: int) -> Any:
    return decode_target(read(arrays[1][0], at[2] + k))


def smooth_dense_mass(arrays: Any, fixed: Any, at: Any, k: int) -> Any:
    return decode_target(read(arrays[1][0], at[2] + k)) * fixed[1][1] + fixed[1][0]


def class_mass(arrays: Any, fixed: Any, at: Any, k: int) -> Any:
    """Relative to the row's worth, by which everything in it is multiplied."""
    return raw(arrays, fixed, at, k) * read(arrays[2][0], k) / fixed[3]


def label_mass(arrays: Any, fixed: Any, k: int) -> Any:
    return fixed[1][2]


# -- labels and row weights --------------------------------------------------------------------------------------------


def label_of(arrays: Any, at: Any) -> Any:
    return np.int64(read(arrays[1][0], at[2]))


def no_label(arrays: Any, at: Any) -> Any:
    return np.int64(-1)


def share_alike(arrays: Any, weight: Any, at: Any, label: int, ignore: int) -> Any:
    return real(1.0)


def share_kept(arrays: Any, weight: Any, at: Any, label: int, ignore: int) -> Any:
    return real(0.0) if label == ignore else real(1.0)


def share_weighted(arrays: Any, weight: Any, at: Any, label: int, ignore: int) -> Any:
    return decode_weight(read(weight[0], at[3]))


def share_weighted_kept(arrays: Any, weight: Any, at: Any, label: int, ignore: int) -> Any:
    return real(0.0) if label == ignore else decode_weight(read(weight[0], at[3]))


# -- what a row is worth by the weights of its classes: its label's, or their mean under its masses, or where there are
# none. `step` lies between two masses.


def worth_alike(arrays: Any, at: Any, label: int, step: int, width: int) -> Any:
    return real(1.0)


def worth_of_label(arrays: Any, at: Any, label: int, step: int, width: int) -> Any:
    return real(read(arrays[2][0], np.uint64(label)))


def worth_of_masses(arrays: Any, at: Any, label: int, step: int, width: int) -> Any:
    sums = np.float64(0.0), np.float64(0.0), np.float64(0.0)
    for k in range(width):
        c, t, weight = weighed_mass(arrays, at[2] + np.uint64(k * step), k)
        sums = sums[0] + np.float64(c), sums[1] + np.float64(t), sums[2] + np.float64(weight)
    return real(mean_worth(sums, width))


def worth_of_classes(arrays: Any, at: Any, label: int, step: int, width: int) -> Any:
    total = np.float64(0.0)
    for k in range(width):
        total += np.float64(read(arrays[2][0], np.uint64(k)))
    return real(total / width)


def weighed_alike(arrays: Any, i: int, k: int) -> Any:
    """A class's weight, as `weighed_mass` has it for a mass of 1."""
    c = real(read(arrays[2][0], np.uint64(k)))
    return c, real(1.0), c


def weighed_mass(arrays: Any, i: int, k: int) -> Any:
    """A mass times its class's weight, and both; the i-th mass is the k-th class's."""
    t, c = abs(decode_target(read(arrays[1][0], i))), real(read(arrays[2][0], np.uint64(k)))
    return c * t, t, c


def mean_worth(sums: Any, width: int) -> Any:
    """The mean of a row's weights under its masses; the plain one where it has no mass, or one that is not known."""
    mean = sums[0] / (sums[1] if sums[1] > 0.0 else 1.0)
    return mean if sums[1] > 0.0 and mean == mean else sums[2] / width


# -- domains, of the numbers as they are stored ------------------------------------------------------------------------


def outside1(arrays: Any, x: Any, at: Any, k: int, b: Any) -> Any:
    return np.int32(test0(x[0], b[0], b[1]))


def outside1_dense(arrays: Any, x: Any, at: Any, k: int, b: Any) -> Any:
    t = decode_target(read(arrays[1][0], at[2] + k))
    return np.int32(test0(x[0], b[0], b[1]) | test_target(t, b[2], b[3]))


def outside2(arrays: Any, x: Any, at: Any, k: int, b: Any) -> Any:
    return np.int32(test0(x[0], b[0], b[1]) | test1(x[1], b[2], b[3]))


def outside2_dense(arrays: Any, x: Any, at: Any, k: int, b: Any) -> Any:
    t = decode_target(read(arrays[1][0], at[2] + k))
    return np.int32(test0(x[0], b[0], b[1]) | test1(x[1], b[2], b[3]) | test_target(t, b[4], b[5]))


# -- derivatives and statistics ----------------------------------------------------------------------------------------


def first_slope(*point: Any) -> Any:
    """A gradient without a second derivative as one that has it."""
    return slope1(*point), real(0.0)


def put_grad(arrays: Any, at: Any, k: int, value: Any) -> None:
    write_grad0(arrays[3][0], at[4] + k, save(value))


def put_hess(arrays: Any, at: Any, k: int, value: Any) -> None:
    write_hess0(arrays[4][0], at[5] + k, save(value))


def put_stats(facts: Any, row: int, values: Any) -> None:
    write_stats0(facts[0], row, values[0])
    write_stats1(facts[1], row, values[1])


def put_top(facts: Any, row: int, k: int) -> None:
    write_stats2(facts[2], row, np.int64(k))

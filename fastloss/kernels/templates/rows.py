"""The row template for long rows whose elements lie side by side: one row after another, for any row program.

A row is gone through twice while it is in cache: `fold` sums, `slope` writes the gradient from what `fold` has kept.
The maximum that the first pass needs is taken, where it does not depend on the target, while the row before it is
folded: the memory is read while there is arithmetic to do. The free names below are ports, as in
`kernels/templates/elements.py`.

`arrays` are (data, target, class weights, gradient, second derivative, stash), `fixed` are (parameters, target masses,
bounds of domains, what the row is worth), `at` is where the row begins in each array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..bind import port
from ..places import ALL_FLAWS, ALL_SUMS, AT_TARGET, BOUNDS, CLASS, IGNORE, INNER, MIX, OUTER, PARAMS, SCALE, SHAPE
from .elements import BLOCK, combined, tasks_of
from .rowsums import folded, place_of, probed, refolded, summit

# Ports.
spread = view = held = port
real = params_of = folds = settle = second = finishes = statistics = put_top = slope = scores = mass = port
label_mass = label_of = share = unfit = worth = recall = room = places = along = portion = put_grad = port
put_hess = put_stats = write_value = add_difference = narrow = top = apart = port
new_wide = new_whole = BOTTOM = ZEROS = MORE = UNKNOWN = port
KEEP = SUM = GRAD = HESS = PEAK = AHEAD = TWICE = RISING = STATS = LABELS = False


def sloped(arrays: Any, fixed: Any, at: Any, c: Any, factor: Any, width: int) -> None:
    """Write a row's derivatives. Masked stores at its end would take longer than single elements, of 16 bits by far."""
    for k in range(np.uint64(0), np.uint64(width)):
        d1, d2 = slope(*(recall(arrays, at, k) + (mass(arrays, fixed, at, k),) + c + fixed[PARAMS]))
        put_grad(arrays, at, k, factor * d1)
        if HESS:
            put_hess(arrays, at, k, factor * d2)


def nothing(arrays: Any, at: Any, width: int) -> None:
    """The derivatives of a row that is absent."""
    for k in range(np.uint64(0), np.uint64(width)):
        put_grad(arrays, at, k, real(0.0))
        if HESS:
            put_hess(arrays, at, k, real(0.0))


# -- rows --------------------------------------------------------------------------------------------------------------


def stretch(arrays: Any, weight: Any, fixed: Any, out: Any, where: Any, results: Any, first: int, last: int) -> None:
    """The blocks of rows from `first` to `last`: their sums and flaws."""
    apart()
    steps, shape = where
    loss, facts = out
    width = shape[CLASS]
    rows = shape[OUTER] * shape[INNER]
    height = max(1, BLOCK // width)
    end = min(rows, last * height)
    known = False
    m = top(BOTTOM)
    inner = shape[INNER]
    following = places(steps, first * height // inner, first * height % inner)
    for b in range(first, last):
        total = 0.0
        bad = 0
        for row in range(b * height, min(end, b * height + height)):
            at = following
            ahead = min(row + 1, end - 1)
            following = places(steps, ahead // inner, ahead % inner)
            label = label_of(arrays, at)
            s = share(arrays, weight, at, label, fixed[IGNORE])
            wrong = LABELS and (label < 0 or label >= width) and s != real(0.0)
            if wrong or unfit(s):
                bad = 1
            each = real(1.0) if wrong or s == real(0.0) else worth(arrays, at, label, 1, width)
            s *= each
            given = (params_of(fixed, np.uint64(row)), fixed[MIX], fixed[BOUNDS], fixed[SCALE], fixed[IGNORE], each)
            if s == real(0.0) or wrong:
                known = False
                if GRAD:
                    nothing(arrays, at, width)
                if KEEP:
                    write_value(loss[0], row, real(0.0))
                if STATS:
                    put_stats(facts, row, UNKNOWN)
                    put_top(facts, row, -1)
                continue
            if PEAK and not known:
                m = summit(arrays, given, at, label, width)
            known = AHEAD
            # In place, the first pass writes over the scores.
            if STATS:
                put_top(facts, row, place_of(arrays, given, at, m, width))
            if LABELS:
                k = np.uint64(label)
                x = scores(arrays, at, k)
            part, flaw, next_m = folded(arrays, given, at, following, m, width)
            bad |= flaw
            if LABELS:
                own = label_mass(arrays, given, k)
                terms, kept = folds(x, own, m, given[PARAMS])
                counted, _ = folds(x, mass(arrays, given, at, k), m, given[PARAMS])
                part = add_difference(part, terms, counted)
            sums = narrow(part, ZEROS)
            if TWICE:
                c = settle(*(m + sums + given[PARAMS]))
                if RISING:
                    c = probed(arrays, given, at, c, width)
                part = refolded(arrays, given, at, c, width)
                if LABELS:
                    terms, other = second(*(kept + (own,) + c + given[PARAMS])), mass(arrays, given, at, k)
                    part = add_difference(part, terms, second(*(kept + (other,) + c + given[PARAMS])))
                sums = sums + narrow(part, MORE)
            value, c = finishes(m, sums, given[PARAMS])
            if SUM:
                total += np.float64(portion(s, value))
            if KEEP:
                write_value(loss[0], row, portion(s, value))
            if STATS:
                put_stats(facts, row, statistics(m, sums, given[PARAMS]))
            if GRAD:
                factor = s * real(fixed[SCALE])
                sloped(arrays, given, at, c, factor, width)
                if LABELS:
                    d1, d2 = slope(*(kept + (own,) + c + given[PARAMS]))
                    put_grad(arrays, at, k, factor * d1)
                    if HESS:
                        put_hess(arrays, at, k, factor * d2)
            m = next_m
        results[ALL_SUMS][b], results[ALL_FLAWS][b] = total, bad


def task(given: Any, number: int) -> None:
    """One of the tasks of all threads."""
    arrays, weight, fixed, out, where, results, blocks, tasks = given
    data, target, classes, grad, hess = arrays
    aside = room(where[SHAPE][CLASS])
    own = (data, target, classes, grad, hess, view(aside))
    stretch(own, weight, fixed, out, where, results, number * blocks // tasks, (number + 1) * blocks // tasks)
    held(aside)


def total(crew: Any, arrays: Any, weight: Any, fixed: Any, out: Any, where: Any) -> Any:
    """All rows: the sum of the blocks' sums, and in how many of them a value lies outside its domain."""
    shape = where[SHAPE]
    height = max(1, BLOCK // shape[CLASS])
    blocks = (shape[OUTER] * shape[INNER] + height - 1) // height
    sums, flaws = new_wide(blocks), new_whole(blocks)
    fixed = (fixed[PARAMS], fixed[MIX], fixed[BOUNDS], fixed[SCALE], fixed[IGNORE], np.uint64(0))
    tasks = tasks_of(crew, blocks)
    spread(crew, task, (arrays, weight, fixed, out, where, (view(sums), view(flaws)), blocks, tasks), tasks)
    return combined(sums, flaws)


def counted(given: Any, number: int) -> None:
    """What the rows of a task's blocks weigh, and how many of their labels are no class."""
    apart()
    target, weight, classes, ignore, steps, shape, results, blocks, tasks = given
    rows = shape[OUTER] * shape[INNER]
    for b in range(number * blocks // tasks, (number + 1) * blocks // tasks):
        total = 0.0
        bad = 0
        row, end = b * BLOCK, min(rows, b * BLOCK + BLOCK)
        while row < end:
            outer = row // shape[INNER]
            inner = row - outer * shape[INNER]
            start = places(steps, outer, inner)
            count = min(end - row, shape[INNER] - inner)
            for r in range(np.uint64(count)):
                at = along(start, steps, r)
                label = label_of(((), target), at)
                s = share((), weight, at, label, ignore)
                if s != real(0.0):
                    if LABELS and (label < 0 or label >= shape[CLASS]):
                        bad += 1
                    else:
                        if unfit(s):
                            bad += 1
                        total += s * worth(((), target, classes), at, label, steps[AT_TARGET, CLASS], shape[CLASS])
            row += count
        results[ALL_SUMS][b], results[ALL_FLAWS][b] = total, bad


def census(crew: Any, target: Any, weight: Any, classes: Any, ignore: int, steps: Any, shape: Any) -> Any:
    """What the rows that are present weigh, added up, and how many of their labels are no class."""
    blocks = (shape[OUTER] * shape[INNER] + BLOCK - 1) // BLOCK
    sums, flaws = new_wide(blocks), new_whole(blocks)
    results, tasks = (view(sums), view(flaws)), tasks_of(crew, blocks)
    spread(crew, counted, (target, weight, classes, ignore, steps, shape, results, blocks, tasks), tasks)
    return combined(sums, flaws)

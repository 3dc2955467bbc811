"""The group lasso: a penalty of the length of each group of coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..define.keywords import GRAD, VALUE
from ..define.wording import shown
from ..structured import reading
from ..structured.compiled import run
from . import templates
from .penalty import Given, Penalty, penalised

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import NDArray


class _Members(NamedTuple):
    """Who is in which group."""

    order: NDArray[Any]
    """The places of all members, one group after the other."""
    begins: NDArray[Any]
    """Where each group begins there, and where the last one ends."""
    roots: NDArray[Any]
    """What each group's length is multiplied by."""
    ordered: bool
    """Whether `order` is any other than that of the coefficients."""


class GroupLasso(Penalty):
    """`group_lasso`: see `Penalty`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__("group_lasso", values)
        name = self.name
        strength, axis, groups = values["strength"], values["axis"], values["groups"]
        self.strength = reading.number(name, "strength", strength, 0.0)
        if not isinstance(values["by_size"], (bool, np.bool_)):
            raise TypeError(f"{name}: by_size is {shown(values['by_size'])}, expected True or False")
        if (axis is None) == (groups is None):
            got = "neither axis nor groups is" if axis is None else "axis and groups are both"
            raise TypeError(f"{name}: {got} given, expected one: the axes of a group, or each coefficient's group")
        own = axis if isinstance(axis, tuple) else (axis,)
        self.axes = None if axis is None else tuple(_whole(name, a) for a in own)
        self.labels = None if groups is None else _labels(name, groups)
        self.by_size = bool(values["by_size"])
        self.values |= {"strength": self.strength, "groups": self.labels, "by_size": self.by_size}
        self._known: dict[Any, _Members] = {}

    def _made(self, values: Mapping[str, Any]) -> Self:
        return type(self)(values)

    def _run(self, want: int, w: Any, intercept: Any, mask: Any, out: Any, backend: Any) -> Any:
        given = Given(self, w, out, backend)
        room = [np.zeros(given.size, given.kind)] if want & GRAD else []
        total = self._groups(given, 1.0, intercept, mask, room, "GRAD", backend)
        found = [given.value(total)] if want & VALUE else []
        found += map(given.result, room)
        return tuple(found) if len(found) > 1 else found[0]

    def _step(self, w: Any, step: float, intercept: Any, mask: Any, out: Any, backend: Any) -> Any:
        given = Given(self, w, out, backend)
        room = given.dense.reshape(-1).copy()
        self._groups(given, step, intercept, mask, [room], "PROX", backend)
        return given.result(room)

    def _groups(
        self, given: Given, step: float, intercept: Any, mask: Any, room: Any, flag: str, backend: Any
    ) -> float:  # fmt: skip
        """Go through the groups: the value."""
        where = penalised(self.name, given.w, intercept, mask)
        found = self._members(given.w.shape, where, intercept if mask is None else None)
        factor, norms = step * self.strength, np.empty(len(found.roots))
        if not factor:
            return 0.0
        flags = [flag] * bool(room) + ["ORDERED"] * found.ordered
        inputs, char = (given.dense.reshape(-1), found.order, found.begins, found.roots), np.dtype(given.kind).char
        run(templates.groups, inputs, (norms, *room), (factor,), compute=char, size=given.size, backend=backend,
            flags=tuple(flags))  # fmt: skip
        with np.errstate(all="ignore"):
            return factor * float((found.roots * norms if self.by_size else norms).sum())

    def _members(self, shape: tuple[int, ...], where: Any, known: Any) -> _Members:
        """Who is in which group, as an earlier call found out where it depends on the shape alone."""
        if where is not None and known is None:
            return self._sorted(shape, where)
        found = self._known.get((shape, known))
        if found is None:
            found = self._sorted(shape, where)
            self._known = {(shape, known): found}
        return found

    def _sorted(self, shape: tuple[int, ...], where: Any) -> _Members:
        labels = self._of_each(shape)
        if where is not None:
            labels = np.where(where, labels, -1)
        labels = labels.reshape(-1)
        order = np.argsort(labels, kind="stable").astype(np.int64)
        order = order[np.searchsorted(labels, 0, sorter=order) :]
        ends = np.flatnonzero(np.diff(labels[order])) + 1
        begins = np.array([0, *ends, len(order)] if len(order) else [0], np.int64)
        sizes = np.diff(begins).astype(np.float64)
        ordered = not np.array_equal(order, np.arange(len(order)))
        return _Members(order, begins, np.sqrt(sizes) if self.by_size else np.ones_like(sizes), ordered)

    def _of_each(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """The group of each coefficient; less than 0 for none."""
        if self.labels is not None:
            if self.labels.shape != shape:
                raise ValueError(f"{self.name}: groups has shape {self.labels.shape}, expected w's, {shape}")
            return self.labels
        axes = self.axes or ()
        for a in axes:
            if not -len(shape) <= a < len(shape):
                raise ValueError(f"{self.name}: axis is {a}, but w has {len(shape)} axes")
        within = {a % len(shape) for a in axes}
        others = tuple(1 if k in within else n for k, n in enumerate(shape))
        return np.broadcast_to(np.arange(np.prod(others, dtype=np.int64)).reshape(others), shape)


def _whole(name: str, axis: Any) -> int:
    if isinstance(axis, (bool, np.bool_)) or not hasattr(axis, "__index__"):
        raise TypeError(f"{name}: axis is {shown(axis)}, expected a whole number, or a tuple of some")
    return int(axis.__index__())


def _labels(name: str, groups: Any) -> NDArray[Any]:
    found = reading.array(name, "groups", groups)
    if found.dtype.kind not in "iu":
        raise TypeError(f"{name}: groups has dtype {found.dtype}, expected integers, less than 0 for no group")
    found = found.astype(np.int64)
    found.flags.writeable = False
    return found

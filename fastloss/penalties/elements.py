"""Penalties of each coefficient by itself: losses of elements, on a GPU as on the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import evaluate
from ..arrays.dispatch import on_gpu
from ..define.keywords import GRAD
from ..define.streams import is_array
from ..define.wording import listed, named
from .penalty import Penalty, check_intercept, penalised
from .terms import both, element, half_square, magnitude, step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

JETS = {"l1": magnitude, "l2": half_square, "elastic_net": both}


class Elementwise(Penalty):
    """`l1`, `l2` and `elastic_net`: see `Penalty`."""

    order = 2

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        jet = JETS[name]
        self.loss = element(jet, f"penalties.{name}").bind(**values)
        self.shrink = step(f"penalties.{name}")
        super().__init__(name, self.loss.values)

    def _made(self, values: Mapping[str, Any]) -> Self:
        return type(self)(self.name.rpartition(".")[2], values)

    def _run(self, want: int, w: Any, intercept: Any, mask: Any, out: Any, backend: Any) -> Any:
        if type(w) is not np.ndarray:
            face = on_gpu((w,))
            if face is not None and face.NAME == "jax":
                lent = lambda w, mask: self._run(want, w, intercept, mask, None, backend)  # noqa: E731
                return face.through(self, ("w", "mask"), (w, mask), out, lent)
        if self.loss.arrays:
            self._fits(w)
        where = None
        if intercept is not None or mask is not None:
            where = penalised(self.name, w, intercept, mask)
        return evaluate(self.loss, want, (w,), where, "sum", None, "nan", out, backend, None, {})

    def _step(self, w: Any, step: float, intercept: Any, mask: Any, out: Any, backend: Any) -> Any:
        face = None if type(w) is np.ndarray else on_gpu((w,))
        if face is not None and face.NAME == "jax":
            lent = lambda w, mask: self._step(w, step, intercept, mask, None, backend)  # noqa: E731
            return face.through(self, ("w", "mask"), (w, mask), out, lent)
        check_intercept(self.name, intercept)
        if self.loss.arrays:
            self._fits(w)
        where = penalised(self.name, w, intercept, mask)
        size, square = self.parts()
        numbers = {"threshold": step * size, "decay": step * square}
        if where is not None:
            numbers = {n: x if not is_array(x) and x == 0.0 else _only(x, where, face) for n, x in numbers.items()}
        return evaluate(self.shrink, GRAD, (w,), None, "sum", None, "nan", out, backend, None, numbers)

    def parts(self) -> tuple[Any, Any]:
        """The strength's part that falls to a coefficient's size, and the one that falls to half its square."""
        strength = self.loss.values["strength"]
        share = self.loss.values.get("l1_ratio", 1.0 if self.name.endswith("l1") else 0.0)
        return strength * share, strength * (1.0 - share)

    def _fits(self, w: Any) -> None:
        """Raise for strengths of other coefficients, or of those in another memory."""
        if on_gpu((w,)) is not None:
            arrays = listed(self.loss.arrays)
            raise TypeError(
                f"{self.name}: {arrays} is an array on the host and w {named(w)} on a GPU, expected a number"
            )
        shape = np.shape(w)
        for n, x in self.loss.arrays.items():
            own = (*(1,) * (len(shape) - len(x.shape)), *x.shape)
            if len(own) > len(shape) or any(a not in (1, b) for a, b in zip(own, shape, strict=True)):
                raise ValueError(f"{self.name}: {n} has shape {x.shape}, expected one that broadcasts to w's, {shape}")


def _only(x: Any, where: Any, face: Any) -> Any:
    """A number where coefficients are penalised, and 0 where they are not."""
    if face is None:
        return np.where(where, x, 0.0)
    with face.current(face.buffer(where).device):
        return face.cast(face.chosen(where, x, 0.0), "d")

"""What all penalties have in common: verbs, which coefficients are penalised, equality and pickling."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import shapes
from ..arrays.dispatch import on_gpu
from ..arrays.host.memory import number, passed
from ..arrays.job import Kind
from ..arrays.outputs import checked
from ..define.keywords import GRAD, HESS, VALUE
from ..define.streams import Held
from ..define.wording import shown
from ..structured import reading

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from numpy.typing import NDArray

    from ..define.keywords import Backend

INTERCEPTS = (None, "first", "last")


class Penalty:
    """A penalty of coefficients: its value, its gradient, and its proximal step.

    Every verb takes the coefficients, an array of any shape, and these keywords:

    intercept : {None, "first", "last"}
        Whether the coefficients hold intercepts, which are not penalised: at the first or the last place of the last
        axis, as scikit-learn's linear models have them at the last. By default there are none among them.
    mask : array of booleans that broadcasts to the coefficients, optional
        True where a coefficient is penalised. A coefficient that is not does not matter, whatever it holds: its
        gradient is exactly 0, and the proximal step leaves it as it is.
    out : array, optional
        Where the gradient, or the result of the step, goes: as the coefficients, which it may be.
    backend : {"serial", "parallel", "cuda"}, optional
        Forces one way of running.

    The value is a sum over the coefficients, never a mean: it does not depend on how many rows the data has. Beside a
    loss that is a sum over the rows, a strength has to be as many times as large. NaN gives NaN, except where the
    strength is 0: that is no penalty, whatever the coefficient is.
    """

    inputs = ("w",)
    order = 1
    """2 where each coefficient has a second derivative of its own."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        self.name, self.values = f"penalties.{name}", dict(values)

    # -- Verbs ---------------------------------------------------------------------------------------------------------

    def __call__(
        self, w: Any, *, intercept: str | None = None, mask: Any = None, backend: Backend | None = None
    ) -> Any:  # fmt: skip
        """The value."""
        return self._run(VALUE, w, intercept, mask, None, backend)

    def value_and_grad(
        self, w: Any, *, intercept: str | None = None, mask: Any = None, out: Any = None, backend: Backend | None = None
    ) -> tuple[Any, Any]:
        """The value and its gradient; where it has none, the subgradient that is named in the penalty's own words."""
        return self._run(VALUE | GRAD, w, intercept, mask, out, backend)  # type: ignore[no-any-return]

    def grad(
        self, w: Any, *, intercept: str | None = None, mask: Any = None, out: Any = None, backend: Backend | None = None
    ) -> Any:
        """The gradient alone."""
        return self._run(GRAD, w, intercept, mask, out, backend)

    def grad_and_hess(
        self, w: Any, *, intercept: str | None = None, mask: Any = None, out: Any = None, backend: Backend | None = None
    ) -> tuple[Any, Any]:
        """The gradient and the diagonal of the Hessian, of a penalty whose Hessian has no more."""
        self.check_hess()
        return self._run(GRAD | HESS, w, intercept, mask, out, backend)  # type: ignore[no-any-return]

    def check_hess(self) -> None:
        """Raise where a coefficient has no second derivative of its own."""
        if self.order < 2:
            raise NotImplementedError(f"{self.name} has no second derivative of each coefficient by itself")

    def prox(
        self, w: Any, step: float = 1.0, *, intercept: str | None = None, mask: Any = None, out: Any = None,
        backend: Backend | None = None,
    ) -> Any:  # fmt: skip
        """The proximal step: the x for which |x - w|^2 / 2 + step * penalty(x) is smallest."""
        return self._step(w, reading.number(self.name, "step", step, 0.0), intercept, mask, out, backend)

    def bind(self, **values: Any) -> Self:
        """The same penalty with other parameters."""
        for n in values:
            if n not in self.values:
                raise TypeError(f"{self.name}: {n!r} is no argument, expected {', '.join(self.values)}")
        return self._made({**self.values, **values})

    def _made(self, values: Mapping[str, Any]) -> Self:
        """A penalty of this kind."""
        raise NotImplementedError

    def _run(self, want: int, w: Any, intercept: Any, mask: Any, out: Any, backend: Any) -> Any:
        raise NotImplementedError

    def _step(self, w: Any, step: float, intercept: Any, mask: Any, out: Any, backend: Any) -> Any:
        raise NotImplementedError

    # -- What it is ----------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{n}={v!r}' for n, v in self.values.items())})"

    def __reduce__(self) -> Any:
        return _restored, (self.name.rpartition(".")[2], self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Penalty) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, ...]:
        """What two equal penalties have in common."""
        return (self.name, *(Held(v) if isinstance(v, np.ndarray) else v for v in self.values.values()))


def _restored(name: str, values: Mapping[str, Any]) -> Penalty:
    """A penalty out of a pickle."""
    from fastloss import penalties

    return getattr(penalties, name)(**values)  # type: ignore[no-any-return]


# -- Which coefficients are penalised ----------------------------------------------------------------------------------


def check_intercept(name: str, intercept: Any) -> None:
    """Raise for what is no place of intercepts."""
    if not any(intercept is known or (isinstance(intercept, str) and intercept == known) for known in INTERCEPTS):
        hint = "; say where it is" if isinstance(intercept, (bool, int)) else ""
        raise ValueError(f"{name}: intercept is {shown(intercept)}, expected None, 'first' or 'last'{hint}")


def without(name: str, intercept: str, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Where the intercepts are along the last axis, and where the others are."""
    if not shape:
        raise ValueError(f"{name}: intercept is {intercept!r} and w has no axes, expected an array of others, too")
    return (slice(0, 1), slice(1, None)) if intercept == "first" else (slice(shape[-1] - 1, None), slice(0, -1))


def penalised(name: str, w: Any, intercept: Any, mask: Any) -> Any:
    """Which coefficients are penalised, as booleans in the library of `w`; None for all of them."""
    check_intercept(name, intercept)
    if intercept is None and mask is None:
        return None
    face = on_gpu((w,))
    given = reading.array(name, "w", w) if face is None else face.buffer(w)
    if mask is not None:
        if face is None:
            mask = reading.array(name, "mask", mask)
        elif not face.owns(mask):
            raise TypeError(f"{name}: mask is {shown(mask)}, expected booleans of {face.NAME} on a GPU, where w is")
        held = mask if face is None else face.buffer(mask)
        if held.dtype.char != "?":
            raise TypeError(f"{name}: mask has dtype {held.dtype}, expected booleans, True where w is penalised")
        if shapes.common_shape(name, ("w", "mask"), (given, held)) != given.shape:
            raise ValueError(f"{name}: mask has shape {held.shape}, expected one that broadcasts to w's, {given.shape}")
    if intercept is None:
        return mask
    here, _ = without(name, intercept, given.shape)
    if face is None:
        others = np.ones(given.shape[-1], bool)
        others[here] = False
        return others if mask is None else others & mask
    others = face.filled(1.0, (given.shape[-1],), "?", given.device)
    face.assign(others[here], face.filled(0.0, (1,), "?", given.device))
    with face.current(given.device):
        return others if mask is None else others & mask


# -- Penalties that have an algorithm of their own ---------------------------------------------------------------------


class Given:
    """Coefficients in the host's memory, and where a result of their shape goes."""

    def __init__(self, penalty: Penalty, w: Any, out: Any, backend: Any) -> None:
        name = self.name = penalty.name
        reading.check_backend(name, backend)
        self.w = reading.floats(name, "w", w)
        self.kind: Any = np.float64 if self.w.dtype.char == "d" else np.float32
        self.out = None
        if out is not None:
            arrays = reading.Arrays(penalty, {"w": self.w})
            (self.out,) = checked(arrays, [out], [Kind(self.w.dtype, self.w.shape)], ("w",))  # type: ignore[arg-type]

    @property
    def dense(self) -> NDArray[Any]:
        """The coefficients in the type of the arithmetic, in one run."""
        return np.ascontiguousarray(self.w, self.kind)

    @property
    def size(self) -> int:
        """How many there are."""
        return prod(self.w.shape)

    def value(self, total: float) -> Any:
        """A value as the verbs return it."""
        return number(self.kind, total)

    def result(self, x: NDArray[Any]) -> Any:
        """An array of the coefficients' shape as the verbs return it."""
        x = x.reshape(self.w.shape)
        if self.out is None:
            return passed(x.astype(self.w.dtype, copy=False))
        self.out[...] = x
        return self.out

"""What a loss is to its users: `Loss`, of elements, and `RowLoss`, of rows of scores, with the same four verbs.

A verb hands its keywords on to `arrays`, which finds out where the data is. What the verbs take stands once, in
`__call__`; the others are `like` it but for what they ask for. `decorators.py` makes losses of functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arrays import evaluate, evaluate_rows
from .define.elements import Definition
from .define.keywords import GRAD, HESS, VALUE, Call
from .define.rows import Program
from .signatures import SelfDocumenting, like

if TYPE_CHECKING:
    from .define.keywords import Backend, Empty, Reduction

VALUE_AND_GRAD, GRAD_AND_HESS = VALUE | GRAD, GRAD | HESS
"""What verbs `like` the call read where it reads VALUE."""


class Loss(SelfDocumenting, Definition):
    """A loss function of arrays: its value, its gradient and its second derivative in one pass.

    Every verb takes the inputs in the order of the definition (``pred, target`` for most losses), the loss's own
    parameters by name, each a number or an array that broadcasts with the inputs, and these keywords:

    weight : array, optional
        Weight of each element, finite and at least 0; broadcast to the shape of the inputs. An element of weight 0 is
        absent: its value does not matter, not even a NaN, and its gradient is exactly 0.
    ignore_index : int, optional
        Elements with this label are absent, as with a weight of 0: for losses whose target is a label, or a probability
        of one. It takes the memory of another ``weight``.
    reduction : {"mean", "sum", "none"}
        ``"mean"`` divides by the sum of the weights (the number of elements where there are none); ``"none"`` gives
        each element's weighted loss. Derivatives are those of the reduced value; with ``"none"``, of the sum.
    axis : int or tuple of int, optional
        The axes that are reduced: the value has a number for each sample, the mean of which divides by its own weights;
        derivatives are those of the sum of these. By default all elements are reduced to one number, as are those of
        Numba's device arrays always.
    normalizer : float, optional
        Your own denominator for ``reduction="mean"``, positive: for gradient accumulation and ragged batches.
    empty : {"nan", "zero", "raise"}
        What the mean of nothing is (no elements, or weights that sum to 0).
    out : array, or tuple of arrays, optional
        Where the derivatives go: the dtype and shape of the input that they belong to. It may be ``pred`` itself;
        any other overlap is an error. ``grad_and_hess`` takes ``(grad, hess)``; the call itself takes the array
        for ``reduction="none"``.
    backend : {"serial", "parallel", "cuda"}, optional
        Forces one way of running; by default the type and the size of the arrays decide. Data is never moved for it.
    check : bool, optional
        Whether values outside an input's domain are looked for (one more reading of that input where ``out`` is
        given, next to nothing otherwise). With ``False`` the formula is evaluated as it stands. By default they are;
        on a GPU, where looking means waiting, what is found is then raised by a later call, or by
        `fastloss.synchronize`, and with ``True`` at once. NaN lies in every domain: it is never refused, and makes the
        value NaN. Mask what is missing:

        >>> import numpy as np
        >>> import fastloss as fl
        >>> y = np.array([0.0, np.nan, 2.0])
        >>> fl.squared_error.value_and_grad([1.0, 1.0, 1.0], y, weight=~np.isnan(y))
        (np.float64(1.0), array([ 1.,  0., -1.]))

    Inputs may be passed by name, also by the names of scikit-learn and Keras, ``y_true`` and ``y_pred``, and by torch's
    ``input``.

    float32 and float64 are computed as they are; float16 and bfloat16 (``ml_dtypes``) in float32, their
    derivatives come back in the input's dtype and their values in float32; integers, booleans, lists and scalars
    in float64. Arrays on a GPU (CuPy's, torch's, Numba's) give arrays there, a scalar value one of no axes, and nothing
    waits for the device; JAX's do, too, by way of torch or CuPy, but calls wait and take no ``out``. Values are summed
    in strips of 1,024 in the type of the arithmetic, the strips' sums in float64; in which order within a strip may
    depend on the verb, and with it the last two bits of the value. The dtype of ``pred`` decides; other inputs, weights
    and parameters are read in it. Weights are added up in float64, and those of a mean may have any magnitude.
    """

    def __call__(
        self,
        *inputs: Any,
        weight: Any = None,
        ignore_index: int | None = None,
        axis: int | tuple[int, ...] | None = None,
        reduction: Reduction = "mean",
        normalizer: float | None = None,
        empty: Empty = "nan",
        out: Any = None,
        backend: Backend | None = None,
        check: bool | None = None,
        **parameters: Any,
    ) -> Any:
        """The value: a scalar, or one number per element with ``reduction="none"``."""
        # The other verbs read another name than VALUE: see `like`.
        return evaluate(
            self,
            VALUE,
            inputs,
            weight,
            reduction,
            normalizer,
            empty,
            out,
            backend,
            check,
            parameters,
            ignore_index,
            axis,
        )

    @like(__call__, VALUE="VALUE_AND_GRAD")
    def value_and_grad(self, *inputs: Any, **keywords: Any) -> tuple[Any, Any]:  # type: ignore[empty-body]
        """The value and its gradient (a tuple of gradients where several inputs are differentiable)."""

    @like(__call__, VALUE="GRAD")
    def grad(self, *inputs: Any, **keywords: Any) -> Any:
        """The gradient with respect to the prediction (a tuple where several inputs are differentiable)."""

    @like(__call__, VALUE="GRAD_AND_HESS")
    def grad_and_hess(self, *inputs: Any, **keywords: Any) -> tuple[Any, Any]:  # type: ignore[empty-body]
        """The gradient and the diagonal of the Hessian: what Newton's method and boosting ask for.

        The second derivative is the true one almost everywhere (0 for an absolute value), never a stand-in.

        How not to boost with it: the default ``reduction="mean"`` makes both n times smaller than a booster expects,
        for whom its regularisation then outweighs the data: pass ``reduction="sum"``, and the booster's weights as
        ``weight``, for it does not apply them. Some objectives are called as (labels, predictions): here the
        prediction comes first, unless both are passed by name.
        """


class RowLoss(SelfDocumenting, Program):
    """A loss of rows of scores, one score for each class: value, gradient and diagonal of the Hessian in one pass.

    Every verb takes the inputs in the order of the definition (``pred, target`` for most losses), the loss's own
    parameters by name, each a number or an array of one for each row, and these keywords:

    axis : int
        The axis of the classes; the others are the batch. Each row along it is one sample.
    weight : array, optional
        Weight of each row, at least 0; broadcast to the shape of the batch. A row of weight 0 is absent: its scores do
        not matter, not even a NaN, and its gradient is exactly 0.
    class_weight : array of length K, optional
        Weight of each class, at least 0. It multiplies the class's target mass, as in torch; what no mass multiplies (a
        z-loss, a teacher's part) is multiplied by what the row is worth: its label's weight, or the mean of the weights
        under its masses. A row that is worth 0 is absent; in torch its label smoothing still counts.
    ignore_index : int, optional
        Rows with this label are absent.
    label_smoothing : float
        Between 0 and 1: the target becomes ``(1 - s) target + s / K``.
    reduction : {"mean", "sum", "none"}
        ``"mean"`` divides by the sum of the weights of the rows that are present, times what each is worth by its
        classes: no mean changes where all weights of a kind are multiplied by one number. (torch's divides by the
        number of rows where the target is dense: ``normalizer=len(target)``.) ``"none"`` gives each row's weighted
        loss. Derivatives are those of the reduced value; with ``"none"``, of the sum.
    normalizer : float, optional
        Your own denominator for ``reduction="mean"``, positive: for gradient accumulation and ragged batches.
    empty : {"nan", "zero", "raise"}
        What the mean of nothing is (no rows, or all of them absent).
    out : array, or tuple of arrays, optional
        Where the derivatives go: the dtype and shape of the scores. It may be the scores' array itself; any other
        overlap is an error. ``grad_and_hess`` takes ``(grad, hess)``; the call itself takes the array for
        ``reduction="none"``.
    return_stats : bool
        Whether to add a `RowStats` to the results.
    backend : {"serial", "parallel", "cuda"}, optional
        Forces one way of running; by default the type and the size of the arrays decide. Data is never moved for it.
    check : bool, optional
        Whether values outside an input's domain are looked for. Labels are always checked: on a GPU, where looking
        means waiting, a row whose label is no class counts as absent, and a later call raises, or
        `fastloss.synchronize`; with ``True`` this one does, before anything is written.

    Labels are an array of the batch's shape, of any integer dtype or, on the host, of whole floats; a dense target has
    the shape of the scores: one-hot, or any masses. float32 and float64 are computed as they are, float16 and bfloat16
    in float32; sums over a row in strips of 2,048 in the type of the arithmetic, and from there on in float64.

    NaN in, NaN out: a row in which a number is not known has a loss of NaN and NaN in its derivatives. It may be
    anything in a row that is absent, and in a part of the loss that counts nothing (the teacher's with ``alpha=1``). A
    row of nothing but -inf has no softmax, and both are NaN, unless the row has no mass either: then it loses nothing.
    """

    def __call__(
        self,
        *inputs: Any,
        axis: int = -1,
        weight: Any = None,
        class_weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        normalizer: float | None = None,
        empty: Empty = "nan",
        out: Any = None,
        return_stats: bool = False,
        backend: Backend | None = None,
        check: bool | None = None,
        **parameters: Any,
    ) -> Any:
        """The value: a scalar, or one number per row with ``reduction="none"``."""
        # The other verbs read another name than VALUE: see `like`.
        call = Call(
            VALUE,
            axis,
            weight,
            class_weight,
            ignore_index,
            label_smoothing,
            reduction,
            normalizer,
            empty,
            out,
            return_stats,
            backend,
            check,
        )
        return evaluate_rows(self, inputs, call, parameters)

    @like(__call__, VALUE="VALUE_AND_GRAD")
    def value_and_grad(self, *inputs: Any, **keywords: Any) -> Any:
        """The value and its gradient with respect to the scores."""

    @like(__call__, VALUE="GRAD")
    def grad(self, *inputs: Any, **keywords: Any) -> Any:
        """The gradient with respect to the scores."""

    @like(__call__, VALUE="GRAD_AND_HESS")
    def grad_and_hess(self, *inputs: Any, **keywords: Any) -> Any:
        """The gradient and the diagonal of the Hessian: what boosting asks for.

        The second derivative is the true one almost everywhere, never a bound or a stand-in.

        How not to boost with it: the default ``reduction="mean"`` makes both n times smaller than a booster expects:
        pass ``reduction="sum"``, and the booster's weights as ``weight``. Some objectives are called as (labels,
        predictions): here the scores come first, unless both are passed by name.
        """

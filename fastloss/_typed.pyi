"""Every loss with what it takes. Written by tools/stubs.py."""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, Protocol

from .define.keywords import Backend, Empty, Reduction
from .fused.linear import LinearLoss
from .fused.topk import TopKDistillation
from .loss import Loss, RowLoss
from .structured.verbs import CurvedLoss, HostLoss

P = ParamSpec("P")

class Array(Protocol):
    @property
    def shape(self) -> Any: ...

Numbers = float | list[Any] | tuple[Any, ...] | Array

__all__ = [
    'squared_error', 'half_squared_error', 'absolute_error', 'root_mean_squared_error', 'squared_log_error',
    'root_mean_squared_log_error', 'absolute_percentage_error', 'symmetric_absolute_percentage_error', 'quantile',
    'expectile', 'epsilon_insensitive', 'squared_epsilon_insensitive', 'huber', 'smooth_l1', 'pseudo_huber',
    'log_cosh', 'cauchy', 'welsch', 'fair', 'lp', 'geman_mcclure', 'squared_percentage_error',
    'root_mean_squared_percentage_error', 'log_lin_quantile', 'generalized_kl', 'binary_cross_entropy',
    'binary_cross_entropy_with_logits', 'logistic', 'hinge', 'squared_hinge', 'modified_huber', 'exponential',
    'perceptron', 'smoothed_hinge', 'sigmoid_margin', 'distance_weighted_discrimination', 'binary_sparsemax',
    'binary_focal', 'binary_focal_from_probabilities', 'cross_entropy', 'categorical_cross_entropy',
    'negative_log_likelihood', 'listwise_softmax', 'multiclass_hinge', 'multiclass_hinge_sum',
    'multilabel_soft_margin', 'multilabel_margin', 'poly_cross_entropy', 'multiclass_focal',
    'multiclass_focal_from_probabilities', 'generalized_cross_entropy',
    'generalized_cross_entropy_from_probabilities', 'sparsemax_loss', 'poisson', 'poisson_identity',
    'negative_binomial', 'gamma', 'gamma_identity', 'tweedie', 'tweedie_identity', 'gaussian_nll',
    'gaussian_nll_log_scale', 'accelerated_failure_time_logistic', 'accelerated_failure_time_extreme',
    'accelerated_failure_time_normal', 'kl_divergence', 'kl_divergence_log', 'kl_divergence_log_target',
    'js_divergence', 'total_variation', 'cosine_distance', 'distillation', 'distillation_from_probabilities',
    'reverse_distillation', 'js_distillation', 'soft_distillation', 'soft_reverse_distillation',
    'soft_js_distillation', 'hinge_embedding', 'contrastive', 'margin_ranking', 'preference',
    'batch_triplet_margin', 'circle', 'ciou_loss', 'contrastive_embedding', 'cosine_embedding', 'cox', 'ctc',
    'dice_loss', 'diou_loss', 'focal_tversky_loss', 'generalized_dice_loss', 'giou_loss', 'info_nce', 'iou_loss',
    'jaccard_loss', 'lambdarank', 'linear_cross_entropy', 'lovasz_hinge_loss', 'lovasz_softmax_loss', 'multibox',
    'nt_xent', 'pairwise_logistic', 'supervised_contrastive', 'topk_distillation', 'tversky_loss', 'triplet_margin',
    'aft_extreme', 'aft_logistic', 'aft_normal', 'bce', 'bce_with_logits', 'bradley_terry', 'cce', 'crammer_singer',
    'dpo', 'dwd', 'focal', 'gaussian_negative_log_likelihood', 'gce', 'generalized_kl_divergence', 'i_divergence',
    'jensen_shannon', 'jsd', 'kl_div', 'kld', 'knowledge_distillation', 'l1', 'logcosh', 'lorentzian', 'lq', 'mae',
    'mape', 'mse', 'msle', 'mspe', 'multi_margin', 'multilabel_cross_entropy', 'multilabel_hinge', 'nll', 'pinball',
    'poly', 'rmse', 'rmsle', 'rmspe', 'sigmoid_cross_entropy', 'smape', 'soft_margin', 'softmax_cross_entropy',
    'softmax_focal', 'sparse_categorical_cross_entropy', 'tvd', 'weston_watkins',
]

class Elements(Loss, Generic[P]):
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]
    def value_and_grad(self, *args: P.args, **kwargs: P.kwargs) -> tuple[Any, Any]: ...  # type: ignore[override]
    def grad(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]
    def grad_and_hess(self, *args: P.args, **kwargs: P.kwargs) -> tuple[Any, Any]: ...  # type: ignore[override]

def elements(takes: Callable[P, None]) -> Elements[P]: ...

class Rows(RowLoss, Generic[P]):
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]
    def value_and_grad(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]
    def grad(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]
    def grad_and_hess(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]

def rows(takes: Callable[P, None]) -> Rows[P]: ...

class Linear(LinearLoss, Generic[P]):
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]
    def value_and_grad(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]
    def grad(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]

def linear(takes: Callable[P, None]) -> Linear[P]: ...

class TopK(TopKDistillation, Generic[P]):
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]
    def value_and_grad(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]
    def grad(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]
    def grad_and_hess(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...  # type: ignore[override]

def topk(takes: Callable[P, None]) -> TopK[P]: ...

class Curved(CurvedLoss, Generic[P]):
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...
    def value_and_grad(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...
    def grad(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...
    def grad_and_hess(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...

def curved(takes: Callable[P, None]) -> Curved[P]: ...

class OnHost(HostLoss, Generic[P]):
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...
    def value_and_grad(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...
    def grad(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...

def onhost(takes: Callable[P, None]) -> OnHost[P]: ...

@elements
def squared_error(
    pred: Any, target: Any, *, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def half_squared_error(
    pred: Any, target: Any, *, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def absolute_error(
    pred: Any, target: Any, *, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def root_mean_squared_error(
    pred: Any, target: Any, *, weight: Any = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def squared_log_error(
    pred: Any, target: Any, *, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def root_mean_squared_log_error(
    pred: Any, target: Any, *, weight: Any = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def absolute_percentage_error(
    pred: Any, target: Any, *, epsilon: Numbers = 2.220446049250313e-16, weight: Any = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def symmetric_absolute_percentage_error(
    pred: Any, target: Any, *, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def quantile(
    pred: Any, target: Any, *, q: Numbers = 0.5, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def expectile(
    pred: Any, target: Any, *, q: Numbers = 0.5, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def epsilon_insensitive(
    pred: Any, target: Any, *, epsilon: Numbers = 0.1, weight: Any = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def squared_epsilon_insensitive(
    pred: Any, target: Any, *, epsilon: Numbers = 0.1, weight: Any = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def huber(
    pred: Any, target: Any, *, delta: Numbers = 1.0, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def smooth_l1(
    pred: Any, target: Any, *, beta: Numbers = 1.0, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def pseudo_huber(
    pred: Any, target: Any, *, delta: Numbers = 1.0, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def log_cosh(
    pred: Any, target: Any, *, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def cauchy(
    pred: Any, target: Any, *, c: float = 1.0, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def welsch(
    pred: Any, target: Any, *, c: Numbers = 1.0, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def fair(
    pred: Any, target: Any, *, c: Numbers = 1.0, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def lp(
    pred: Any, target: Any, *, p: Numbers = 1.5, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def geman_mcclure(
    pred: Any, target: Any, *, c: Numbers = 1.0, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def squared_percentage_error(
    pred: Any, target: Any, *, epsilon: Numbers = 2.220446049250313e-16, weight: Any = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def root_mean_squared_percentage_error(
    pred: Any, target: Any, *, epsilon: Numbers = 2.220446049250313e-16, weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def log_lin_quantile(
    pred: Any, target: Any, *, q: Numbers = 0.5, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def generalized_kl(
    pred: Any, target: Any, *, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def binary_cross_entropy(
    pred: Any, target: Any, *, clamp: Numbers = 100.0, floor: float = 1e-12, weight: Any = None,
    ignore_index: int | None = None, axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@elements
def binary_cross_entropy_with_logits(
    pred: Any, target: Any, *, pos_weight: Numbers = 1.0, label_smoothing: Numbers = 0.0, weight: Any = None,
    ignore_index: int | None = None, axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@elements
def logistic(
    pred: Any, target: Any, *, zero_one: bool = False, weight: Any = None, ignore_index: int | None = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def hinge(
    pred: Any, target: Any, *, zero_one: bool = False, weight: Any = None, ignore_index: int | None = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def squared_hinge(
    pred: Any, target: Any, *, zero_one: bool = False, weight: Any = None, ignore_index: int | None = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def modified_huber(
    pred: Any, target: Any, *, zero_one: bool = False, weight: Any = None, ignore_index: int | None = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def exponential(
    pred: Any, target: Any, *, zero_one: bool = False, weight: Any = None, ignore_index: int | None = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def perceptron(
    pred: Any, target: Any, *, zero_one: bool = False, weight: Any = None, ignore_index: int | None = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def smoothed_hinge(
    pred: Any, target: Any, *, gamma: Numbers = 1.0, zero_one: bool = False, weight: Any = None,
    ignore_index: int | None = None, axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@elements
def sigmoid_margin(
    pred: Any, target: Any, *, zero_one: bool = False, weight: Any = None, ignore_index: int | None = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def distance_weighted_discrimination(
    pred: Any, target: Any, *, q: Numbers = 1.0, zero_one: bool = False, weight: Any = None,
    ignore_index: int | None = None, axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@elements
def binary_sparsemax(
    pred: Any, target: Any, *, weight: Any = None, ignore_index: int | None = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def binary_focal(
    pred: Any, target: Any, *, gamma: Numbers = 2.0, alpha: Numbers = 0.25, label_smoothing: Numbers = 0.0,
    weight: Any = None, ignore_index: int | None = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def binary_focal_from_probabilities(
    pred: Any, target: Any, *, gamma: Numbers = 2.0, alpha: Numbers = 0.25, label_smoothing: Numbers = 0.0,
    clamp: Numbers = 100.0, floor: float = 1e-12, weight: Any = None, ignore_index: int | None = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def cross_entropy(
    pred: Any, target: Any, *, z_loss: Numbers = 0.0, softcap: float | None = None, axis: int = -1,
    weight: Any = None, class_weight: Any = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    return_stats: bool = False, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def categorical_cross_entropy(
    pred: Any, target: Any, *, clamp: Numbers = 100.0, floor: float = 1e-12, axis: int = -1, weight: Any = None,
    class_weight: Any = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def negative_log_likelihood(
    pred: Any, target: Any, *, axis: int = -1, weight: Any = None, class_weight: Any = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@rows
def listwise_softmax(
    pred: Any, target: Any, *, axis: int = -1, weight: Any = None, class_weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def multiclass_hinge(
    pred: Any, target: Any, *, margin: Numbers = 1.0, axis: int = -1, weight: Any = None, class_weight: Any = None,
    ignore_index: int | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def multiclass_hinge_sum(
    pred: Any, target: Any, *, margin: Numbers = 1.0, power: float = 1.0, axis: int = -1, weight: Any = None,
    class_weight: Any = None, ignore_index: int | None = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@rows
def multilabel_soft_margin(
    pred: Any, target: Any, *, axis: int = -1, weight: Any = None, class_weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def multilabel_margin(
    pred: Any, target: Any, *, margin: Numbers = 1.0, axis: int = -1, weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def poly_cross_entropy(
    pred: Any, target: Any, *, epsilon: Numbers = 1.0, axis: int = -1, weight: Any = None, class_weight: Any = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@rows
def multiclass_focal(
    pred: Any, target: Any, *, gamma: Numbers = 2.0, axis: int = -1, weight: Any = None, class_weight: Any = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@rows
def multiclass_focal_from_probabilities(
    pred: Any, target: Any, *, gamma: Numbers = 2.0, clamp: Numbers = 100.0, floor: float = 1e-12, axis: int = -1,
    weight: Any = None, class_weight: Any = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def generalized_cross_entropy(
    pred: Any, target: Any, *, q: Numbers = 0.7, axis: int = -1, weight: Any = None, class_weight: Any = None,
    ignore_index: int | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def generalized_cross_entropy_from_probabilities(
    pred: Any, target: Any, *, q: Numbers = 0.7, floor: float = 1e-12, axis: int = -1, weight: Any = None,
    class_weight: Any = None, ignore_index: int | None = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@rows
def sparsemax_loss(
    pred: Any, target: Any, *, axis: int = -1, weight: Any = None, class_weight: Any = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@elements
def poisson(
    pred: Any, target: Any, *, full: bool = False, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def poisson_identity(
    pred: Any, target: Any, *, full: bool = False, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def negative_binomial(
    pred: Any, target: Any, *, dispersion: Numbers = 1.0, weight: Any = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def gamma(
    pred: Any, target: Any, *, full: bool = False, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def gamma_identity(
    pred: Any, target: Any, *, full: bool = False, weight: Any = None, axis: int | tuple[int, ...] | None = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def tweedie(
    pred: Any, target: Any, *, power: float = 1.5, full: bool = False, weight: Any = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def tweedie_identity(
    pred: Any, target: Any, *, power: float = 1.5, full: bool = False, weight: Any = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def gaussian_nll(
    pred: Any, target: Any, var: Any, *, full: bool = False, weight: Any = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def gaussian_nll_log_scale(
    pred: Any, target: Any, log_scale: Any, *, full: bool = False, weight: Any = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def accelerated_failure_time_logistic(
    pred: Any, lower: Any, upper: Any, *, scale: Numbers = 1.0, weight: Any = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def accelerated_failure_time_extreme(
    pred: Any, lower: Any, upper: Any, *, scale: Numbers = 1.0, weight: Any = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def accelerated_failure_time_normal(
    pred: Any, lower: Any, upper: Any, *, scale: Numbers = 1.0, weight: Any = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def kl_divergence(
    pred: Any, target: Any, *, axis: int = -1, weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@rows
def kl_divergence_log(
    pred: Any, target: Any, *, axis: int = -1, weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@rows
def kl_divergence_log_target(
    pred: Any, target: Any, *, axis: int = -1, weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@rows
def js_divergence(
    pred: Any, target: Any, *, beta: float = 0.5, axis: int = -1, weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@rows
def total_variation(
    pred: Any, target: Any, *, axis: int = -1, weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@rows
def cosine_distance(
    pred: Any, target: Any, *, axis: int = -1, weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@rows
def distillation(
    pred: Any, teacher: Any, target: Any, *, temperature: Numbers = 2.0, alpha: Numbers = 0.5,
    scale_t2: float = 1.0, axis: int = -1, weight: Any = None, class_weight: Any = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, return_stats: bool = False,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def distillation_from_probabilities(
    pred: Any, teacher: Any, target: Any, *, temperature: Numbers = 2.0, alpha: Numbers = 0.5,
    scale_t2: float = 1.0, axis: int = -1, weight: Any = None, class_weight: Any = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, return_stats: bool = False,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def reverse_distillation(
    pred: Any, teacher: Any, target: Any, *, temperature: Numbers = 2.0, alpha: Numbers = 0.5,
    scale_t2: float = 1.0, axis: int = -1, weight: Any = None, class_weight: Any = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, return_stats: bool = False,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def js_distillation(
    pred: Any, teacher: Any, target: Any, *, beta: float = 0.5, temperature: Numbers = 2.0, alpha: Numbers = 0.5,
    scale_t2: float = 1.0, axis: int = -1, weight: Any = None, class_weight: Any = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@rows
def soft_distillation(
    pred: Any, teacher: Any, *, temperature: Numbers = 2.0, scale_t2: float = 1.0, axis: int = -1,
    weight: Any = None, reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan',
    out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def soft_reverse_distillation(
    pred: Any, teacher: Any, *, temperature: Numbers = 2.0, scale_t2: float = 1.0, axis: int = -1,
    weight: Any = None, reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan',
    out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@rows
def soft_js_distillation(
    pred: Any, teacher: Any, *, beta: float = 0.5, temperature: Numbers = 2.0, scale_t2: float = 1.0,
    axis: int = -1, weight: Any = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def hinge_embedding(
    pred: Any, target: Any, *, margin: Numbers = 1.0, zero_one: bool = False, weight: Any = None,
    ignore_index: int | None = None, axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@elements
def contrastive(
    pred: Any, target: Any, *, margin: Numbers = 1.0, weight: Any = None, ignore_index: int | None = None,
    axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@elements
def margin_ranking(
    pred: Any, other: Any, target: Any, *, margin: Numbers = 0.0, zero_one: bool = False, weight: Any = None,
    ignore_index: int | None = None, axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@elements
def preference(
    pred: Any, other: Any, *, reference: Numbers = 0.0, beta: Numbers = 1.0, label_smoothing: Numbers = 0.0,
    weight: Any = None, axis: int | tuple[int, ...] | None = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@onhost
def batch_triplet_margin(
    embeddings: Any, labels: Any, *, mining: str = 'all', margin: float = 1.0, distance: str = 'euclidean',
    count: str = 'valid', weight: Any = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@onhost
def circle(
    embeddings: Any, labels: Any, *, margin: float = 0.25, gamma: float = 256.0, weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@onhost
def ciou_loss(
    pred: Any, target: Any, *, format: str = 'xyxy', weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@onhost
def contrastive_embedding(
    first: Any, second: Any, target: Any, *, margin: float = 1.0, distance: str = 'euclidean', weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@onhost
def cosine_embedding(
    first: Any, second: Any, target: Any, *, margin: float = 0.0, weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@curved
def cox(
    pred: Any, time: Any, event: Any, *, strata: Any = None, ties: str = 'breslow', weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@onhost
def ctc(
    logits: Any, targets: Any, *, input_lengths: Any = None, target_lengths: Any = None, blank: int = 0,
    from_log_probs: bool = False, time_major: bool = False, zero_infinity: bool = False, per_symbol: bool = True,
    weight: Any = None, reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan',
    out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@onhost
def dice_loss(
    pred: Any, target: Any, *, smooth: float = 0.0, per_sample: bool = False, per_class: bool = True,
    classes: str = 'all', activation: str | None = None, axis: int | None = None, class_weight: Any = None,
    ignore_index: int | None = None, weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@onhost
def diou_loss(
    pred: Any, target: Any, *, format: str = 'xyxy', weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@onhost
def focal_tversky_loss(
    pred: Any, target: Any, *, alpha: float = 0.3, beta: float = 0.7, gamma: float = 0.75, smooth: float = 0.0,
    per_sample: bool = False, per_class: bool = True, classes: str = 'all', activation: str | None = None,
    axis: int | None = None, class_weight: Any = None, ignore_index: int | None = None, weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@onhost
def generalized_dice_loss(
    pred: Any, target: Any, *, smooth: float = 0.0, per_sample: bool = False, classes: str = 'all',
    activation: str | None = None, axis: int | None = None, class_weight: Any = None,
    ignore_index: int | None = None, weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@onhost
def giou_loss(
    pred: Any, target: Any, *, format: str = 'xyxy', weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@onhost
def info_nce(
    query: Any, key: Any, *, temperature: float = 0.07, symmetric: bool = False, normalize: bool = True,
    weight: Any = None, reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan',
    out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@onhost
def iou_loss(
    pred: Any, target: Any, *, format: str = 'xyxy', weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@onhost
def jaccard_loss(
    pred: Any, target: Any, *, smooth: float = 0.0, per_sample: bool = False, per_class: bool = True,
    classes: str = 'all', activation: str | None = None, axis: int | None = None, class_weight: Any = None,
    ignore_index: int | None = None, weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@curved
def lambdarank(
    pred: Any, target: Any, *, group: Any = None, sigma: float = 1.0, truncation: int | None = 30,
    gain: Any = 'exponential', score_norm: bool = True, query_norm: bool = True, weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@linear
def linear_cross_entropy(
    hidden: Any, weight: Any, labels: Any, *, z_loss: float = 0.0, softcap: float | None = None, bias: Any = None,
    chunk: int | None = None, sample_weight: Any = None, class_weight: Any = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, reduction: str = 'mean', normalizer: float | None = None, empty: str = 'nan',
    backend: str | None = None, check: bool | None = None,
) -> None: ...

@onhost
def lovasz_hinge_loss(
    pred: Any, target: Any, *, per_sample: bool = False, classes: str = 'all', activation: str | None = None,
    axis: int | None = None, class_weight: Any = None, ignore_index: int | None = None, weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@onhost
def lovasz_softmax_loss(
    pred: Any, target: Any, *, per_sample: bool = False, classes: str = 'present', activation: str | None = None,
    axis: int | None = None, class_weight: Any = None, ignore_index: int | None = None, weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@onhost
def multibox(
    locations: Any, scores: Any, boxes: Any, labels: Any, priors: Any, *, offsets: Any = None,
    threshold: float = 0.5, negative_ratio: float = 3.0, min_negatives: int = 0, variances: Any = (0.1, 0.2),
    beta: float = 1.0, alpha: float = 1.0, format: str = 'xyxy', return_parts: bool = False, weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, out: Any = None, backend: Backend | None = None,
) -> None: ...

@onhost
def nt_xent(
    first: Any, second: Any, *, temperature: float = 0.5, normalize: bool = True, weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@curved
def pairwise_logistic(
    pred: Any, target: Any, *, group: Any = None, sigma: float = 1.0, truncation: int | None = None,
    score_norm: bool = False, query_norm: bool = False, weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@onhost
def supervised_contrastive(
    embeddings: Any, labels: Any, *, temperature: float = 0.1, normalize: bool = True, weight: Any = None,
    reduction: Reduction = 'mean', normalizer: float | None = None, empty: Empty = 'nan', out: Any = None,
    backend: Backend | None = None, check: bool | None = None,
) -> None: ...

@topk
def topk_distillation(
    pred: Any, indices: Any, log_probabilities: Any, target: Any, *, temperature: float = 2.0, alpha: float = 0.5,
    scale_t2: float = 1.0, axis: int = -1, weight: Any = None, class_weight: Any = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, reduction: str = 'mean',
    normalizer: float | None = None, empty: str = 'nan', out: Any = None, return_stats: bool = False,
    backend: str | None = None, check: bool | None = None,
) -> None: ...

@onhost
def tversky_loss(
    pred: Any, target: Any, *, alpha: float = 0.5, beta: float = 0.5, smooth: float = 0.0, per_sample: bool = False,
    per_class: bool = True, classes: str = 'all', activation: str | None = None, axis: int | None = None,
    class_weight: Any = None, ignore_index: int | None = None, weight: Any = None, reduction: Reduction = 'mean',
    normalizer: float | None = None, empty: Empty = 'nan', out: Any = None, backend: Backend | None = None,
    check: bool | None = None,
) -> None: ...

@onhost
def triplet_margin(
    anchor: Any, positive: Any, negative: Any, *, margin: float = 1.0, distance: str = 'euclidean',
    swap: bool = False, weight: Any = None, reduction: Reduction = 'mean', normalizer: float | None = None,
    empty: Empty = 'nan', out: Any = None, backend: Backend | None = None, check: bool | None = None,
) -> None: ...

aft_extreme = accelerated_failure_time_extreme
aft_logistic = accelerated_failure_time_logistic
aft_normal = accelerated_failure_time_normal
bce = binary_cross_entropy
bce_with_logits = binary_cross_entropy_with_logits
bradley_terry = preference
cce = categorical_cross_entropy
crammer_singer = multiclass_hinge
dpo = preference
dwd = distance_weighted_discrimination
focal = binary_focal
gaussian_negative_log_likelihood = gaussian_nll
gce = generalized_cross_entropy
generalized_kl_divergence = generalized_kl
i_divergence = generalized_kl
jensen_shannon = js_divergence
jsd = js_divergence
kl_div = kl_divergence_log
kld = kl_divergence
knowledge_distillation = distillation
l1 = absolute_error
logcosh = log_cosh
lorentzian = cauchy
lq = lp
mae = absolute_error
mape = absolute_percentage_error
mse = squared_error
msle = squared_log_error
mspe = squared_percentage_error
multi_margin = multiclass_hinge_sum
multilabel_cross_entropy = multilabel_soft_margin
multilabel_hinge = multilabel_margin
nll = negative_log_likelihood
pinball = quantile
poly = poly_cross_entropy
rmse = root_mean_squared_error
rmsle = root_mean_squared_log_error
rmspe = root_mean_squared_percentage_error
sigmoid_cross_entropy = binary_cross_entropy_with_logits
smape = symmetric_absolute_percentage_error
soft_margin = logistic
softmax_cross_entropy = cross_entropy
softmax_focal = multiclass_focal
sparse_categorical_cross_entropy = categorical_cross_entropy
tvd = total_variation
weston_watkins = multiclass_hinge_sum

"""The names of the functions of `fastloss.math`, and what others call them."""

from __future__ import annotations

from difflib import get_close_matches

NAMES = (
    "absolute", "asinh", "atan", "cbrt", "clip", "cos", "cosh", "e", "erf", "erfc", "exp", "expm1", "inf", "lgamma",
    "log", "log1mexp", "log1p", "log_cosh", "log_sigmoid", "logaddexp", "maximum", "minimum", "nan", "pi", "pow",
    "sigmoid", "sign", "sin", "sinh", "smooth_abs", "softplus", "sqrt", "square", "tanh", "times_exp", "where", "xlogy",
)  # fmt: skip

_LIBRARIES = frozenset(["jax", "keras", "math", "numpy", "scipy", "torch"])

ELSEWHERE = {
    "abs": "absolute", "arcsinh": "asinh", "arctan": "atan", "expit": "sigmoid", "fabs": "absolute",
    "float_power": "pow", "gammaln": "lgamma", "log_expit": "log_sigmoid", "logsigmoid": "log_sigmoid", "power": "pow",
}  # fmt: skip
"""Names of functions in other libraries, and ours."""

_ALIKE = {"clamp": "clip", "logsumexp": "logaddexp", "max": "maximum", "min": "minimum"}
"""Names of what others do to arrays, and ours for numbers."""

_CONSTANTS = frozenset(["e", "inf", "nan", "pi"])

ELEMENT = 'the verbs reduce (reduction="mean", "sum" or "none", and axis=)'

_ROWS = "an argument is one number; a loss of rows is made by fl.rowwise, and there are fl.cross_entropy and others"

_OTHERWISE = {
    **dict.fromkeys(("nansum", "numel", "prod", "sum"), f"return the loss of one element; {ELEMENT}"),
    **dict.fromkeys(
        ("argmax", "cosine_embedding_loss", "cosine_similarity", "cross_entropy", "ctc_loss", "cumsum", "gather", "glu",
         "log_softmax", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "nll_loss",
         "norm", "normalize", "one_hot", "pairwise_distance", "softmax", "softmin", "sort", "stack",
         "triplet_margin_loss", "unsqueeze"),
        _ROWS,
    ),
    "apply": "what has a gradient of its own is a loss of fl.pointwise, which takes (value, d1, d2)",
    **dict.fromkeys(("bernoulli", "dropout", "rand", "rand_like", "randn_like", "rrelu"),
                    "nothing in a loss is random; what is, is an input"),
    **dict.fromkeys(
        ("data", "detach", "item", "no_grad", "stop_gradient"),
        "the gradient of a loss is its value's; what has none of its own is an input, a parameter or weight=",
    ),
    **dict.fromkeys(
        ("ceil", "floor", "int", "long", "remainder", "round", "trunc"),
        "a function of steps has no derivative; write arithmetic, or fl.where",
    ),
    **dict.fromkeys(
        ("all", "any", "isfinite", "isnan"),
        "the verbs check their inputs: the decorator says what they may be, fl.derive(pred=fl.POSITIVE)",
    ),
    **dict.fromkeys(("dim", "ndim", "shape", "size"), f"one number has no shape; {ELEMENT}"),
}  # fmt: skip
"""What to write for what is no function of one element."""


def of_math(name: str) -> str | None:
    """The function of `fastloss.math`, or the number, that others call so; None if there is none."""
    short = {**_ALIKE, **ELSEWHERE}.get(name, name)
    return short if short in NAMES else None


def foreign(module: object) -> bool:
    """Whether a module, by its name, belongs to a library whose functions users write formulas with."""
    return str(module).partition(".")[0] in _LIBRARIES


def instead_of(name: str) -> str:
    """What to write for a function that is none of `fastloss.math`."""
    short = name.rpartition(".")[2]
    if short in _OTHERWISE:
        return _OTHERWISE[short]
    if short[-1:] == "_" and short.rstrip("_") in {*NAMES, *ELSEWHERE, *_ALIKE}:
        return f"nothing is changed in place: write x = x.{short.rstrip('_')}(...)"
    if mine := of_math(short):
        return f"write fl.math.{mine}"
    close = get_close_matches(short, NAMES, 1)
    hint = f"; did you mean fl.math.{close[0]}?" if close else ""
    return f"help(fl.math) has the functions that there are{hint}"

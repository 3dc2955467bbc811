"""What an error says of an input that is no array of numbers: what it is, what was expected, and what to pass.

Imported where an error is about to be raised, and nowhere else. Other libraries are known by the names of their types.
"""

from __future__ import annotations

import os
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..define.callers import face, of_keras
from ..define.wording import named, shown

if TYPE_CHECKING:
    from collections.abc import Iterable


def refused(loss: str, name: str, x: Any, array: Any = None, error: Exception | None = None) -> TypeError:
    """The error for an input that NumPy reads as `array`, or cannot read."""
    kind = type(x)
    library = kind.__module__.partition(".")[0]
    if library in _LIBRARIES:
        what, hint = _LIBRARIES[library](loss, name, x)
    elif hasattr(kind, "__cuda_array_interface__"):
        what, hint = f"is {named(x)} in GPU memory", f"pass cupy.asarray({name})"
    elif isinstance(x, np.ma.MaskedArray):
        what, hint = "is a MaskedArray", f"pass {name}.data, with weight=~numpy.ma.getmaskarray({name})"
    elif isinstance(x, np.matrix):
        what, hint = "is a matrix", f"pass numpy.asarray({name})"
    elif isinstance(x, (str, bytes, os.PathLike)):
        what, hint = f"is {shown(x)}", _instead_of_text(name)
    elif array is None:
        what, hint = f"is {named(x)} that NumPy cannot read", _unequal(error)
    elif array.ndim == 0 and array.dtype == object:
        what, hint = (f"is {shown(x)}" if x is None else f"is {named(x)}"), _single(name, x)
    else:
        dtype, hint = getattr(x, "dtype", array.dtype), _of_dtype(name, x, array)
        what = f"has dtype {dtype}"
    expected = "real numbers of at most 64 bits" if what.startswith("has dtype") else "an array of real numbers"
    return TypeError(f"{loss}: {name} {what}, expected {expected}{hint and '; '}{hint}")


def _unequal(error: Exception | None) -> str:
    if "inhomogeneous" in str(error):
        return "rows of different lengths are padded to one, with weight=0 where there is nothing"
    return str(error)


def _instead_of_text(name: str) -> str:
    if name == "class_weight":
        return "balanced weights are labels.size / (K * numpy.bincount(labels, minlength=K)) of K classes"
    return "a file is read by numpy.load, pandas or polars before it is passed, a column is passed, not its name"


def _single(name: str, x: Any) -> str:
    """What to pass for an object that is no sequence."""
    library = type(x).__module__.partition(".")[0]
    if library in ("catboost", "lightgbm", "xgboost"):
        return f"a loss as an objective, which has a metric, is made by fastloss.boosting.{library}"
    if hasattr(x, "toarray"):
        return f"a sparse one becomes dense by {name}.toarray()"
    if isinstance(x, dict) and name == "class_weight":
        return "pass a list, one for each class, as [class_weight[k] for k in range(K)]"
    if isinstance(x, dict):
        return f"pass numpy.array(list({name}.values()))"
    if hasattr(x, "__next__") or isinstance(x, (set, frozenset)):
        return f"pass a list, as of list({name})"
    return ""


def _of_dtype(name: str, x: Any, array: Any) -> str:
    """What to pass for an array of a dtype that no kernel reads."""
    kind = array.dtype.kind
    if kind in "US":
        return _of_text(name, x)
    if kind in "mM":
        return f"pass the time in a unit, as ({name} - start) / numpy.timedelta64(1, 'D')"
    if kind in "fi":
        return f"pass {name}.astype(float)"
    if kind == "V" and array.dtype.names is None:  # types of ml_dtypes that are no 16-bit floats
        return f"pass {name}.astype('float32')"
    return "" if kind != "O" else _of_objects(name, x, array)


def _of_text(name: str, x: Any) -> str:
    categories = getattr(getattr(x, "dtype", None), "categories", None)
    if categories is not None and type(x).__module__.startswith("pandas"):
        return f"pass the categories' codes, {name}{'.cat' if hasattr(x, 'cat') else ''}.codes"
    if categories is not None and hasattr(x, "to_physical"):
        return f"pass the categories' codes, {name}.to_physical()"
    values = x.to_pylist() if hasattr(x, "to_pylist") else list(x) if hasattr(x, "__iter__") else []
    numbers = sum(isinstance(v, (int, float)) or (isinstance(v, str) and _reads(v)) for v in values)
    if numbers and (found := first_strange(values)) is not None:
        return f"{_place(name, x, np.empty(0), found[0])} is {shown(found[1])}"
    if numbers:
        return f"numbers as text become numbers by numpy.array({name}, float)"
    return f"labels as text become numbers by numpy.unique({name}, return_inverse=True)[1]"


def _of_objects(name: str, x: Any, array: Any) -> str:
    for column, dtype in getattr(getattr(x, "dtypes", None), "items", dict)():
        if str(dtype) in ("object", "str", "string", "category"):
            values = x[column].tolist()
            found = first_strange(values) or _first_odd(values)
            what = f"has dtype {dtype}" if found is None else f"has {shown(found[1])} in row {found[0]}"
            return f"its column {column!r} {what}"
    known = [v for v in array.flat if not _is_missing(v)]
    if (known and all(isinstance(v, (str, bytes)) for v in known)) or hasattr(getattr(x, "dtype", None), "categories"):
        return _of_text(name, x)
    if (found := first_strange(array.flat)) is not None:
        return f"{_place(name, x, array, found[0])} is {shown(found[1])}"
    return _of_numbers(name, x, array)


def _of_numbers(name: str, x: Any, array: Any) -> str:
    """What to pass for numbers that are objects, for one of them is missing, exact, or large."""
    odd = _first_odd(array.flat)
    if odd is None:
        return f"pass numpy.array({name}, float)"
    place = f"{_place(name, x, array, odd[0])} is {shown(odd[1])}"
    if isinstance(odd[1], int):
        return f"{place}, an integer of more than 64 bits"
    instead = f"numpy.array({name}, float)"
    if type(x).__module__.startswith("pyarrow"):
        instead = f"{name}.cast('float64')"
    elif hasattr(x, "to_numpy"):
        instead = f"{name}.to_numpy(float, na_value=numpy.nan)"
    elif any(type(v).__name__ in ("NAType", "NaTType") for v in array.flat):
        instead = f"pandas.to_numeric({name}, errors='coerce')"
    return f"{place}: pass {instead}; what is missing is then NaN, and absent with weight=0"


def _first_odd(values: Iterable[Any]) -> tuple[int, Any] | None:
    """The first value for which numbers are objects, and its place."""
    for k, v in enumerate(values):
        plain = isinstance(v, (int, float, np.number, np.bool_))
        if not plain or (isinstance(v, int) and v.bit_length() > 64):
            return k, v
    return None


def _place(name: str, x: Any, array: Any, k: int) -> str:
    """An element of an array by its place in all of it."""
    if array.ndim == 1:
        return f"{name}{'.iloc' if hasattr(x, 'iloc') else ''}[{k}]"
    return f"{name}[{', '.join(map(str, np.unravel_index(k, array.shape)))}]"


def first_strange(values: Iterable[Any]) -> tuple[int, Any] | None:
    """The first value that is neither a real number, nor a text of one, nor missing, and its place."""
    for k, v in enumerate(values):
        if not (_is_missing(v) or isinstance(v, (Real, Decimal, np.bool_)) or (isinstance(v, str) and _reads(v))):
            return k, v
    return None


def _reads(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_missing(x: Any) -> bool:
    """Whether this is one of the libraries' nulls, of which pandas' compare as nothing that is true or false."""
    return x is None or type(x).__name__ in ("NAType", "NaTType") or (isinstance(x, float) and x != x)


def _torch(loss: str, name: str, x: Any) -> tuple[str, str]:
    what, own = f"is {named(x)} on the CPU", face(loss, "torch")
    if getattr(x, "requires_grad", False):
        hint = f"call {own}, which autograd differentiates" if own else f"pass {name}.detach().numpy()"
        return f"{what} that requires a gradient", of_keras(loss) or hint
    hint = f"call {own}, or " if own else ""
    return what, of_keras(loss) or f"{hint}pass {name}.numpy(), the same memory"


def _jax(loss: str, name: str, x: Any) -> tuple[str, str]:
    own = face(loss, "jax")
    if "Tracer" in type(x).__name__:
        hint = f"call {own} under jit, grad and vmap" if own else f"{loss} is called outside of jit, grad and vmap"
        return f"is {named(x)}", of_keras(loss) or hint
    hint = f"call {own}, which jax.grad differentiates, or " if own else ""
    return f"is {named(x)} on the CPU", of_keras(loss) or f"{hint}pass numpy.asarray({name})"


def _tensorflow(loss: str, name: str, x: Any) -> tuple[str, str]:
    return f"is {named(x)}", f"{loss} computes the gradient itself, and no tape sees it: pass {name}.numpy()"


def _dask(loss: str, name: str, x: Any) -> tuple[str, str]:
    return f"is {named(x)}", f"{loss} is not computed block by block: pass {name}.compute()"


def _polars(loss: str, name: str, x: Any) -> tuple[str, str]:
    if type(x).__name__ == "LazyFrame":
        return "is a polars.LazyFrame", f"pass {name}.collect()"
    if type(x).__name__ == "Expr":
        return "is a polars.Expr", f"pass what it gives of a frame, frame.select({name}).to_series()"
    if not hasattr(x, "to_physical"):
        odd = next((c for c, d in x.schema.items() if not d.is_numeric()), None)
        return f"has dtypes {x.dtypes}", f"its column {odd!r} has dtype {x.schema[odd]}" if odd else "cast its columns"
    kind, what = str(x.dtype).partition("(")[0], f"has dtype {x.dtype}"
    if kind in ("String", "Categorical", "Enum"):
        return what, _of_text(name, x)
    if kind in ("Boolean", "Decimal", "Int128", "UInt128"):
        return what, f"pass {name}.cast(polars.Float64); what is missing is then NaN, and absent with weight=0"
    if kind in ("Date", "Datetime", "Duration", "Time"):
        return what, f"pass the time in a unit, as ({name} - start).dt.total_seconds()"
    values = np.empty(len(x), object)
    values[:] = x.to_list()
    return what, _of_objects(f"{name}.to_list()", values, values).replace(f"{name}.to_list()[", f"{name}[")


def _cupy(loss: str, name: str, x: Any) -> tuple[str, str]:
    return f"is {named(x)}", f"pass cupy.asnumpy({name})"


_LIBRARIES = {"torch": _torch, "jax": _jax, "jaxlib": _jax, "tensorflow": _tensorflow, "dask": _dask, "cupy": _cupy,
              "polars": _polars}  # fmt: skip

"""One call: whose arrays are these? The library is known by an array's type, and nothing is imported to ask."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from numpy import errstate, ndarray

from ..define.callers import refuse_calling
from ..define.keywords import Call
from ..loading import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..define.elements import Definition
    from ..define.rows import Program
    from .gpu import elements as gpu_elements
    from .gpu import rows as gpu_rows
    from .host import elements as host_elements
    from .host import rows as host_rows
    from .job import ElementsJob, Job

    Loss = Definition | Program
    jobs: list[type[Job]] = [host_rows.Rows, gpu_rows.Rows]
    jobs_of_elements: list[type[ElementsJob]] = [host_elements.Elements, gpu_elements.Elements]
    """Here it is seen that they have the methods of a job."""

_FOREIGN = frozenset(["torch", "cupy", "jax", "jaxlib", "dask", "tensorflow"])
"""Libraries whose arrays are not NumPy's to convert: copying them silently would move data or drop a gradient."""

_FACES = {"torch": "torch", "cupy": "cupy", "numba": "numba", "numba_cuda": "numba", "jax": "jax", "jaxlib": "jax"}
"""Packages some of whose arrays are on a GPU, and the module in `gpu` that knows what can be done with them."""

_CHUNKED = "dask", "xarray"
"""Packages some of whose arrays are computed a block at a time."""

ELSEWHERE = {"y_pred": 0, "input": 0, "y_true": -1}
"""What scikit-learn, Keras and torch call an input, and which of a loss's it is: the first, or the target."""

_recipes: Any = None

_on_gpu: dict[type, tuple[Any, Any]] = {}
"""Types of arrays that have been met on a GPU: their library, and the short way of a call that is known there."""


def _load_recipes() -> Any:
    """The short way, loaded by the first call: a program that only names a loss need not wait for it."""
    global _recipes
    _recipes = load(f"{__package__}.host.recipes")
    return _recipes


def evaluate(
    loss: Definition,
    want: int,
    inputs: tuple[Any, ...],
    weight: Any,
    reduction: str,
    normalizer: Any,
    empty: str,
    out: Any,
    backend: str | None,
    check: bool | None,
    parameters: Mapping[str, Any],
    ignore: Any = None,
    axis: Any = None,
) -> Any:
    """A verb of a loss of elements: the short way of a common call, or the long one."""
    if len(inputs) != len(loss.inputs):
        inputs, parameters = by_name(loss, inputs, parameters)
    if parameters:
        loss = loss.having(parameters)
    if loss.arrays:
        loss, inputs = loss.reading(inputs)
    check = None if check is None else bool(check)
    if _on_gpu and ignore is None and axis is None and type(inputs[0]) in _on_gpu:
        options = want, axis, weight, None, ignore, 0.0, reduction, normalizer, empty, out, False, backend, check
        face, known = _on_gpu[type(inputs[0])]
        result = known(face, loss, options, inputs)
        if result is not None:
            return result
    elif empty == "nan" and axis is None:
        short, look = _recipes or _load_recipes(), check is not False
        if ignore is None:
            result = short.evaluate(loss, want, inputs, weight, reduction, out, backend, look, normalizer)
        else:
            result = short.ignoring(loss, want, inputs, weight, ignore, reduction, out, backend, look, normalizer)
        if result is not None:
            return result
    call = Call(want, axis, weight, None, ignore, 0.0, reduction, normalizer, empty, out, False, backend, check)
    return _by_job("elements", loss, inputs, call)


def evaluate_rows(loss: Program, inputs: tuple[Any, ...], call: Call, parameters: Mapping[str, Any]) -> Any:
    """A verb of a loss of rows: the short way of a common call, or the long one."""
    if len(inputs) != len(loss.inputs) and not loss.streamed:
        inputs, parameters = by_name(loss, inputs, parameters)
    if parameters:
        loss = loss.having(parameters)
    if loss.turned is not None:
        loss, inputs = loss.turned._holding(loss.arrays) if loss.arrays else loss.turned, inputs[::-1]
    if loss.arrays:
        loss, inputs = loss.reading(inputs)
    if call.check is not None and call.check is not True:
        call = call._replace(check=bool(call.check))
    if _on_gpu and type(inputs[0]) in _on_gpu:
        face, known = _on_gpu[type(inputs[0])]
        result = known(face, loss, call, inputs)
    else:
        result = (_recipes or _load_recipes()).evaluate_rows(loss, inputs, call)
    return _by_job("rows", loss, inputs, call) if result is None else result


@errstate(all="ignore")  # what the caller wants to hear of is the caller's own arithmetic
def evaluate_chunks(
    loss: Program, given: Mapping[str, Any], call: Call, host: Callable[..., Any], gpu: Callable[..., Any]
) -> Any:
    """Run what goes through its arrays a chunk of rows at a time where they live: `host`, or `gpu` with their library.

    Row weights and class weights are the last two of the arrays.
    """
    names, arrays = tuple(given), tuple(given.values())
    face = _library(loss, names, arrays)
    if face is None:
        return host(loss, given, call)
    if face.NAME != "jax":
        return gpu(face, loss, given, call)

    def again(lent: tuple[Any, ...], call: Call) -> Any:
        return evaluate_chunks(loss, dict(zip(given, lent, strict=True)), call, host, gpu)

    return _through(face, loss, names, arrays, call, again)


def _by_job(kind: str, loss: Loss, inputs: tuple[Any, ...], call: Call) -> Any:
    """Run a verb by the job for arrays of their library."""
    refuse_calling(loss.name)
    names, arrays = (*loss.reads, "weight", "class_weight"), (*inputs, call.weight, call.class_weight)
    if any(type(x).__module__.startswith(_CHUNKED) for x in arrays):
        chunked = load(f"{__package__}.chunked.verb")
        if any(map(chunked.is_chunked, arrays)):
            return chunked.evaluate(kind, loss, inputs, call)
    face = _library(loss, names, arrays)
    if face is not None and face.NAME == "jax":
        return _through(face, loss, names, arrays, call, lambda lent, call: _by_job(kind, loss, lent[:-2], call))
    make, verb = _job("host" if face is None else "gpu", kind)
    if face is not None and face.owns(inputs[0]):
        _on_gpu[type(inputs[0])] = face, load(f"{__package__}.gpu.recipes").known
    job = make(loss, inputs) if face is None else make(face, loss, inputs)
    each_sample = kind == "elements" and (call.ignore_index is not None or call.axis is not None)
    if face is not None and not each_sample:  # on the host, that was asked before there was a job
        known = job.known(call)
        if known is not None:
            return known
    with errstate(all="ignore"):
        return load(f"{__package__}.samples").evaluate(job, call) if each_sample else verb.run(job, call)


@cache
def _job(folder: str, kind: str) -> tuple[Any, Any]:
    """The class of such jobs, and what runs them."""
    return getattr(load(f"{__package__}.{folder}.{kind}"), kind.capitalize()), load(f"{__package__}.verb")


def _library(loss: Loss, names: tuple[str, ...], arrays: Sequence[Any]) -> Any:
    """The library of arrays on a GPU; None where they are NumPy's, or become such."""
    odd = [x for x in arrays if type(x) is not ndarray and x is not None]
    face = on_gpu(odd) if odd else None
    if odd and face is None:
        refuse_foreign(loss, arrays, names)
    return face


def _through(
    face: Any, loss: Loss, names: tuple[str, ...], arrays: Sequence[Any], call: Call, again: Callable[..., Any]
) -> Any:
    """Do it again with arrays of a library that can lend its own to these; the last two are both kinds of weights."""

    def lent(*others: Any) -> Any:
        return again(others, call._replace(weight=others[-2], class_weight=others[-1], out=None))

    return face.through(loss, names, arrays, call.out, lent)


def by_name(loss: Loss, inputs: tuple[Any, ...], given: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Inputs that were passed by name, in their places; what is left are parameters."""
    names, rest = loss.inputs, dict(given)
    if len(inputs) > len(names):
        from ..define.hints import too_many

        raise too_many(loss, inputs)
    for other, place in ELSEWHERE.items():
        name = "target" if place else names[0]
        if other in rest and name in names and name not in rest and names.index(name) >= len(inputs):
            rest[name] = rest.pop(other)
    arranged = list(inputs)
    for name in names[len(inputs) :]:
        if name not in rest:
            from ..define.hints import missing

            raise missing(loss, name, rest)
        arranged.append(rest.pop(name))
    return tuple(arranged), rest


def on_gpu(arrays: Sequence[Any]) -> Any:
    """The library of the first of the arrays that is in a GPU's memory: a `Face`, or JAX's module, or None."""
    for x in arrays:
        if type(x) is not ndarray and x is not None:
            name = _FACES.get(type(x).__module__.partition(".")[0])
            if name is not None:
                found: Any = load(f"{__package__}.gpu").face(name)
                if found is not None and found.owns(x):
                    return found
    return None


def refuse_foreign(loss: Loss, inputs: Sequence[Any], names: tuple[str, ...]) -> None:
    """Raise for the first input that is some other library's array."""
    for name, x in zip(names, inputs, strict=True):
        kind = type(x)
        if kind.__module__.partition(".")[0] in _FOREIGN or hasattr(kind, "__cuda_array_interface__"):
            from .foreign import refused

            raise refused(loss.name, name, x)

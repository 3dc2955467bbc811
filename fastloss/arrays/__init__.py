"""Where the data is: one adapter per array library, chosen by type and without importing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy import errstate, ndarray

from ..loading import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..define.elements import Definition
    from ..define.keywords import Options
    from ..define.rows import Program

_FOREIGN = frozenset(["torch", "cupy", "jax", "jaxlib", "dask", "tensorflow"])
"""Libraries whose arrays are not NumPy's to convert: copying them silently would move data or drop a gradient."""

_FACES = {"torch": "torch", "cupy": "cupy", "numba": "numba", "numba_cuda": "numba", "jax": "jax", "jaxlib": "jax"}
"""Packages some of whose arrays are on a GPU, and the module in `gpu` that knows what can be done with them."""

_numpy: Any = None
_rows: Any = None


def _load() -> Any:
    """The NumPy adapter, loaded by the first call: a program that only names a loss need not wait for it."""
    global _numpy
    _numpy = load(f"{__name__}.host.elements")
    return _numpy


def _load_rows() -> Any:
    """The same for rows."""
    global _rows
    _rows = load(f"{__name__}.host.rows")
    return _rows


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
    """Run `loss` where its arrays live."""
    if len(inputs) != len(loss.inputs):
        inputs, parameters = _by_name(loss, inputs, parameters)
    if parameters:
        loss = loss.having(parameters)
    if loss.arrays:
        loss, inputs = loss.reading(inputs)
    for x in inputs if weight is None else (*inputs, weight):
        if type(x) is not ndarray:
            arrays = (*inputs, weight)
            names = (*loss.inputs, "weight")
            face = on_gpu(arrays)
            if face is not None:
                if face.NAME == "jax":
                    return face.through(loss, names, arrays, out, lambda *lent: evaluate(
                        loss, want, lent[:-1], lent[-1], reduction, normalizer, empty, None, backend, check, {},
                        ignore, axis,
                    ))  # fmt: skip
                looked = None if check is None else bool(check)
                if out is not None and weight is not None and (ignore is not None or axis is not None):
                    load(f"{__name__}.host.memory").refuse_over(loss.name, out, weight, "weight", face)
                if ignore is not None:
                    weight = load(f"{__name__}.masks").ignoring(loss, inputs, weight, ignore, face)
                if axis is not None:
                    return load(f"{__name__}.samples").evaluate(
                        load(f"{__name__}.gpu.samples").Device(face), loss, want, inputs, weight, reduction,
                        normalizer, empty, out, backend, looked, axis,
                    )  # fmt: skip
                return load(f"{__name__}.gpu.elements").evaluate(
                    face, loss, want, inputs, weight, reduction, normalizer, empty, out, backend, looked
                )
            refuse_foreign(loss, arrays, names)
            break
    adapter = _numpy or _load()
    check = check is None or bool(check)
    if ignore is not None or axis is not None:
        if out is not None and weight is not None:
            # Other weights take its place.
            load(f"{__name__}.host.memory").refuse_over(loss.name, out, weight, "weight")
        if ignore is not None:
            weight = load(f"{__name__}.masks").ignoring(loss, inputs, weight, ignore)
        if axis is not None:
            return load(f"{__name__}.samples").evaluate(
                load(f"{__name__}.host.samples").Host, loss, want, inputs, weight, reduction, normalizer, empty, out,
                backend, check, axis,
            )  # fmt: skip
    return adapter.evaluate(loss, want, inputs, weight, reduction, normalizer, empty, out, backend, check)


def evaluate_rows(loss: Program, inputs: tuple[Any, ...], options: Options, parameters: Mapping[str, Any]) -> Any:
    """Run a row loss where its arrays live."""
    if len(inputs) != len(loss.inputs) and not loss.streamed:
        inputs, parameters = _by_name(loss, inputs, parameters)
    if parameters:
        loss = loss.having(parameters)
    if loss.turned is not None:
        turned = loss.turned._holding(loss.arrays) if loss.arrays else loss.turned
        return evaluate_rows(turned, inputs[::-1], options, {})
    if loss.arrays:
        loss, inputs = loss.reading(inputs)
    if options.check is not None and options.check is not True:
        options = options._replace(check=bool(options.check))
    arrays = (*inputs, options.weight, options.class_weight)
    for x in arrays:
        if type(x) is not ndarray and x is not None:
            names = (*loss.reads, "weight", "class_weight")
            face = on_gpu(arrays)
            if face is not None:
                if face.NAME == "jax":
                    return face.through(loss, names, arrays, options.out, lambda *lent: evaluate_rows(
                        loss, lent[:-2], options._replace(weight=lent[-2], class_weight=lent[-1], out=None), {}
                    ))  # fmt: skip
                return load(f"{__name__}.gpu.rows").evaluate(face, loss, inputs, options)
            refuse_foreign(loss, arrays, names)
            break
    adapter = _rows or _load_rows()
    return adapter.evaluate(loss, inputs, options)


def evaluate_chunks(
    loss: Program, given: Mapping[str, Any], options: Options, host: Callable[..., Any], gpu: Callable[..., Any]
) -> Any:
    """Run what goes through its arrays a chunk of rows at a time where they live: `host`, or `gpu` with their library.

    Row weights and class weights are the last two of the arrays.
    """
    arrays = tuple(given.values())
    face = on_gpu(arrays)
    if face is None:
        refuse_foreign(loss, arrays, tuple(given))
        with errstate(all="ignore"):  # what the caller wants to hear of is the caller's own arithmetic
            return host(loss, given, options)
    if face.NAME == "jax":
        return face.through(loss, tuple(given), arrays, options.out, lambda *lent: evaluate_chunks(
            loss, dict(zip(given, lent, strict=True)),
            options._replace(weight=lent[-2], class_weight=lent[-1], out=None), host, gpu,
        ))  # fmt: skip
    return gpu(face, loss, given, options)


ELSEWHERE = {"y_pred": 0, "input": 0, "y_true": -1}
"""What scikit-learn, Keras and torch call an input, and which of a loss's it is: the first, or the target."""


def _by_name(
    loss: Definition | Program, inputs: tuple[Any, ...], given: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
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


def on_gpu(arrays: tuple[Any, ...]) -> Any:
    """The library of the first of the arrays that is in a GPU's memory: a `Face`, or JAX's module, or None."""
    for x in arrays:
        if type(x) is not ndarray and x is not None:
            name = _FACES.get(type(x).__module__.partition(".")[0])
            if name is not None:
                found: Any = load(f"{__name__}.gpu").face(name)
                if found is not None and found.owns(x):
                    return found
    return None


def refuse_foreign(loss: Definition | Program, inputs: tuple[Any, ...], names: tuple[str, ...]) -> None:
    """Raise for the first input that is some other library's array."""
    for name, x in zip(names, inputs, strict=True):
        kind = type(x)
        if kind.__module__.partition(".")[0] in _FOREIGN or hasattr(kind, "__cuda_array_interface__"):
            from .foreign import refused

            raise refused(loss.name, name, x)

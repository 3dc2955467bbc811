"""A function of Python's that XLA's programs call, by the typed foreign-function interface that JAX documents.

The structures are those of ``xla/ffi/api/c_api.h``, which comes with JAX, for pointers of 64 bits. Every structure
carries its size, and the interface its version: what differs from what is known here is refused before it is read.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_char, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_void_p
from functools import cache, lru_cache
from math import prod
from threading import Lock
from typing import Any

import jax
import ml_dtypes
import numpy as np

from ..deferred import Deferred
from . import gate
from .verbs import computed

NAME = "fastloss"
"""What XLA's programs call it."""

MAJOR, MINORS = 0, range(1, 4)
"""The interface's versions that have these structures: XLA serves an older minor one for a year at least."""

INVALID_ARGUMENT = 3
METADATA = 1
STRING = 4

DTYPES = {
    code: np.dtype(kind)
    for code, kind in {
        1: np.bool_, 2: np.int8, 3: np.int16, 4: np.int32, 5: np.int64, 6: np.uint8, 7: np.uint16, 8: np.uint32,
        9: np.uint64, 10: np.float16, 11: np.float32, 12: np.float64, 16: ml_dtypes.bfloat16,
    }.items()
}  # fmt: skip
"""XLA's numbers of types."""


class _Head(ctypes.Structure):
    """How every structure begins."""

    _fields_ = [("size", c_size_t), ("extension", c_void_p)]


class _Version(_Head):
    _fields_ = [("major", c_int), ("minor", c_int)]


class _Mistake(_Head):
    _fields_ = [("message", c_char_p), ("code", c_int)]


_CREATE = ctypes.CFUNCTYPE(c_void_p, POINTER(_Mistake))


class _Api(_Head):
    _fields_ = [("version", _Version), ("internal", c_void_p), ("create", _CREATE)]


class _Buffers(_Head):
    """Arguments, or results."""

    _fields_ = [("count", c_int64), ("types", c_void_p), ("places", c_void_p)]


class _Attributes(_Head):
    _fields_ = [("count", c_int64), ("types", c_void_p), ("names", c_void_p), ("places", c_void_p)]


class _Frame(_Head):
    """One call."""

    _fields_ = [
        ("api", POINTER(_Api)), ("context", c_void_p), ("stage", c_int), ("arguments", _Buffers),
        ("results", _Buffers), ("attributes", _Attributes),
    ]  # fmt: skip


class _Buffer(_Head):
    _fields_ = [("dtype", c_int), ("data", c_void_p), ("rank", c_int64), ("dims", c_void_p)]


class _Span(ctypes.Structure):
    _fields_ = [("start", c_void_p), ("length", c_size_t)]


class _Extension(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("type", c_int), ("next", c_void_p), ("metadata", c_void_p)]


class _Metadata(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("version", _Version), ("traits", c_uint32)]


_lock = Lock()

_met: list[tuple[int, int]] = []
"""The versions that XLA has been told of this function."""


def known() -> bool:
    """Whether XLA calls the function: it is handed over at the first question."""
    with _lock:  # of two threads the second would hand over another function, and be refused
        return _known()


@cache
def _known() -> bool:
    if not hasattr(jax, "ffi") or ctypes.sizeof(c_void_p) != 8:
        return False
    try:
        jax.local_devices(backend="cpu")  # before it is there, what is handed over waits unseen
        jax.ffi.register_ffi_target(NAME, jax.ffi.pycapsule(c_void_p(_address())), platform="cpu")
    except Exception:  # of whatever type JAX says that the versions do not fit
        return False
    return bool(_met)


def _address() -> int:
    """That of the function, behind its gate."""
    function = ctypes.cast(_handler, c_void_p).value or 0
    closed, unanswered = map(_mistake, ("RuntimeError: Python ends", "RuntimeError: fastloss gave no answer"))
    return gate.before(function, closed, unanswered, _Frame.api.offset, _Api.create.offset)


@ctypes.CFUNCTYPE(None, c_void_p, POINTER(c_void_p))
def _handler(address: int, answer: Any) -> None:
    """Answer one call: by None, or by the address of an error of XLA's."""
    answer[0] = _answered(address)


def _answered(address: int) -> int | None:
    frame = _Frame.from_address(address)
    try:
        extension = _Extension.from_address(frame.extension) if frame.extension else None
        if extension is not None and extension.type == METADATA:
            _introduce(frame, extension)
        else:
            _check(frame)
            _answer(frame)
    except BaseException as error:
        return _error(frame, error)
    return None


def _check(frame: _Frame) -> None:
    parts = (frame.arguments, _Buffers), (frame.results, _Buffers), (frame.attributes, _Attributes)
    if frame.size < ctypes.sizeof(_Frame) or any(x.size != ctypes.sizeof(of) for x, of in parts):
        raise RuntimeError("fastloss.jax: XLA's call is of a version that is not known here; update fastloss")


def _introduce(frame: _Frame, extension: _Extension) -> None:
    """Say of which version of the interface this is: XLA's own, or the last one that is known here."""
    if not frame.api:  # of old versions, which do not say which they are
        return
    own = frame.api.contents.version
    minor = min(own.minor, MINORS[-1])
    if own.major == MAJOR and minor in MINORS:
        metadata = _Metadata.from_address(extension.metadata)
        metadata.version.major, metadata.version.minor = MAJOR, minor
        metadata.traits = 0
        _met.append((MAJOR, minor))


def _answer(frame: _Frame) -> None:
    given = frame.attributes
    if given.count != 1 or c_int.from_address(given.types).value != STRING:
        raise TypeError(f"{NAME}: this function of XLA's is called by fastloss.jax alone")
    span = _Span.from_address(c_void_p.from_address(given.places).value or 0)
    want, call = _read(ctypes.string_at(span.start, span.length))
    computed(call, want, _arrays(frame.arguments, False), _arrays(frame.results, True))


@lru_cache(4096)
def _read(text: bytes) -> tuple[str, Deferred]:
    want, _, rest = text.decode().partition(" ")
    return want, Deferred.of_text(rest)


def _arrays(buffers: _Buffers, writeable: bool) -> list[Any]:
    """Arrays of NumPy's in XLA's memory."""
    places = (c_void_p * buffers.count).from_address(buffers.places) if buffers.count else ()
    return [_array(_Buffer.from_address(place), writeable) for place in places]


def _array(buffer: _Buffer, writeable: bool) -> Any:
    dtype = DTYPES[buffer.dtype]
    shape = tuple((c_int64 * buffer.rank).from_address(buffer.dims)) if buffer.rank else ()
    size = prod(shape) * dtype.itemsize
    if not size:
        return np.empty(shape, dtype)
    array: Any = np.ndarray(shape, dtype, (c_char * size).from_address(buffer.data))
    array.flags.writeable = writeable
    return array


def _error(frame: _Frame, error: BaseException) -> int:
    made: int = frame.api.contents.create(ctypes.byref(_mistake(f"{type(error).__name__}: {error}")))
    return made


def _mistake(text: str) -> _Mistake:
    return _Mistake(_Mistake.code.offset + _Mistake.code.size, None, text.encode(errors="replace"), INVALID_ARGUMENT)

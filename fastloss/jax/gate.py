"""A gate before a function of Python's that another library's threads call: closed where Python ends.

Who calls a function of Python's waits for Python's lock, which nobody gives back when the process ends: a program that
still runs then would wait for ever, and the process for it. Machine code before the function counts who is inside, and
lets nobody in when Python is about to end: it returns an error of XLA's instead. It does so too where the function
gives no answer: what Python raises on the way in or out (no stack is left, somebody interrupts) has no caller.
"""

from __future__ import annotations

import atexit
import ctypes
import time
from ctypes import c_int64

import llvmlite.binding as llvm

CODE = """
define ptr @enter(ptr %frame) {{
  %slot = alloca ptr
  store ptr inttoptr (i64 -1 to ptr), ptr %slot
  %one = atomicrmw add ptr inttoptr (i64 {inside} to ptr), i64 1 seq_cst
  %shut = load atomic i64, ptr inttoptr (i64 {shut} to ptr) seq_cst, align 8
  %is = icmp ne i64 %shut, 0
  br i1 %is, label %refuse, label %call
call:
  call void inttoptr (i64 {function} to ptr)(ptr %frame, ptr %slot)
  %answer = load ptr, ptr %slot
  %silent = icmp eq ptr %answer, inttoptr (i64 -1 to ptr)
  br i1 %silent, label %refuse, label %leave
refuse:
  %mistake = phi ptr [ inttoptr (i64 {closed} to ptr), %0 ], [ inttoptr (i64 {unanswered} to ptr), %call ]
  %place = getelementptr i8, ptr %frame, i64 {api}
  %api = load ptr, ptr %place
  %maker = getelementptr i8, ptr %api, i64 {create}
  %create = load ptr, ptr %maker
  %error = call ptr %create(ptr %mistake)
  br label %leave
leave:
  %result = phi ptr [ %error, %refuse ], [ %answer, %call ]
  %less = atomicrmw sub ptr inttoptr (i64 {inside} to ptr), i64 1 seq_cst
  ret ptr %result
}}
"""
"""A function that is called instead: the numbers are addresses, and places in XLA's structures."""

_inside, _shut = c_int64(0), c_int64(0)


def before(function: int, closed: ctypes.Structure, unanswered: ctypes.Structure, api: int, create: int) -> int:
    """The address of a gate before the function of this address, which writes its answer to its second argument.

    XLA's errors are made of `closed` where Python ends, and of `unanswered` where the function has written nothing.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    at = ctypes.addressof
    text = CODE.format(
        inside=at(_inside), shut=at(_shut), closed=at(closed), unanswered=at(unanswered), function=function, api=api,
        create=create,
    )  # fmt: skip
    module = llvm.parse_assembly(text)
    engine = llvm.create_mcjit_compiler(module, llvm.Target.from_default_triple().create_target_machine())
    engine.finalize_object()
    # A thread of XLA's may come when modules are gone already.
    for kept in (engine, closed, unanswered, _inside, _shut):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
    atexit.register(close)
    address: int = engine.get_function_address("enter")
    return address


def close() -> None:
    """Let nobody in any more, and wait for those who are inside."""
    _shut.value = 1
    while _inside.value:
        time.sleep(0.001)  # without Python's lock, which they need

"""Losses with an algorithm of their own, which run on the host alone.

What they share: `verbs.py` (the verbs), `samples.py` (weights, denominators, `out=`, results), `reading.py` (what
arrays and numbers must be), `compiled.py` (kernels). What a kernel computes of numbers is in a family's `formulas`, the
loops over arrays are in its `templates`.

A family begins with the file of its losses: `box_losses.py`; `multibox.py`, whose boxes `matching.py` matches with
those of `anchors.py`; `segmentation.py`; `ctc.py`; `ranking.py`; `embeddings/`.
"""

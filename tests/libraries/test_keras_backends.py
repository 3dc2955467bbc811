"""Keras's other backends: the tests of `test_keras_losses.py` with torch and JAX, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pages
import pytest

pytestmark = pytest.mark.skipif(
    find_spec("keras") is None, reason="Keras is an extra; CI installs it and runs this file again"
)


@pytest.mark.full
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_keras_losses_on_another_backend(backend: str) -> None:
    pytest.importorskip(backend)
    path = Path(__file__).parent / "test_keras_losses.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(path)]
    done = subprocess.run(command, env={**os.environ, "KERAS_BACKEND": backend}, capture_output=True, text=True,
                          cwd=path.parents[2])  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


@pytest.mark.full
@pytest.mark.parametrize("block", pages.blocks("keras.md"))
def test_code_of_the_page_runs(block: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    pages.run(block, tmp_path)


OTHER = """
try:
    import fastloss.keras
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize("script", [OTHER, "import keras\nkeras.backend.backend = lambda: 'tensorflow'\n" + OTHER])
def test_tensorflow_is_refused_installed_or_not(script: str) -> None:
    named = "numpy" if script.startswith("import keras") else "tensorflow"
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "KERAS_BACKEND": named},
                          capture_output=True, text=True)  # fmt: skip
    assert "fastloss.keras: Keras runs on 'tensorflow', expected 'torch', 'jax' or 'numpy': set" in done.stdout, (
        done.stderr
    )


def test_keras_that_is_not_installed_is_named() -> None:
    script = "import sys\nsys.modules['keras'] = None\n" + OTHER
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "fastloss.keras: Keras is not installed; pip install keras brings it" in done.stdout, done.stderr

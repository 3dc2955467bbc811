"""The architecture's three rules, and the imports that run downwards."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

import pytest

import fastloss as fl

ROOT = Path(fl.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The modules that a file imports anywhere, relative ones written out."""
    package = ["fastloss", *path.relative_to(ROOT).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, node.module] if node.module else base)
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize(
    "path",
    [ROOT / "loss.py", ROOT / "rowloss.py", *(ROOT / "define").glob("*.py"), *(ROOT / "losses").glob("*.py")],
    ids=str,
)
def test_definitions_never_import_numba(path: Path) -> None:
    assert not {m for m in imports(path) if m.partition(".")[0] in ("numba", "llvmlite") or "kernels" in m}


@pytest.mark.parametrize(
    "path", [p for folder in ("kernels", "arrays") for p in (ROOT / folder).rglob("*.py")], ids=str
)
def test_templates_know_no_loss(path: Path) -> None:
    """Neither by name nor by import, nor by so much as a comment."""
    assert not {m for m in imports(path) if m.startswith("fastloss.losses")}
    names = set(fl.LOSSES) | set(fl.ALIASES)
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
    assert not {t.string for t in tokens if t.type == tokenize.NAME and t.string in names}


PLAIN = ("native", "keep", "itself")
"""Ports that a target may give for 16-bit floats and the like: they do nothing."""


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_only_the_plan_knows_the_variants(path: Path) -> None:
    """Ports are chosen by plans alone; the others see whole kernels."""
    if path.parent.name in ("plan", "ports"):
        return
    chosen = {f"fastloss.kernels.ports{n}" for n in ("", ".elements", *(f".elements.{f}" for f in PLAIN))}
    if path.name == "target.py":
        chosen.add("fastloss.kernels.ports.kept")  # whose rooms have to be compiled as what allocates
    seen = {m for m in imports(path) if m.startswith("fastloss.kernels.ports")}
    assert seen <= chosen


LEVELS = [
    "loading", "registry", "settings", "define", "signatures", "kernels", "arrays", "loss", "rowloss", "losses", "fused", "commands",
]  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_run_downwards(path: Path) -> None:
    """Types may be named upwards; a module may load what stands on its own level or below it."""
    part = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if part.startswith("__"):
        return
    tree = ast.parse(path.read_text("utf-8"))
    for node in [n for n in ast.walk(tree) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]:
        node.body = [ast.Pass()]
    shadow = ast.unparse(tree)
    package = ["fastloss", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(shadow)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            target = ".".join([*base, node.module] if node.module else [*base, node.names[0].name])
            other = target.split(".")[1] if "." in target else part
            if other.startswith("__"):
                continue
            assert LEVELS.index(other) <= LEVELS.index(part), f"{path.name} imports {target}"


def test_no_circle_of_imports() -> None:
    """Not even of those that annotations alone need."""
    files = [path for path in MODULES if path.name != "__init__.py"]
    names = {path: ".".join(["fastloss", *path.relative_to(ROOT).with_suffix("").parts]) for path in files}
    left = {name: imports(path) & {*names.values()} - {name} for path, name in names.items()}
    while leaves := [name for name, needs in left.items() if not needs & {*left}]:
        for name in leaves:
            del left[name]
    assert not left


def test_every_file_can_be_read_at_a_sitting() -> None:
    assert not {p.name: n for p in MODULES if (n := len(p.read_text("utf-8").splitlines())) > 320}

"""The rules of the architecture: who knows what, imports that run downwards, and how long things may be."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import fastloss as fl

ROOT = Path(fl.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
NAMES = {
    ".".join(["fastloss", *p.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): p for p in MODULES
}


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


def own_imports(path: Path) -> set[str]:
    """Those of this package, each by the module that is meant: of `from . import x` x where that is one."""
    known = imports(path) & {*NAMES}
    return {m for m in known if NAMES[m].name != "__init__.py" or not any(n.startswith(f"{m}.") for n in known)}


def inside(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


# -- Definitions are plain Python --------------------------------------------------------------------------------------

PLAIN = [
    *inside("define", "losses"),
    *(ROOT / f"{name}.py" for name in ("decorators", "loss", "signatures", "registry", "gan/terms", "penalties/terms")),
]


@pytest.mark.parametrize("path", PLAIN, ids=str)
def test_definitions_never_import_numba(path: Path) -> None:
    assert not {m for m in imports(path) if m.partition(".")[0] in ("numba", "llvmlite") or "kernels" in m}


def test_importing_does_not_load_numba_either() -> None:
    """Nor do all of the definitions, by whatever they import in turn."""
    modules = [name for name, path in NAMES.items() if path in PLAIN]
    script = f"import sys, {', '.join(['fastloss', *modules])}\nprint({{'numba', 'llvmlite'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# -- Benchmarks are collected where no peer is installed ---------------------------------------------------------------

PEERS = {"catboost", "jax", "keras", "lightgbm", "numexpr", "optax", "sklearn", "torch", "xgboost"}


@pytest.mark.parametrize("path", sorted((ROOT.parent / "bench").rglob("*.py")), ids=lambda p: p.stem)
def test_benchmarks_import_peers_inside_functions(path: Path) -> None:
    for node in ast.parse(path.read_text("utf-8")).body:
        modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        roots = {m.removeprefix("fastloss.").partition(".")[0] for m in modules}
        assert not roots & PEERS, f"line {node.lineno}"


# -- Templates, ports and arrays know no loss --------------------------------------------------------------------------

ENGLISH = {"absolute_error"}
"""What means something else in words: the absolute error of a polynomial."""


@pytest.mark.parametrize("path", inside("kernels", "arrays"), ids=str)
def test_templates_know_no_loss(path: Path) -> None:
    """Neither by name nor by import, nor in a comment, a docstring, or what an error says."""
    assert not {m for m in imports(path) if m.startswith("fastloss.losses")}
    names = {*fl.LOSSES, *fl.ALIASES}
    text = path.read_text("utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    assert not {t.string for t in tokens if t.type == tokenize.NAME and t.string in names}
    # A name of several words counts with spaces and hyphens, too, in whatever line.
    several = {name.replace("_", "[-_ ]") for name in names - ENGLISH}
    found = re.compile(rf"\b({'|'.join(sorted(names | several))})\b")
    assert not {(k, m.group()) for k, line in enumerate(text.splitlines(), 1) for m in found.finditer(line)}


# -- Plans alone know the variants -------------------------------------------------------------------------------------

HARMLESS = ("native", "keep", "itself")
"""Ports that a target may give for 16-bit floats and the like: they do nothing."""


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_only_the_plan_knows_the_variants(path: Path) -> None:
    """Ports are chosen by plans alone; the others see whole kernels."""
    if path.parent.name in ("plan", "ports"):
        return
    chosen = {f"fastloss.kernels.ports{n}" for n in ("", ".elements", *(f".elements.{f}" for f in HARMLESS))}
    if path.name == "target.py":
        chosen.add("fastloss.kernels.ports.kept")  # whose rooms have to be compiled as what allocates
    seen = {m for m in imports(path) if m.startswith("fastloss.kernels.ports")}
    assert seen <= chosen


BUILT_ELSEWHERE = {
    "arrays/gpu/elements.py": {"CudaPlan": 1},
    "arrays/gpu/sums.py": {"ClassPlan": 1, "CombinePlan": 2, "CudaPlan": 1},
}
"""Plans that are built where they do not belong. This list may only become shorter."""


def test_plans_are_built_in_the_folders_of_plans() -> None:
    """Each construction of a plan anywhere else stands in the list, and the list holds nothing more."""
    found: dict[str, dict[str, int]] = {}
    for path in MODULES:
        calls = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        names = [f.id if isinstance(f, ast.Name) else f.attr for f in calls if isinstance(f, ast.Name | ast.Attribute)]
        plans = Counter(name for name in names if name.endswith("Plan"))
        if plans and path.parent.name != "plan":
            found[path.relative_to(ROOT).as_posix()] = dict(plans)
    assert found == BUILT_ELSEWHERE


# -- Imports run downwards ---------------------------------------------------------------------------------------------

LEVELS = [
    "loading", "registry", "settings", "define", "signatures", "kernels", "arrays", "loss", "decorators", "losses", "fused",
    "structured", "gan", "penalties", "deferred", "boosting", "optimize", "checking", "plot", "data", "sklearn", "torch", "jax",
    "keras", "commands",
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


STAGES = {
    "kernels": [
        "__init__ sources bind disk places steps",
        "announce",
        "templates cuda/templates",
        "ports cuda/ports",
        "plan cuda/plan",
        "cpu cuda",
    ],
    "arrays": [
        "checks divisors foreign shapes",
        "job",
        "outputs",
        "verb",
        "samples",
        "host gpu",
        "gpu/libraries chunked",
        "dispatch",
        "__init__",
    ],
}
"""The folders and files inside a folder, from the lowest stage to the highest."""

APART = {("cpu", "cuda"), ("cuda", "cpu"), ("host", "gpu"), ("gpu", "host"), ("gpu/libraries", "host")}
"""Parts that know nothing of each other."""

AGAINST = {
    "kernels/cuda/ports/elements.py -> plan/elements",
    "kernels/cuda/store.py -> cpu/cache",
    "kernels/cuda/templates/elements.py -> plan/elements",
}
"""Imports inside the folders that go another way. This list may only become shorter."""


def against(folder: str) -> Iterator[str]:
    """Every import inside a folder that climbs, or goes to a room of the other kind; those for annotations, too."""
    rank = {part: k for k, stage in enumerate(STAGES[folder]) for part in stage.split()}

    def part(place: str) -> str:
        """The longest beginning of a path that has a stage."""
        return place if place in rank or not place else part(place.rpartition("/")[0])

    for path in inside(folder):
        place = path.relative_to(ROOT / folder).with_suffix("").as_posix()
        for module in own_imports(path):
            if not f"{module}.".startswith(f"fastloss.{folder}."):
                continue
            other = "/".join(module.split(".")[2:]) or "__init__"
            here, there = part(place), part(other)
            if here != there and (rank[there] > rank[here] or (here, there) in APART):
                yield f"{path.relative_to(ROOT).as_posix()} -> {other}"


@pytest.mark.parametrize("folder", STAGES)
def test_imports_run_downwards_inside(folder: str) -> None:
    assert {*against(folder)} == {line for line in AGAINST if line.startswith(f"{folder}/")}


def test_every_family_is_imported() -> None:
    """A module whose losses are in no registry would be forgotten by every test that goes through it."""
    defines = {
        p.stem
        for p in (ROOT / "losses").glob("*.py")
        if re.search(r"^@(pointwise|rowwise|pairwise)", p.read_text("utf-8"), re.M)
    }
    assert defines == set(fl.losses.FAMILIES)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_code_is_made_in_one_place(path: Path) -> None:
    """Of a syntax tree, which whoever asks for it makes."""
    calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
    made = {n.func.id for n in calls if isinstance(n.func, ast.Name)} & {"exec", "eval", "compile"}
    assert not made or path == ROOT / "define" / "code.py"


def test_no_circle_of_imports() -> None:
    """Not even of those that annotations alone need."""
    files = {name: path for name, path in NAMES.items() if path.name != "__init__.py"}
    left = {name: imports(path) & {*files} - {name} for name, path in files.items()}
    while leaves := [name for name, needs in left.items() if not needs & {*left}]:
        for name in leaves:
            del left[name]
    assert not left


# -- How long things may be --------------------------------------------------------------------------------------------


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_every_file_can_be_read_at_a_sitting() -> None:
    assert not {p.name: n for p in MODULES if (n := lines(p)) > 320}


BUDGET = {
    ".": 1410,
    "arrays": 1420,
    "arrays/chunked": 540,
    "arrays/gpu": 1280,
    "arrays/gpu/libraries": 570,
    "arrays/host": 1950,
    "boosting": 1960,
    "checking": 800,
    "commands": 390,
    "commands/cli": 1410,
    "commands/demo": 1560,
    "data": 1670,
    "data/files": 1310,
    "data/scoring": 1330,
    "data/templates": 230,
    "define": 2460,
    "define/compose": 800,
    "define/derive": 2720,
    "define/product": 600,
    "fused": 840,
    "gan": 910,
    "jax": 930,
    "keras": 370,
    "kernels": 810,
    "kernels/cpu": 3590,
    "kernels/cpu/vecmath": 1180,
    "kernels/cuda": 1210,
    "kernels/cuda/plan": 770,
    "kernels/cuda/ports": 510,
    "kernels/cuda/templates": 950,
    "kernels/plan": 660,
    "kernels/ports": 710,
    "kernels/templates": 1000,
    "losses": 5030,
    "optimize": 890,
    "penalties": 920,
    "plot": 680,
    "sklearn": 2870,
    "structured": 5360,
    "structured/embeddings": 1540,
    "torch": 1370,
    "torch/functional": 1620,
}
"""Lines of each folder's own files, rounded up to the next 10. These numbers may only become smaller."""


def test_every_folder_keeps_to_its_budget() -> None:
    found = Counter[str]()
    for path in MODULES:
        found[path.parent.relative_to(ROOT).as_posix()] += lines(path)
    over = {
        folder: f"{n} lines, of {BUDGET.get(folder, 0)}" for folder, n in found.items() if n > BUDGET.get(folder, 0)
    }
    assert not over, f"delete something, or say in the commit why the budget is larger: {over}"
    assert set(found) == set(BUDGET)

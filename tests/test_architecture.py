"""The order of the stages, and the rules of style that no linter knows, held against the source itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "rag_faq"

# From left to right; a module imports only from its left, or from its own stage.
ORDER = (
    ("records", "errors", "settings"),
    ("models",),
    ("corpus",),
    ("retrieval",),
    ("generation",),
    ("grounding",),
    ("preparing",),
    ("composing",),
    ("chatbot",),
    ("assembly",),
    ("feedback",),
    ("evaluation",),
    ("interfaces",),
)
RANK = {stage: rank for rank, stages in enumerate(ORDER) for stage in stages}
RANK["testing"] = RANK["chatbot"]  # the fakes see what is left of the chatbot

HEAVY = frozenset({"faiss", "llama_cpp", "sentence_transformers"})
PICKLES = frozenset({"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"})
SLOW = HEAVY | {"torch", "gradio", "transformers", "huggingface_hub", "langchain_text_splitters"}
MAY_PRINT = frozenset({"rag_faq.interfaces.cli"})


@dataclass(frozen=True)
class Arrow:
    """`module` imports `target` in `line`; `target` is a module of ours, or the top name of a foreign package."""

    module: str
    target: str
    line: int


def modules(root: Path) -> dict[str, ast.Module]:
    """Every module of the package below `root`, by its dotted name."""
    trees = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        trees[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return trees


def arrows(trees: Mapping[str, ast.Module], packages: Iterable[str]) -> Iterator[Arrow]:
    """All imports, also those inside functions and under TYPE_CHECKING: a type is a dependency too."""
    packages = set(packages)
    for module, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    ours = alias.name.split(".")[0] == PACKAGE
                    yield Arrow(module, alias.name if ours else alias.name.split(".")[0], node.lineno)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    here = module.split(".") if module in packages else module.split(".")[:-1]
                    here = here[: len(here) - node.level + 1]
                    base = ".".join([*here, *([base] if base else [])])
                if base.split(".")[0] != PACKAGE:
                    yield Arrow(module, base.split(".")[0], node.lineno)
                    continue
                for alias in node.names:
                    full = f"{base}.{alias.name}"
                    yield Arrow(module, full if full in trees else base, node.lineno)


def stage(module: str) -> str:
    """`rag_faq.corpus.faq` is of the stage `corpus`; the package itself has none."""
    return module.split(".")[1] if "." in module else ""


def complaints(root: Path) -> list[str]:
    """Everything below `root` that goes against the architecture, one line each."""
    trees = modules(root)
    packages = {".".join(p.parent.relative_to(root).parts) for p in (root / PACKAGE).rglob("__init__.py")}
    drawn = [arrow for arrow in arrows(trees, packages) if arrow.module != PACKAGE]  # the facade names everything
    found = [f"{name}: no stage is called {stage(name)!r}" for name in trees if stage(name) not in {*RANK, ""}]
    for arrow in drawn:
        where = f"{arrow.module}:{arrow.line}"
        if arrow.target.split(".")[0] != PACKAGE:
            if arrow.target in HEAVY and stage(arrow.module) == "interfaces":
                found.append(f"{where} imports {arrow.target} in a door")
            if arrow.target in PICKLES:
                found.append(f"{where} imports {arrow.target}")
        elif arrow.target == PACKAGE:
            found.append(f"{where} imports from the package's own front")
        elif against(arrow):
            found.append(f"{where} imports {arrow.target}, which lies to its right")
    found += [f"a cycle: {' -> '.join(cycle)}" for cycle in cycles(drawn)]
    for name, tree in trees.items():
        found += [f"{name}:{line} {what}" for line, what in style(name, tree)]
    return found


def against(arrow: Arrow) -> bool:
    """Whether the arrow goes the wrong way. A stage to the far right that nobody knows is reported elsewhere."""
    here, there = stage(arrow.module), stage(arrow.target)
    if here not in RANK or there not in RANK or here == there:
        return False
    if here == "records" or there == "testing":
        return True
    if here == "testing":
        return RANK[there] >= RANK["chatbot"]
    same_start = RANK[here] == RANK[there] == 0
    return RANK[there] > RANK[here] or (RANK[there] == RANK[here] and not same_start)


def cycles(drawn: Iterable[Arrow]) -> list[list[str]]:
    """One path round each cycle of modules (a depth-first search that meets a module it is still inside of)."""
    graph: dict[str, set[str]] = {}
    for arrow in drawn:
        if arrow.target.startswith(PACKAGE + ".") and arrow.target != arrow.module:
            graph.setdefault(arrow.module, set()).add(arrow.target)
    done: set[str] = set()
    found: list[list[str]] = []

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
            return
        if module in done:
            return
        for target in sorted(graph.get(module, ())):
            visit(target, [*path, module])
        done.add(module)

    for module in sorted(graph):
        visit(module, [])
    return found


def style(name: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """`print` outside the command line, broad and bare `except`, and pickles let in by an argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id == "print" and name not in MAY_PRINT:
                yield node.lineno, "prints"
            for keyword in node.keywords:
                allowed = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                if keyword.arg == "allow_pickle" and not allowed:
                    yield node.lineno, "allows a pickle"
        elif isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if node.type is None:
                yield node.lineno, "catches everything"
            elif any(isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"} for one in caught):
                yield node.lineno, "catches broadly"


def test_the_package_keeps_to_the_architecture() -> None:
    assert complaints(ROOT) == []


@pytest.mark.parametrize("command", ["import rag_faq", "from rag_faq.interfaces.cli import main; main()"])
def test_the_front_and_the_help_import_nothing_heavy(command: str) -> None:
    program = (
        "import sys, contextlib, io\n"
        "sys.argv = ['rag-faq', '--help']\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        f"    {command}\n"
        f"print(sorted(set({sorted(SLOW)}) & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


# The checker itself, on trees small enough to see through.


@pytest.fixture
def tree(tmp_path: Path):  # type: ignore[no-untyped-def]
    def make(**files: str) -> Path:
        """`corpus__faq="…"` writes rag_faq/corpus/faq.py."""
        for name, source in files.items():
            path = tmp_path / PACKAGE / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, encoding="utf-8")
            for folder in {path.parent, tmp_path / PACKAGE}:
                if not (folder / "__init__.py").exists():
                    (folder / "__init__.py").write_text("", encoding="utf-8")
        return tmp_path

    return make


def test_arrows_to_the_left_and_within_a_stage_are_fine(tree) -> None:
    root = tree(
        records="import json\n",
        errors="",
        settings="from rag_faq.errors import X\n",
        corpus__faq="from rag_faq.records import A\nfrom rag_faq.corpus.reader import read\n",
        corpus__reader="from .. import errors\n",
        evaluation__report="from rag_faq.assembly import load\n",
        assembly="from rag_faq.corpus import faq\n",
        interfaces__cli="from rag_faq.evaluation import report\nprint(1)\n",
    )
    assert complaints(root) == []


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        (
            {"corpus__faq": "from rag_faq.retrieval import index\n", "retrieval__index": ""},
            "rag_faq.corpus.faq:1 imports rag_faq.retrieval.index, which lies to its right",
        ),
        (
            {"corpus__faq": "def f():\n    import rag_faq.chatbot\n", "chatbot": ""},
            "rag_faq.corpus.faq:2 imports rag_faq.chatbot, which lies to its right",
        ),
        (
            {"corpus__faq": "from ..retrieval.index import Index\n", "retrieval__index": ""},
            "rag_faq.corpus.faq:1 imports rag_faq.retrieval.index, which lies to its right",
        ),
        (
            {"records": "from rag_faq import errors\n", "errors": ""},
            "rag_faq.records:1 imports rag_faq.errors, which lies to its right",
        ),
        (
            {"testing": "from rag_faq.chatbot import FaqChatbot\n", "chatbot": ""},
            "rag_faq.testing:1 imports rag_faq.chatbot, which lies to its right",
        ),
        (
            {"chatbot": "from rag_faq.testing import Fake\n", "testing": ""},
            "rag_faq.chatbot:1 imports rag_faq.testing, which lies to its right",
        ),
        (
            {"evaluation__report": "from rag_faq.interfaces import cli\n", "interfaces__cli": ""},
            "rag_faq.evaluation.report:1 imports rag_faq.interfaces.cli, which lies to its right",
        ),
        ({"chatbot": "from rag_faq import Answer\n"}, "rag_faq.chatbot:1 imports from the package's own front"),
        ({"interfaces__page": "import faiss.contrib\n"}, "rag_faq.interfaces.page:1 imports faiss in a door"),
        (
            {"interfaces__page": "def f():\n    from llama_cpp import llama_cpp\n"},
            "rag_faq.interfaces.page:2 imports llama_cpp in a door",
        ),
        ({"corpus__faq": "from pickle import loads\n"}, "rag_faq.corpus.faq:1 imports pickle"),
        ({"corpus__faq": "load(f, allow_pickle=True)\n"}, "rag_faq.corpus.faq:1 allows a pickle"),
        ({"corpus__faq": "print('x')\n"}, "rag_faq.corpus.faq:1 prints"),
        ({"corpus__faq": "try:\n    f()\nexcept:\n    pass\n"}, "rag_faq.corpus.faq:3 catches everything"),
        (
            {"corpus__faq": "try:\n    f()\nexcept (OSError, Exception):\n    pass\n"},
            "rag_faq.corpus.faq:3 catches broadly",
        ),
        ({"helpers": ""}, "rag_faq.helpers: no stage is called 'helpers'"),
        (
            {"corpus__a": "from rag_faq.corpus import b\n", "corpus__b": "from rag_faq.corpus.a import x\n"},
            "a cycle: rag_faq.corpus.a -> rag_faq.corpus.b -> rag_faq.corpus.a",
        ),
    ],
)
def test_each_rule_is_seen_when_it_is_broken(tree, files: dict[str, str], complaint: str) -> None:
    assert complaint in complaints(tree(**files))

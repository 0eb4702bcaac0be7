"""`rag-faq doctor`: what it says of a machine, of a build of llama.cpp, and of what is missing."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rag_faq.errors import DiskError, IndexMissingError, SettingsError, UnknownModelError
from rag_faq.generation.hardware import Gpu
from rag_faq.generation.loading import features
from rag_faq.interfaces.cli import app
from rag_faq.interfaces.doctor import bench, machine, stores
from rag_faq.interfaces.doctor.findings import Finding, any_problem, as_text, from_error, ok
from rag_faq.interfaces.doctor.origins import origins
from rag_faq.interfaces.doctor.probe import LlamaBuild, NoLlama, llama_build, read_answer
from rag_faq.interfaces.doctor.write import write_settings
from rag_faq.settings import Settings

CPUINFO = (
    "processor\t: 0\nmodel name\t: Quick 9000\nflags\t\t: fpu avx avx2 fma f16c\n\nprocessor\t: 1\nflags\t: none\n"
)
PLAIN = LlamaBuild("llama.cpp 1", ("AVX", "AVX2", "FMA", "F16C"), offloads=False, gpus=())


def root_with(folder: Path, **files: str) -> Path:
    """`proc__cpuinfo="…"` writes proc/cpuinfo."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def speed(threads: int, repack: bool, decode: float, question_s: float = 0.5) -> bench.Speed:
    return bench.Speed("m", threads, repack, 80.0, decode, question_s)


# -- findings


def test_a_finding_says_what_mends_it() -> None:
    error = IndexMissingError("There is no index in x", expected="a folder", mend="`rag-faq index build`")
    assert from_error("index", error) == Finding(
        "index", "problem", "There is no index in x (expected: a folder)", "rag-faq index build"
    )


def test_marks_within_a_sentence_stay() -> None:
    error = UnknownModelError("no", mend="`rag-faq models list` names them all")
    assert from_error("weights", error).mend == "`rag-faq models list` names them all"


def test_a_subject_is_named_once_and_the_mending_stands_below() -> None:
    found = [ok("disk", "fine"), Finding("disk", "warning", "full", "make room"), Finding("port", "problem", "taken")]
    assert as_text(found).splitlines() == [
        "disk  ok    fine",
        "      WARN  full",
        "            to mend it: make room",
        "port  BAD   taken",
    ]
    assert any_problem(found)
    assert not any_problem(found[:2])


# -- the machine and the build


def test_the_first_processor_is_described(tmp_path: Path) -> None:
    root = root_with(tmp_path, proc__cpuinfo=CPUINFO)
    assert machine.processor(root) == "Quick 9000"
    assert machine.instruction_sets(root) == {"fpu", "avx", "avx2", "fma", "f16c"}


def test_features_are_those_that_are_on() -> None:
    assert features("CPU : SSE3 = 1 | AVX2 = 1 | AMX_INT8 = 0 | CUDA : ARCHS = 860 | REPACK = 1 | ") == (
        "SSE3", "AVX2", "REPACK",
    )  # fmt: skip


def test_a_build_that_uses_all_is_well(tmp_path: Path) -> None:
    root = root_with(tmp_path, proc__cpuinfo=CPUINFO)
    found = machine.llama(PLAIN, Settings(), root)
    assert [finding.level for finding in found] == ["ok", "ok"]
    assert found[1].text == "none is there: the model runs on the processor"


def test_a_build_that_leaves_instructions_unused_is_to_be_compiled_anew(tmp_path: Path) -> None:
    root = root_with(tmp_path, proc__cpuinfo=CPUINFO)
    found = machine.llama(LlamaBuild("llama.cpp 1", ("AVX",), offloads=False, gpus=()), Settings(), root)
    assert found[1].level == "warning"
    assert found[1].text == "the build leaves unused what the processor has: AVX2, FMA, F16C"
    assert "--no-binary llama-cpp-python" in found[1].mend


@pytest.mark.parametrize(
    ("feature", "text"),
    [("AMX_INT8", "the build has kernels for AMX, which break down"), ("OPENMP", "the build has OpenMP's threads")],
)
def test_a_build_with_what_breaks_down_or_is_slow_is_to_be_compiled_anew_without(
    tmp_path: Path, feature: str, text: str
) -> None:
    root = root_with(tmp_path, proc__cpuinfo=CPUINFO.replace("f16c", "f16c amx_int8"))
    assert [finding.level for finding in machine.llama(PLAIN, Settings(), root)] == ["ok", "ok"]
    build = LlamaBuild("llama.cpp 1", (*PLAIN.features, feature), offloads=False, gpus=())
    found = machine.llama(build, Settings(), root)[1]
    assert (found.level, found.text.startswith(text)) == ("warning", True)
    assert found.mend.startswith(
        "CFLAGS=-U__AMX_INT8__ CXXFLAGS=-U__AMX_INT8__ CMAKE_ARGS=-DGGML_OPENMP=off pip install "
    )


def test_a_gpu_that_the_build_cannot_use_is_named(tmp_path: Path) -> None:
    root = root_with(tmp_path, proc__cpuinfo=CPUINFO, dev__nvidia0="")
    gpu = machine.llama(PLAIN, Settings(), root)[-1]
    assert (gpu.level, gpu.mend) == ("warning", "make env RAG_FAQ_LLAMA_BACKEND=cuda")
    assert machine.llama(PLAIN, Settings(gpu_layers=0), root)[-1] == ok("GPU", "not used: the setting gpu_layers is 0")


def test_a_gpu_whose_driver_fails_is_told_from_a_build_without(tmp_path: Path) -> None:
    root = root_with(tmp_path, dev__nvidia0="")
    built = LlamaBuild("llama.cpp 1", (), offloads=True, gpus=())
    assert "its backend does not see it" in machine.llama(built, Settings(), root)[-1].text


def test_a_gpu_in_use_is_described(tmp_path: Path) -> None:
    built = LlamaBuild("llama.cpp 1", (), offloads=True, gpus=(Gpu("cuda", "RTX 9", 4 * 2**30, 8 * 2**30),))
    assert machine.llama(built, Settings(), tmp_path)[-1] == ok("GPU", "cuda: RTX 9, 4.0 GiB free")


def test_a_missing_llama_is_a_problem_unless_no_model_is_wanted() -> None:
    gone = NoLlama("llama.cpp does not load: No module named 'llama_cpp'")
    assert machine.llama(gone, Settings())[0].level == "problem"
    assert machine.llama(gone, Settings(llm="none"))[0].level == "warning"


def test_a_build_for_another_processor_does_not_end_the_doctor() -> None:
    found = read_answer(-signal.SIGILL, "", "")
    assert isinstance(found, NoLlama)
    assert "another processor" in found.reason


def test_the_last_line_of_a_failed_process_is_the_reason() -> None:
    assert read_answer(1, "", "Traceback\n  …\nImportError: no\n") == NoLlama(
        "llama.cpp does not load: ImportError: no"
    )


def test_the_installed_build_is_asked_in_another_process() -> None:
    found = llama_build()
    assert isinstance(found, LlamaBuild)
    assert "llama.cpp" in found.version


def test_a_python_that_is_not_there_is_reported() -> None:
    assert isinstance(llama_build("/there/is/no/python"), NoLlama)


# -- weights, index, port, disk


def test_missing_weights_are_problems_and_their_size_is_told(tmp_path: Path) -> None:
    found, missing = stores.weights(Settings(models=tmp_path, llm="smollm2-135m-instruct-q4_1"))
    assert [finding.level for finding in found] == ["problem", "warning", "problem"]
    assert found[1].mend == "rag-faq models fetch all-mpnet-base-v2"
    assert found[2].mend == "rag-faq models fetch smollm2-135m-instruct-q4_1"
    assert missing > 98_362_432


def test_an_altered_file_is_found_by_its_size(tmp_path: Path) -> None:
    settings = Settings(models=tmp_path, llm="smollm2-135m-instruct-q4_1")
    file = tmp_path / "smollm2-135m-instruct-q4_1" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    file.parent.mkdir()
    file.write_bytes(b"GGUF")
    assert "4 bytes" in stores.weights(settings)[0][-1].text


def test_no_language_model_is_fine_when_none_is_wanted(tmp_path: Path) -> None:
    assert stores.weights(Settings(models=tmp_path, llm="none"))[0][-1].level == "ok"


@pytest.mark.weights
def test_a_model_that_the_engine_will_find_too_large_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rag_faq.generation.engine.available_memory", lambda: 200 * 2**20)
    found, _ = stores.weights(Settings(llm="smollm2-135m-instruct-q4_1", context_tokens=512))
    assert (found[-1].level, found[-1].text[-39:]) == ("problem", "233 MiB of memory, and 200 MiB are left")


def test_a_missing_index_and_a_missing_corpus_are_problems(tmp_path: Path) -> None:
    document = tmp_path / "pets.md"
    document.write_text("## 1. What do cats eat?\n\nFish.\n", encoding="utf-8")
    found = stores.index(Settings(corpus=document, index=tmp_path / "index", models=tmp_path))
    assert [(finding.subject, finding.level) for finding in found] == [("corpus", "ok"), ("index", "problem")]
    assert stores.index(Settings(corpus=tmp_path / "no.md", models=tmp_path))[0].level == "problem"


def test_a_port_where_somebody_listens_is_a_warning() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert stores.port(Settings(port=port)).level == "warning"
    assert stores.port(Settings(port=0)).level == "ok"


def test_an_address_of_another_machine_is_a_problem() -> None:
    assert stores.port(Settings(host="192.0.2.1", port=0)).level == "problem"


def test_a_disk_without_room_for_the_weights_is_a_problem(tmp_path: Path) -> None:
    assert machine.disk(tmp_path / "models", 0).level == "ok"
    assert machine.disk(tmp_path / "models", 2**60).level == "problem"


# -- settings


def test_each_setting_is_traced_to_where_it_was_given(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("port = 1\nthreads = 2\nllm = 'none'\n", encoding="utf-8")
    found = origins(file, {"port": "3", "host": None}, {"RAG_FAQ_PORT": "2", "RAG_FAQ_THREADS": "4"})
    assert found == {"llm": str(file), "threads": "RAG_FAQ_THREADS", "port": "--set"}


def test_what_stands_in_the_settings_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "rag-faq.toml"
    file.write_text("# mine\nport = 8000  # not 80\nthreads = 8\n", encoding="utf-8")
    write_settings(file, [("threads", 4), ("repack", False)])
    assert file.read_text(encoding="utf-8") == "# mine\nport = 8000  # not 80\nthreads = 4\nrepack = false\n"
    assert [path.name for path in tmp_path.iterdir()] == ["rag-faq.toml"]


def test_a_settings_file_is_made_where_none_is(tmp_path: Path) -> None:
    write_settings(tmp_path / "new.toml", [("threads", 1)])
    assert (tmp_path / "new.toml").read_text(encoding="utf-8") == "threads = 1\n"


def test_a_file_that_is_no_toml_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "rag-faq.toml"
    file.write_text("port = = 1", encoding="utf-8")
    with pytest.raises(SettingsError):
        write_settings(file, [("threads", 1)])
    assert file.read_text(encoding="utf-8") == "port = = 1"


def test_a_folder_that_is_not_there_is_a_disk_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError):
        write_settings(tmp_path / "no" / "rag-faq.toml", [("threads", 1)])


# -- the bench


@pytest.mark.parametrize(
    ("cores", "tried"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 3, 4, 6]), (12, [1, 2, 3, 4, 6, 8, 12])]
)
def test_thread_counts(cores: int, tried: list[int]) -> None:
    assert bench.thread_counts(cores) == tried


def test_a_usual_answer_is_the_question_and_a_hundred_tokens() -> None:
    assert speed(2, True, decode=20.0, question_s=0.5).answer_s == 5.5


def test_a_clearly_quicker_way_is_advised() -> None:
    speeds = [speed(4, True, 20.0), speed(2, True, 25.0), speed(2, False, 40.0)]
    assert bench.advice(Settings(), speeds, cores=4) == (("threads", 2), ("repack", False))


def test_a_way_that_is_hardly_quicker_is_not() -> None:
    speeds = [speed(2, True, 20.0), speed(2, False, 20.5)]
    assert bench.advice(Settings(), speeds, cores=2) == ()


def test_only_what_differs_is_advised() -> None:
    speeds = [speed(4, True, 20.0), speed(3, True, 30.0)]
    assert bench.advice(Settings(), speeds, cores=4) == (("threads", 3),)


# -- the command


def test_the_command_reports_what_is_missing_as_json_and_ends_with_status_1(tmp_path: Path) -> None:
    arguments = ["--set", f"models={tmp_path}", "--set", "port=0", "doctor", "--json"]
    done = CliRunner().invoke(app, arguments)
    found = json.loads(done.stdout)["findings"]
    assert done.exit_code == 1
    assert {each["subject"] for each in found if each["level"] == "problem"} == {"weights"}
    assert {"subject": "settings", "level": "ok", "text": "port = 0 from --set", "mend": ""} in found


def test_writing_without_measuring_is_refused() -> None:
    assert CliRunner().invoke(app, ["doctor", "--write"]).exit_code == 2


@pytest.mark.weights
def test_a_model_is_measured_in_every_way() -> None:
    steps: list[tuple[int, int]] = []
    found = bench.measure(
        Settings(llm="smollm2-135m-instruct-q4_1"), lambda done, total: steps.append((done, total)), others=False
    )
    assert {(each.threads, each.repack) for each in found.speeds} >= {(1, True), (1, False)}
    assert all(each.prefill > 0 and each.decode > 0 and each.question_s > 0 for each in found.speeds)
    assert [piece.size for piece in found.pieces] == [32, 64, 128, 256]
    assert found.best in found.speeds
    assert steps[-1][0] == steps[-1][1]
    assert "prefill" in bench.as_text(found)

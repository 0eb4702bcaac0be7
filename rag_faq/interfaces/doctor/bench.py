"""How fast models run here, loaded in different ways, and which settings that speaks for."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag_faq.generation.hardware import usable_cores
from rag_faq.generation.loading import Layout
from rag_faq.generation.raw import RawModel, raw_model
from rag_faq.models.cache import ModelCache, models_folder
from rag_faq.models.catalog import load_catalog
from rag_faq.models.resolve import resolve
from rag_faq.settings import Settings

_PREFIX = 192  # tokens of a source before the question
_QUESTION = 24  # tokens of a question
_WRITTEN = 24  # tokens written for the measure
_ANSWER = 100  # tokens of a usual answer
_PIECES = (32, 64, 128, 256)
_ROUNDS = 2
_WORTH = 0.95  # another setting is proposed when it takes at most this share of the time

Progress = Callable[[int, int], None]  # (done, of so many)


@dataclass(frozen=True, slots=True)
class Speed:
    """One model, loaded in one way. Rates are tokens a second."""

    model: str
    threads: int
    repack: bool
    prefill: float  # of a prompt that is not kept
    decode: float
    question_s: float  # from a kept source to the first word: reading the question

    @property
    def answer_s(self) -> float:
        """A usual answer from a kept source: the question read, 100 tokens written."""
        return self.question_s + _ANSWER / self.decode


@dataclass(frozen=True, slots=True)
class Pieces:
    """Tokens a second when a prompt is read in batches of so many tokens."""

    size: int
    prefill: float


@dataclass(frozen=True, slots=True)
class Bench:
    """All that was measured, and what it speaks for."""

    speeds: tuple[Speed, ...]  # of the settings' model, every way that was tried
    pieces: tuple[Pieces, ...]
    others: tuple[Speed, ...]  # the catalog's other models that are here, loaded in the best way
    best: Speed
    advice: tuple[tuple[str, int | bool], ...]  # settings to change: (name, value)


def measure(settings: Settings, progress: Progress | None = None, *, others: bool = True) -> Bench:
    """Try the model of the settings with every way of loading, then (`others`) the other models that are here.

    Takes one or two minutes with the default model. Raises ModelError when the model is not there, or does not load.
    """
    folder = models_folder(settings.models)
    own = resolve(settings.llm, "llm", folder)
    rest = [model for model in _fetched(folder) if model[0] != own.name] if others else []
    threads = thread_counts(usable_cores())
    total = 2 * len(threads) + 1 + len(rest)
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    speeds: list[Speed] = []
    for repack in (True, False):
        with raw_model(own.path, _layout(threads[-1], repack, settings)) as model:
            _wake(model)
            for count in threads:
                model.use_threads(count)
                speeds.append(_speed(model, own.name, count, repack))
                step()
    best = min(speeds, key=lambda speed: speed.answer_s)
    with raw_model(own.path, _layout(best.threads, best.repack, settings)) as model:
        _wake(model)
        pieces = tuple(Pieces(size, _prefill(model, size)) for size in _PIECES)
    step()
    further = []
    for name, path in rest:
        with raw_model(path, _layout(best.threads, best.repack, settings)) as model:
            _wake(model)
            further.append(_speed(model, name, best.threads, best.repack))
        step()
    return Bench(tuple(speeds), pieces, tuple(further), best, advice(settings, speeds, usable_cores()))


def advice(settings: Settings, speeds: Sequence[Speed], cores: int) -> tuple[tuple[str, int | bool], ...]:
    """The settings to change: those of the quickest way, where it is clearly quicker than the present way."""
    now = (settings.threads or cores, settings.repack)
    present = next((speed for speed in speeds if (speed.threads, speed.repack) == now), None)
    best = min(speeds, key=lambda speed: speed.answer_s)
    if present is not None and best.answer_s > _WORTH * present.answer_s:
        return ()
    changes: list[tuple[str, int | bool]] = []
    if best.threads != now[0]:
        changes.append(("threads", best.threads))
    if best.repack != now[1]:
        changes.append(("repack", best.repack))
    return tuple(changes)


def thread_counts(cores: int) -> list[int]:
    """What is tried: each count up to four, then the doubles, half of the cores and all of them; at most the cores."""
    counts = {1, 2, 3, 4, cores // 2, cores} | {2**power for power in range(3, 9)}
    return sorted(count for count in counts if 1 <= count <= cores)


def _layout(threads: int, repack: bool, settings: Settings) -> Layout:
    layers = settings.gpu_layers
    return Layout(threads=threads, context_tokens=512, repack=repack, gpu_layers=-1 if layers is None else layers)


def _fetched(folder: Path) -> list[tuple[str, Path]]:
    """The catalog's language models that are here and whole."""
    cache = ModelCache(folder)
    models = [model for model in load_catalog().values() if model.role == "llm"]
    return [
        (model.name, cache.path_of(model))
        for model in models
        if os.path.lexists(cache.path_of(model)) and not cache.check(model)
    ]


def _wake(model: RawModel) -> None:
    """The first tokens after loading bring the weights into memory: not to be measured."""
    model.read(model.sample_tokens(8))
    model.write(1)


def _prefill(model: RawModel, piece: int) -> float:
    model.clear()
    return _PREFIX / model.read(model.sample_tokens(_PREFIX), piece)


def _speed(model: RawModel, name: str, threads: int, repack: bool) -> Speed:
    """The better of two rounds: what else runs on the machine only ever makes it slower."""
    prefill, question, writing = 0.0, math.inf, math.inf
    for _ in range(_ROUNDS):
        prefill = max(prefill, _prefill(model, 64))
        question = min(question, model.read(model.sample_tokens(_QUESTION)))
        writing = min(writing, model.write(_WRITTEN))
    return Speed(name, threads, repack, prefill, _WRITTEN / writing, question)


def as_text(bench: Bench) -> str:
    """Tables and advice."""
    head = f"{'model':38} {'threads':>7} {'repack':>6} {'prefill':>9} {'decode':>8} {'1st word':>9} {'answer':>8}"
    lines = [head]
    for speed in (*bench.speeds, *bench.others):
        mark = " *" if speed is bench.best else ""
        lines.append(
            f"{speed.model:38} {speed.threads:7} {'yes' if speed.repack else 'no':>6} {speed.prefill:5.0f} t/s "
            f"{speed.decode:4.1f} t/s {speed.question_s:7.2f} s {speed.answer_s:6.1f} s{mark}"
        )
    pieces = ", ".join(f"{piece.size}: {piece.prefill:.0f} t/s" for piece in bench.pieces)
    lines += [
        "(first word: from a kept source, a question of 24 tokens; answer: 100 tokens more; *: the quickest)",
        f"prefill by the size of a batch (64 is used, so that a caller can be stopped soon): {pieces}",
    ]
    if bench.advice:
        lines.append("better settings here: " + ", ".join(f"{name} = {toml(value)}" for name, value in bench.advice))
    else:
        lines.append("the present settings are the quickest here, or as good as that")
    return "\n".join(lines)


def toml(value: int | bool) -> str:
    """A value as rag-faq.toml has it."""
    return str(value).lower()

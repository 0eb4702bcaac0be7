"""The language model: llama.cpp in this process, behind the `Generator` protocol, with kept states."""

from __future__ import annotations

import logging
import queue
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rag_faq.errors import EngineError, QuestionError
from rag_faq.generation.generator import GenerationStats, Reading, Sampling
from rag_faq.generation.gguf import GgufFile, read_gguf
from rag_faq.generation.hardware import Gpu, available_addresses, available_memory, gpus, usable_cores
from rag_faq.generation.job import Job
from rag_faq.generation.llama import LlamaModel
from rag_faq.generation.loading import Layout, build_name
from rag_faq.generation.states import DiskStates, MemoryStates, StateStore
from rag_faq.generation.template import ChatTemplate, TokenisedPrompt, tokenise_prompt
from rag_faq.generation.worker import Worker
from rag_faq.records import ModelInfo, Prompt

log = logging.getLogger(__name__)

T = TypeVar("T")

_MOST_STATE_BYTES = 2**30  # of memory, where the setting leaves it open
_WORK_BYTES = 128 * 2**20  # that llama.cpp takes beside weights and context
_MOST_DISK_BYTES = 2 * 2**30
_MOST_PASSING_BYTES = 16 * 2**20  # of the memory for states, for those that hold a question
_LOOK_S = 0.05  # how often a caller who waits looks whether it was cancelled


class LlamaGeneration:
    """One message as it is written. Dropping or closing it lets the next caller start within one token."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._ended = False
        self._cut_short = False

    @property
    def stats(self) -> GenerationStats:
        """What it took so far."""
        return replace(self._job.stats, finish="cancelled") if self._cut_short else self._job.stats

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while not self._ended:
            if self._job.stopped:
                self.close()
                break
            try:
                item = self._job.output.get(timeout=_LOOK_S if self._job.cancel is not None else None)
            except queue.Empty:
                continue
            if isinstance(item, str):
                return item
            self._ended = True
            if isinstance(item, EngineError):
                raise item
        raise StopIteration

    def close(self) -> None:
        """Stop within one token. Closing twice is harmless."""
        if not self._ended:
            self._ended = self._cut_short = self._job.left = True

    def __del__(self) -> None:
        self.close()


class LlamaEngine:
    """A GGUF model on the CPU or GPU. Safe for many threads: prompts are read in the order they came."""

    def __init__(self, model: LlamaModel, template: ChatTemplate, worker: Worker, info: ModelInfo) -> None:
        """Join the parts; `LlamaEngine.load` makes them."""
        self._model = model
        self._template = template
        self._worker = worker
        self._info = info
        # Also at the interpreter's end, which must not find the thread inside llama.cpp.
        self._close = weakref.finalize(self, worker.stop)

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        sha256: str = "",
        name: str = "",
        context_tokens: int = 4096,
        threads: int | None = None,
        gpu_layers: int | None = None,
        repack: bool = True,
        parallel: int = 4,
        state_budget_bytes: int | None = None,
        state_folder: Path | None = None,
    ) -> LlamaEngine:
        """Load a GGUF file.

        `threads`: by default the cores that this process may use. `gpu_layers`: -1 all, 0 none, by default as many as
        fit. `repack`: arrange the weights anew for this processor. `parallel`: the most texts that are written at once;
        on the CPU, three of them in one batch, so that none is computed otherwise than alone. `state_budget_bytes`:
        memory for kept states, by default an eighth of what is free and 1 GiB at most; 0 keeps none. `state_folder`:
        where states are kept between starts; needs `sha256`, the hash of the file.

        Raises EngineError for a file that cannot be loaded, or more than the free memory can hold.
        """
        file = read_gguf(path)
        found = gpus() if gpu_layers != 0 else ()
        if not found:
            check_memory(file, context_tokens)
        layout = Layout(context_tokens=context_tokens, threads=threads or usable_cores(), repack=repack)
        model, layers, device = _open(file, layout, gpu_layers, found)
        template = ChatTemplate(model.chat_template(), bos=model.mark("bos"), eos=model.mark("eos"))
        detail = [f"{layout.threads} threads" if layout.threads > 1 else "1 thread"]
        if layers:
            detail.insert(0, f"{layers} of {file.layers} layers on the GPU")
        if template.note:
            detail.append(template.note)
        info = ModelInfo(
            name=name or path.stem,
            sha256=sha256,
            device=device,
            detail=", ".join(detail),
            context_tokens=model.context_tokens,
        )
        states = _states(state_budget_bytes, state_folder if sha256 else None)
        # What the values of a state depend on. Not the number of threads, nor the sizes of context and batches.
        fingerprint = "\n".join(
            [sha256, build_name(), "no flash attention, f16, unified, whole groups of rows", device, str(layers)]
            + ([] if repack else ["weights as in the file"])  # other kernels, which round otherwise
        )
        return cls(model, template, Worker(model, states, fingerprint, parallel), info)

    @property
    def info(self) -> ModelInfo:
        """Which weights, on which device."""
        return self._info

    def generate(self, prompt: Prompt, sampling: Sampling, cancel: Event | None = None) -> LlamaGeneration:
        """Start to write the assistant's next message. QuestionError when it does not fit the context."""
        job = Job(self._tokenise(prompt, sampling.max_tokens), sampling, cancel)
        self._worker.submit(job)
        return LlamaGeneration(job)

    def choose(self, prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
        """The probability of each option as the assistant's first token, normalised over the options.

        An option is told by its first token; ValueError when two options share theirs.
        """
        firsts = [self._model.tokenise(option, special=False)[:1] for option in options]
        if [] in firsts or len({first[0] for first in firsts}) < len(firsts):
            raise ValueError(f"the options {list(options)} do not differ in their first tokens")
        chosen = self.scores(prompt)[[first[0] for first in firsts]].astype(np.float64)
        weights = np.exp(chosen - chosen.max())
        return tuple(float(weight) for weight in weights / weights.sum())

    def scores(self, prompt: Prompt) -> NDArray[np.float32]:
        """The scores of every token as the assistant's first one, shape (vocabulary size,)."""
        scores: NDArray[np.float32] = self._result(Job(self._tokenise(prompt, 1)), np.ndarray)
        return scores

    def read(self, prompts: Sequence[Prompt], *, likelihood: bool = True) -> tuple[Reading, ...]:
        """What shows when these prompts are read, as many as fit in one batch; each as if it were alone.

        Without the likelihood the scores are bit for bit those of `scores`; with it, they are so but for rounding.
        """
        first, *others = (self._tokenise(prompt, 1) for prompt in prompts)
        return self._result(Job(first, beside=tuple(others), reading=True, measured=likelihood), tuple)

    def count_tokens(self, text: str) -> int:
        """How many tokens this text takes in this model."""
        return len(self._model.tokenise(text, special=False))

    def warm(self, prompts: Sequence[Prompt]) -> None:
        """Fill the states of these prompts' reusable prefixes, in this order, whenever nobody waits."""
        engine = weakref.ref(self)  # the worker must not keep the engine alive

        def maker(prompt: Prompt) -> TokenisedPrompt | None:
            alive = engine()
            try:
                return None if alive is None else alive._tokenise(prompt, 1)
            except QuestionError:
                return None

        self._worker.fill([lambda prompt=prompt: maker(prompt) for prompt in prompts])  # type: ignore[misc]

    @property
    def idle(self) -> bool:
        """True when nobody waits and nothing is left to prepare."""
        return self._worker.idle

    def close(self) -> None:
        """End what is under way within one token, and free the weights. Closing twice is harmless."""
        self._close()

    def _result(self, job: Job, kind: type[T]) -> T:
        """The one item that comes of a job for which nothing is written."""
        self._worker.submit(job)
        try:
            found = job.output.get()
        finally:
            job.left = True  # an interrupted caller lets the next one start
        if not isinstance(found, kind):
            raise found if isinstance(found, EngineError) else EngineError("The model gave no scores")
        return found

    def _tokenise(self, prompt: Prompt, new_tokens: int) -> TokenisedPrompt:
        tokenised = tokenise_prompt(prompt, self._template, self._model)
        needed, room = len(tokenised.tokens) + new_tokens, self._info.context_tokens
        if needed > room:
            raise QuestionError(
                f"The prompt has {len(tokenised.tokens)} tokens; with {new_tokens} for the answer that is more than "
                f"the model's context of {room}",
                mend="ask a shorter question, or raise the setting context_tokens",
            )
        return tokenised


def _open(file: GgufFile, layout: Layout, gpu_layers: int | None, found: Sequence[Gpu]) -> tuple[LlamaModel, int, str]:
    """Load with as many layers on the GPU as fit: (model, layers on the GPU, device)."""
    if gpu_layers and not found:
        log.warning("no layers are put on a GPU: llama.cpp sees none, or was built without support for it")
    device = ", ".join(f"{gpu.backend}: {gpu.name}" for gpu in found)
    layers = 0 if not found else file.layers if gpu_layers is None or gpu_layers < 0 else min(gpu_layers, file.layers)
    while layers > 0:
        try:
            # llama.cpp counts the output as one layer more.
            offloaded = layers + 1 if layers == file.layers else layers
            return LlamaModel(file.path, replace(layout, gpu_layers=offloaded)), layers, device
        except EngineError as error:
            log.warning("%d of %d layers do not fit on %s: %s", layers, file.layers, device, error)
            layers //= 2
            if layers == 0:
                log.warning("the model runs on the CPU: nothing of it fits on %s", device)
    return LlamaModel(file.path, layout), 0, "cpu"


def check_memory(file: GgufFile, context_tokens: int) -> None:
    """Raises EngineError when weights and context are more than what is left: llama.cpp would end the process."""
    memory = file.memory(context_tokens) + _WORK_BYTES
    # Stacks and heaps of the threads take addresses that are no memory, more with more threads: as much again as the
    # weights leaves room for them.
    for needed, free, kind in (
        (memory, available_memory(), "memory"),
        (memory + file.size, available_addresses(), "address space (`ulimit -v`)"),
    ):
        if free is not None and needed > free:
            raise EngineError(
                f"{file.path.name} with a context of {context_tokens} tokens takes about {needed / 2**20:,.0f} MiB "
                f"of {kind}, and {free / 2**20:,.0f} MiB are left",
                mend="close other programs, name a smaller model in the setting llm, or lower context_tokens",
            )


def _states(budget: int | None, folder: Path | None) -> StateStore | None:
    if budget == 0:
        return None
    if budget is None:
        free = available_memory()
        budget = _MOST_STATE_BYTES if free is None else min(_MOST_STATE_BYTES, free // 8)
    disk = None if folder is None else DiskStates(folder, _MOST_DISK_BYTES)
    passing = min(_MOST_PASSING_BYTES, budget // 8)
    return StateStore(MemoryStates(budget - passing), disk, MemoryStates(passing))

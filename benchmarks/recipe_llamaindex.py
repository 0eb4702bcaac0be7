"""First word and whole answer against the usual recipe out of LlamaIndex's packages, in turn, on the same weights.

    python -m benchmarks.recipe_llamaindex [--fresh] [--quick] [--json FILE] [--svg FILE]

The recipe: VectorStoreIndex over the document with the default splitter, HuggingFaceEmbedding, the two nearest pieces
(the default), the default prompts in `compact` mode, LlamaCPP with the model's own chat template, streamed. It has the
same GGUF file, embedder, context, threads and longest answer. Needs the packages of benchmarks/requirements.txt.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from benchmarks.recipe_langchain import corpus_texts
from benchmarks.report import arguments, finish
from benchmarks.sides import OPTIONS, PEER_BATCH, Timed, run, time_stream, weights
from rag_faq.generation.hardware import usable_cores
from rag_faq.settings import Settings


class LlamaIndexRecipe:
    """Retrieval-augmented answers as LlamaIndex's guides put them together."""

    def __init__(self, settings: Settings) -> None:
        from llama_index.core import Document, VectorStoreIndex
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding
        from llama_index.llms.llama_cpp import LlamaCPP

        llm, embedder = weights(settings)
        model_kwargs = {
            "n_threads": settings.threads or usable_cores(),
            "n_batch": PEER_BATCH,
            "n_gpu_layers": settings.gpu_layers or 0,
        }
        self._model = LlamaCPP(
            model_path=str(llm),
            temperature=0.0,
            max_new_tokens=settings.max_new_tokens,
            context_window=settings.context_tokens,
            model_kwargs=model_kwargs,
            messages_to_prompt=self._chat,
            completion_to_prompt=lambda text: self._render([{"role": "user", "content": text}]),
            verbose=False,
        )
        documents = [Document(text=text, metadata={"file_name": name}) for name, text in corpus_texts(settings)]
        embed_model = HuggingFaceEmbedding(model_name=str(embedder))
        index = VectorStoreIndex.from_documents(documents, embed_model=embed_model)
        self._engine = index.as_query_engine(
            llm=self._model, streaming=True, similarity_top_k=2, response_mode="compact"
        )

    def ask(self, question: str) -> Timed:
        """The query engine's stream."""
        start = time.perf_counter()
        return time_stream(iter(self._engine.query(question).response_gen), start)

    def close(self) -> None:
        """Free llama.cpp's memory."""
        self._model._model.close()

    def _chat(self, messages: Sequence[Any]) -> str:
        return self._render([{"role": message.role.value, "content": message.content} for message in messages])

    def _render(self, messages: list[dict[str, str]]) -> str:
        """The prompt in the model's own chat template, which LlamaCPP leaves to its user."""
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter

        model = self._model._model
        formatter = Jinja2ChatFormatter(
            template=model.metadata["tokenizer.chat_template"],
            eos_token=model.detokenize([model.token_eos()], special=True).decode(),
            bos_token="",  # llama.cpp puts it there where the model wants one
        )
        return str(formatter(messages=messages).prompt)


def main() -> None:
    """Read the arguments, run, report."""
    options = arguments(__doc__, *OPTIONS)
    finish(run("against LlamaIndex's recipe", LlamaIndexRecipe, options), options)


if __name__ == "__main__":
    main()

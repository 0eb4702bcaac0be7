"""First word and whole answer against the usual recipe out of LangChain's own packages, in turn, on the same weights.

    python -m benchmarks.recipe_langchain [--fresh] [--quick] [--json FILE] [--svg FILE]

The recipe: the document cut by RecursiveCharacterTextSplitter (1000, 200), HuggingFaceEmbeddings, FAISS, the four
nearest pieces, LangChain's own "Use the following pieces of context" prompt, ChatLlamaCpp, streamed. It has the same
GGUF file, embedder, context, threads and longest answer; it reads 512 tokens at once, where its default of 8 would be
far slower. Needs the packages of benchmarks/requirements.txt.
"""

from __future__ import annotations

import time
import warnings

from benchmarks.report import arguments, finish
from benchmarks.sides import OPTIONS, PEER_BATCH, Timed, run, time_stream, weights
from rag_faq.corpus.reader import read_corpus
from rag_faq.generation.hardware import usable_cores
from rag_faq.settings import Settings


class LangChainRecipe:
    """Retrieval-augmented answers as LangChain's guides put them together."""

    def __init__(self, settings: Settings) -> None:
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # the packages speak of one another
        from langchain_classic.chains.question_answering.stuff_prompt import CHAT_PROMPT
        from langchain_community.chat_models import ChatLlamaCpp
        from langchain_community.embeddings import HuggingFaceEmbeddings
        from langchain_community.vectorstores import FAISS
        from langchain_core.documents import Document
        from langchain_core.output_parsers import StrOutputParser
        from langchain_core.runnables import RunnablePassthrough
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        llm, embedder = weights(settings)
        documents = [Document(text, metadata={"source": name}) for name, text in corpus_texts(settings)]
        pieces = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(documents)
        store = FAISS.from_documents(pieces, HuggingFaceEmbeddings(model_name=str(embedder)))
        self._model = ChatLlamaCpp(
            model_path=str(llm),
            n_ctx=settings.context_tokens,
            n_threads=settings.threads or usable_cores(),
            n_batch=PEER_BATCH,
            n_gpu_layers=settings.gpu_layers or 0,
            max_tokens=settings.max_new_tokens,
            temperature=0.0,
            verbose=False,
        )
        joined = store.as_retriever(search_kwargs={"k": 4}) | (lambda found: "\n\n".join(d.page_content for d in found))
        inputs = {"context": joined, "question": RunnablePassthrough()}
        self._chain = inputs | CHAT_PROMPT | self._model | StrOutputParser()

    def ask(self, question: str) -> Timed:
        """The chain's stream."""
        start = time.perf_counter()
        return time_stream(iter(self._chain.stream(question)), start)

    def close(self) -> None:
        """Free llama.cpp's memory."""
        self._model.client.close()


def corpus_texts(settings: Settings) -> list[tuple[str, str]]:
    """The documents as they lie in the corpus: (name, text)."""
    base = settings.corpus
    names = read_corpus(base).files
    return [(name, (base / name if base.is_dir() else base).read_text(encoding="utf-8")) for name in names]


def main() -> None:
    """Read the arguments, run, report."""
    options = arguments(__doc__, *OPTIONS)
    finish(run("against LangChain's recipe", LangChainRecipe, options), options)


if __name__ == "__main__":
    main()

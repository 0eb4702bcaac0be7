# The chatbot as an image, for a Docker Space of the Hugging Face Hub and for any other host.
#
#   docker build -t rag-faq .                              weights are fetched at the first start, into /data
#   docker build -t rag-faq --build-arg WEIGHTS=build .    weights are in the image: it starts without a network
#   docker run --read-only -p 7860:7860 -v rag-faq:/data rag-faq
#
# It writes nowhere but under /data. Settings are RAG_FAQ_* variables (README.md), or /app/rag-faq.toml.

ARG PYTHON=3.12
ARG WEIGHTS=start

# --- What is compiled, and all packages, in one environment. -------------------------------------------------------
FROM python:${PYTHON}-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ make \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY constraints.txt ./
ENV PIP_CONSTRAINT=/src/constraints.txt
# hadolint ignore=DL3013
RUN pip install pip hatchling editables scikit-build-core cmake ninja setuptools

# torch for the CPU is not on the Python package index, where it comes with gigabytes of CUDA.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# hadolint ignore=DL3013
RUN pip install --no-deps --index-url "${TORCH_INDEX}" torch

# Not for the processor that builds the image alone: for any x86-64 with AVX2, and any ARM.
# With llama.cpp's own threads: OpenMP's sleep too often beside torch's.
ARG LLAMA_CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_OPENMP=OFF"
# hadolint ignore=DL3013
RUN CMAKE_ARGS="${LLAMA_CMAKE_ARGS}" pip install --no-deps --no-build-isolation llama-cpp-python

# The packages before the program: they change less often.
COPY pyproject.toml ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
        > needed.txt \
    && pip install --requirement needed.txt
COPY README.md LICENSE ./
COPY rag_faq rag_faq
COPY corpus corpus
COPY indexes indexes
RUN pip install --no-deps --no-build-isolation .

# --- The weights: in the image, or left to the first start. --------------------------------------------------------
FROM build AS weights-build
ARG LLM=qwen2.5-coder-1.5b-instruct-q4_k_m
ARG EMBEDDER=all-MiniLM-L6-v2
ARG SECOND_EMBEDDER=all-mpnet-base-v2
RUN RAG_FAQ_MODELS=/opt/models rag-faq models fetch "${LLM}" "${EMBEDDER}" "${SECOND_EMBEDDER}"

FROM build AS weights-start
RUN mkdir /opt/models

# hadolint ignore=DL3006
FROM weights-${WEIGHTS} AS weights

# --- What runs. ------------------------------------------------------------------------------------------------------
FROM python:${PYTHON}-slim-bookworm
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --home-dir /data/home --no-create-home user \
    && mkdir -p /data/home /data/tmp \
    && chown -R 1000:1000 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=weights /opt/models /opt/models
WORKDIR /app
COPY app.py ./
COPY --chmod=755 scripts/space/entrypoint.sh /usr/local/bin/entrypoint
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data/home \
    TMPDIR=/data/tmp \
    XDG_CACHE_HOME=/data/cache \
    XDG_DATA_HOME=/data/share \
    HF_HOME=/data/huggingface \
    RAG_FAQ_MODELS=/data/models \
    GRADIO_ANALYTICS_ENABLED=False \
    GRADIO_SERVER_NAME=0.0.0.0 \
    PORT=7860
USER 1000:1000
VOLUME /data
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=15m --start-interval=5s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["entrypoint"]
CMD ["python", "app.py"]

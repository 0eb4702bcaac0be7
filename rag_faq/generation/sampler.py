"""Chooses the next token of a text from the scores that llama.cpp computed."""

from __future__ import annotations

from typing import Any


class Sampler:
    """Chooses tokens: the likeliest at temperature 0, else by chance among the likeliest 95%. `free` it."""

    def __init__(self, api: Any, temperature: float, seed: int) -> None:
        self._api = api
        self._chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())
        if temperature <= 0:
            steps = [api.llama_sampler_init_greedy()]
        else:
            steps = [
                api.llama_sampler_init_top_p(0.95, 1),
                api.llama_sampler_init_temp(temperature),
                api.llama_sampler_init_dist(seed & 0xFFFFFFFF),
            ]
        for step in steps:
            api.llama_sampler_chain_add(self._chain, step)

    def next(self, context: int | None, row: int) -> int:
        """The token chosen by the scores of one row of the context's last batch."""
        return int(self._api.llama_sampler_sample(self._chain, context, row))

    def free(self) -> None:
        """Give the memory back."""
        self._api.llama_sampler_free(self._chain)

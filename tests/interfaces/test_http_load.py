"""Two hundred clients at once: each is answered or told when to come back, and none is lost."""

from __future__ import annotations

import asyncio
import os

import httpx
from http_doors import QUESTION, scripted, served
from small_faq import pet_chatbot

from benchmarks.load import Visit, resident_mb, round_of, summary

CLIENTS = 200


def test_two_hundred_clients_at_once_are_answered_or_told_to_come_back(tmp_path) -> None:
    with served(tmp_path, pet_chatbot(tmp_path, scripted()), max_waiting=31) as address:
        asyncio.run(round_of(address, [QUESTION] * 64))  # threads are begun, buffers grown
        before = resident_mb(os.getpid())
        result = summary(asyncio.run(round_of(address, [QUESTION] * CLIENTS)))
        assert result["lost"] == 0, result["lost_because"]
        assert result["answered"] + result["told_to_come_back"] == CLIENTS
        assert result["answered"] >= 32  # all that may be in line at once
        after = resident_mb(os.getpid())
        assert before is None or after is None or after - before < 40
        assert "rag_faq_queue_length 0.0" in httpx.get(f"{address}/metrics").text


def test_clients_that_come_back_when_they_are_told_are_all_answered(tmp_path) -> None:
    with served(tmp_path, pet_chatbot(tmp_path, scripted()), max_waiting=3) as address:
        result = summary(asyncio.run(round_of(address, [QUESTION] * 24, patient=True)))
    assert (result["answered"], result["lost"]) == (24, 0)


def test_a_client_that_gets_anything_else_counts_as_lost(tmp_path) -> None:
    with served(tmp_path, api_keys="key") as address:
        [lost] = asyncio.run(round_of(address, [QUESTION]))
    assert lost.result == "lost"
    assert lost.detail.startswith("401 ")
    [lost] = asyncio.run(round_of("http://127.0.0.1:9", [QUESTION]))
    assert lost.result == "lost"


def test_the_summary_counts_and_takes_percentiles() -> None:
    visits = [Visit("answered", float(seconds), returns=seconds % 2) for seconds in range(1, 4)]
    found = summary([*visits, Visit("told to come back", 0.5), Visit("lost", 9.0, "500 x")])
    assert (found["clients"], found["answered"], found["told_to_come_back"], found["lost"]) == (5, 3, 1, 1)
    assert found["answered_times"] == {"p50_s": 2.0, "p99_s": 2.98}
    assert found["told_times"] == {"p50_s": 0.5, "p99_s": 0.5}
    assert (found["most_returns"], found["lost_because"]) == (1, ["500 x"])

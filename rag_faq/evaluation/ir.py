"""How good a ranking is, for one question. Relevance is yes or no; the mean over questions is the caller's.

`ranked` holds ids, best first, each once; `gold` the ids that are right. All measures lie between 0 and 1.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Sequence


def ndcg(ranked: Sequence[Hashable], gold: Collection[Hashable], k: int = 10) -> float:
    """nDCG@k (Järvelin and Kekäläinen, 2002): 1 when all gold stands first, less the lower it stands.

    Raises ValueError when `gold` is empty: then no ranking is good or bad.
    """
    _check(gold, k)
    found = sum(1 / math.log2(rank + 1) for rank, item in enumerate(ranked[:k], start=1) if item in gold)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(gold), k) + 1))
    return found / ideal


def recall(ranked: Sequence[Hashable], gold: Collection[Hashable], k: int = 10) -> float:
    """The share of the gold that stands among the first k. Raises ValueError when `gold` is empty."""
    _check(gold, k)
    return len(set(ranked[:k]) & set(gold)) / len(set(gold))


def reciprocal_rank(ranked: Sequence[Hashable], gold: Collection[Hashable], k: int = 10) -> float:
    """1 over the rank of the first gold among the first k, 0 where there is none; its mean is MRR@k."""
    _check(gold, k)
    return next((1 / rank for rank, item in enumerate(ranked[:k], start=1) if item in gold), 0.0)


def _check(gold: Collection[Hashable], k: int) -> None:
    if not gold:
        raise ValueError("no gold: a ranking cannot be judged")
    if k < 1:
        raise ValueError(f"k is {k}, and must be at least 1")

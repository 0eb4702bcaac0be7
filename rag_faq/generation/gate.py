"""Which of the entries found answer the question, if any, and in which order? A calibrated probability for each.

Similarity alone does not tell a question that the FAQ answers from one that is merely about the same things, nor the
right one of several near entries. So the language model is asked, from the state that it has of each entry: a few
tokens of work.

1. Order. How likely does the model find the question, once it has read the entry? That is the query likelihood of
   Sachan et al., "Improving Passage Retrieval with Zero-Shot Question Generation" (EMNLP 2022). Reading the question is
   needed in any case, and what was read serves the next two steps. It is weighed with the score of the search; among
   entries that come close to each other, with the "yes" of the next step too.
2. Verdict. The search's scores are weighed with the likelihood of the question: one that is put in the FAQ's kind of
   words and still scores low is not in the FAQ, while one in unlikely words may be. Where that is not clearly for the
   entry, so is the model's own probability of "yes", when it is asked whether the entry's text holds the answer.
3. Doubt. Where that comes out neither way, the question is also read after an entry that is far from it: if that makes
   it about as likely, the leading entry has little to do with it, however near it is.

Where the search leaves no doubt, the model reads nothing. Where the model tells no likelihood, as behind a server, its
"yes" about the first few entries decides on the order too.

The weights are general (no feature looks at what the words are). `benchmarks/calibrate_gate.py` fits them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import takewhile

from rag_faq.generation.generator import Generator, told_likelihood
from rag_faq.generation.judged import LOOK_AT, Judged, by_odds, near
from rag_faq.generation.odds import Weights, logit, sigmoid
from rag_faq.generation.probing import Glance, Prober, Seen, gate_probes
from rag_faq.generation.prompt import answer_prompt, gate_prompt
from rag_faq.generation.select import number_sources
from rag_faq.records import Hit

# More of the search's figures (cosine, margin, coverage of words) gave no better separation: see docs/evaluation.md.
SEARCH_FEATURES = ("score",)
ORDER_FEATURES = ("score", "likelihood")
CLOSE_FEATURES = (*ORDER_FEATURES, "yes")
READ_FEATURES = ("score", "first", "likelihood")
VERDICT_FEATURES = (*READ_FEATURES, "yes")
DOUBT_FEATURES = (*VERDICT_FEATURES, "elsewhere")
MOST_ASKED = 3  # of which the model is asked for its "yes"
YES_NO = ("yes", "no")
_BOUNDS = ("far", "sure", "plain", "clear", "near", "typical", "close", "doubtful", "unlikely")


@dataclass(frozen=True, slots=True)
class Calibration:
    """What order and probabilities rest on."""

    search: Weights  # over SEARCH_FEATURES: the probability where the model is not asked
    order: Weights  # over ORDER_FEATURES: differences between entries are log-odds of being the right one
    among: Weights  # over CLOSE_FEATURES: the same for entries that come close and were all asked about
    read: Weights  # over READ_FEATURES: the probability where the model has but read the question
    verdict: Weights  # over VERDICT_FEATURES: … where it is asked for its "yes" too
    doubt: Weights  # over DOUBT_FEATURES: … where the verdict's log-odds are no more than `doubtful`, either way
    far: float  # where the search's probability of the first is no more than this, the model is asked nothing
    sure: float  # … and where it is this and more, neither
    plain: float  # with this probability by the search, an entry that nothing else comes near needs no verdict
    clear: float  # with these log-odds once the question was read, an entry needs no "yes"
    near: float  # entries with at least this share of the first one's score are put in order
    typical: float  # likelihood of a question, for models that do not tell
    close: float  # log-odds behind the leading entry up to which an entry comes into question beside it
    doubtful: float
    unlikely: float  # a likelihood below this counts as this in a verdict: what is gibberish everywhere tells nothing

    def read_features(self, hit: float, first: float, likelihood: float) -> tuple[float, ...]:
        """The values of READ_FEATURES, from the scores of an entry and of the first one, and the likelihood."""
        return (hit, first, max(self.unlikely, likelihood))

    def verdict_features(self, read: Sequence[float], yes: float) -> tuple[float, ...]:
        """The values of VERDICT_FEATURES: those of READ_FEATURES, and the model's "yes"."""
        return (*read, logit(yes))

    def doubt_features(self, verdict: Sequence[float], elsewhere: float) -> tuple[float, ...]:
        """The values of DOUBT_FEATURES: those of the verdict, and the likelihood elsewhere."""
        return (*verdict, max(self.unlikely, elsewhere))


@cache
def default_calibration() -> Calibration:
    """The weights that ship with the package (`gate.toml`)."""
    table = tomllib.loads(files("rag_faq.generation").joinpath("gate.toml").read_text(encoding="utf-8"))
    return Calibration(
        search=Weights.of(table["search"], SEARCH_FEATURES),
        order=Weights.of(table["order"], ORDER_FEATURES),
        among=Weights.of(table["among"], CLOSE_FEATURES),
        read=Weights.of(table["read"], READ_FEATURES),
        verdict=Weights.of(table["verdict"], VERDICT_FEATURES),
        doubt=Weights.of(table["doubt"], DOUBT_FEATURES),
        **{name: table[name] for name in _BOUNDS},
    )


class Gate:
    """Judges the entries that a search found."""

    def __init__(
        self,
        generator: Generator | None,
        cut: Callable[[Hit], str],
        calibration: Calibration | None = None,
        prober: Prober | None = None,
    ) -> None:
        """Without a generator the search decides alone. `cut` gives the part of an entry that the model is shown.

        `prober` judges where its model has probes; by default there is one if they ship with the package.
        """
        self.generator = generator
        self.cut = cut
        self._calibration = calibration or default_calibration()
        if prober is None and generator is not None and (probes := gate_probes(generator.info)) is not None:
            prober = Prober(generator, cut, probes)
        self.prober = prober

    def glances(self, asked: Sequence[tuple[str, Sequence[Hit]]]) -> list[Glance | None]:
        """What shows at the first hit of each question's quick search; `None` where nothing is to be seen.

        That is so for every question of a model without probes, and for one that the search finds next to nothing for.
        """
        found: list[Glance | None] = [None] * len(asked)
        if self.prober is not None:
            least = self._calibration.far
            places = [n for n, (_, hits) in enumerate(asked) if hits and self._searched(hits[0]) > least]
            glances = self.prober.glances([asked[place] for place in places]) if places else ()
            for place, glance in zip(places, glances, strict=True):
                found[place] = glance
        return found

    def judge(self, question: str, hits: Sequence[Hit], seen: Seen | None = None) -> tuple[Judged, ...]:
        """The hits that are near the first one, in order, the likeliest to be right first, with their probabilities.

        `seen` is what was read of this question before; what is read now is added to it.
        """
        if not hits:
            return ()
        calibration = self._calibration
        first = self._searched(hits[0])
        if self.prober is not None and first > calibration.far:
            return self.prober.judge(question, hits, seen)
        close = self.near(hits)
        alone = len(close) == 1 and first >= calibration.plain
        if self.generator is None or alone or not calibration.far < first < calibration.sure:
            return self._ordered(close, [calibration.typical] * len(close))
        likelihoods = self.likelihoods(question, close)
        if likelihoods is None:
            return self._by_yes(question, close)
        ordered = self._ordered(close, likelihoods)
        elsewhere = cache(lambda: self.elsewhere(question, hits))
        judged = [
            self._verdict(question, item, hits[0], elsewhere)
            if place < MOST_ASKED and item.behind <= calibration.close
            else item
            for place, item in enumerate(ordered)
        ]
        return self._among_close(judged)

    def near(self, hits: Sequence[Hit]) -> Sequence[Hit]:
        """The hits of a search that are put in order, where the model has no probes."""
        return near(hits, self._calibration.near)

    def enough(self, judged: Sequence[Judged], strictness: float) -> tuple[Judged, ...]:
        """Those with enough evidence to answer from: the leading one, and what comes close to it."""
        close = self._calibration.close
        return tuple(item for item in judged if item.behind <= close and item.probability >= strictness)

    def likelihoods(self, question: str, hits: Sequence[Hit]) -> tuple[float, ...] | None:
        """How likely the model finds the question after each entry, in nats a token; `None` where it does not tell.

        There must be a generator, and a hit.
        """
        assert self.generator is not None
        readings = self.generator.read([answer_prompt(question, number_sources((hit,), self.cut)) for hit in hits])
        return None if readings is None else tuple(map(told_likelihood, readings))

    def elsewhere(self, question: str, hits: Sequence[Hit]) -> float | None:
        """How likely the model finds the question after the last of the hits; None where that is a near one."""
        found = self.likelihoods(question, hits[-1:]) if len(hits) > LOOK_AT else None
        return None if found is None else found[0]

    def ask(self, question: str, hit: Hit) -> float:
        """The model's probability that the entry's text holds the answer. There must be a generator."""
        assert self.generator is not None
        yes, _ = self.generator.choose(gate_prompt(question, number_sources((hit,), self.cut)), YES_NO)
        return yes

    def _searched(self, hit: Hit) -> float:
        return sigmoid(self._calibration.search.odds((hit.score,)))

    def _ordered(self, hits: Sequence[Hit], likelihoods: Sequence[float]) -> tuple[Judged, ...]:
        """The hits in order, the likeliest first, with the search's probabilities; ties keep the search's order."""
        odds = [self._calibration.order.odds((h.score, found)) for h, found in zip(hits, likelihoods, strict=True)]
        judged = [
            Judged(hit, self._searched(hit), likelihood=found) for hit, found in zip(hits, likelihoods, strict=True)
        ]
        return by_odds(judged, odds)

    def _among_close(self, judged: Sequence[Judged]) -> tuple[Judged, ...]:
        """The same, those that lead and were asked about put in order by their "yes" too."""
        asked = list(takewhile(lambda item: item.yes is not None, judged))
        among = self._calibration.among
        odds = [among.odds((i.hit.score, i.likelihood, logit(i.yes))) for i in asked if i.yes is not None]
        return (*by_odds(asked, odds), *judged[len(asked) :])

    def _by_yes(self, question: str, hits: Sequence[Hit]) -> tuple[Judged, ...]:
        """The first few hits in the order of their probabilities, all of them asked about."""
        unjudged = [Judged(hit, 0.0, likelihood=self._calibration.typical) for hit in hits[:MOST_ASKED]]
        judged = [self._asked(question, item, hits[0]) for item in unjudged]
        return by_odds(judged, [logit(item.probability) for item in judged])

    def _verdict(self, question: str, item: Judged, first: Hit, elsewhere: Callable[[], float | None]) -> Judged:
        """The same with the probability that it answers, once the question was read after it."""
        calibration = self._calibration
        odds = calibration.read.odds(calibration.read_features(item.hit.score, first.score, item.likelihood))
        if odds >= calibration.clear:
            return replace(item, probability=sigmoid(odds))
        return self._asked(question, item, first, elsewhere)

    def _asked(
        self, question: str, item: Judged, first: Hit, elsewhere: Callable[[], float | None] = lambda: None
    ) -> Judged:
        """The same with the verdict in which the model has a say."""
        yes = self.ask(question, item.hit)
        calibration = self._calibration
        read = calibration.read_features(item.hit.score, first.score, item.likelihood)
        features = calibration.verdict_features(read, yes)
        odds = calibration.verdict.odds(features)
        if abs(odds) <= calibration.doubtful and (far := elsewhere()) is not None:
            odds = calibration.doubt.odds(calibration.doubt_features(features, far))
        return replace(item, probability=sigmoid(odds), yes=yes)

"""The gate's verdict where the model has probes: what its scores tell of an entry, not only its "yes".

1. A glance at the first entry of the quick search. The question is read after it, up to where the answer would begin:
   that has to be read for the answer in any case. What a probe reads off the scores for the answer's first token is
   weighed with the search's score and with its lead over the next entry. Where that leaves no doubt, no larger embedder
   searches, nothing else is read, and the answer begins at once. How likely the model finds the question does not count
   there, and takes a sixth of the reading's time: so it is left out where the search alone is so sure that no more will
   be needed.
2. Else the question is read after all near entries, and they are put in order by the search's score, by how likely the
   model finds the question there, and by the probe.
3. The verdict on the leading one, and on what comes close to it. Where what was read leaves a doubt, the model is asked
   whether the question is answered there, and a second probe reads what it makes of that.

The weights are general (no feature looks at what the words are). `benchmarks/calibrate_probes.py` fits them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from rag_faq.errors import EngineError
from rag_faq.generation.generator import Generator, Reading, told_likelihood
from rag_faq.generation.judged import Judged, by_odds, near
from rag_faq.generation.odds import Weights, logit, sigmoid
from rag_faq.generation.probe import Probe, load_probe
from rag_faq.generation.prompt import NOTHING, answer_prompt, gate_prompt, wording_of
from rag_faq.generation.select import number_sources
from rag_faq.records import Hit, ModelInfo

LEAD_FEATURES = ("score", "lead", "read")
ORDER_FEATURES = ("score", "likelihood", "read")
READ_FEATURES = ("score", "first", "likelihood", "read")
VERDICT_FEATURES = (*READ_FEATURES, "asked")
READ_PROBE, ASKED_PROBE = "answer", "gate"
MOST_ASKED = 3  # entries that the model is asked about
BOUNDS = ("plain", "hoped", "shift", "near", "clear", "close", "alone", "unlikely")
_FAR_BEHIND = 99.0  # log-odds of entries that nothing was read after, since the first one leaves no doubt


@dataclass(frozen=True, slots=True)
class Probes:
    """What the model's scores are read by."""

    read: Probe  # those of the answer's first token
    asked: Probe  # those of "yes" or "no", when it is asked whether the question is answered


@dataclass(frozen=True, slots=True)
class ProbingCalibration:
    """What order and probabilities rest on."""

    lead: Weights  # over LEAD_FEATURES: that the quick search's first entry is the right one
    order: Weights  # over ORDER_FEATURES: differences between entries are log-odds of being the right one
    read: Weights  # over READ_FEATURES: the probability where the model has but read the question
    verdict: Weights  # over VERDICT_FEATURES: … where it is asked, too
    plain: float  # with these log-odds by `lead`, the first entry needs nothing else
    hoped: float  # what the probe is taken to tell, as long as nothing was read
    shift: float  # from the log-odds by `lead` to those of a verdict
    near: float  # entries with at least this share of the first one's score are read
    clear: float  # with these log-odds once the question was read, an entry needs no question about it
    close: float  # log-odds behind the leading entry up to which an entry comes into question beside it
    alone: float  # the score of the entry behind the first one, as a share of that, where none is near
    unlikely: float  # a likelihood below this counts as this: what is gibberish everywhere tells nothing


@dataclass(frozen=True, slots=True)
class Read:
    """An entry after which the question was read."""

    hit: Hit
    likelihood: float
    told: float  # log-odds by the probe


@dataclass(frozen=True, slots=True)
class Glance:
    """What reading the question after the quick search's first entry showed."""

    odds: float  # log-odds that this entry is the right one
    judged: tuple[Judged, ...]  # all hits, where the first one is plainly right; else none
    read: Read | None  # for a verdict; `None` where the likelihood was left out


@dataclass(frozen=True, slots=True)
class Seen:
    """What the model's scores told of one question, by the entry's id. It grows, and nothing is read twice."""

    read: dict[str, Read] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)  # log-odds by the probe, where the model was asked for "yes"

    @classmethod
    def at(cls, glances: Iterable[Glance | None]) -> Seen:
        """What these glances at the question showed."""
        read = (glance.read for glance in glances if glance is not None)
        return cls({item.hit.entry.id: item for item in read if item is not None})


class Prober:
    """Judges near entries by what the model's scores tell."""

    def __init__(
        self,
        generator: Generator,
        cut: Callable[[Hit], str],
        probes: Probes,
        calibration: ProbingCalibration | None = None,
    ) -> None:
        """`probes` are of this model, which must tell its scores; `cut` gives the part of an entry that it is shown."""
        self._generator = generator
        self._cut = cut
        self._probes = probes
        self._calibration = calibration or default_calibration()

    def glances(self, asked: Sequence[tuple[str, Sequence[Hit]]]) -> list[Glance]:
        """For each question, with the hits of its quick search: whether the first one plainly is the right one.

        There must be a question, and hits of each. They are read in one batch.
        """
        calibration = self._calibration
        sure = all(self._lead_odds(hits, calibration.hoped) >= calibration.plain for _, hits in asked)
        readings = self.readings([(question, hits[0]) for question, hits in asked], likelihood=not sure)
        return [self._glance(hits, reading) for (_, hits), reading in zip(asked, readings, strict=True)]

    def _glance(self, hits: Sequence[Hit], reading: Reading) -> Glance:
        told = self._probes.read(reading.scores)
        odds = self._lead_odds(hits, told)
        read = None if reading.likelihood is None else self._read(hits[0], reading.likelihood, told)
        if odds < self._calibration.plain:
            return Glance(odds, (), read)
        leading = Judged(hits[0], sigmoid(odds + self._calibration.shift))
        return Glance(odds, (leading, *(Judged(hit, 0.0, behind=_FAR_BEHIND) for hit in hits[1:])), read)

    def _lead_odds(self, hits: Sequence[Hit], told: float) -> float:
        """Log-odds that the first hit is the right one, if the probe tells this."""
        return self._calibration.lead.odds((hits[0].score, self.lead(hits), told))

    def near(self, hits: Sequence[Hit]) -> Sequence[Hit]:
        """The hits of a search after which the question is read."""
        return near(hits, self._calibration.near)

    def judge(self, question: str, hits: Sequence[Hit], seen: Seen | None = None) -> tuple[Judged, ...]:
        """The near ones of these hits, of which there must be one, in order, the likeliest to be right first.

        What was `seen` of this question is not read again; what is read now is added to it.
        """
        seen = seen or Seen()
        calibration = self._calibration
        first, close = hits[0], self.near(hits)
        fresh = [hit for hit in close if hit.entry.id not in seen.read]
        readings = self.readings([(question, hit) for hit in fresh]) if fresh else ()
        for hit, reading in zip(fresh, readings, strict=True):
            seen.read[hit.entry.id] = self._read(hit, told_likelihood(reading), self._probes.read(reading.scores))
        read = [replace(seen.read[hit.entry.id], hit=hit) for hit in close]
        ordered = by_odds(
            [Judged(item.hit, sigmoid(self._once_read(item, first)), likelihood=item.likelihood) for item in read],
            [calibration.order.odds((item.hit.score, item.likelihood, item.told)) for item in read],
        )
        of_hit = {item.hit.entry.id: item for item in read}
        return tuple(
            self._verdict(question, item, of_hit[item.hit.entry.id], first, seen)
            if place < MOST_ASKED and item.behind <= calibration.close
            else item
            for place, item in enumerate(ordered)
        )

    def lead(self, hits: Sequence[Hit]) -> float:
        """By how much the first one's score is above the next one's."""
        first = hits[0].score
        return first - (hits[1].score if len(hits) > 1 else self._calibration.alone * first)

    def readings(self, asked: Sequence[tuple[str, Hit]], *, likelihood: bool = True) -> tuple[Reading, ...]:
        """What shows when each question is read after the entry beside it; there must be one."""
        prompts = [answer_prompt(question, number_sources((hit,), self._cut)) for question, hit in asked]
        readings = self._generator.read(prompts, likelihood=likelihood)
        if readings is None:
            raise EngineError(f"{self._generator.info.name} does not tell what probes read")
        return readings

    def asked(self, question: str, hit: Hit) -> NDArray[np.float32]:
        """The model's scores for its "yes" or "no", when it is asked whether the entry answers the question."""
        scores = self._generator.scores(gate_prompt(question, number_sources((hit,), self._cut)))
        if scores is None:
            raise EngineError(f"{self._generator.info.name} does not tell its scores")
        return scores

    def _read(self, hit: Hit, likelihood: float, told: float) -> Read:
        return Read(hit, max(self._calibration.unlikely, likelihood), told)

    def _once_read(self, item: Read, first: Hit) -> float:
        """Log-odds that the entry answers, once the question was read after it."""
        return self._calibration.read.odds((item.hit.score, first.score, item.likelihood, item.told))

    def _verdict(self, question: str, judged: Judged, item: Read, first: Hit, seen: Seen) -> Judged:
        """The same with the probability that it answers, for which the model is asked where that is not clear."""
        calibration = self._calibration
        if logit(judged.probability) >= calibration.clear:
            return judged
        entry = item.hit.entry.id
        if entry not in seen.asked:
            seen.asked[entry] = self._probes.asked(self.asked(question, item.hit))
        asked = seen.asked[entry]
        odds = calibration.verdict.odds((item.hit.score, first.score, item.likelihood, item.told, asked))
        return replace(judged, probability=sigmoid(odds), yes=sigmoid(asked))


def gate_probes(model: ModelInfo) -> Probes | None:
    """Those for this model; `None` where there are none."""
    read = load_probe(READ_PROBE, model, wording_of(answer_prompt("", (NOTHING,))))
    asked = load_probe(ASKED_PROBE, model, wording_of(gate_prompt("", (NOTHING,))))
    return None if read is None or asked is None else Probes(read, asked)


@cache
def default_calibration() -> ProbingCalibration:
    """The weights that ship with the package (`probing.toml`)."""
    table = tomllib.loads(files("rag_faq.generation").joinpath("probing.toml").read_text(encoding="utf-8"))
    return ProbingCalibration(
        lead=Weights.of(table["lead"], LEAD_FEATURES),
        order=Weights.of(table["order"], ORDER_FEATURES),
        read=Weights.of(table["read"], READ_FEATURES),
        verdict=Weights.of(table["verdict"], VERDICT_FEATURES),
        **{name: table[name] for name in BOUNDS},
    )

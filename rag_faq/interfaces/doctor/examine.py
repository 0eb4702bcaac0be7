"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Mapping

from rag_faq.interfaces.doctor import machine, stores
from rag_faq.interfaces.doctor.findings import Finding, ok
from rag_faq.interfaces.doctor.probe import LlamaBuild, NoLlama, llama_build
from rag_faq.settings import Settings


def examine(
    settings: Settings,
    given: Mapping[str, str],
    *,
    full: bool = False,
    build: LlamaBuild | NoLlama | None = None,
) -> list[Finding]:
    """Everything that was found. Nothing is mended, and nothing is raised for what is missing.

    `given` tells where settings come from that are not at their defaults; `full` hashes every byte of the weights;
    `build` is the llama.cpp that is installed, by default asked for.
    """
    findings = machine.machine()
    findings += machine.llama(build or llama_build(), settings)
    found, missing = stores.weights(settings, full=full)
    findings += found
    findings.append(machine.disk(stores.cache_folder(settings), missing))
    findings += stores.index(settings)
    findings.append(stores.port(settings))
    findings += [ok("settings", f"{name} = {getattr(settings, name)} from {place}") for name, place in given.items()]
    return findings if given else [*findings, ok("settings", "all at their defaults")]

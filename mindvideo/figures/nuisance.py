"""What a methods section says of confounds and censored volumes."""

from __future__ import annotations

from dataclasses import dataclass

from mindvideo.figures.references import citation
from mindvideo.figures.wording import at_probability, count, listed, number, sentences
from mindvideo.nuisance import STRATEGIES, Censor, Strategy, resolve
from mindvideo.settings.fmri import Clean

SCRUBBING = STRATEGIES["scrubbing"].reference
"""Of censoring by settings, and by strategies that also have columns."""
TERMS = {
    "derivatives": " and their first temporal derivatives",
    "power2": " and their squares",
    "full": ", their first temporal derivatives, and the squares of both",
}


@dataclass(frozen=True)
class Censored:
    """How many volumes of a subject's runs were censored."""

    n_censored: int
    n_volumes: int
    n_runs: int


def confounds(c: Clean) -> str:
    """What is regressed out beside drift, with " together with"; empty if nothing is."""
    strategies = [resolve(entry) for entry in c.confounds]
    named = [_words(s) for s in strategies if _has_words(s)]
    columns = [s.columns[0] for s in strategies if _is_column(s)]
    if columns:
        named.append(f"fMRIPrep's column{'s' if len(columns) > 1 else ''} {listed(columns)}")
    if not named:
        return ""
    n = len({name for s in strategies for name in s.names})
    differs = any(s.patterns or s.components for s in strategies)
    what = count(n, "confound") if n else "confounds"
    if differs:
        what += f"{' and others' if n else ''}, whose number differs between runs"
    return f" together with {what}: {'; '.join(named)}"


def _is_column(strategy: Strategy) -> bool:
    """Whether an entry is a column or a pattern, and no strategy that somebody described."""
    return strategy.name not in STRATEGIES and strategy.columns == [strategy.name]


def _has_words(strategy: Strategy) -> bool:
    return bool(strategy.columns or strategy.components) and not _is_column(strategy)


def _words(strategy: Strategy) -> str:
    text = strategy.sentence.strip().rstrip(".")
    if not text:
        parts = [f"the columns {listed(strategy.columns)}"] if strategy.columns else []
        text = listed([*parts, *(f"{n} components {c}_*" for c, n in strategy.components.items())])
        text += TERMS.get(strategy.expansion, "")
    source = citation(strategy.reference)
    return f"{text} ({source})" if source and source not in text else text


def censoring(c: Clean, censored: Censored | None) -> str:
    """Which volumes were censored, how many, and what became of them; empty if none could be."""
    if not c.censoring:
        return ""
    sources = [SCRUBBING] if c.censor.on else []
    for strategy in map(resolve, c.confounds):
        if strategy.censor.on:
            alone = not (strategy.columns or strategy.components)
            sources.append(strategy.reference if alone and strategy.reference else SCRUBBING)
    cited = "; ".join(dict.fromkeys(citation(source) for source in sources))
    which = "; and ".join(dict.fromkeys(_criteria(censor) for _, censor in c.censoring))
    became = {
        "interpolate": "interpolated between the volumes before and after them by cubic splines",
        "mask": "set to zero, the mean, and not averaged over repetitions",
    }[c.censored]
    n = ""
    if censored:
        of_all = at_probability(round(censored.n_censored / censored.n_volumes, 3))
        n = (
            f"Of the {censored.n_volumes:,} volumes of {count(censored.n_runs, 'run')}, "
            f"{number(censored.n_censored)} ({of_all}) "
            f"{'was' if censored.n_censored == 1 else 'were'} censored."
        )
    return sentences(
        f"Volumes {which}, were censored ({cited}): they were left out of the regression and of "
        f"the z-scores, and {became}.",
        n,
    )


def _criteria(c: Censor) -> str:
    ways = []
    if c.fd is not None:
        ways.append(f"with a framewise displacement above {c.fd:g} mm")
    if c.std_dvars is not None:
        ways.append(f"with a standardised DVARS above {c.std_dvars:g}")
    if c.outliers:
        ways.append("that fMRIPrep marked as outliers")
    around = [
        f"the {count(n, 'volume')} {side} each" if n > 1 else f"the volume {side} each"
        for n, side in ((c.before, "before"), (c.after, "after"))
        if n
    ]
    if c.min_segment:
        around.append(f"stretches of fewer than {count(c.min_segment, 'volume')} between them")
    more = f", and {listed(around)}" if around else ""
    return " or ".join(ways) + more


def references(c: Clean) -> list[str | None]:
    """The publications that strategies name."""
    of_strategies = [resolve(entry).reference for entry in c.confounds]
    return [*of_strategies, SCRUBBING if c.censoring else None]

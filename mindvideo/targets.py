"""Suggestions for targets that no rule makes, instead of Snakemake's message.

The rules' outputs are the only list of targets. Each is a pattern such as
``results/{model,sub1|sub2}/films/{segment,test1}.mp4``. If a target matches a pattern except for
the name of a subject, a variant or a segment, the message lists the existing names.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mindvideo.config import Config
from mindvideo.plan import SHARED
from mindvideo.run import NAMES

PLACEHOLDER = re.compile(
    r"\{\s*(?P<name>\w+)\s*(?:,(?P<constraint>(?:[^{}]|\{\d+(?:,\d*)?\})*))?\}"
)
LISTED = re.compile(r"[\w-]+(\|[\w-]+)*")
"""Regular expression of a constraint that lists names."""
OWNERS = ("model", "shared")
"""Wildcards that stand for an owner, and for a variant in its path."""
NOUNS = {"model": "subject"}


@dataclass(frozen=True)
class Output:
    """A pattern, part by part of its path, and the names that its wildcards may have.

    A wildcard that is not in `names` may have any value.
    """

    parts: tuple[str, ...]
    names: dict[str, list[str]] = field(default_factory=dict)
    folder: bool = False

    @property
    def owner_ends(self) -> int:
        """Number of parts of the path up to the folder of a subject, a variant or all subjects."""
        owners = [f"{{{name}}}" for name in (*OWNERS, "variant")]
        return max((n for n, part in enumerate(self.parts, 1) if part in owners), default=0)

    @property
    def wildcards(self) -> list[str]:
        return list(dict.fromkeys(m["name"] for p in self.parts for m in PLACEHOLDER.finditer(p)))

    def values(self, parts: list[str]) -> dict[str, str] | None:
        """Values of the wildcards with which the first parts match; None if none do."""
        values: dict[str, str] = {}
        for pattern, part in zip(self.parts, parts):
            match = re.fullmatch(_loose(pattern), part)
            if match is None or any(values.get(n, v) != v for n, v in match.groupdict().items()):
                return None
            values |= match.groupdict()
        return values

    def wrong(self, values: dict[str, str]) -> dict[str, str]:
        """The values that are not known names."""
        return {n: v for n, v in values.items() if v not in self.names.get(n, [v])}

    def fill(self, values: dict[str, str]) -> str:
        """A path; an unknown value is replaced by a similar name, an absent one by the first."""

        def value(match: re.Match[str]) -> str:
            name = match["name"]
            names, requested = self.names.get(name), values.get(name)
            if names is None or requested in names:
                return requested or name.upper()
            return next(iter([*_similar(requested or "", names), *names]), "")

        return "/".join(PLACEHOLDER.sub(value, part) for part in self.parts)


def _loose(pattern: str) -> str:
    """Regular expression of one part of a path, with unconstrained wildcards."""
    pieces, end, named = [], 0, set()
    for match in PLACEHOLDER.finditer(pattern):
        name = match["name"]
        pieces += [re.escape(pattern[end : match.start()])]
        pieces += [f"(?P={name})" if name in named else f"(?P<{name}>.+?)"]
        named.add(name)
        end = match.end()
    return "".join(pieces) + re.escape(pattern[end:])


class Targets:
    """All outputs of the rules under a configuration.

    Parameters
    ----------
    config
        The checked configuration.
    patterns
        The rules' outputs in Snakemake's notation, wildcards with their constraints; and whether
        each is a folder.
    rules
        Their names.
    """

    def __init__(
        self, config: Config, patterns: Iterable[tuple[str, bool]], rules: Iterable[str] = ()
    ) -> None:
        self.config = config
        self.rules = list(rules)
        self.results = config.results.split("/")
        self.outputs = [o for text, folder in patterns for o in self._read(text, folder)]

    def _read(self, text: str, folder: bool) -> list[Output]:
        constraints = {m["name"]: m["constraint"] for m in reversed([*PLACEHOLDER.finditer(text)])}
        names = {n: self._names(n, c) for n, c in constraints.items()}
        parts = PLACEHOLDER.sub(lambda m: f"{{{m['name']}}}", text).split("/")
        listed = {n: values for n, values in names.items() if values is not None}
        output = Output(tuple(parts), listed, folder)
        owner = next((p for p in parts if p.strip("{}") in OWNERS), None)
        if owner is None:
            return [output]
        n = parts.index(owner) + 1
        longer = (*parts[:n], "variants", "{variant}", *parts[n:])
        variants = listed | {"variant": self.config.models}
        return [output, replace(output, parts=longer, names=variants)]

    @property
    def _others(self) -> list[str] | str:
        """The subjects of the pre-training; `*`: those with runs on the disk."""
        data = self.config.pretraining_data
        return data.subjects if data else []

    def _names(self, wildcard: str, constraint: str | None) -> list[str] | None:
        """The names that a wildcard may have; None if it may have any."""
        dataset, others = self.config.dataset, self._others
        if wildcard in OWNERS:
            return [SHARED] if wildcard == "shared" else list(dataset.subjects)
        people = [*dataset.subjects.values(), *([] if others == "*" else others)]
        listed = constraint.split("|") if constraint and LISTED.fullmatch(constraint) else None
        named = {"segment": self.config.segments, "subject": people}.get(wildcard, listed)
        if named is None or constraint is None:
            return None
        return [name for name in named if re.fullmatch(constraint, name)]

    # --- folders ----------------------------------------------------------------------------------

    def held(self, target: str) -> list[str]:
        """All results in a folder that is not an output: of a subject, a variant, or shared.

        Empty if the folder contains more than that (such as all results of a subject), or results
        whose names are not known in advance.
        """
        parts, results = target.rstrip("/").split("/"), []
        if parts[: len(self.results)] != self.results:
            return []
        for output in self.outputs:
            values = output.values(parts) if len(output.parts) > len(parts) else None
            if values is None or output.wrong(values):
                continue
            choices = self._choices(output, values)
            if choices is None or len(parts) <= max(output.owner_ends, len(self.results)):
                return []
            results += [output.fill(choice) for choice in choices]
        return list(dict.fromkeys(results))

    def _choices(self, output: Output, values: dict[str, str]) -> list[dict[str, str]] | None:
        """Possible values of the wildcards, given some of them; None if any name is possible."""
        dataset, choices = self.config.dataset, [values]
        for name in output.wildcards:
            if name in values:
                continue
            of_all = name == "subject" and self._others == "*"
            if of_all or (names := output.names.get(name)) is None:
                return None
            if name == "segment" and (subject := values.get("model")):
                names = [segment for segment in names if dataset.runs_of(subject, segment)]
            choices = [choice | {name: value} for choice in choices for value in names]
        return choices

    # --- answers ----------------------------------------------------------------------------------

    def explain(self, target: str) -> str:
        """What is wrong with a target that no rule makes, and what to request instead."""
        parts = target.rstrip("/").split("/")
        answer = (
            self._misnamed(parts)
            or self._folder(parts)
            or self._within(parts)
            or self._elsewhere(parts)
            or self._misnamed_elsewhere(parts)
            or self._part_of(parts)
            or self._misspelt(parts)
            or f"no rule makes this. {self._overview()}"
        )
        return f"{target}: {answer}"

    def explain_need(self, rule: str, path: str) -> str:
        """Why a requested rule cannot run: no rule makes an input that it needs."""
        wrong = next((fit for fit in self._fits(path.split("/")) if fit[0].wrong(fit[1])), None)
        if wrong is None:
            return f"{rule}: this needs {path}, which no rule makes"
        output, values = wrong
        reasons = "; ".join(self._reason(n, v, output) for n, v in output.wrong(values).items())
        named = "; add it, as config/config.yaml does" if "variant" in output.wrong(values) else ""
        return f"{rule}: this needs {path}, and {reasons}{named}"

    def explain_rule(self, rule: str, patterns: Iterable[str]) -> str:
        """What to request instead of a rule with wildcards, whose outputs are `patterns`."""
        files = [self._read(pattern, False)[0].fill({}) for pattern in patterns]
        return f"{rule}: this rule makes many files. Request one of them, such as {_some(files)}"

    def _fits(self, parts: list[str]) -> list[tuple[Output, dict[str, str]]]:
        """Outputs that match a path of the same length, those with the fewest wrong names first."""
        pairs = [(o, o.values(parts)) for o in self.outputs if len(o.parts) == len(parts)]
        fits = [(o, values) for o, values in pairs if values is not None]
        return sorted(fits, key=lambda f: (len(f[0].wrong(f[1])), sum(map(len, f[1].values()))))

    def _misnamed(self, parts: list[str]) -> str:
        """A subject, variant or segment that does not exist."""
        return next((self._names_of(*fit) for fit in self._fits(parts) if fit[0].wrong(fit[1])), "")

    def _names_of(self, output: Output, values: dict[str, str]) -> str:
        """The names that exist, instead of the wrong ones."""
        wrong = output.wrong(values)
        reasons = "; ".join(self._reason(name, value, output) for name, value in wrong.items())
        if not all(output.names[name] for name in wrong):
            return reasons
        return f"{reasons}. Request, for example, {output.fill(values)}"

    def _reason(self, name: str, value: str, output: Output) -> str:
        dataset, listed = self.config.dataset, _some(output.names[name], 40)
        if name == "shared":
            return f"all subjects share this, in {self.config.results}/{SHARED}"
        if name == "model" and value == SHARED:
            return f"each subject has its own; the subjects are {listed}"
        if name == "segment" and value in dataset.segments:
            kind = NAMES[dataset.split_of(value)]
            return f"{value} is a {kind} segment, and this is made only for {listed}"
        noun = NOUNS.get(name, name)
        return f"there is no {noun} {value}; " + (
            f"the {noun}s are {listed}" if listed else f"no {noun} is configured"
        )

    def _folder(self, parts: list[str]) -> str:
        """A folder that is not an output, but contains several."""
        longer = [o for o in self.outputs if len(o.parts) > len(parts)]
        pairs = [(o, values) for o in longer if (values := o.values(parts)) is not None]
        right = [o.fill(values) for o, values in pairs if not o.wrong(values)]
        if right:
            files = list(dict.fromkeys(right))
            held = f"Request its contents: {_some(files)}" if len(files) <= 12 else self._overview()
            return f"this folder is not itself a result. {held}"
        # A wrong name alone, as in results/sub4, could also be a misspelt file.
        deep = (p for p in pairs if len(p[1]) < len(parts) - len(self.results))
        return next((self._names_of(*pair) for pair in deep), "")

    def _within(self, parts: list[str]) -> str:
        """A file inside a folder that is an output."""
        for output in self.outputs:
            values = output.values(parts)
            if output.folder and len(output.parts) < len(parts) and values is not None:
                if output.wrong(values):
                    return self._names_of(output, values)
                return f"this is part of a folder. Request the folder: {output.fill(values)}"
        return ""

    def _elsewhere(self, parts: list[str]) -> str:
        """A result without the folder of results in its path, or with another one."""
        for n in range(len(parts)):
            for output, values in self._fits([*self.results, *parts[n:]]):
                if not output.wrong(values):
                    path = output.fill(values)
                    return f"the folder of results is {self.config.results}. Request {path}"
        return ""

    def _part_of(self, parts: list[str]) -> str:
        """The end of a path, without the subject."""
        within = parts[: len(self.results)] == self.results
        tail = "/" + "/".join(parts[len(self.results) :] if within else parts)
        full = [path for path in self._paths({}) if path.endswith(tail)]
        return f"this is not a complete path. Request {_some(full, 3)}" if full else ""

    def _misspelt(self, parts: list[str]) -> str:
        """A path that differs by a few letters from one that a rule makes, or a rule's name."""
        for path in (parts, [*self.results, *parts]):
            every = [
                p.split("/")
                for p in self._paths(self._owner(path))
                if p.count("/") >= len(path) - 1
            ]
            paths = ["/".join(p) for p in every if len(p) == len(path)]
            folders = dict.fromkeys("/".join(p[: len(path)]) for p in every if len(p) > len(path))
            paths += [folder for folder in folders if self.held(folder)]
            if close := _similar("/".join(path), [*paths, *self.rules]):
                return f"no rule makes this. Did you mean {close[0]}? {self._overview()}"
        return ""

    def _misnamed_elsewhere(self, parts: list[str]) -> str:
        """A name that does not exist, without the folder of results, or with another one."""
        if parts[: len(self.results)] == self.results:
            return ""
        return self._misnamed([*self.results, *parts]) or self._misnamed(
            [*self.results, *parts[1:]]
        )

    def _owner(self, parts: list[str]) -> dict[str, str]:
        """The subject and the variant that a path names, if any."""
        place = len(self.results)
        named = dict(zip(("model", "variant"), parts[place : place + 3 : 2]))
        names = {"model": [*self.config.dataset.subjects], "variant": self.config.models}
        return {name: value for name, value in named.items() if value in names[name]}

    def _paths(self, values: dict[str, str]) -> list[str]:
        """All outputs, for one subject and variant, and every segment."""
        segments = [values | {"segment": s} for s in self.config.segments]
        outputs = [o for o in self.outputs if o.names.get("variant", ["none"])]
        return list(dict.fromkeys(o.fill(v) for o in outputs for v in segments))

    def _overview(self) -> str:
        """How results are named, with all names that exist."""
        subjects, variants = list(self.config.dataset.subjects), self.config.models
        place = len(self.results)
        within = [o.parts[place:] for o in self.outputs if [*o.parts[:place]] == self.results]
        paths = [parts[1:] for parts in within if parts[0] == "{model}" and parts[1] != "variants"]
        files = [parts[0] for parts in paths if len(parts) == 1]
        folders = [parts[0] + "/" for parts in paths if len(parts) > 1]
        others = {SHARED} | {parts[0] for parts in within if not PLACEHOLDER.search(parts[0])}
        return (
            f"Results are named {self.config.results}/SUBJECT/WHAT, or of a variant "
            f"{self.config.results}/SUBJECT/variants/VARIANT/WHAT. SUBJECT: {', '.join(subjects)}. "
            f"VARIANT: {', '.join(variants) or 'none is configured'}. "
            f"WHAT: {', '.join(dict.fromkeys([*sorted(files), *sorted(folders)]))}. "
            f"Results that belong to no single subject are in "
            f"{' and '.join(f'{self.config.results}/{name}' for name in sorted(others))}"
        )


def _similar(name: str, names: list[str]) -> list[str]:
    return difflib.get_close_matches(name, names, n=1, cutoff=0.8)


def _some(paths: list[str], n: int = 8) -> str:
    return ", ".join(paths[:n]) + (", …" if len(paths) > n else "")

"""What a methods section says of recordings, films and voxels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from mindvideo.figures.nuisance import Censored, censoring, confounds
from mindvideo.figures.references import citation
from mindvideo.figures.wording import (
    at_probability,
    count,
    interpolated,
    listed,
    number,
    sentences,
    span,
)
from mindvideo.run import NAMES
from mindvideo.settings.base import RunTiming
from mindvideo.settings.methods import MethodsSettings, SegmentRecording

CORRECTIONS = {
    "bonferroni": "Bonferroni-corrected",
    "fdr_bh": "false discovery rate: Benjamini & Hochberg 1995",
}
TESTS = {"t": "one-sample t-test", "wilcoxon": "Wilcoxon signed-rank test"}
TAILS = {"greater": "one-sided", "two-sided": "two-sided"}
NOT_USED = "segments were not used, except that voxels without a signal in one were left out."
FEW_GROUPS = 3
"""Ways of trimming that the text lists one by one."""


def data_set(s: MethodsSettings) -> str:
    """Who watched what, how often, and which volumes were kept."""
    by_split = {split: _segments(s, split) for split in NAMES}
    watched = [
        _with_runs(of_split, f"{NAMES[split]} segment")
        for split, of_split in by_split.items()
        if of_split or split in ("train", s.evaluate)
    ]
    excluded = s.recordings.excluded
    reference = f" ({citation(s.reference)})" if s.reference else ""
    return sentences(
        f"The recordings are those of subject {s.recordings.subject} of the data set "
        f"{s.dataset}{reference}.",
        f"The subject watched {listed(watched)}; a segment is one film.",
        _validation(s),
        f"{count(len(excluded), 'further run').capitalize()} "
        f"{'was' if len(excluded) == 1 else 'were'} excluded from all analyses "
        f"({listed(excluded)})."
        if excluded
        else "",
        f"The repetition time (TR) was {s.tr:g} s.",
        _trimming(s),
        _delay(s),
    )


def _segments(s: MethodsSettings, split: str) -> list[SegmentRecording]:
    return [segment for segment in s.recordings.segments if segment.split == split]


def _validation(s: MethodsSettings) -> str:
    """What validation segments were used for."""
    if s.evaluate == "validation":
        return (
            "All reconstructions and scores are of the validation segments, which were held out of "
            "all training and of voxel selection, and on which settings may have been chosen; the "
            "test segments were not read."
        )
    if not _segments(s, "validation"):
        return ""
    return (
        "The validation segments were held out of all training and of voxel selection; losses on "
        "them were recorded during training. All reconstructions and scores are of the test "
        "segments."
    )


def _with_runs(segments: Sequence[SegmentRecording], noun: str) -> str:
    """Segments and their runs: "five test segments with 10 runs each (test2: nine)"."""
    if not segments:
        return f"no {noun}s"
    usual = Counter(segment.runs for segment in segments).most_common(1)[0][0]
    others = [f"{x.name}: {number(x.runs)}" for x in segments if x.runs != usual]
    each = " each" if len(segments) > 1 else ""
    return (
        f"{count(len(segments), noun)} with {count(usual, 'run')}{each}"
        f"{f' ({listed(others)})' if others else ''}"
    )


def _trimming(s: MethodsSettings) -> str:
    """Which volumes of the runs were analysed, and which clips were left out."""
    segments = s.recordings.segments
    analysed = _analysed(s, segments)
    shifted = f", shifted by {count(s.lag, 'volume')}" if s.lag else ""
    groups: dict[tuple[tuple[int, int], ...], list[SegmentRecording]] = defaultdict(list)
    for segment in segments:
        groups[tuple(_ends(s, segment))].append(segment)
    if () in groups:  # the onset of a film, or the length of its runs, is known of each run only
        return sentences(
            f"Each run was analysed from the onset of its film on{shifted}"
            f"{interpolated(s.clean.interpolation, ' (the nearest volume)')}. {analysed}",
            _left_out(segments),
        )
    if list(groups) == [((0, 0),)]:
        clips = [segment.volumes for segment in segments]
        text = f"All volumes of each run ({span(clips)}) were analysed, {_kept(s)}."
    elif len(groups) == 1 and len(next(iter(groups))) == 1:
        ((ends,),) = groups
        text = f"Of each run, {_dropped(*ends)} discarded. {analysed}"
    elif len(groups) > FEW_GROUPS or any(len(group) > 1 for group in groups):
        starts, stops = zip(*(ends for group in groups for ends in group))
        of = "run" if any(len(group) > 1 for group in groups) else "segment"
        text = (
            f"Depending on the {of}, {span(starts)} volumes at the start and {span(stops)} "
            f"volumes at the end of a run were discarded. {analysed}"
        )
    else:
        *few, most = sorted(groups, key=lambda ends: len(groups[ends]))
        parts = [
            f"of the runs of {listed([x.name for x in groups[e]])}, {_dropped(*e[0])}" for e in few
        ]
        rest = f"of the runs of all other segments, {_dropped(*most[0])} discarded"
        text = "; ".join([*(f"{part} discarded" for part in parts), rest])
        text = f"{text[0].upper()}{text[1:]}. {analysed}"
    return sentences(text, _left_out(segments))


def _ends(s: MethodsSettings, segment: SegmentRecording) -> list[tuple[int, int]]:
    """Volumes discarded at both ends, each different pair once; none if they are not known."""
    ends = []
    for timing in segment.timing:
        if timing.drop_start is None or timing.drop_end is None:
            return []
        start = timing.drop_start + s.lag
        recorded = timing.drop_start + segment.during + timing.drop_end
        ends.append((start, recorded - start - segment.volumes))
    return list(dict.fromkeys(ends))


def _kept(s: MethodsSettings) -> str:
    if s.clip_seconds != s.tr:
        return "those of the windows of its clips"
    if any(segment.volumes > segment.clips for segment in s.recordings.segments):
        return "one for each clip of its film, and those that the last windows extend to"
    return "one for each clip of its film"


def _analysed(s: MethodsSettings, segments: Sequence[SegmentRecording]) -> str:
    numbers = [segment.volumes for segment in segments]
    volumes = f"{span(numbers)} volumes"
    by_split = {split: {x.volumes for x in segments if x.split == split} for split in NAMES}
    if len(set(numbers)) > 1 and all(len(values) <= 1 for values in by_split.values()):
        each = [f"{span(n)} of each {NAMES[split]} run" for split, n in by_split.items() if n]
        volumes = f"volumes ({listed(each)})"
    return f"The remaining {volumes} were analysed, {_kept(s)}."


def _left_out(segments: Sequence[SegmentRecording]) -> str:
    """How many clips have no volumes."""
    if not (n := sum(segment.left_out for segment in segments)):
        return ""
    few = [segment for segment in segments if segment.left_out]
    where = f"of {listed([x.name for x in few])}" if len(few) <= FEW_GROUPS else "of the segments"
    return (
        f"The last clips {where} ({count(n, 'clip')} in all) were left out, since too few volumes "
        "were recorded after their films."
    )


def _dropped(start: int, end: int) -> str:
    """What is discarded of a run, with a verb."""

    if not start + end:
        return "no volumes were"
    first = "" if not start else "the first" if start == 1 else f"the first {number(start)}"
    last = "" if not end else "the last" if end == 1 else f"the last {number(end)}"
    if 1 in (start, end) and start and end:  # "the first volume and the last four"
        first += " volume" if start == 1 else " volumes"
    else:
        last, first = (last + " volumes", first) if end else ("", first + " volumes")
    text = listed([part for part in (first, last) if part])
    if start + end == 1:
        return f"{text.removesuffix('s')} was"
    return f"{text} were"


def _delay(s: MethodsSettings) -> str:
    """How the haemodynamic delay is allowed for: by trimming, by the lag, or by both."""
    timings = [(x, timing) for x in s.recordings.segments for timing in x.timing]
    lag = f"{count(s.lag, 'volume')} ({s.lag * s.tr:g} s)"
    if any(x.film_onset is None and timing.drop_start is not None for x, timing in timings):
        if s.lag:
            return (
                "To allow for the haemodynamic delay, the volumes of a clip were taken "
                f"{lag} after it."
            )
        return "No lag was introduced beyond that by which trimming shifts the volumes."
    shifts = [s.lag * s.tr + _after_onset(s, x, timing) for x, timing in timings]
    first = "The acquisition of the first volume analysed began"
    if set(shifts) == {0}:
        begins = f"{first} with the film"
    elif max(shifts) < 0:
        begins = f"{first} {span([-x for x in shifts], ' s')} before the onset of the film"
    else:
        volumes = ""
        if len(set(shifts)) == 1 and (shifts[0] / s.tr).is_integer():
            volumes = f" ({count(round(shifts[0] / s.tr), 'volume')})"
        begins = f"{first} {span(shifts, ' s')}{volumes} after the onset of the film"
    if not s.lag:
        return f"{begins}, which allows for the haemodynamic delay; no further lag was introduced."
    return f"{begins}, which includes a lag of {lag} for the haemodynamic delay."


def _after_onset(s: MethodsSettings, segment: SegmentRecording, timing: RunTiming) -> float:
    """Start of the first volume after the onset of the film, without the lag [s]."""
    if timing.drop_start is None:  # runs are cut at the onset
        return 0.0
    return timing.drop_start * s.tr - (segment.film_onset or 0)


# --- films ----------------------------------------------------------------------------------------


def films(s: MethodsSettings, captioner: str) -> str:
    """Clips, captions and scenes."""
    size = f"{s.clips.size} × {s.clips.size} px"
    fit = {
        "crop": f"the central square of each frame was resized to {size}",
        "pad": f"each frame was padded with black to a square and resized to {size}",
        "stretch": f"each frame was resized to {size} regardless of its aspect ratio",
    }[s.clips.fit]
    signs = {
        "pictures": "the picture changed abruptly (score of ffmpeg's scdet filter, threshold "
        f"{s.scenes.threshold:g})",
        "captions": "the captions of frames changed (fewer than "
        f"{at_probability(s.scenes.same_scene)} of their words in common)",
    }
    corrected = " Captions were corrected by hand." if s.scenes.corrections else ""
    each = ", one for each volume" if s.clip_seconds == s.tr else ""
    return (
        f"The films were cut into clips of {s.clip_seconds:g} s{each}. A clip has "
        f"{count(s.num_frames, 'frame')} ({s.clips.fps:.4g} frames/s); {fit}. Each frame was "
        f"captioned by BLIP (Li et al. 2022; {captioner}).{corrected} A cut between scenes was "
        f"assumed where {' or where '.join(signs[sign] for sign in s.scenes.cuts)}. The caption of "
        "a clip is the most frequent caption of its scene; where the clip has a cut, the captions "
        "of its scenes are joined by “Then”."
    )


FORMS = {
    "gifti": (
        "at the vertices of both cortical surfaces",
        "those of the multimodal parcellation (Glasser et al. 2016) on fsLR 32k meshes, and "
        "unknown on others",
    ),
    "parcels": ("in parcels of the brain", "those that the parcels' names say"),
    "array": ("as arrays of volumes and voxels or parcels", "those that their table names"),
}
"""Forms of runs: where they were analysed, and what areas they have."""

# --- cleaning and selection -----------------------------------------------------------------------


def cleaning(s: MethodsSettings, censored: Censored | None = None) -> str:
    """The space of the runs, and what was done to each."""
    c = s.clean
    if c.high_pass is not None:
        drift = f"discrete cosines with periods down to {c.high_pass:g} s"
    else:
        drift = f"a polynomial of order {c.detrend_order}"
    removed = confounds(c)
    where = "in the volume" if s.space == "volume" else "along the cortical surface"
    train, runs = ({x.runs for x in _segments(s, split)} for split in ("train", s.evaluate))
    averages = (
        "The z-scored runs of each segment were then averaged, in the training set as in the "
        f"{s.evaluate} set; the single training runs were used only to select voxels."
    )
    if runs == {1}:
        averages = (
            "The z-scored runs of each training segment were then averaged; the single training "
            f"runs were used only to select voxels. Each {s.evaluate} segment has a single run."
        )
    if s.selection.by != "repeats":
        averages = averages.replace(
            "; the single training runs were used only to select voxels", ""
        )
    if train == {1}:
        averages = "Each training segment has a single run." + (
            f" The z-scored runs of each {s.evaluate} segment were averaged."
            if runs != {1}
            else f" So has each {s.evaluate} segment."
        )
    return sentences(
        _space(s),
        f"The runs were smoothed {where} (Gaussian, FWHM {c.smooth:g} mm)." if c.smooth else "",
        f"In each run and voxel, drift ({drift}) was regressed out"
        f"{' in one step' if removed else ''}{removed}.",
        "The residuals were z-scored within the run.",
        censoring(c, censored),
        averages,
    )


def _space(s: MethodsSettings) -> str:
    within = ", within the brain masks of all training runs" if s.recordings.masked else ""
    if s.space in FORMS:
        areas = "those that their table names" if s.regions.labels else FORMS[s.space][1]
        return f"The runs were analysed {FORMS[s.space][0]}; areas are {areas}."
    if s.regions.labels:
        return (
            "The runs were analysed on the grayordinates of their CIFTI files, whose areas were "
            "given by a file of labels."
        )
    if s.space == "cifti":
        if s.regions.grayordinates == "all":
            return (
                "The runs were analysed on all 91k grayordinates, cortical and subcortical; "
                "cortical areas are those of the multimodal parcellation (Glasser et al. 2016)."
            )
        return (
            "The runs were analysed on the cortical grayordinates (91k CIFTI), whose areas are "
            "those of the multimodal parcellation (Glasser et al. 2016)."
        )
    if not s.regions.atlas:
        return (
            "The runs were analysed as volumes in native space, in the voxels that are in the "
            "brain masks of all training runs; no parcellation was used."
        )
    return (
        "The runs were analysed as volumes in MNI space. Voxels no farther than "
        f"{s.regions.max_distance:g} mm from the cortical surface (group average of the Human "
        f"Connectome Project) were used{within}; each has the area of the nearest vertex in the "
        "multimodal parcellation (Glasser et al. 2016)."
    )


def selection(s: MethodsSettings, n_voxels: int) -> str:
    """By what the voxels were selected."""
    v = s.selection
    others = "Validation and test" if _segments(s, "validation") else "Test"
    selected = f"{n_voxels:,} voxel{'' if n_voxels == 1 else 's'}"
    within = _within(s)
    if v.by == "areas":
        return (
            f"All voxels{within} were selected ({selected}), "
            f"without a test of their responses. {others} {NOT_USED}"
        )
    if v.criterion == "significance":
        chosen = (
            f"In each voxel{within}, these values were tested against zero across training "
            f"segments ({TESTS[v.statistic]}, {TAILS[v.tail]}, p < {v.alpha:g}, "
            f"{CORRECTIONS[v.correction]}). Of the significant voxels, the "
            f"{at_probability(v.fraction)} with the largest statistic were selected ({selected})."
            if v.fraction < 1
            else f"In each voxel{within}, these values were tested against zero across training "
            f"segments ({TESTS[v.statistic]}, {TAILS[v.tail]}, p < {v.alpha:g}, "
            f"{CORRECTIONS[v.correction]}), and all significant voxels were selected ({selected})."
        )
    elif v.criterion == "threshold":
        chosen = (
            f"The voxels{within} with a mean correlation of at least {v.min_r:g} across training "
            f"segments were selected ({selected})."
        )
    else:
        chosen = (
            f"The {selected}{within} with the highest mean correlation across training segments "
            f"{'was' if n_voxels == 1 else 'were'} selected."
        )
    if v.by == "encoding" and v.criterion == "significance":
        chosen += (
            " In the test, the variance of the mean was corrected for the overlap of the training "
            "data (cf. Nadeau & Bengio 2003)."
        )
    measured = {"repeats": _repeats, "subjects": _subjects, "encoding": _encoding}[v.by](s)
    return f"{measured} {chosen} {others} {NOT_USED}"


def _within(s: MethodsSettings) -> str:
    """Which voxels could be selected: " of V1 and MT with a temporal SNR of at least 20"."""
    v, parts = s.selection, []
    if v.areas:
        parts.append(f"of {listed(v.areas)}")
    if v.networks:
        plural = "s" if len(v.networks) > 1 else ""
        parts.append(f"in the network{plural} {listed(v.networks)} (Yeo et al. 2011)")
    if v.mask:
        parts.append("within a mask")
    if v.min_tsnr is not None:
        parts.append(f"with a temporal SNR of at least {v.min_tsnr:g} in the raw training runs")
    return "".join(f" {part}" for part in parts)


def _repeats(s: MethodsSettings) -> str:
    runs = {segment.runs for segment in _segments(s, "train")}
    repeated = "its two runs" if runs == {2} else "each pair of its runs"
    mean = " and averaged over pairs" if runs != {2} else ""
    return (
        "Voxels were selected for the reproducibility of their responses. For each training "
        f"segment and voxel, the responses in {repeated} were correlated, and the correlation was "
        f"Fisher-transformed{mean}."
    )


def _averaged(s: MethodsSettings) -> str:
    """What is said of responses of segments with several runs."""
    once = {segment.runs for segment in _segments(s, "train")} == {1}
    return "" if once else ", averaged over runs,"


def _subjects(s: MethodsSettings) -> str:
    return (
        "Voxels were selected for what their responses have in common with those of the other "
        "subjects (leave-one-out intersubject correlation; Hasson et al. 2004; Nastase et al. "
        f"2019). For each training segment and voxel, the response{_averaged(s)} was correlated "
        "with the mean of the z-scored responses of all other subjects who saw the segment, and "
        "the correlation was Fisher-transformed."
    )


def _encoding(s: MethodsSettings) -> str:
    v = s.selection
    delays = f"{listed([str(n) for n in v.delays])} clip{'' if v.delays == [1] else 's'}"
    return (
        "Voxels were selected for how well a linear encoding model predicts their responses from "
        "the film (Naselaris et al. 2011). Its features were the motion energy of the clips "
        "(Nishimoto et al. 2011) and the CLIP embeddings of their frames (Radford et al. 2021), "
        f"each reduced to at most {count(v.components, 'principal component')}, of the clip to "
        f"which the response belongs and earlier ones (delays of {delays}). For each training "
        f"segment and voxel, the response{_averaged(s)} was correlated with its prediction by a "
        "ridge regression on other training segments (one segment or a fifth of the segments left "
        "out, penalty by the leave-one-out error), and the correlation was Fisher-transformed."
    )

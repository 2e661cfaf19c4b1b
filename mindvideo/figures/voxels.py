"""What a methods section says of the cleaning of runs and the selection of voxels."""

from __future__ import annotations

from mindvideo.figures.nuisance import Censored, censoring, confounds
from mindvideo.figures.recordings import segments_of
from mindvideo.figures.wording import (
    at_probability,
    count,
    listed,
    sentences,
)
from mindvideo.settings.methods import MethodsSettings

CORRECTIONS = {
    "bonferroni": "Bonferroni-corrected",
    "fdr_bh": "false discovery rate: Benjamini & Hochberg 1995",
}
TESTS = {"t": "one-sample t-test", "wilcoxon": "Wilcoxon signed-rank test"}
TAILS = {"greater": "one-sided", "two-sided": "two-sided"}
NOT_USED = "segments were not used, except that voxels without a signal in one were left out."
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


def cleaning(s: MethodsSettings, censored: Censored | None = None) -> str:
    """The space of the runs, and what was done to each."""
    c = s.clean
    if c.high_pass is not None:
        drift = f"discrete cosines with periods down to {c.high_pass:g} s"
    else:
        drift = f"a polynomial of order {c.detrend_order}"
    removed = confounds(c)
    where = "in the volume" if s.space == "volume" else "along the cortical surface"
    train, runs = ({x.runs for x in segments_of(s, split)} for split in ("train", s.evaluate))
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
    others = "Validation and test" if segments_of(s, "validation") else "Test"
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
    runs = {segment.runs for segment in segments_of(s, "train")}
    repeated = "its two runs" if runs == {2} else "each pair of its runs"
    mean = " and averaged over pairs" if runs != {2} else ""
    return (
        "Voxels were selected for the reproducibility of their responses. For each training "
        f"segment and voxel, the responses in {repeated} were correlated, and the correlation was "
        f"Fisher-transformed{mean}."
    )


def _averaged(s: MethodsSettings) -> str:
    """What is said of responses of segments with several runs."""
    once = {segment.runs for segment in segments_of(s, "train")} == {1}
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

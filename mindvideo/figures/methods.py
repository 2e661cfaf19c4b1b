"""What was done, in the words of a paper's methods section, from the settings it was done with."""

from __future__ import annotations

from collections.abc import Mapping

from mindvideo.settings.methods import MethodsSettings
from mindvideo.settings.training import Training

CORRECTIONS = {"bonferroni": "Bonferroni", "fdr_bh": "Benjamini–Hochberg"}
TESTS = {"t": "t-test", "wilcoxon": "Wilcoxon signed-rank test"}
SAMPLERS = {"ddim": "DDIM", "dpm-solver++": "DPM-Solver++", "unipc": "UniPC"}


def methods_text(s: MethodsSettings, n_voxels: int, versions: Mapping[str, str]) -> list[str]:
    """Paragraphs: recordings, voxels, encoder, video model, scores, software.

    Parameters
    ----------
    s : MethodsSettings
    n_voxels : int
        Voxels selected.
    versions : mapping
        Of the software, by name.
    """
    return [
        _recordings(s),
        _voxels(s, n_voxels),
        _encoder(s),
        _video_model(s),
        _scores(s),
        "Software: " + ", ".join(f"{name} {v}" for name, v in versions.items()) + ".",
    ]


def _recordings(s: MethodsSettings) -> str:
    c = s.clean
    if c.high_pass is not None:
        drift = f"cosines of periods down to {c.high_pass:g} s"
    else:
        drift = f"a polynomial of order {c.detrend_order}"
    confounds = f", together with the confounds {', '.join(c.confounds)}" if c.confounds else ""
    smooth = f" They were smoothed (FWHM {c.smooth:g} mm)." if c.smooth else ""
    grid = {"volume": "volumes", "cifti": "grayordinates"}[s.space]
    return (
        f"Data set {s.dataset}: {s.n_train} training segments, each shown "
        f"{_times(s.train_repetitions)}, and {s.n_test} test segments, each shown "
        f"{_times(s.test_repetitions)}; TR {s.tr:g} s, runs as "
        f"{grid}. Drift was removed from each run by {drift}{confounds}, and each voxel was "
        f"z-scored within the run; repeats of test segments were averaged.{smooth}"
    )


def _voxels(s: MethodsSettings, n_voxels: int) -> str:
    v = s.selection
    within = f" of {', '.join(v.areas)}" if v.areas else ""
    if v.criterion == "significance":
        kept = (
            f"Voxels{within} were tested by a one-sample {TESTS[v.statistic]} over segments "
            f"({v.tail.replace('greater', 'one-sided')}, p < {v.alpha:g}, "
            f"{CORRECTIONS[v.correction]}-corrected), and the {100 * v.fraction:g}% of the "
            f"significant voxels with the largest statistic were kept: {n_voxels} voxels."
        )
    elif v.criterion == "threshold":
        kept = (
            f"Voxels{within} whose mean correlation over segments was at least {v.min_r:g} were "
            f"kept: {n_voxels} voxels."
        )
    else:
        kept = (
            f"The {n_voxels} voxels{within} with the largest mean correlation over segments were "
            "kept."
        )
    return (
        "For each training segment and voxel, the responses to its showings were correlated, and "
        f"correlations Fisher-transformed. {kept} Test segments took no part in this."
    )


def _encoder(s: MethodsSettings) -> str:
    e, w, c = s.encoder, s.windows, s.contrastive
    lag = s.lag if w.lag is None else w.lag
    shuffled = " Windows were shuffled against the clips (a control)." if w.shuffle else ""
    if c.modalities:
        towards = " and ".join({"text": "captions", "image": "frames"}[m] for m in c.modalities)
        contrast = (
            f"Contrastive learning then pulled its embeddings towards those of {towards} "
            f"({s.pretrained.clip}; {_training(c)}; dropout {c.dropout:g}, "
            f"{100 * c.sparsify:g}% of voxels set to zero"
            + (f", tokens aligned with weight {c.align_tokens:g}" if c.align_tokens else "")
            + ")."
        )
    else:
        contrast = "There was no contrastive learning."
    begin = f"from {lag} volumes after the clip's own" if lag else "from the clip's own on"
    return (
        f"Windows of {w.size} volumes, {begin}, were encoded by a transformer "
        f"(patches of {e.patch_size} voxels, width {e.embed_dim}, depth {e.depth}, {e.num_heads} "
        "heads), which was first trained by masked brain modelling on other people's "
        f"{', '.join(s.samples.areas)} "
        f"({100 * s.pretraining.mask_ratio:g}% of patches masked; {_training(s.pretraining)}) and "
        f"on the subject's training windows ({_training(s.mbm_tuning)}). {contrast}{shuffled}"
    )


def _video_model(s: MethodsSettings) -> str:
    r = s.reconstruction
    guidance = (
        "without guidance"
        if r.negative == "none"
        else f"guided away from the {r.negative.replace('-', ' ')} (scale {r.guidance:g})"
    )
    noise = (
        f"; the frames of a clip shared {100 * r.shared_noise:g}% of the starting noise's variance"
        if r.shared_noise
        else ""
    )
    if r.moving_noise:
        noise += (
            ", which moved from frame to frame by the clip's mean optical flow (translation and "
            "expansion), decoded from its window by ridge regression on the training windows"
        )
    return (
        f"{s.pretrained.stable_diffusion} was inflated to clips of {s.num_frames} frames of "
        f"{s.size} × {s.size} px ({s.fps:g} frames/s). Its attention was tuned on the training "
        f"clips and their captions ({s.pretrained.captioner}; {_training(s.video_tuning)}), then "
        f"together with the encoder on windows and clips ({_training(s.cotraining)}). Test clips "
        f"were drawn in {r.steps} steps of {SAMPLERS[r.scheduler]}, {guidance}{noise}."
    )


def _scores(s: MethodsSettings) -> str:
    n = s.scoring
    judges = [j for j in (s.pretrained.image_classifier, s.pretrained.video_classifier) if j]
    return (
        f"Scores: {' and '.join(f'{k}-way' for k in n.n_way)} accuracy of frames and clips by "
        f"{' and '.join(judges)} (the {n.gt_classes} likeliest classes of the ground truth count "
        "as right; exact expectation over class sets), identification, SSIM, PSNR, optical flow. "
        f"95% intervals from {n.resamples:,} bootstraps of blocks of {n.block} clips; p values "
        f"from {n.permutations:,} random circular shifts of reconstructions against films within "
        "segments (from all of them, where there are no more)."
    )


def _training(t: Training) -> str:
    schedule = "" if t.schedule == "constant" else f", {t.schedule} schedule"
    min_snr = getattr(t, "min_snr", None)
    weights = f", times weighed by min-SNR ({min_snr:g})" if min_snr else ""
    return (
        f"{t.duration:,} {t.unit}, batch {t.batch_size}, AdamW, learning rate {t.lr:g}{schedule}, "
        f"weight decay {t.weight_decay:g}{weights}"
    )


def _times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times")

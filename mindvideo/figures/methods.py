"""The methods section of a paper, written from the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mindvideo.settings.methods import MethodsSettings
from mindvideo.settings.training import Training

CORRECTIONS = {"bonferroni": "Bonferroni", "fdr_bh": "Benjamini–Hochberg"}
TESTS = {"t": "t-test", "wilcoxon": "Wilcoxon signed-rank test"}
SAMPLERS = {"ddim": "DDIM", "dpm-solver++": "DPM-Solver++", "unipc": "UniPC"}


def methods_text(s: MethodsSettings, n_voxels: int, versions: Mapping[str, str]) -> list[str]:
    """Write a paragraph each on recordings, voxels, encoder, video model, evaluation, software.

    Parameters
    ----------
    s : MethodsSettings
    n_voxels : int
        Number of selected voxels.
    versions : mapping of str to str
        Versions of the software, by name.
    """
    return [
        _recordings(s),
        _voxels(s, n_voxels),
        _encoder(s),
        _video_model(s),
        _evaluation(s),
        f"Software: {', '.join(f'{name} {version}' for name, version in versions.items())}.",
    ]


def _recordings(s: MethodsSettings) -> str:
    c = s.clean
    if c.high_pass is not None:
        drift = f"cosines of periods down to {c.high_pass:g} s"
    else:
        drift = f"a polynomial of order {c.detrend_order}"
    confounds = f" and the confounds {_listed(c.confounds)}" if c.confounds else ""
    smoothed = f" Runs were smoothed (FWHM {c.smooth:g} mm)." if c.smooth else ""
    grid = {"volume": "volumes", "cifti": "grayordinates"}[s.space]
    return (
        f"The data set {s.dataset} has {s.n_train} training segments, each presented "
        f"{_times(s.train_repetitions)}, and {s.n_test} test segments, each presented "
        f"{_times(s.test_repetitions)}. The repetition time was {s.tr:g} s. Runs were analysed as "
        f"{grid}.{smoothed} Drift ({drift}){confounds} {'were' if confounds else 'was'}"
        " regressed out of each run. Each voxel was z-scored within each run; repetitions of test "
        "segments were averaged."
    )


def _voxels(s: MethodsSettings, n_voxels: int) -> str:
    v = s.selection
    within = f" of {_listed(v.areas)}" if v.areas else ""
    if v.criterion == "significance":
        tail = "one-sided" if v.tail == "greater" else v.tail
        selected = (
            f"The correlations of each voxel{within} were tested against zero across segments "
            f"({TESTS[v.statistic]}, {tail}, p < {v.alpha:g}, "
            f"{CORRECTIONS[v.correction]}-corrected), and the {100 * v.fraction:g}% of the "
            f"significant voxels with the largest statistic were selected ({n_voxels} voxels)."
        )
    elif v.criterion == "threshold":
        selected = (
            f"Voxels{within} with a mean correlation across segments of at least {v.min_r:g} were "
            f"selected ({n_voxels} voxels)."
        )
    else:
        selected = (
            f"The {n_voxels} voxels{within} with the largest mean correlation across segments were "
            "selected."
        )
    return (
        "Voxels were selected by the reproducibility of their responses. For each training segment "
        "and voxel, the responses to its repetitions were correlated, and the correlations were "
        f"Fisher-transformed. {selected} Test segments were not used for the selection."
    )


def _encoder(s: MethodsSettings) -> str:
    e, w, c = s.encoder, s.windows, s.contrastive
    lag = s.lag if w.lag is None else w.lag
    volumes = "1 volume" if w.size == 1 else f"{w.size} volumes"
    start = f"{lag} volumes after the onset of the clip" if lag else "at the onset of the clip"
    control = " As a control, windows were shuffled against the clips." if w.shuffle else ""
    if c.modalities:
        targets = " and ".join({"text": "captions", "image": "frames"}[m] for m in c.modalities)
        tokens = f"; token alignment with weight {c.align_tokens:g}" if c.align_tokens else ""
        contrastive = (
            "By contrastive learning, its embeddings were then aligned with the CLIP embeddings of "
            f"{targets} ({s.pretrained.clip}; {_training(c)}; dropout {c.dropout:g}; "
            f"{100 * c.sparsify:g}% of the voxels set to zero{tokens})."
        )
    else:
        contrastive = "Contrastive learning was omitted."
    return (
        f"Each clip was paired with a window of fMRI that started {start}. "
        f"Windows of {volumes} were encoded by a transformer (patches of {e.patch_size} voxels, "
        f"width {e.embed_dim}, depth {e.depth}, {e.num_heads} heads). The encoder was pretrained "
        f"by masked brain modelling on {_listed(s.samples.areas)} of other participants "
        f"({100 * s.pretraining.mask_ratio:g}% of the patches masked; {_training(s.pretraining)}) "
        "and trained further in the same way on the training windows of the subject "
        f"({_training(s.mbm_tuning)}). {contrastive}{control}"
    )


def _video_model(s: MethodsSettings) -> str:
    r = s.reconstruction
    if r.negative == "none":
        guidance = "without guidance"
    else:
        negative = r.negative.replace("-", " ")
        guidance = f"with guidance away from the {negative} (scale {r.guidance:g})"
    noise = ""
    if r.shared_noise:
        noise += (
            f" The frames of a clip shared {100 * r.shared_noise:g}% of the variance of the "
            "initial noise."
        )
    if r.moving_noise:
        noise += (
            " The noise moved from frame to frame with the mean optical flow of the clip "
            "(translation and expansion), which was decoded from its window by ridge regression "
            "on the training windows."
        )
    return (
        f"{s.pretrained.stable_diffusion} was inflated to clips of {s.num_frames} frames of "
        f"{s.size} × {s.size} px ({s.fps:g} frames/s). Its attention layers were fine-tuned on the "
        f"training clips and their captions ({s.pretrained.captioner}; "
        f"{_training(s.video_tuning)}), and then jointly with the encoder on pairs of windows and "
        f"clips ({_training(s.cotraining)}). Test clips were generated in {r.steps} steps of "
        f"{SAMPLERS[r.scheduler]}, {guidance}.{noise}"
    )


def _evaluation(s: MethodsSettings) -> str:
    n = s.scoring
    judges = [j for j in (s.pretrained.image_classifier, s.pretrained.video_classifier) if j]
    return (
        f"Reconstructions were evaluated by {' and '.join(f'{k}-way' for k in n.n_way)} top-1 "
        f"accuracy of frames and clips under {' and '.join(judges)} (the {n.gt_classes} most "
        "probable classes of the stimulus counted as correct; exact expectation over sets of "
        "classes), pairwise identification, SSIM, PSNR and optical flow. We report 95% confidence "
        f"intervals from {n.resamples:,} samples of a block bootstrap (blocks of {n.block} clips), "
        f"and p values from {n.permutations:,} random circular shifts of the reconstructions "
        "against the films within segments (or from all shifts, if there are fewer)."
    )


def _training(t: Training) -> str:
    schedule = "" if t.schedule == "constant" else f", {t.schedule} schedule"
    min_snr = getattr(t, "min_snr", None)
    weights = f", losses weighted by min-SNR ({min_snr:g})" if min_snr else ""
    return (
        f"{t.duration:,} {t.unit}, batch {t.batch_size}, AdamW, learning rate {t.lr:g}{schedule}, "
        f"weight decay {t.weight_decay:g}{weights}"
    )


def _times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times")


def _listed(names: Sequence[str]) -> str:
    """Join names: "V1", "V1 and V2", "V1, V2 and V3"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last

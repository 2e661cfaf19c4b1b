"""The methods section of a paper, written from the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mindvideo.figures.baselines import (
    COPIED,
    MIXED,
    conditioned,
    decoded_embedding,
    is_linear,
    linear_encoder,
    trained_layers,
)
from mindvideo.figures.masked_modelling import masked_modelling
from mindvideo.figures.nuisance import Censored, references
from mindvideo.figures.pages import render
from mindvideo.figures.recordings import data_set, films
from mindvideo.figures.references import MIND_VIDEO, cited
from mindvideo.figures.training_table import COLUMNS, table_note, training_table
from mindvideo.figures.voxels import cleaning, selection
from mindvideo.figures.wording import at_probability, count, interpolated, listed, number, sentences
from mindvideo.settings.methods import MethodsSettings

PROJECTED = {"mean": "the mean token", "tokens": "all tokens"}
SAMPLERS = {
    "ddim": "DDIM (Song et al. 2021)",
    "dpm-solver++": "DPM-Solver++ (Lu et al. 2022)",
    "unipc": "UniPC (Zhao et al. 2023)",
}
MODALITIES = {"text": "captions", "image": "frames"}
PIXELS = {
    "ssim": "structural similarity (SSIM; Wang et al. 2004)",
    "ssim_grey": "SSIM of grey values in Gaussian windows",
    "psnr": "peak signal-to-noise ratio",
    "hue_cosine": "cosine similarity of hues",
    "flow_agreement": "cosine similarity of optical flows (Farnebäck 2003)",
    "flow_error": "end-point error of optical flows",
    "clip_similarity": "cosine similarity of CLIP embeddings of frames",
    "clip_consistency": "consistency of the frames of a clip in CLIP's space",
}


@dataclass(frozen=True)
class Known:
    """What is known beside the settings.

    n_voxels : int
        Number of selected voxels.
    models : mapping of str to str
        Name and version of each pretrained model, by its setting in the section `pretrained`.
    metrics : sequence of str
        Names of the metrics that were computed.
    versions : mapping of str to str
        Versions of the software, by name.
    censored : Censored, optional
        How many volumes were censored.
    """

    n_voxels: int
    models: Mapping[str, str]
    metrics: Sequence[str]
    versions: Mapping[str, str]
    censored: Censored | None = None


def methods_text(s: MethodsSettings, known: Known) -> dict[str, str]:
    """Write a paragraph for each part of the method, by its heading."""
    versions = ", ".join(f"{name} {version}" for name, version in known.versions.items())
    paragraphs = {
        "Model and subject": _overview(s, known),
        "Recordings": data_set(s),
        "Preprocessing": cleaning(s, known.censored),
        "Voxel selection": selection(s, known.n_voxels),
        "Films": films(s, known.models["captioner"]),
        "fMRI encoder": _encoder(s, known),
        "Video model": _video_model(s, known),
        "Reconstruction": _reconstruction(s),
        "Evaluation": _evaluation(s, known),
        "Software": f"Software: {versions}.",
    }
    return {heading: text for heading, text in paragraphs.items() if text}


def methods_page(s: MethodsSettings, known: Known) -> str:
    """The page: paragraphs, the table of trainings, references."""
    paragraphs = methods_text(s, known)
    note = table_note(s) if training_table(s) else ""
    text = " ".join(paragraphs.values()) + note
    return render(
        "methods",
        styles=["table"],
        title=f"Methods: {s.dataset}, {_whose(s)}",
        paragraphs=paragraphs,
        table_title="Table 1. Settings of the trainings",
        table_note=note,
        columns=COLUMNS,
        rows=training_table(s),
        references=cited(text, (s.reference, s.pretraining_reference, *references(s.clean))),
    )


def _whose(s: MethodsSettings) -> str:
    of = f", variant {s.recordings.variant}" if s.recordings.variant else ""
    return f"{s.recordings.subject}{of}"


def _overview(s: MethodsSettings, known: Known) -> str:
    model = "the full model"
    if s.recordings.variant:
        model = f"the model variant “{s.recordings.variant}”"
    return (
        f"Films were reconstructed from fMRI by MinD-Video ({MIND_VIDEO}), as implemented in "
        f"mindvideo {known.versions['mindvideo']}. This section describes {model} for subject "
        f"{s.recordings.subject}."
        + (" Settings of all trainings are given in Table 1." if training_table(s) else "")
    )


def _encoder(s: MethodsSettings, known: Known) -> str:
    w = s.windows
    size = "one volume" if w.size == 1 else f"{number(w.size)} consecutive volumes"
    first = "" if w.size == 1 else "the first of which is "
    after = f"{count(s.lag, 'volume')} after" if s.lag else ""
    start = f"{after} that of the clip" if s.lag else "that of the clip"
    if s.clip_seconds != s.tr:
        start = f"the one nearest to {f'{after} ' if s.lag else ''}the onset of the clip"
        if w.interpolation != "nearest":
            size = f"values at {'one time' if w.size == 1 else f'{number(w.size)} times'}"
            size += "" if w.size == 1 else f", {s.tr:g} s apart"
            start = f"{after or 'at'} the onset of the clip"
    return sentences(
        f"Each clip was paired with a window of the selected voxels: {size}, {first}{start}"
        f"{interpolated(w.interpolation) if s.clip_seconds != s.tr else ''}.",
        "Where a window passes the end of its segment, the last volume is repeated."
        if w.end == "repeat" and w.size > 1
        else "",
        f"As a control, the windows of the training set and those of the {s.evaluate} set were "
        "shuffled against the clips."
        if w.shuffle
        else "",
        _encoded(s, known),
    )


def _encoded(s: MethodsSettings, known: Known) -> str:
    """How windows become tokens or, to copy the nearest clip, an embedding."""
    if s.reconstruction.method == "nearest":
        return decoded_embedding(known.models["clip"])
    return linear_encoder(s) if is_linear(s) else _transformer(s, known)


def _transformer(s: MethodsSettings, known: Known) -> str:
    e = s.encoder
    return sentences(
        f"Windows were encoded by a transformer (patches of {e.patch_size} voxels, width "
        f"{e.embed_dim:,}, {count(e.depth, 'block')}, {count(e.num_heads, 'attention head')}).",
        masked_modelling(s),
        _contrastive(s, known),
    )


def _contrastive(s: MethodsSettings, known: Known) -> str:
    c, m = s.contrastive, s.embeddings
    if not c.trains:
        return "Contrastive learning was omitted."
    changes = []
    if m.synonyms:
        changes.append(
            "words were replaced by WordNet synonyms (Miller 1995; probability "
            f"{m.synonyms:g} each)"
        )
    if m.word_swap:
        changes.append(f"two words were swapped (probability {m.word_swap:g})")
    paraphrased = "text" in c.modalities and m.paraphrases and changes
    cropped = "image" in c.modalities and c.crop
    return sentences(
        "By contrastive learning, the embeddings of windows were then aligned with the CLIP "
        f"embeddings (Radford et al. 2021; {known.models['clip']}) of "
        f"{listed([MODALITIES[m] for m in c.modalities])}.",
        f"For each caption, {count(m.paraphrases, 'paraphrase')} "
        f"{'was' if m.paraphrases == 1 else 'were'} generated, in which {listed(changes)}."
        if paraphrased
        else "",
        f"Frames were cropped at random (probability {c.crop:g})." if cropped else "",
        f"During this training, {at_probability(c.sparsify)} of the voxels of each window were set "
        "to zero."
        if c.sparsify
        else "",
        f"The dropout of the projection head was {c.dropout:g}." if c.dropout else "",
        "Clips of one scene were kept out of the same batch." if c.apart else "",
        "The squared error between the fMRI tokens and the text tokens of the caption was added "
        f"to the loss (weight {c.align_tokens:g})."
        if c.align_tokens
        else "",
        MIXED if c.mix_repetitions else "",
        f"The embedding was a linear map of {PROJECTED[c.project_embedding]}, which was trained "
        "with the encoder."
        if c.project_embedding in PROJECTED
        else "",
    )


def _video_model(s: MethodsSettings, known: Known) -> str:
    v, dropped = s.video_tuning, ""
    if s.reconstruction.method == "nearest":
        return ""
    became = (
        f"was inflated to clips of {count(s.num_frames, 'frame')}, by sparse causal attention "
        "between frames and temporal attention"
    )
    if s.video_model.kind == "motion-adapter" and not s.video_model.still:
        adapter = known.models.get("motion_adapter")
        became = (
            f"was extended to clips of {count(s.num_frames, 'frame')} by motion modules, "
            "transformers between frames (Guo et al. 2024; "
            f"{adapter if adapter else 'not trained before'})"
        )
    if s.video_model.still:
        became = (
            "remained a model of images: it was trained on the middle frame of each clip, and the "
            "image that it generated for a window was shown for the whole clip"
        )
    if v.drop_condition:
        dropped = f" ({at_probability(v.drop_condition)} of them replaced by the empty caption)"
    return sentences(
        f"Stable Diffusion (Rombach et al. 2022; {known.models['stable_diffusion']}) {became}.",
        f"Of its UNet, {trained_layers(v, s.video_model)} were first tuned on the training clips, "
        f"conditioned on their captions{dropped}."
        if v.trains
        else "Video tuning on captions was omitted.",
        conditioned(s),
        *_noise_of_training(s),
    )


def _reconstruction(s: MethodsSettings) -> str:
    r, decoded_from = s.reconstruction, "its window"
    if r.method == "nearest":
        return COPIED
    if r.condition == "mean-tokens":
        decoded_from = "the mean training window (the same for all clips)"
    return sentences(
        f"{s.evaluate.capitalize()} clips were reconstructed in {count(r.steps, 'step')} of "
        f"{SAMPLERS[r.scheduler]}, {_guidance(s)}.",
        "As a baseline without fMRI, every clip had the same condition, the mean of the tokens of "
        "all training windows; clips differed in their initial noise only."
        if r.condition == "mean-tokens"
        else "",
        "" if s.video_model.still else _shared(r.shared_noise),
        "The shared noise moved from frame to frame with the motion of the clip (translation and "
        f"expansion of the image), which was decoded from {decoded_from} by a ridge regression "
        "that was fitted to the optical flow of the training clips"
        + (" and scaled to its spread." if s.motion.stretch else ".")
        if r.moving_noise
        else "",
        f"The networks computed in {r.precision}." if r.precision != "fp32" else "",
    )


def _noise_of_training(s: MethodsSettings) -> list[str]:
    """What the frames of a clip had in common in the noise that a training adds."""
    named: dict[tuple[float, bool], list[str]] = {}
    for name, training in (("video tuning", s.video_tuning), ("co-training", s.cotraining)):
        if training.trains and training.shared_noise:
            noise = training.shared_noise, training.moving_noise
            named.setdefault(noise, []).append(name)
    moved = ", and it moved from frame to frame with the motion of the clip (Burgert et al. 2025)"
    return [
        f"In {listed(names)}, the frames of a clip shared {at_probability(shared)} of the variance "
        f"of the noise{moved if moving else ''}."
        for (shared, moving), names in named.items()
    ]


def _shared(fraction: float) -> str:
    if fraction == 1:
        return "All frames of a clip were denoised from the same initial noise."
    shared = f"The frames of a clip shared {at_probability(fraction)} of the variance of the "
    return f"{shared}initial noise." if fraction else ""


def _guidance(s: MethodsSettings) -> str:
    r = s.reconstruction
    if not r.guided:
        return "without guidance"
    fixed = {
        "zero": "a window of zeros",
        "mean-tokens": "the mean of the tokens of all training windows",
        "empty-caption": "the text tokens of the empty caption",
    }
    if r.negative in fixed:
        negative = fixed[r.negative]
    else:
        of = {"train-mean": "training", "test-mean": s.evaluate}[s.windows.null_window]
        negative = f"the null window, the mean of all {of} windows"
    return f"with guidance away from {negative} (scale {r.guidance:g})"


def _evaluation(s: MethodsSettings, known: Known) -> str:
    n = s.scoring
    judges = {
        "frame": f"frames (ViT, Dosovitskiy et al. 2021; {known.models['image_classifier']})",
        "video": f"clips (VideoMAE, Tong et al. 2022; {known.models['video_classifier']})",
    }
    ways = {kind: _ways(kind, known.metrics) for kind in judges}
    by_class = [f"{listed(ways[kind])} for {judge}" for kind, judge in judges.items() if ways[kind]]
    others = [words for name, words in PIXELS.items() if name in known.metrics]
    trials = f"; also means of {n.trials:,} random draws" if n.trials else ""
    correct = "The most probable class of the stimulus counted as correct"
    if n.gt_classes > 1:
        correct = f"Each of the {number(n.gt_classes)} most probable classes of the stimulus counts"
        correct += " as correct"
    except_for = ", except for masked brain modelling on other subjects"
    except_for = except_for if s.pretraining.trains else ""
    retrieved = [m.rpartition("_")[2] for m in known.metrics if m.startswith("retrieval_top_")]
    return sentences(
        f"We report the top-1 accuracy of classifiers among N classes: {', and '.join(by_class)}. "
        f"{correct}, and accuracies are expectations over all draws of the other classes{trials}."
        if by_class
        else "",
        "We further report pairwise identification of clips from the embeddings of the "
        f"classifiers{_top(retrieved)}, and {listed(others)}."
        if others
        else "",
        f"Classifiers were also asked for the {listed([*n.attributes])} of what a clip shows; we "
        "report how often they named that of the stimulus."
        if n.attributes
        else "",
        "Identification and attributes are also reported over the clips that are marked "
        f"“{n.subset}”."
        if n.subset
        else "",
        "Clips in which the film is cut were left out of all scores." if n.leave_out_cuts else "",
        f"Confidence intervals (95%) are from {n.resamples:,} samples of a block bootstrap within "
        f"segments (blocks of {count(n.block, 'clip')}); p values compare the scores with those of "
        f"{n.permutations:,} random circular shifts of the reconstructions against the films, "
        "within segments (or of all shifts, where there are no more). They are also given after "
        "correction for all metrics of a table (Holm 1979).",
        f"For the comparison of models, each model was trained {number(s.replicates)} times under "
        f"different seeds{except_for}. We report means and standard deviations over "
        "these training runs, and Welch's t-tests with the trained model as their unit."
        if s.replicates > 1
        else "",
    )


def _ways(kind: str, metrics: Sequence[str]) -> list[str]:
    """The N of which N-way accuracies were computed: "2-way"."""
    found = (re.fullmatch(rf"{kind}_(\d+)_way", name) for name in metrics)
    return [f"{match[1]}-way" for match in found if match]


def _top(retrieved: Sequence[str]) -> str:
    tops = [f"top-{k}" for k in retrieved]
    return f", {listed(tops)} retrieval by CLIP embeddings" if tops else ""

"""References of a methods section, by the way in which the text cites them."""

from __future__ import annotations

from collections.abc import Iterable

MIND_VIDEO = "Chen, Qing & Zhou 2023"

REFERENCES = {
    "Benjamini & Hochberg 1995": "Controlling the false discovery rate: a practical and powerful "
    "approach to multiple testing. Journal of the Royal Statistical Society B 57.",
    "Burgert et al. 2025": "Go-with-the-Flow: motion-controllable video diffusion models using "
    "real-time warped noise. CVPR.",
    "Chen et al. 2023": "Seeing beyond the brain: conditional diffusion model with sparse masked "
    "modeling for vision decoding. CVPR.",
    MIND_VIDEO: "Cinematic mindscapes: high-quality video reconstruction from brain activity. "
    "NeurIPS.",
    "Dosovitskiy et al. 2021": "An image is worth 16x16 words: transformers for image recognition "
    "at scale. ICLR.",
    "Farnebäck 2003": "Two-frame motion estimation based on polynomial expansion. SCIA.",
    "Glasser et al. 2016": "A multi-modal parcellation of human cerebral cortex. Nature 536.",
    "Guo et al. 2024": "AnimateDiff: animate your personalized text-to-image diffusion models "
    "without specific tuning. ICLR.",
    "Hang et al. 2023": "Efficient diffusion training via min-SNR weighting strategy. ICCV.",
    "Hasson et al. 2004": "Intersubject synchronization of cortical activity during natural "
    "vision. Science 303.",
    "He et al. 2022": "Masked autoencoders are scalable vision learners. CVPR.",
    "Holm 1979": "A simple sequentially rejective multiple test procedure. Scandinavian Journal of "
    "Statistics 6.",
    "Hu et al. 2022": "LoRA: low-rank adaptation of large language models. ICLR.",
    "Li et al. 2022": "BLIP: bootstrapping language-image pre-training for unified "
    "vision-language understanding and generation. ICML.",
    "Loshchilov & Hutter 2019": "Decoupled weight decay regularization. ICLR.",
    "Lu et al. 2022": "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic "
    "models. arXiv:2211.01095.",
    "Miller 1995": "WordNet: a lexical database for English. Communications of the ACM 38.",
    "Nadeau & Bengio 2003": "Inference for the generalization error. Machine Learning 52.",
    "Naselaris et al. 2011": "Encoding and decoding in fMRI. NeuroImage 56.",
    "Nastase et al. 2019": "Measuring shared responses across subjects using intersubject "
    "correlation. Social Cognitive and Affective Neuroscience 14.",
    "Nishimoto et al. 2011": "Reconstructing visual experiences from brain activity evoked by "
    "natural movies. Current Biology 21.",
    "Radford et al. 2021": "Learning transferable visual models from natural language "
    "supervision. ICML.",
    "Rombach et al. 2022": "High-resolution image synthesis with latent diffusion models. CVPR.",
    "Song et al. 2021": "Denoising diffusion implicit models. ICLR.",
    "Tong et al. 2022": "VideoMAE: masked autoencoders are data-efficient learners for "
    "self-supervised video pre-training. NeurIPS.",
    "Wang et al. 2004": "Image quality assessment: from error visibility to structural "
    "similarity. IEEE Transactions on Image Processing 13.",
    "Yeo et al. 2011": "The organization of the human cerebral cortex estimated by intrinsic "
    "functional connectivity. Journal of Neurophysiology 106.",
    "Zhao et al. 2023": "UniPC: a unified predictor-corrector framework for fast sampling of "
    "diffusion models. NeurIPS.",
}
"""The title and where it appeared, by authors and year; strategies name their own."""


def citation(reference: str | None) -> str:
    """How a text cites a reference ``AUTHORS YEAR: TITLE …``; empty if there is none.

    >>> citation("Someone et al. 2020: Some data. Some Journal 1.")
    'Someone et al. 2020'
    """
    return (reference or "").partition(":")[0].strip()


def cited(text: str, references: Iterable[str | None] = ()) -> list[str]:
    """References that a text cites, in alphabetical order.

    Parameters
    ----------
    text : str
    references : iterable of str or None
        More of them, as ``AUTHORS YEAR: TITLE …``; those that are None are left out.
    """
    known = {key: f"{key}: {title}" for key, title in REFERENCES.items()}
    known |= {citation(reference): reference for reference in references if reference}
    return [known[key] for key in sorted(known) if key in text]

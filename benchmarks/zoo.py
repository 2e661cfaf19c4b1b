"""The figures of the zoo's model cards, recomputed: ``python -m benchmarks.zoo``

Renders the held-out frames and clips of the cards, and prints each figure next to the card's. On
any machine they should agree up to a picture or two of 500.
"""

from __future__ import annotations

from mindvideo.demo import zoo_build
from mindvideo.demo.zoo_examples import draw_clips, draw_pictures
from mindvideo.models.folders import ZOO
from mindvideo.models.pretrained import (
    load_captioner,
    load_clip,
    load_image_classifier,
    load_stable_diffusion,
    load_video_classifier,
)
from mindvideo.settings.demo import Zoo

SD = "zoo:stable-diffusion"


def main() -> None:
    settings = Zoo()
    pictures = draw_pictures(settings.held_out_seed, settings.n_held_out)
    clips = draw_clips(settings.held_out_seed, settings.n_held_out // 2)
    processor, blip = load_captioner("zoo:blip")
    _, judge = load_image_classifier("zoo:image-classifier")
    vae = load_stable_diffusion(SD, "vae")
    recomputed = {
        "clip": zoo_build.figures_of_clip(load_clip("zoo:clip").model, pictures),
        "blip": zoo_build.figures_of_blip(blip, processor, pictures),
        "image-classifier": zoo_build.figures_of_image_classifier(judge, pictures),
        "video-classifier": zoo_build.figures_of_video_classifier(
            load_video_classifier("zoo:video-classifier")[1], clips
        ),
        "stable-diffusion": zoo_build.figures_of_vae(vae, pictures)
        | zoo_build.figures_of_images(
            vae=vae,
            unet=load_stable_diffusion(SD, "unet"),
            text_encoder=load_stable_diffusion(SD, "text_encoder"),
            judge=judge,
            held_out=pictures,
        ),
    }
    print("| model | figure | here | on its card |\n|---|---|---|---|")
    for model, figures in recomputed.items():
        lines = (ZOO / model / "README.md").read_text(encoding="utf-8").splitlines()
        cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
        card = {row[0]: row[1] for row in cells if len(row) == 2}
        for name, value in figures.items():
            print(f"| {model} | {name} | {value} | {card[name]} |")


if __name__ == "__main__":
    main()

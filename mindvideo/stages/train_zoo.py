"""Train the small models that the demo uses in place of those from the hub."""

from __future__ import annotations

import logging
import time
from typing import Any

from mindvideo.demo import zoo_blip, zoo_build, zoo_classifiers, zoo_clip, zoo_unet, zoo_vae
from mindvideo.demo.zoo_examples import draw_clips, draw_pictures
from mindvideo.demo.zoo_tokenizer import clip_tokenizer
from mindvideo.settings.demo import Zoo
from mindvideo.stages import Output, State, chapter

log = logging.getLogger(__name__)


@chapter("the embedded data set")
def main(*, zoo: Output, state: State, settings: Zoo) -> None:
    began = time.monotonic()
    state.mkdir(parents=True, exist_ok=True)
    zoo.mkdir(parents=True)
    _generators(zoo, state, settings)
    log.info("the zoo is complete after %.0f min", (time.monotonic() - began) / 60)


def _generators(zoo: Output, state: State, s: Zoo) -> None:
    pictures = draw_pictures(s.generator_seed, s.n_pictures, "train")
    held_out = draw_pictures(s.held_out_seed, s.n_held_out)
    common: dict[str, Any] = {"seed": s.generator_seed, "state": state}
    world = f"{s.n_pictures:,} frames of seed {s.generator_seed}"

    vae = zoo_vae.train(pictures, steps=s.vae_steps, batch_size=16, **common)
    latents = zoo_build.scaled_latents(vae, pictures, s.n_latents)
    zoo_vae.tune_decoder(vae, pictures, steps=s.decoder_steps, batch_size=16, **common)

    clip = zoo_clip.train(pictures, steps=s.clip_steps, batch_size=128, **common)
    zoo_clip.save(clip, zoo / "clip")
    zoo_build.save_card(
        zoo / "clip",
        "CLIP of the film world",
        "An open_clip model (ViT, patches of 8 pixels) that places frames and captions in one "
        "space. Its text tower is also the text encoder of the world's Stable Diffusion.",
        {"examples": world, "training": f"{s.clip_steps:,} steps of 128"},
        zoo_build.figures_of_clip(clip, held_out),
    )

    processor = zoo_blip.new_processor(zoo / "blip")
    blip = zoo_blip.train(pictures, processor, steps=s.blip_steps, batch_size=64, **common)
    zoo_build.save_model(zoo / "blip", blip, processor)
    zoo_build.save_card(
        zoo / "blip",
        "BLIP of the film world",
        "Writes the caption of a frame: colour, kind, scene, time of day, and the motion if it "
        "goes left, right or up.",
        {"examples": world, "training": f"{s.blip_steps:,} steps of 64"},
        zoo_build.figures_of_blip(blip, processor, held_out),
    )

    judge = _judges(zoo, state, s)
    tokenizer = clip_tokenizer()
    text_encoder = zoo_clip.as_text_encoder(clip, tokenizer)
    texts = zoo_clip.paraphrases(pictures.shots[: len(latents)], tokenizer, s.generator_seed)
    unet = zoo_unet.train(
        latents, texts, text_encoder, tokenizer, steps=s.unet_steps, batch_size=48, **common
    )
    folder = zoo / "stable-diffusion"
    zoo_build.save_stable_diffusion(folder, vae, unet, clip)
    zoo_build.save_card(
        folder,
        "Stable Diffusion of the film world",
        "Draws 64 × 64 frames from captions, with the parts of Stable Diffusion 1.5: an "
        "autoencoder (latents of 4 × 16 × 16), a text encoder, a denoiser and a DDIM scheduler.",
        {
            "examples": world,
            "training": f"autoencoder {s.vae_steps:,} steps of 16, its decoder {s.decoder_steps:,} "
            f"more; denoiser {s.unet_steps:,} steps of 48 on {s.n_latents:,} latents",
        },
        zoo_build.figures_of_vae(vae, held_out)
        | zoo_build.figures_of_images(
            vae=vae, unet=unet, text_encoder=text_encoder, judge=judge, held_out=held_out
        ),
    )


def _judges(zoo: Output, state: State, s: Zoo) -> zoo_classifiers.ViTForImageClassification:
    common: dict[str, Any] = {"seed": s.judge_seed, "state": state}
    frames = draw_pictures(s.judge_seed, s.n_judge_pictures)
    image = zoo_classifiers.train_image_classifier(
        frames, steps=s.image_steps, batch_size=64, **common
    )
    zoo_build.save_model(zoo / "image-classifier", image, zoo_classifiers.image_processor())
    zoo_build.save_card(
        zoo / "image-classifier",
        "Image classifier of the film world",
        "A ViT that tells 24 kinds of subject in 8 scenes (192 classes). It judges what the other "
        "models make, so it learned from frames of another seed.",
        {
            "examples": f"{s.n_judge_pictures:,} frames of seed {s.judge_seed}",
            "training": f"{s.image_steps:,} steps of 64",
        },
        zoo_build.figures_of_image_classifier(image, draw_pictures(s.held_out_seed, s.n_held_out)),
    )
    clips = draw_clips(s.judge_seed, s.n_judge_clips)
    video = zoo_classifiers.train_video_classifier(
        clips, steps=s.video_steps, batch_size=24, **common
    )
    zoo_build.save_model(zoo / "video-classifier", video, zoo_classifiers.video_processor())
    zoo_build.save_card(
        zoo / "video-classifier",
        "Video classifier of the film world",
        "A VideoMAE that tells 24 kinds of subject in 8 motions (192 classes) from 6 frames, 3 a "
        "second. It judges what the other models make, so it learned from clips of another seed.",
        {
            "examples": f"{s.n_judge_clips:,} clips of seed {s.judge_seed}",
            "training": f"{s.video_steps:,} steps of 24",
        },
        zoo_build.figures_of_video_classifier(
            video, draw_clips(s.held_out_seed, s.n_held_out // 2)
        ),
    )
    return image

"""Reconstructions against the films: metrics beside their chance, videos, figures."""


rule score:
    """Score the reconstructions by every metric, beside its chance level and a permutation null."""
    input:
        reconstructions=at("reconstruction", "reconstructions.npy"),
        table=at("windows", "test.tsv"),
        clips=each("clips", "test", ".npy"),
        shots=DATASET.shots_paths(DATASET.test),
        scenes=scenes_to_leave_out,
    output:
        metrics=f"{RESULTS}/{{model}}/metrics.tsv",
        per_clip=f"{RESULTS}/{{model}}/scoring/per_clip.tsv",
    log:
        "logs/score/{model}.log",
    benchmark:
        f"{BENCHMARKS}/score/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("score"),
        code=code("score"),
    shell:
        shell_command("score", without=() if DATASET.shots else ("shots",))


rule videos:
    """One mp4 a test clip, ground truth beside reconstruction, and a page that plays them."""
    input:
        reconstructions=at("reconstruction", "reconstructions.npy"),
        table=at("windows", "test.tsv"),
        clips=each("clips", "test", ".npy"),
        scenes=each("scenes", "test", ".tsv"),
        per_clip=at("scoring", "per_clip.tsv"),
    output:
        videos=directory(f"{RESULTS}/{{model}}/videos"),
        manifest=f"{RESULTS}/{{model}}/videos.tsv",
    log:
        "logs/videos/{model}.log",
    benchmark:
        f"{BENCHMARKS}/videos/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("videos"),
        code=code("videos"),
    shell:
        shell_command("videos")


rule figures:
    """A strip of reconstructions, the training curves, and maps of the recorded brain."""
    input:
        reconstructions=at("reconstruction", "reconstructions.npy"),
        table=at("windows", "test.tsv"),
        clips=each("clips", "test", ".npy"),
        metrics=metrics,
        per_clip=at("scoring", "per_clip.tsv"),
        r=at("selection", f"r{MAP}"),
        mask=at("selection", f"mask{MAP}"),
        tsnr=each("clean", "train", f"_tsnr{MAP}"),
        histories=histories,
        drawn=at("video_tuning", "drawn.npy"),
        drawn_table=at("video_tuning", "drawn.tsv"),
    output:
        strip=report(
            f"{RESULTS}/{{model}}/figures/strip.png",
            caption="../workflow/report/strip.rst",
            category="Reconstructions",
            labels={"model": "{model}"},
        ),
        training=report(
            f"{RESULTS}/{{model}}/figures/training.png",
            caption="../workflow/report/training.rst",
            category="Training",
            labels={"model": "{model}"},
        ),
        drawings=report(
            f"{RESULTS}/{{model}}/figures/drawings.png",
            caption="../workflow/report/drawings.rst",
            category="Training",
            labels={"model": "{model}"},
        ),
        brain=report(
            f"{RESULTS}/{{model}}/figures/brain.png",
            caption="../workflow/report/brain.rst",
            category="Voxels",
            labels={"model": "{model}"},
        ),
    log:
        "logs/figures/{model}.log",
    benchmark:
        f"{BENCHMARKS}/figures/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("figures"),
        code=code("figures"),
    shell:
        shell_command("figures")

"""Contrastive learning, video tuning, co-training: from an encoder and an image model to both."""


rule contrastive:
    """Pull the encoder's embeddings of windows towards CLIP's of their frames and captions."""
    input:
        windows=at("windows", "train.npy"),
        table=at("windows", "train.tsv"),
        mbm=at("mbm_tuning", "model"),
        clips=each("clips", "train", ".npy"),
        latents_table=at("latents", "table.tsv"),
        text=at("latents", "text.npy"),
        images=at("embeddings", "images.npy"),
        texts=at("embeddings", "texts.npy"),
    output:
        model=directory(f"{RESULTS}/{{model}}/contrastive/model"),
        history=f"{RESULTS}/{{model}}/contrastive/history.tsv",
        events=directory(f"{RESULTS}/{{model}}/contrastive/events"),
    log:
        f"{LOGS}/contrastive/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/contrastive/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("contrastive"),
        execution=execution("contrastive"),
        code=code("contrastive"),
        state=f"{RESULTS}/state/{{model}}/contrastive",
    shell:
        shell_command("contrastive")


rule retrieval:
    """Find the test clips' frames and captions by the encoder's embeddings of their windows."""
    input:
        windows=at("windows", "test.npy"),
        table=at("windows", "test.tsv"),
        encoder=at("contrastive", "model"),
        clips=each("clips", "test", ".npy"),
        scenes=each("scenes", "test", ".tsv"),
    output:
        retrieval=f"{RESULTS}/{{model}}/retrieval/retrieval.tsv",
    log:
        f"{LOGS}/retrieval/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/retrieval/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("retrieval"),
        code=code("retrieval"),
    shell:
        shell_command("retrieval")


rule video_tuning:
    """Teach the inflated image model to draw the training clips from their captions."""
    input:
        latents=at("latents", "latents.npy"),
        text=at("latents", "text.npy"),
        empty_text=at("latents", "empty_text.npy"),
        table=at("latents", "table.tsv"),
    output:
        model=directory(f"{RESULTS}/{{shared}}/video_tuning/model"),
        history=f"{RESULTS}/{{shared}}/video_tuning/history.tsv",
        events=directory(f"{RESULTS}/{{shared}}/video_tuning/events"),
        generated=f"{RESULTS}/{{shared}}/video_tuning/generated.npy",
        generated_table=f"{RESULTS}/{{shared}}/video_tuning/generated.tsv",
    log:
        f"{LOGS}/video_tuning/{{shared}}.log",
    benchmark:
        f"{BENCHMARKS}/video_tuning/{{shared}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("video_tuning"),
        execution=execution("video_tuning"),
        code=code("video_tuning"),
        state=f"{RESULTS}/state/{{shared}}/video_tuning",
    shell:
        shell_command("video_tuning")


rule cotraining:
    """Tune encoder and video UNet together, from windows to clips."""
    input:
        windows=at("windows", "train.npy"),
        table=at("windows", "train.tsv"),
        latents=at("latents", "latents.npy"),
        latents_table=at("latents", "table.tsv"),
        encoder=at("contrastive", "model"),
        unet=at("video_tuning", "model"),
    output:
        model=directory(f"{RESULTS}/{{model}}/cotraining/model"),
        history=f"{RESULTS}/{{model}}/cotraining/history.tsv",
        events=directory(f"{RESULTS}/{{model}}/cotraining/events"),
    log:
        f"{LOGS}/cotraining/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/cotraining/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("cotraining"),
        execution=execution("cotraining"),
        code=code("cotraining"),
        state=f"{RESULTS}/state/{{model}}/cotraining",
    shell:
        shell_command("cotraining")


rule training_figures:
    """Training curves, hidden patches rebuilt, and retrieval by the encoder."""
    input:
        histories=of_trainings(
            "history.tsv",
            "pretraining",
            "mbm_tuning",
            "contrastive",
            "video_tuning",
            "cotraining",
        ),
        examples=of_trainings("examples.npy", "pretraining", "mbm_tuning"),
        retrieval=at("retrieval", "retrieval.tsv"),
        generated=at("video_tuning", "generated.npy"),
        generated_table=at("video_tuning", "generated.tsv"),
    output:
        training=report(
            f"{RESULTS}/{{model}}/figures/training.png",
            caption="../workflow/report/training.rst",
            category="Training",
            labels={"model": "{model}"},
        ),
        rebuilt=report(
            f"{RESULTS}/{{model}}/figures/rebuilt.png",
            caption="../workflow/report/rebuilt.rst",
            category="Training",
            labels={"model": "{model}"},
        ),
        retrieved=report(
            f"{RESULTS}/{{model}}/figures/retrieval.png",
            caption="../workflow/report/retrieval.rst",
            category="Training",
            labels={"model": "{model}"},
        ),
        drawings=report(
            f"{RESULTS}/{{model}}/figures/drawings.png",
            caption="../workflow/report/drawings.rst",
            category="Training",
            labels={"model": "{model}"},
        ),
    log:
        f"{LOGS}/training_figures/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/training_figures/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("training_figures"),
        code=code("training_figures"),
    shell:
        shell_command("training_figures")

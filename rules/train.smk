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
    log:
        "logs/contrastive/{model}.log",
    benchmark:
        f"{BENCHMARKS}/contrastive/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("contrastive"),
        code=code("contrastive"),
        state=f"{RESULTS}/state/{{model}}/contrastive",
    shell:
        shell_command("contrastive")


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
        drawn=f"{RESULTS}/{{shared}}/video_tuning/drawn.npy",
        drawn_table=f"{RESULTS}/{{shared}}/video_tuning/drawn.tsv",
    log:
        "logs/video_tuning/{shared}.log",
    benchmark:
        f"{BENCHMARKS}/video_tuning/{{shared}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("video_tuning"),
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
    log:
        "logs/cotraining/{model}.log",
    benchmark:
        f"{BENCHMARKS}/cotraining/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("cotraining"),
        code=code("cotraining"),
        state=f"{RESULTS}/state/{{model}}/cotraining",
    shell:
        shell_command("cotraining")

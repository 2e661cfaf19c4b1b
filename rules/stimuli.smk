"""Films → clips → captions → scenes → latents, embeddings. Made once: no subject enters."""


rule clips:
    """Cut a segment's film into clips of frames."""
    input:
        film=film,
    output:
        clips=f"{RESULTS}/{{shared}}/clips/{{segment}}.npy",
        changes=f"{RESULTS}/{{shared}}/clips/{{segment}}_changes.tsv",
    log:
        f"{LOGS}/clips/{{shared}}/{{segment}}.log",
    benchmark:
        f"{BENCHMARKS}/clips/{{shared}}/{{segment}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("clips"),
        code=code("clips"),
    shell:
        shell_command("clips")


rule captions:
    """Caption each frame."""
    input:
        clips=at("clips", "{segment}.npy"),
    output:
        captions=f"{RESULTS}/{{shared}}/captions/{{segment}}.tsv",
    log:
        f"{LOGS}/captions/{{shared}}/{{segment}}.log",
    benchmark:
        f"{BENCHMARKS}/captions/{{shared}}/{{segment}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("captions"),
        execution=execution("captions"),
        code=code("captions"),
        state=f"{RESULTS}/state/{{shared}}/captions/{{segment}}",
    shell:
        shell_command("captions")


rule scenes:
    """Find the cuts; a clip with a cut gets both captions, joined by "Then" (paper 3.3)."""
    input:
        captions=at("captions", "{segment}.tsv"),
        changes=at("clips", "{segment}_changes.tsv"),
        corrections=corrections,
    output:
        scenes=f"{RESULTS}/{{shared}}/scenes/{{segment}}.tsv",
    log:
        f"{LOGS}/scenes/{{shared}}/{{segment}}.log",
    benchmark:
        f"{BENCHMARKS}/scenes/{{shared}}/{{segment}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    params:
        settings=settings("scenes"),
        code=code("scenes"),
    shell:
        shell_command("scenes")


rule latents:
    """Encode the training clips' frames and captions as Stable Diffusion sees them."""
    input:
        clips=each("clips", "train", ".npy"),
        scenes=each("scenes", "train", ".tsv"),
    output:
        latents=f"{RESULTS}/{{shared}}/latents/latents.npy",
        text=f"{RESULTS}/{{shared}}/latents/text.npy",
        empty_text=f"{RESULTS}/{{shared}}/latents/empty_text.npy",
        table=f"{RESULTS}/{{shared}}/latents/table.tsv",
    log:
        f"{LOGS}/latents/{{shared}}.log",
    benchmark:
        f"{BENCHMARKS}/latents/{{shared}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("latents"),
        execution=execution("latents"),
        code=code("latents"),
        state=f"{RESULTS}/state/{{shared}}/latents",
    shell:
        shell_command("latents")


rule embeddings:
    """Embed the training clips' frames, and paraphrases of their captions, by CLIP."""
    input:
        clips=each("clips", "train", ".npy"),
        latents_table=at("latents", "table.tsv"),
    output:
        images=f"{RESULTS}/{{shared}}/embeddings/images.npy",
        texts=f"{RESULTS}/{{shared}}/embeddings/texts.npy",
        paraphrases=f"{RESULTS}/{{shared}}/embeddings/paraphrases.tsv",
    log:
        f"{LOGS}/embeddings/{{shared}}.log",
    benchmark:
        f"{BENCHMARKS}/embeddings/{{shared}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("embeddings"),
        execution=execution("embeddings"),
        code=code("embeddings"),
        state=f"{RESULTS}/state/{{shared}}/embeddings",
    shell:
        shell_command("embeddings")

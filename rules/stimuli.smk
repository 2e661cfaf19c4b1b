"""Films → clips → captions → latents. No subject enters: all of it is made once."""


rule clips:
    """Cut a segment's film into clips of frames."""
    input:
        film=film,
    output:
        clips=f"{RESULTS}/{{shared}}/clips/{{segment}}.npy",
        changes=f"{RESULTS}/{{shared}}/clips/{{segment}}_changes.tsv",
    log:
        "logs/clips/{shared}/{segment}.log",
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
    """Caption each frame; a clip with a cut gets both captions, joined by "Then" (paper 3.3)."""
    input:
        clips=at("clips", "{segment}.npy"),
    output:
        captions=f"{RESULTS}/{{shared}}/captions/{{segment}}.tsv",
    log:
        "logs/captions/{shared}/{segment}.log",
    benchmark:
        f"{BENCHMARKS}/captions/{{shared}}/{{segment}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("captions"),
        code=code("captions"),
    shell:
        shell_command("captions")


rule latents:
    """Encode the training clips' frames and captions as Stable Diffusion sees them."""
    input:
        clips=each("clips", "train", ".npy"),
        captions=each("captions", "train", ".tsv"),
    output:
        latents=f"{RESULTS}/{{shared}}/latents/latents.npy",
        text=f"{RESULTS}/{{shared}}/latents/text.npy",
        empty_text=f"{RESULTS}/{{shared}}/latents/empty_text.npy",
        table=f"{RESULTS}/{{shared}}/latents/table.tsv",
    log:
        "logs/latents/{shared}.log",
    benchmark:
        f"{BENCHMARKS}/latents/{{shared}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    resources:
        gpu=1,
    params:
        settings=settings("latents"),
        code=code("latents"),
    shell:
        shell_command("latents")

"""Test windows → clips, by DDIM under adversarial guidance."""


rule reconstruct:
    """Reconstruct the clip of every test window."""
    input:
        windows=at("windows", "test.npy"),
        null_window=at("windows", "null.npy"),
        model=at("cotraining", "model"),
    output:
        reconstructions=f"{RESULTS}/{{model}}/reconstruction/reconstructions.npy",
    log:
        "logs/reconstruct/{model}.log",
    benchmark:
        f"{BENCHMARKS}/reconstruct/{{model}}.tsv"
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    params:
        settings=settings("reconstruct"),
        code=code("reconstruct"),
    shell:
        shell_command("reconstruct")

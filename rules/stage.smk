"""Templates of the rules that run a stage: `use rule … as NAME with` its files and params.

Log and benchmark are set at the end of workflow/Snakefile, named by rule and wildcards.
"""


rule stage:
    conda:
        "../envs/mindvideo.yaml"
    shell:
        "{params.command} --settings {params.settings:q} --code {params.code:q} --log {log:q}"


use rule stage as gpu_stage with:
    threads: training_threads
    resources:
        gpu=gpus_of_a_job,


# A training run has as many processes as its job has GPUs, on as many nodes as its job has.
rule training:
    priority: LONG
    conda:
        "../envs/mindvideo.yaml"
    threads: training_threads
    resources:
        gpu=gpus_of_a_job,
        nodes=1,
    shell:
        "{params.command} --processes {resources.gpu} --nodes {resources.nodes}"
        " --settings {params.settings:q} --code {params.code:q} --log {log:q}"

"""What rules that run a stage have in common: `use rule … as NAME with` its files and its params.

Log and benchmark are placed by the rule's name and wildcards, at the end of workflow/Snakefile.
"""


rule stage:
    conda:
        "../envs/mindvideo.yaml"
    shell:
        "{params.command} --settings {params.settings:q} --code {params.code:q} --log {log:q}"


use rule stage as gpu_stage with:
    threads: TRAINING_THREADS
    resources:
        gpu=1,


# A training has as many processes as its job has GPUs.
rule training:
    conda:
        "../envs/mindvideo.yaml"
    threads: TRAINING_THREADS
    resources:
        gpu=1,
    shell:
        "{params.command} --processes {resources.gpu}"
        " --settings {params.settings:q} --code {params.code:q} --log {log:q}"

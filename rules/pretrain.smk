"""Masked brain modelling: on runs of many people, then on the subject's own."""


use rule stage as samples with:
    """Average the volumes of V1–V4 in a pre-training subject's runs into samples."""
    input:
        runs=pretraining_runs,
    output:
        samples=f"{RESULTS}/{{shared}}/samples/{{subject}}.npy",
        index=f"{RESULTS}/{{shared}}/samples/{{subject}}.tsv",
    wildcard_constraints:
        subject=PRETRAINING_SUBJECTS,
    params:
        **params_of("samples"),


use rule training as pretraining with:
    """Pre-train the masked autoencoder on all pre-training subjects."""
    input:
        samples=all_samples,
    output:
        model=directory(f"{RESULTS}/{{shared}}/pretraining/model"),
        history=f"{RESULTS}/{{shared}}/pretraining/history.tsv",
        events=directory(f"{RESULTS}/{{shared}}/pretraining/events"),
        examples=f"{RESULTS}/{{shared}}/pretraining/examples.npy",
    params:
        **params_of("mbm", section="pretraining"),


use rule training as mbm_tuning with:
    """Tune the masked autoencoder on the subject's training windows."""
    input:
        samples=at("windows", "train.npy"),
        start=pretrained_autoencoder,
        validation_windows=held_out("windows", "validation.npy"),
    output:
        model=directory(f"{RESULTS}/{{model}}/mbm_tuning/model"),
        history=f"{RESULTS}/{{model}}/mbm_tuning/history.tsv",
        events=directory(f"{RESULTS}/{{model}}/mbm_tuning/events"),
        examples=f"{RESULTS}/{{model}}/mbm_tuning/examples.npy",
    params:
        **params_of("mbm", section="mbm_tuning"),

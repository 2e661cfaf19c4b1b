"""Contrastive learning, video tuning, and co-training of the encoder and the video model."""


use rule training as contrastive with:
    """Align the encoder's embeddings of windows with CLIP's of their frames and captions."""
    input:
        windows=at("windows", "train.npy"),
        repetitions=repetitions_to_mix("contrastive"),
        table=at("windows", "train.tsv"),
        mbm=at("mbm_tuning", "model"),
        clips=each("clips", "train", ".npy"),
        latents_table=at("latents", "table.tsv"),
        text=at("latents", "text.npy"),
        images=at("embeddings", "images.npy"),
        texts=at("embeddings", "texts.npy"),
        validation_windows=held_out("windows", "validation.npy"),
        validation_table=held_out("windows", "validation.tsv"),
        validation_latents_table=held_out("latents", "validation", "table.tsv"),
        validation_text=held_out("latents", "validation", "text.npy"),
        validation_images=held_out("embeddings", "validation", "images.npy"),
        validation_texts=held_out("embeddings", "validation", "texts.npy"),
    output:
        model=directory(f"{RESULTS}/{{model}}/contrastive/model"),
        history=f"{RESULTS}/{{model}}/contrastive/history.tsv",
        events=directory(f"{RESULTS}/{{model}}/contrastive/events"),
    params:
        **params_of("contrastive"),


use rule stage as ridge with:
    """Fit a linear encoder by ridge regression: windows to text tokens and CLIP embeddings."""
    input:
        windows=at("windows", "train.npy"),
        table=at("windows", "train.tsv"),
        latents_table=at("latents", "table.tsv"),
        text=at("latents", "text.npy"),
        images=at("embeddings", "images.npy"),
    output:
        model=directory(f"{RESULTS}/{{model}}/ridge/model"),
        decoding=f"{RESULTS}/{{model}}/ridge/decoding.tsv",
    threads: training_threads
    params:
        **params_of("ridge"),


use rule gpu_stage as retrieval with:
    """Retrieve the frames and captions of evaluated clips by the embeddings of their windows."""
    input:
        windows=at("windows", f"{EVALUATE}.npy"),
        table=at("windows", f"{EVALUATE}.tsv"),
        encoder=at("contrastive", "model"),
        ridge=at("ridge", "model"),
        clips=each("clips", EVALUATE, ".npy"),
        scenes=each("scenes", EVALUATE, ".tsv"),
    output:
        retrieval=f"{RESULTS}/{{model}}/retrieval/retrieval.tsv",
    threads: 1
    params:
        **params_of("retrieval"),


use rule training as video_tuning with:
    """Tune the inflated image model to generate the training clips from their captions."""
    input:
        latents=at("latents", "latents.npy"),
        text=at("latents", "text.npy"),
        empty_text=at("latents", "empty_text.npy"),
        table=at("latents", "table.tsv"),
        clip_motion=motion_to_train_with("video_tuning"),
        validation_latents=held_out("latents", "validation", "latents.npy"),
        validation_text=held_out("latents", "validation", "text.npy"),
        validation_table=held_out("latents", "validation", "table.tsv"),
        validation_clip_motion=held_out_motion("video_tuning"),
    output:
        model=directory(f"{RESULTS}/{{shared}}/video_tuning/model"),
        history=f"{RESULTS}/{{shared}}/video_tuning/history.tsv",
        events=directory(f"{RESULTS}/{{shared}}/video_tuning/events"),
        generated=f"{RESULTS}/{{shared}}/video_tuning/generated.npy",
        generated_table=f"{RESULTS}/{{shared}}/video_tuning/generated.tsv",
    params:
        **params_of("video_tuning"),


use rule training as cotraining with:
    """Tune encoder and video UNet together, from windows to clips."""
    input:
        windows=at("windows", "train.npy"),
        repetitions=repetitions_to_mix("cotraining"),
        table=at("windows", "train.tsv"),
        latents=at("latents", "latents.npy"),
        latents_table=at("latents", "table.tsv"),
        clip_motion=motion_to_train_with("cotraining"),
        encoder=encoder_to_cotrain,
        unet=at("video_tuning", "model"),
        validation_windows=held_out("windows", "validation.npy"),
        validation_table=held_out("windows", "validation.tsv"),
        validation_latents=held_out("latents", "validation", "latents.npy"),
        validation_latents_table=held_out("latents", "validation", "table.tsv"),
        validation_clip_motion=held_out_motion("cotraining"),
    output:
        model=directory(f"{RESULTS}/{{model}}/cotraining/model"),
        history=f"{RESULTS}/{{model}}/cotraining/history.tsv",
        events=directory(f"{RESULTS}/{{model}}/cotraining/events"),
    threads: 8  # nothing else of this model can be trained meanwhile
    params:
        **params_of("cotraining"),


use rule stage as drawings with:
    """Clips that the video model draws from captions, as soon as it is tuned."""
    input:
        generated=at("video_tuning", "generated.npy"),
        generated_table=at("video_tuning", "generated.tsv"),
    output:
        drawings=figure("{model}/figures/drawings", "Training"),
    priority: EARLY
    params:
        **params_of("drawings"),


use rule stage as training_figures with:
    """Training curves, reconstructed masked patches, and retrieval by the encoder."""
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
    output:
        training=figure("{model}/figures/training", "Training"),
        rebuilt=figure("{model}/figures/rebuilt", "Training"),
        retrieved=figure("{model}/figures/retrieval", "Training"),
    params:
        **params_of("training_figures"),

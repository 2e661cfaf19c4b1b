"""What the encoder learned: attention after each stage, attribution, occlusion, noise ceiling."""


use rule stage as demo_truth with:
    """Write the tuning of each area of the simulated brains."""
    output:
        truth=f"{DEMO}/truth.tsv",
    params:
        **params_of("demo_truth"),


OF_ENCODER = f"{RESULTS}/{{model}}/interpretation/{{stage}}"


use rule gpu_stage as attention with:
    """Map what the encoder after one training stage attends to."""
    input:
        windows=at("windows", f"{EVALUATE}.npy"),
        voxels=at("selection", "voxels.tsv"),
        encoder=encoder_after,
        mbm=autoencoder,
    output:
        table=f"{OF_ENCODER}/attention.tsv",
        maps=f"{OF_ENCODER}/attention.npy",
        sums=f"{OF_ENCODER}/attention_groups.npy",
        temporal=f"{OF_ENCODER}/temporal.tsv",
    wildcard_constraints:
        stage="|".join(ENCODERS),
    params:
        **params_of("attention"),


use rule gpu_stage as attribution with:
    """Map the voxels that determine the embedding, after one training stage."""
    input:
        windows=at("windows", f"{EVALUATE}.npy"),
        table=at("windows", f"{EVALUATE}.tsv"),
        null_window=at("windows", "null.npy"),
        voxels=at("selection", "voxels.tsv"),
        encoder=encoder_after,
        clips=each("clips", EVALUATE, ".npy"),
    output:
        methods=f"{OF_ENCODER}/attribution.tsv",
        maps=f"{OF_ENCODER}/attribution.npy",
        sums=f"{OF_ENCODER}/attribution_groups.npy",
    wildcard_constraints:
        stage="|".join(WITH_HEAD),
    params:
        **params_of("attribution"),


use rule gpu_stage as occlusion with:
    """Identify the clips with each group of voxels occluded, after one training stage."""
    input:
        windows=at("windows", f"{EVALUATE}.npy"),
        table=at("windows", f"{EVALUATE}.tsv"),
        null_window=at("windows", "null.npy"),
        voxels=at("selection", "voxels.tsv"),
        encoder=encoder_after,
        clips=each("clips", EVALUATE, ".npy"),
    output:
        sets=f"{OF_ENCODER}/occlusion.tsv",
        scores=f"{OF_ENCODER}/occlusion.npy",
    wildcard_constraints:
        stage="|".join(WITH_HEAD),
    params:
        **params_of("occlusion"),


use rule stage as interpret with:
    """Sum attention and attribution over networks and areas, and write the maps."""
    input:
        table=at("windows", f"{EVALUATE}.tsv"),
        voxels=at("selection", "voxels.tsv"),
        mask=at("selection", f"mask{MAP}"),
        r=at("selection", f"r{MAP}"),
        runs=each("clean", EVALUATE, "_runs.tsv"),
        map_tables=maps_of_encoders(".tsv"),
        map_values=maps_of_encoders(".npy"),
        map_sums=maps_of_encoders("_groups.npy"),
        attention_times=looked_into("temporal.tsv", *ENCODERS),
        occlusion_sets=looked_into("occlusion.tsv", *WITH_HEAD),
        occlusion_scores=looked_into("occlusion.npy", *WITH_HEAD),
        truth=known_truth,
    output:
        networks=f"{RESULTS}/{{model}}/interpretation/networks.tsv",
        temporal=f"{RESULTS}/{{model}}/interpretation/temporal.tsv",
        occlusion=f"{RESULTS}/{{model}}/interpretation/occlusion.tsv",
        agreements=f"{RESULTS}/{{model}}/interpretation/agreements.tsv",
        maps=directory(f"{RESULTS}/{{model}}/interpretation/maps"),
    params:
        **params_of("interpret"),


use rule stage as interpretation_figure with:
    """A figure of maps and bars, like the paper's Fig. 7."""
    input:
        networks=at("interpretation", "networks.tsv"),
        temporal=at("interpretation", "temporal.tsv"),
        occlusion=at("interpretation", "occlusion.tsv"),
        agreements=at("interpretation", "agreements.tsv"),
        maps=at("interpretation", "maps"),
        mask=at("selection", f"mask{MAP}"),
    output:
        figure=figure("{model}/figures/interpretation", "What the encoder learned"),
    params:
        **params_of("interpretation_figure"),


use rule stage as interpretation_surfaces with:
    """The interactive maps of the recorded brain, and those of the encoder on the same surface."""
    input:
        r=at("selection", f"r{MAP}"),
        t=at("selection", f"t{MAP}"),
        mask=at("selection", f"mask{MAP}"),
        tsnr=each("clean", "train", f"_tsnr{MAP}"),
        maps=at("interpretation", "maps"),
    output:
        page=report(
            f"{RESULTS}/{{model}}/interpretation/surfaces.html",
            caption="../workflow/report/interpretation_surfaces.rst",
            category="What the encoder learned",
            labels={"model": "{model}"},
        ),
    params:
        **params_of("surfaces"),

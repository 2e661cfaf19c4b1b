"""Reconstructions compared with the films: metrics with chance levels, videos, figures."""


use rule gpu_stage as score with:
    """Score the reconstructions by every metric, with chance level and null distribution."""
    input:
        reconstructions=at("reconstruction", "reconstructions.npy"),
        table=at("windows", f"{EVALUATE}.tsv"),
        clips=each("clips", EVALUATE, ".npy"),
        shots=DATASET.shots_paths(PLAN.config.evaluated),
        scenes=scenes_to_leave_out,
    output:
        metrics=f"{RESULTS}/{{model}}/metrics.tsv",
        per_clip=f"{RESULTS}/{{model}}/scoring/per_clip.tsv",
    threads: 8
    params:
        **params_of("score"),


use rule stage as tables with:
    """The paper's Table 1, and the comparison with published methods."""
    input:
        metrics=[metrics_of(name) for name in owners_of_rows(replicates=True)],
        per_clip=of_rows("scoring", "per_clip.tsv", replicates=True),
        methods=list(PLAN.config.tables.methods.values()),
    output:
        table1=f"{RESULTS}/tables/table1.tsv",
        table1_page=report(
            f"{RESULTS}/tables/table1.html",
            caption="../workflow/report/table1.rst",
            category="Tables",
        ),
        comparison=f"{RESULTS}/tables/comparison.tsv",
        comparison_page=report(
            f"{RESULTS}/tables/comparison.html",
            caption="../workflow/report/comparison.rst",
            category="Tables",
        ),
    params:
        **params_of("tables"),


use rule stage as methods with:
    """Write a methods section from the settings and the records of what was computed."""
    input:
        voxels=at("selection", "voxels.tsv"),
        metrics=metrics,
        runs=censored_runs,
    output:
        methods=report(
            f"{RESULTS}/{{model}}/methods.html",
            caption="../workflow/report/methods.rst",
            category="Methods",
            labels={"model": "{model}"},
        ),
    params:
        **params_of("methods"),


use rule stage as videos with:
    """One mp4 per clip, ground truth next to reconstruction, and a page that plays them."""
    input:
        reconstructions=at("reconstruction", "reconstructions.npy"),
        table=at("windows", f"{EVALUATE}.tsv"),
        clips=each("clips", EVALUATE, ".npy"),
        scenes=each("scenes", EVALUATE, ".tsv"),
        metrics=metrics,
        per_clip=at("scoring", "per_clip.tsv"),
        others=of_variants("reconstruction", "reconstructions.npy"),
        other_tables=of_variants("windows", f"{EVALUATE}.tsv"),
        other_scores=of_variants("scoring", "per_clip.tsv"),
    output:
        videos=report(
            directory(f"{RESULTS}/{{model}}/videos"),
            htmlindex="index.html",
            caption="../workflow/report/videos.rst",
            category="Reconstructions",
            labels={"model": "{model}"},
        ),
        manifest=f"{RESULTS}/{{model}}/videos.tsv",
    params:
        **params_of("videos", configuration=CONFIGURATION),


use rule stage as figures with:
    """A strip of reconstructions, still and animated."""
    input:
        reconstructions=at("reconstruction", "reconstructions.npy"),
        table=at("windows", f"{EVALUATE}.tsv"),
        clips=each("clips", EVALUATE, ".npy"),
        metrics=metrics,
        per_clip=at("scoring", "per_clip.tsv"),
    output:
        strip=figure("{model}/figures/strip", "Reconstructions"),
        preview=f"{RESULTS}/{{model}}/figures/preview.webp",
    params:
        **params_of("figures"),


use rule stage as brain_figure with:
    """Flat maps of the recorded brain, as soon as voxels are selected."""
    input:
        r=at("selection", f"r{MAP}"),
        mask=at("selection", f"mask{MAP}"),
        tsnr=each("clean", "train", f"_tsnr{MAP}"),
    output:
        brain=figure("{model}/figures/brain", "Voxels"),
    priority: EARLY
    params:
        **params_of("brain_figure"),


use rule stage as surfaces with:
    """Interactive maps of the recorded brain on the cortical surface, as one page."""
    input:
        r=at("selection", f"r{MAP}"),
        t=at("selection", f"t{MAP}"),
        mask=at("selection", f"mask{MAP}"),
        tsnr=each("clean", "train", f"_tsnr{MAP}"),
    output:
        page=report(
            f"{RESULTS}/{{model}}/surfaces/index.html",
            caption="../workflow/report/surfaces.rst",
            category="Voxels",
            labels={"model": "{model}"},
        ),
    params:
        **params_of("surfaces"),


use rule stage as score_figures with:
    """The worst clips, the distributions of scores, and their time courses along the films."""
    input:
        reconstructions=at("reconstruction", "reconstructions.npy"),
        table=at("windows", f"{EVALUATE}.tsv"),
        clips=each("clips", EVALUATE, ".npy"),
        metrics=metrics,
        per_clip=at("scoring", "per_clip.tsv"),
    output:
        worst=figure("{model}/figures/worst", "Reconstructions"),
        distributions=figure("{model}/figures/distributions", "Scores"),
        time_courses=figure("{model}/figures/time_courses", "Scores"),
    params:
        **params_of("score_figures"),


use rule stage as panels with:
    """Compare subjects and variants with the films, and SSIM with that of other methods."""
    input:
        reconstructions=of_rows("reconstruction", "reconstructions.npy"),
        listings=of_rows("windows", f"{EVALUATE}.tsv"),
        metrics=[metrics_of(name) for name in owners_of_rows()],
        per_clip=of_rows("scoring", "per_clip.tsv"),
        clips=each("clips", EVALUATE, ".npy"),
    output:
        subjects=figure("tables/subjects", "Tables"),
        variants=figure("tables/variants", "Tables"),
        ssim=figure("tables/ssim", "Tables"),
    params:
        **params_of("panels"),

"""The checked configuration, and the functions that all chapters of rules use."""

import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from mindvideo import descriptions
from mindvideo.config import check_config
from mindvideo.errors import InputError
from mindvideo.facts import table_rows
from mindvideo.invocation import check_invocation, read_configfiles
from mindvideo.plan import Plan
from mindvideo.registry import command_line, read_stage
from mindvideo.results_folder import check_results
from mindvideo.targets import OWNERS
from mindvideo.workflow import clear_finished_states, compare_by_content, place_logs

ROOT = Path(workflow.current_basedir).parent
LOCK = ROOT / "envs" / "requirements.lock"

# Jobs find `mindvideo` next to the Python that runs Snakemake, even in an inactive environment.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))

try:
    PLAN = Plan(check_config(config, read_configfiles(workflow)), LOCK.read_text())
    PLAN.check_given()
    check_results(
        PLAN.config.results, PLAN.config.dataset.name, CONFIGURATION, PLAN.config.evaluate
    )
except InputError as error:
    raise WorkflowError(str(error))

DATASET = PLAN.config.dataset
EVALUATE = PLAN.config.evaluate  # the split whose segments are reconstructed and scored
for _template in {stages.scenes.corrections for stages in PLAN.stages.values()} - {None}:
    if _unknown := set(glob_wildcards(_template).segment) - set(DATASET.segments):
        raise WorkflowError(
            f"scenes.corrections: {_template} exists for {', '.join(sorted(_unknown))}, which is "
            f"not a segment of {DATASET.name}: rename the file after the segment that it corrects"
        )
PRETRAINING = PLAN.config.pretraining_data
RESULTS = PLAN.config.results
FIRST = next(iter(DATASET.subjects))
compare_by_content(Path(RESULTS, "digests"))
if not workflow.is_main_process:  # this is a job that an executor submitted
    os.environ.update(MINDVIDEO_SUBMITTED="1")
BENCHMARKS = f"{RESULTS}/benchmarks"
LOGS = f"{RESULTS}/logs"
ENCODERS = ("mbm", "contrastive", "cotraining")  # after each of these training stages
WITH_HEAD = ("contrastive", "cotraining")  # masked brain modelling trains no embedding
TRAINING_THREADS = 8  # Snakemake lowers it to --cores
MAP, LABELS = {
    "volume": (".nii.gz", ".nii.gz"),
    "cifti": (".dscalar.nii", ".dlabel.nii"),
}[DATASET.space]


def one_of(names):
    """Regular expression that constrains a wildcard to these names."""
    return "|".join(map(re.escape, names))


# If all subjects with runs on the disk are used, their names are not known in advance.
PRETRAINING_SUBJECTS = "[^/]+" if PRETRAINING.subjects == "*" else one_of(PRETRAINING.subjects)


def owner(wildcards):
    return wildcards.get("model") or wildcards.get("shared") or ""


def at(artefact, *parts):
    """Input function: a file of an artefact, in the folder that the rule's owner uses."""

    def path(wildcards):
        return PLAN.file(artefact, owner(wildcards), *parts).format(**wildcards)

    return path


def metrics(wildcards):
    return metrics_of(owner(wildcards))


def metrics_of(name):
    """The table of metrics of an owner, in the folder above that of the scores."""
    return f"{RESULTS}/{PLAN.home('scoring', name)}/metrics.tsv"


def owners_of_rows(replicates=False):
    """The owner of each configured row of Table 1, in order.

    With `replicates`, the owners of a row's replicates follow its own.
    """
    rows = [row for row in table_rows(PLAN.config) if row.owner]
    return [o for row in rows for o in (row.owner, *(row.replicates if replicates else []))]


def of_rows(artefact, *parts, replicates=False):
    """A file of an artefact for each configured row of Table 1."""
    return [PLAN.file(artefact, name, *parts) for name in owners_of_rows(replicates)]


def of_variants(artefact, file):
    """Input function: a file of each variant that the page of its subject shows."""

    def paths(wildcards):
        if "/variants/" in wildcards.model:  # a variant's own page
            return []
        owners = [f"{wildcards.model}/variants/{v}" for v in PLAN.config.videos.variants]
        return [PLAN.file(artefact, o, file) for o in owners]

    return paths


def each(artefact, split, suffix):
    """Input function: an artefact's files of all segments of a split, in order."""

    def paths(wildcards):
        segments = PLAN.segments(artefact, owner(wildcards), split)
        if not segments and split == "train":
            raise WorkflowError(lacks("training segments", "dataset.train names none"))
        return [PLAN.file(artefact, owner(wildcards), f"{name}{suffix}") for name in segments]

    return paths


def held_out(artefact, *parts):
    """Input function: a file of the validation segments; none if the data set has none."""
    return at(artefact, *parts) if DATASET.validation else []


def params_of(stage, section="", state="", **texts):
    """Params that run a stage: its settings, its code, and its command.

    `texts` are arguments of the stage that are no wildcards. `state` names its state folder, if
    several rules run the stage.

    Snakemake compares `settings` and `code` with those of the last time. It does not compare
    `command`, since that depends on the input: how a result is computed reruns nothing.
    """
    declared = read_stage(stage)

    def settings_of(wildcards):
        return PLAN.settings(stage, owner(wildcards), wildcards.get("segment", ""), section)

    def settings(wildcards):
        return settings_of(wildcards).deciding_json()

    def command(wildcards, input, output):
        words = command_line(
            declared, dict(input.items()), dict(output.items()), dict(wildcards.items()) | texts
        )
        if declared.has_execution_settings:
            words += ["--execution", settings_of(wildcards).execution_json()]
        if declared.of_kind("State"):
            others = [value for name, value in wildcards.items() if name not in OWNERS]
            place = Path(RESULTS, "state", owner(wildcards), state or section or stage, *others)
            words += [declared.of_kind("State")[0].option, str(place), "--keep-state"]
        return shlex.join(words)

    return {"settings": settings, "code": PLAN.code(stage), "command": command}


def given_arrays(artefact, split=""):
    """Input function: the given arrays of a split, by default of that of the wildcards."""

    def paths(wildcards):
        of = split or wildcards.get("split") or DATASET.split_of(wildcards.segment)
        return PLAN.arrays(artefact, owner(wildcards), of)

    return paths


def training_arrays(wildcards):
    """The given arrays of the training segments, if windows are standardised by them."""
    standardize = PLAN.stages_of(owner(wildcards)).given_windows.standardize
    return PLAN.arrays("windows", owner(wildcards), "train") if standardize else []


def corrections(wildcards):
    """The table of a segment's manually corrected captions, if there is one."""
    template = PLAN.stages_of(owner(wildcards)).scenes.corrections
    path = template.format(segment=wildcards.segment) if template else ""
    return [path] if Path(path).is_file() else []


def scenes_to_leave_out(wildcards):
    """Scenes of the evaluated segments, if clips with a cut are left out of the scores."""
    leave_out = PLAN.stages_of(owner(wildcards)).scoring.leave_out_cuts
    return each("scenes", EVALUATE, ".tsv")(wildcards) if leave_out else []


def known_truth(wildcards):
    """The table of the known content of areas, if the settings name one."""
    return PLAN.stages_of(owner(wildcards)).interpretation.truth or []


def generates(stages):
    """Whether a model generates its clips, by diffusion."""
    return stages.reconstruction.method == "diffusion"


def copies(stages):
    """Whether a model's clips are copies of training clips."""
    return not generates(stages)


def generator_of_films(wildcards):
    """The models after co-training, which generate a film."""
    if copies(PLAN.stages_of(owner(wildcards))):
        raise WorkflowError(
            f"{owner(wildcards)}: reconstruction.method is nearest, which copies whole clips: only a "
            "model with method: diffusion generates films"
        )
    return at("cotraining", "model")(wildcards)


def motion(wildcards):
    """The decoder of the clips' motion, if the starting noise moves with it."""
    moving = PLAN.stages_of(owner(wildcards)).reconstruction.moving_noise
    return at("motion", "decoder.npy")(wildcards) if moving else []


def motion_to_train_with(section, split="train"):
    """Input function: the motion of the clips, if the noise of a training moves with it."""

    def path(wildcards):
        moving = getattr(PLAN.stages_of(owner(wildcards)), section).moving_noise
        return at("clip_motion", f"{split}.tsv")(wildcards) if moving else []

    return path


def held_out_motion(section):
    """The same of the validation segments; none if the data set has none."""
    return motion_to_train_with(section, "validation") if DATASET.validation else []


def windows_to_average(wildcards):
    """The training windows, if the mean of their tokens is a condition."""
    reconstruction = PLAN.stages_of(owner(wildcards)).reconstruction
    named = {reconstruction.negative, reconstruction.condition}
    return at("windows", "train.npy")(wildcards) if "mean-tokens" in named else []


def empty_caption(wildcards):
    """The text tokens of the empty caption, if they are the negative condition."""
    negative = PLAN.stages_of(owner(wildcards)).reconstruction.negative
    return at("latents", "empty_text.npy")(wildcards) if negative == "empty-caption" else []


def to_cut(wildcards):
    """Clean runs of the segment whose windows are cut; of all segments if windows are shuffled."""
    if PLAN.stages_of(owner(wildcards)).windows.shuffle:
        return each("clean", EVALUATE, ".npy")(wildcards)
    return at("clean", "{segment}.npy")(wildcards)


def mixes_repetitions(stages):
    """Whether a training of a model averages the repetitions of windows at random."""
    return stages.contrastive.mix_repetitions or stages.cotraining.mix_repetitions


def repetitions_to_mix(section):
    """Input function: the windows of each repetition, if a training averages them at random."""

    def path(wildcards):
        mixes = getattr(PLAN.stages_of(owner(wildcards)), section).mix_repetitions
        return at("windows", "train_repetitions.npy")(wildcards) if mixes else []

    return path


def to_average(wildcards):
    """The windows whose mean is the null window."""
    null = PLAN.stages_of(owner(wildcards)).windows.null_window
    return at("windows", {"train-mean": "train.npy", "test-mean": f"{EVALUATE}.npy"}[null])(
        wildcards
    )


def lacks(what, why):
    """What to say if a result needs what the data set does not have."""
    given = f" (given are {', '.join(PLAN.config.given)})" if PLAN.config.given else ""
    return f"this needs {what}, but {why}{given}: request another result, or add them"


def film(wildcards):
    if path := DATASET.film_path(wildcards.segment):
        return path
    raise WorkflowError(lacks("films", "dataset.film is not set"))


def runs(wildcards):
    paths = DATASET.run_paths(subject(wildcards), wildcards.segment)
    if all(paths):
        return paths
    raise WorkflowError(lacks("fMRI runs", "dataset.run is not set"))


def first_run(wildcards):
    if path := next(run.path for run in DATASET.rows if run.subject == subject(wildcards)):
        return path
    raise WorkflowError(lacks("fMRI runs", "dataset.run is not set"))


def brain_masks(wildcards):
    return DATASET.mask_paths(subject(wildcards))


def confounds(wildcards):
    """Tables of confounds of the runs, if the settings name columns to regress out."""
    variant = owner(wildcards).partition("/variants/")[2] or None
    if not PLAN.stages[variant].clean.confounds:
        return []
    return DATASET.confound_paths(subject(wildcards), wildcards.segment)


def subject(wildcards):
    return owner(wildcards).partition("/")[0]


def pretraining_runs(wildcards):
    return descriptions.pretraining_runs(PRETRAINING, wildcards.subject)


def all_samples(wildcards):
    subjects = descriptions.pretraining_subjects(PRETRAINING)
    return [PLAN.file("samples", owner(wildcards), f"{subject}.npy") for subject in subjects]


def figure(path, category):
    """Outputs: a figure as PNG, which the report shows, and as PDF for papers."""
    caption = f"../workflow/report/{Path(path).name}.rst"
    labels = {"model": "{model}"} if "{model}" in path else {}
    shown = report(f"{RESULTS}/{path}.png", caption=caption, category=category, labels=labels)
    return [shown, f"{RESULTS}/{path}.pdf"]


def has_pretraining(wildcards):
    """Whether the encoder is pre-trained on other subjects; if not, no rule reads their runs."""
    return PLAN.stages_of(owner(wildcards)).pretraining.trains


def pretrained_autoencoder(wildcards):
    """The model that tuning on the subject starts from, if there is a pre-training."""
    return at("pretraining", "model")(wildcards) if has_pretraining(wildcards) else []


def of_trainings(name, *trainings):
    """Input function: the same file of several training stages, in order.

    A pre-training without steps, or whose model is given, is left out.
    """

    def paths(wildcards):
        trained = has_pretraining(wildcards) and PLAN.computes("pretraining")
        left_out = set() if trained else {"pretraining"}
        return [at(stage, name)(wildcards) for stage in trainings if stage not in left_out]

    return paths


def encoder_to_cotrain(wildcards):
    """The model of the encoder that conditions the UNet."""
    stage = PLAN.stages_of(owner(wildcards)).cotraining.encoder
    return at(stage, "model")(wildcards)


def encoder_after(wildcards):
    """The model that contains the encoder after a training stage, or determines its shape."""
    if PLAN.stages_of(owner(wildcards)).cotraining.encoder == "ridge":
        raise WorkflowError(
            f"{owner(wildcards)}: cotraining.encoder is ridge, and a linear encoder has no attention "
            "to interpret: request the interpretation of a model with cotraining.encoder: contrastive"
        )
    after = "contrastive" if wildcards.stage == "mbm" else wildcards.stage
    return at(after, "model")(wildcards)


def autoencoder(wildcards):
    """The model of masked brain modelling, if the encoder has its weights."""
    return at("mbm_tuning", "model")(wildcards) if wildcards.stage == "mbm" else []


def looked_into(file, *stages):
    """Input function: a file of the encoder after each of these training stages, in order."""

    def paths(wildcards):
        return [at(f"interpretation/{stage}", file)(wildcards) for stage in stages]

    return paths


def maps_of_encoders(ending):
    """Input function: the files of all maps of attention and attribution, stage by stage."""

    def paths(wildcards):
        return [
            at(f"interpretation/{stage}", f"{method}{ending}")(wildcards)
            for stage in ENCODERS
            for method in ("attention", "attribution")
            if method == "attention" or stage in WITH_HEAD
        ]

    return paths

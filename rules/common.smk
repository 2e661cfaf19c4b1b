"""The checked configuration, and the functions that all chapters of rules use."""

import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from mindvideo import descriptions
from mindvideo.config import check_config
from mindvideo.devices import has_gpus
from mindvideo.errors import InputError
from mindvideo.facts import table_rows
from mindvideo.given import can_pretrain
from mindvideo.invocation import check_invocation, check_shares, read_configfiles
from mindvideo.plan import Plan
from mindvideo.registry import command_line, read_stage
from mindvideo.results_folder import check_results
from mindvideo.run_files import HEMI, files_of
from mindvideo.selecting import check_selection
from mindvideo.targets import OWNERS
from mindvideo.workflow import (
    check_beyond_ancient,
    clear_finished_states,
    compare_by_content,
    place_logs,
    share_start_up,
)

ROOT = Path(workflow.current_basedir).parent
LOCK = ROOT / "envs" / "requirements.lock"
RESOURCES = ROOT / "workflow" / "resources.tsv"  # what jobs need, and what they took

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

if workflow.is_main_process and (note := PLAN.left_out()):
    logger.warning(note)

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
check_beyond_ancient()
if not workflow.is_main_process:  # this is a job that an executor submitted
    os.environ.update(MINDVIDEO_SUBMITTED="1")
BENCHMARKS = f"{RESULTS}/benchmarks"
LOGS = f"{RESULTS}/logs"
ENCODERS = ("mbm", "contrastive", "cotraining")  # after each of these training stages
WITH_HEAD = ("contrastive", "cotraining")  # masked brain modelling trains no embedding
LONG = 5  # priority of trainings: other jobs fit in beside them
EARLY = 10  # priority of pictures that show early that all is well; of other jobs it is 0
MAP, LABELS = {
    "volume": (".nii.gz", ".nii.gz"),
    "cifti": (".dscalar.nii", ".dlabel.nii"),
    "gifti": (".dscalar.nii", ".dlabel.nii"),  # one file of both hemispheres
    "parcels": (".pscalar.nii", ".plabel.nii"),
    "array": (".tsv", ".tsv"),
}[DATASET.space]


def one_of(names):
    """Regular expression that constrains a wildcard to these names."""
    return "|".join(map(re.escape, names))


# If all subjects with runs on the disk are used, their names are not known in advance.
_NAMED = PRETRAINING.subjects if PRETRAINING else "*"
PRETRAINING_SUBJECTS = "[^/]+" if _NAMED == "*" else one_of(_NAMED)


def on_gpus():
    """Whether jobs run on GPUs: those of this machine, or of machines that they are submitted to."""
    return has_gpus() or not (workflow.is_main_process and workflow.local_exec)


def gpus_of_a_job(wildcards):
    """One GPU; none if this machine has none, so that the limit of GPU jobs does not apply."""
    return int(on_gpus())


def training_threads(wildcards):
    """Beside a GPU, 8; without, half of the cores: another training can use the other half."""
    return 8 if on_gpus() else max(1, min(8, workflow.cores // 2))


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


def lacks(what, why):
    """What to say if a result needs what the data set does not have."""
    given = f" (given are {', '.join(PLAN.config.given)})" if PLAN.config.given else ""
    return f"this needs {what}, but {why}{given}: request another result, or add them"


def subject(wildcards):
    return owner(wildcards).partition("/")[0]


def figure(path, category):
    """Outputs: a figure as PNG, which the report shows, and as PDF for papers."""
    caption = f"../workflow/report/{Path(path).name}.rst"
    labels = {"model": "{model}"} if "{model}" in path else {}
    shown = report(f"{RESULTS}/{path}.png", caption=caption, category=category, labels=labels)
    return [shown, f"{RESULTS}/{path}.pdf"]

"""The methods text on confounds and censoring, and its references."""

import re
from dataclasses import replace

import pytest

from mindvideo.figures.methods import methods_page, methods_text
from mindvideo.figures.nuisance import Censored
from mindvideo.figures.references import REFERENCES, cited
from mindvideo.nuisance import STRATEGIES, Censor, Strategy
from tests.figures.test_methods import KNOWN, settings_of

MINE = Strategy(
    name="mine.yaml",
    columns=["csf", "trans_x"],
    expansion="derivatives",
    reference="Mine et al. 2024: A way of cleaning. Some Journal 1.",
)


@pytest.mark.parametrize(
    ("clean", "fact"),
    [
        ({"confounds": ["motion6", "csf"]}, "in one step together with seven confounds: the six"),
        (
            {"confounds": ["36P", "motion6", "outliers"]},
            "together with 36 confounds and others, whose number differs between runs: 36 param",
        ),
        ({"confounds": ["acompcor"]}, "with confounds, whose number differs between runs: the fi"),
        (
            {"confounds": [MINE]},
            "together with four confounds: the columns csf and trans_x and their first temporal "
            "derivatives (Mine et al. 2024).",
        ),
        (
            {"confounds": ["scrubbing"]},
            "polynomial of order 4) was regressed out. The residuals were z-scored within the run. "
            "Volumes with a framewise displacement above 0.5 mm or with a standardised DVARS above "
            "1.5 or that fMRIPrep marked as outliers, and stretches of fewer than five volumes "
            "between them, were censored (Power et al. 2012): they were left out of the regression "
            "and of the z-scores, and interpolated",
        ),
        (
            {"censor": Censor(fd=0.3, before=1, after=2), "censored": "mask"},
            "above 0.3 mm, and the volume before each and the two volumes after each, were "
            "censored (Power et al. 2012): they were left out of the regression and of the "
            "z-scores, and set to zero, the mean, and not averaged over repetitions. Of the 4,320 "
            "volumes of 18 runs, 43 (1%) were censored.",
        ),
    ],
)
def test_strategies_and_censoring_are_described(clean, fact):
    known = replace(KNOWN, censored=Censored(43, 4320, 18))
    assert fact in methods_text(settings_of(clean=clean), known)["Preprocessing"]


def test_references_of_strategies_are_listed():
    clean = {"confounds": ["motion24", "acompcor", MINE], "censor": Censor(fd=0.5)}
    page = methods_page(settings_of(clean=clean), KNOWN).partition("<h2>References</h2>")[2]
    for cited_there in ("Friston et al. 1996: M", "Behzadi et al. 2007: A", "Mine et al. 2024: A"):
        assert cited_there in page
    assert "Power et al. 2012: S" in page
    assert "Satterthwaite" not in page


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_strategy_cites_its_reference(name):
    page = methods_page(settings_of(clean={"confounds": [name]}), KNOWN)
    assert not STRATEGIES[name].reference or STRATEGIES[name].reference[:40] in (
        page.partition("<h2>References</h2>")[2].replace("&amp;", "&")
    )


def test_all_that_is_cited_is_in_the_list_and_nothing_else():
    settings = settings_of()
    page = methods_page(settings, KNOWN)
    listed = re.findall(r"<p>([^<]*?\d{4}): ", page.partition("<h2>References</h2>")[2])
    assert "Wen et al. 2018" in listed
    assert "Van Essen et al. 2013" in listed
    assert "Zhao et al. 2023" not in listed
    body = page.partition("<h2>References</h2>")[0].replace("&amp;", "&")
    mentioned = set(re.findall(r"[A-Z]\w+(?: \w+)? et al\. \d{4}|Miller 1995|Farnebäck 2003", body))
    assert mentioned - {name.replace("&amp;", "&") for name in listed} == set()
    everything = " ".join(REFERENCES)
    assert len(cited(everything)) == len(REFERENCES)

"""Files that GitHub reads: templates, the citation; links between the project's own pages."""

import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

import mindvideo

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
FORMS = sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml"))
ANSWERS = {"textarea", "input", "dropdown", "checkboxes"}
PAGES = ("README.md", "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md", "CHANGELOG.md")


@pytest.mark.parametrize("form", [f for f in FORMS if f.stem != "config"], ids=lambda f: f.stem)
def test_an_issue_form_has_what_github_requires(form):
    content = yaml.safe_load(form.read_text())
    assert content["name"]
    assert content["description"]
    fields = [field for field in content["body"] if field["type"] in ANSWERS]
    others = [field["type"] for field in content["body"] if field["type"] not in ANSWERS]
    assert set(others) <= {"markdown"}
    names = [field["id"] for field in fields]
    assert len(set(names)) == len(names)
    assert all(field["attributes"]["label"] for field in fields)
    assert any(field.get("validations", {}).get("required") for field in fields)
    options = [o for f in fields if f["type"] == "dropdown" for o in f["attributes"]["options"]]
    assert all(isinstance(option, str) for option in options)  # an unquoted `no` is a boolean


def test_three_forms_and_their_configuration_are_there():
    assert [form.stem for form in FORMS] == ["bug_report", "config", "data_set", "feature"]


def test_the_citation_is_of_this_version_and_names_paper_and_data():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == mindvideo.__version__
    method, data = citation["references"]
    assert method["identifiers"][0]["value"] == "arXiv:2305.11675"
    assert data["doi"] == "10.1093/cercor/bhx268"


@pytest.mark.parametrize("name", PAGES)
def test_headings_that_the_projects_pages_link_to_are_there(name):
    for place, anchor in re.findall(r"\]\((?!http)([^)#]+)#([^)]+)\)", (ROOT / name).read_text()):
        headings = re.findall(r"^#+ (.+)$", (ROOT / place).read_text(), re.MULTILINE)
        assert anchor in [heading.lower().replace(" ", "-") for heading in headings]


def test_commands_of_the_contribution_guide_are_targets_of_make():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"`make ([a-z]+)`", (ROOT / "CONTRIBUTING.md").read_text()))
    assert {"test", "check", "videos"} <= targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_the_readme_is_read_in_two_minutes():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 120
    pictures = re.findall(r"!\[[^\]]+\]\((?!http)([^)]+)\)", text)
    assert any(Path(name).suffix == ".webp" for name in pictures)
    for name in pictures:
        assert (ROOT / name).stat().st_size < 2_000_000


def test_badges_are_true():
    badges = re.findall(r"img\.shields\.io/badge/([^)\s]+)", (ROOT / "README.md").read_text())
    names = dict(unquote(badge).rsplit("-", 1)[0].split("-", 1) for badge in badges)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    workflow = (ROOT / "workflow/Snakefile").read_text()
    minimum = re.search(r'min_version\("([\d.]+)"\)', workflow)[1]
    python = project["requires-python"].replace(">=", "≥ ")
    assert names == {
        "licence": project["license"],
        "python": python,
        "snakemake": f"≥ {minimum}",
    }


def steps(workflow):
    """The jobs' steps of a workflow of GitHub's."""
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_call_what_developers_call(workflow):
    makefile = (ROOT / "Makefile").read_text()
    commands = "\n".join(step.get("run", "") for step in steps(workflow))
    targets = re.findall(r"\bmake ([a-z-]+)", commands)
    assert targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    assert all(
        re.fullmatch(r"[\w/-]+@[\w./]+", step.get("uses", "a@v1")) for step in steps(workflow)
    )
    for path in re.findall(r"FILE=(\S+)", commands):
        assert (ROOT / path).is_file()


def test_checks_are_those_of_ci_and_cover_every_python_that_has_wheels():
    checks = yaml.safe_load((ROOT / ".github/workflows/checks.yml").read_text())["jobs"]
    ours = re.findall(r"^make (\w+)", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert ours == ["check", "test"]
    assert set(ours) < set(checks)
    pythons = checks["test"]["strategy"]["matrix"]["python"]
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert f">={pythons[0]}" == tomllib.load(file)["project"]["requires-python"]

"""What is promised of releases and containers, read from their files."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

import photochrom

yaml = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.fixture
def check_tag():
    place = ROOT / ".ci" / "check_tag.py"
    spec = importlib.util.spec_from_file_location("check_tag", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_the_version_that_the_changelog_tells_of_may_be_released(check_tag, tmp_path):
    check_tag.check_tag(f"v{photochrom.__version__}")
    with pytest.raises(SystemExit, match=r"The tag is v9\.9\.9 and the version"):
        check_tag.check_tag("v9.9.9")
    check_tag.ROOT = tmp_path
    (tmp_path / "src" / "photochrom").mkdir(parents=True)
    (tmp_path / "src" / "photochrom" / "__init__.py").write_text('__version__ = "1.0.0"\n')
    (tmp_path / "CHANGELOG.md").write_text("## [Unreleased]\n")
    with pytest.raises(SystemExit, match=r"no dated section for 1\.0\.0"):
        check_tag.check_tag("v1.0.0")


@pytest.mark.skipif(not WORKFLOWS, reason="the workflows are in the repository")
def test_a_release_is_built_checked_and_published_without_a_password():
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    assert release[True]["push"] == {"tags": ["v*"]}  # YAML takes "on" for true
    build, publish = release["jobs"]["build"], release["jobs"]["publish"]
    assert publish["needs"] == "build"
    assert publish["environment"]["name"] == "pypi"
    assert publish["permissions"] == {"id-token": "write"}
    assert "permissions" not in build
    commands = [step.get("run", "") for step in build["steps"]]
    assert any("check_tag.py" in command for command in commands)
    assert "make dist" in commands
    assert "secrets." not in str(release)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_workflows_use_of_others_cannot_change_under_them(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    uses = re.findall(r"uses: (\S+)", path.read_text())
    assert uses
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", use) for use in uses)


@pytest.mark.skipif(not WORKFLOWS, reason="the workflows are in the repository")
def test_every_python_that_is_promised_is_tried():
    ci = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    tried = ci["jobs"]["newest"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    promised = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert promised
    assert set(promised) <= set(tried)


def test_the_container_runs_as_nobody_and_needs_no_shell():
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    stage = re.split(r"^FROM ", text, flags=re.M)[-1]
    told = dict(re.findall(r"^([A-Z]+) (.*)$", stage, re.M))
    assert int(told["USER"].partition(":")[0]) > 0
    assert "RUN" not in told
    assert "ADD" not in told
    assert told["STOPSIGNAL"] == "SIGINT"  # which a first process hears, unlike SIGTERM
    for name in ("ENTRYPOINT", "CMD"):
        assert told[name].startswith('["'), name
    assert 'CMD ["python", "-c"' in told["HEALTHCHECK"]
    assert "/api/health" in told["HEALTHCHECK"]


def test_services_can_change_nothing_but_what_they_are_for():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert set(services) == {"page", "watch"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"]
        assert service["tmpfs"]
    assert services["page"]["ports"] == ["127.0.0.1:8000:8000"]
    assert "volumes" not in services["page"]
    assert services["watch"]["network_mode"] == "none"
    photos, results = services["watch"]["volumes"]
    assert photos.endswith(":ro")
    assert services["watch"]["command"] == ["colorize", "/photos", "-o", "/coloured", "--watch"]
    assert results.endswith(":/coloured")

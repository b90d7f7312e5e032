"""Tests as articles on the subject write them can be written in a service as they stand."""

import shutil
from pathlib import Path

import pytest

from tests.harness.project import Project, render
from tests.harness.shared import once

OVERLAY = Path(__file__).with_name("overlay")
RESOURCES = {
    "user": "name:str(100)! email:email role:str(20)=member",
    "order": "placed_on:date? user:ref(user)",
    "task": "title:str(1..200) completed:bool=false",
}


@pytest.fixture(scope="session")
def service(shared: Path, template: Path, default_project: Project) -> Project:
    def build(target: Path) -> None:
        render(template, target, {"resource": "", "resources": RESOURCES})
        shutil.copytree(OVERLAY, target, dirs_exist_ok=True)

    return Project(once(shared / "articles", build), default_project.venv)


@pytest.mark.parametrize("way", [(), ("--db=committed",)], ids=["sandbox", "committed"])
def test_the_examples_of_articles_pass(service: Project, way: tuple[str, ...]) -> None:
    service.pytest(*way, "tests/test_articles.py")

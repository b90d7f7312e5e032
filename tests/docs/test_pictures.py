"""The pictures of the documents show a service as it is."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.docs.pictures import FOLDER, pictures
from tests.harness.project import Project
from tests.harness.template import ROOT

MAX_SIZE = 20_000  # bytes


def test_the_script_makes_exactly_the_pictures_of_the_documents(own_project: Project) -> None:
    made = pictures(own_project)
    there = {path.name: path.read_text() for path in FOLDER.iterdir()}
    assert made == there, "Make them again: uv run nox -s pictures"


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_a_picture_is_small_has_a_title_and_is_shown(path: Path) -> None:
    assert path.stat().st_size < MAX_SIZE
    root = ET.fromstring(path.read_text())
    assert root.find("{http://www.w3.org/2000/svg}title") is not None
    documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    assert any(f"pictures/{path.name})" in document.read_text() for document in documents)

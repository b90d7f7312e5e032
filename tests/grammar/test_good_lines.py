"""What resource lines mean: what is rendered and what is remembered."""

from pathlib import Path

import pytest
import yaml
from copier import run_copy


def remembered(template: Path, target: Path, **answers: object) -> dict[str, str]:
    """The resources in the answers file of a project rendered with these answers."""
    run_copy(str(template), target, data=answers, defaults=True, quiet=True)
    content = yaml.safe_load((target / ".copier-answers.yml").read_text())
    assert content["resource"] == ""
    resources: dict[str, str] = content["resources"]
    assert list(resources) == sorted(resources)
    return resources


def test_the_first_render_has_an_example(template: Path, tmp_path: Path) -> None:
    fields = "name:str(100)! description:text? price:decimal(10,2)=0"
    assert remembered(template, tmp_path / "p") == {"item": fields}


def test_an_empty_line_adds_nothing(template: Path, tmp_path: Path) -> None:
    assert remembered(template, tmp_path / "p", resource="") == {}


def test_a_line_adds_a_resource_with_its_fields_in_order(template: Path, tmp_path: Path) -> None:
    resources = {"zebra": "b:int a:int"}
    line = "  order   total:int  note:text? "
    assert remembered(template, tmp_path / "p", resources=resources, resource=line) == {
        "order": "total:int note:text?",
        "zebra": "b:int a:int",
    }


def test_a_line_replaces_the_fields_of_its_resource(template: Path, tmp_path: Path) -> None:
    resources = {"order": "total:int"}
    found = remembered(template, tmp_path / "p", resources=resources, resource="order note:text")
    assert found == {"order": "note:text"}


def test_a_minus_drops_a_resource(template: Path, tmp_path: Path) -> None:
    resources = {"author": "name:str", "order": "total:int"}
    found = remembered(template, tmp_path / "p", resources=resources, resource="-order")
    assert found == {"author": "name:str"}
    assert not (tmp_path / "p/app/resources/order").exists()


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("order total:int", "/orders"),
        ("category name:str", "/categories"),
        ("box name:str", "/boxes"),
        ("day name:str", "/days"),
        ("person/people name:str", "/people"),
    ],
)
def test_the_plural_is_english_or_given(
    template: Path, tmp_path: Path, line: str, path: str
) -> None:
    remembered(template, tmp_path / "p", resource=line)
    (router,) = (tmp_path / "p/app/resources").glob("*/router.py")
    assert f'prefix="{path}"' in router.read_text()

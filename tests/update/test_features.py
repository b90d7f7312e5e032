"""Services of earlier releases get features."""

from pathlib import Path

import pytest

from tests.harness.answers import FEATURES
from tests.harness.project import Copy, render
from tests.harness.template import NEXT_RELEASE, RELEASES
from tests.harness.thorough import usually
from tests.harness.updates import difference, merge, merge_guarded, written_once
from tests.update.conftest import Render, answers_of


@pytest.mark.parametrize("release", usually(list(RELEASES)[::-1], 1))
def test_an_update_and_a_feature_equal_a_fresh_render(
    template: Path, old: Render, copy: Copy, tmp_path: Path, release: str
) -> None:
    project = copy(old(release, "related"))
    merge(project)
    merge_guarded(project, NEXT_RELEASE, {"features": FEATURES})
    answers = answers_of(release)["related"] | {"features": FEATURES}
    fresh = render(template, tmp_path / "fresh", answers)
    others = [path.replace(":(", ":(exclude,") for path in written_once()]
    assert difference(project, fresh, others) == ""

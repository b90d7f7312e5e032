"""The template's macros, called as Copier calls them."""

import json

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from tests.harness.template import ROOT

# As Copier makes it: see "Jinja2" in its documentation.
environment = SandboxedEnvironment(
    loader=FileSystemLoader(ROOT),
    extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
    undefined=StrictUndefined,
)
_problem = environment.from_string(
    "{% from 'includes/problems.jinja' import problem %}{{ problem(resources, line) }}"
)
_feature_problem = environment.from_string(
    "{% from 'includes/problems.jinja' import problem %}{{ problem(resources, line, features) }}"
)
_types = environment.from_string(
    "{% from 'includes/types.jinja' import NAMES, TYPES %}"
    "{% for name in NAMES %}{{ name }} {{ TYPES[name].examples | join(' ') }}\n{% endfor %}"
)
_features = environment.from_string(
    "{% from 'includes/features.jinja' import REQUIRED %}{{ REQUIRED | to_json }}"
)


def problem(resources: dict[str, str], line: str) -> str:
    """What is wrong with a resource line, given the remembered resources; empty if it is valid."""
    return _problem.render(resources=resources, line=line)


def required_features() -> dict[str, list[str]]:
    """For each feature, those that it requires."""
    required: dict[str, list[str]] = json.loads(_features.render())
    return required


def feature_problem(resources: dict[str, str], line: str, features: object) -> str:
    """The same in a service with features, and what is wrong with these."""
    return _feature_problem.render(resources=resources, line=line, features=features)


def types() -> dict[str, list[str]]:
    """The types of fields, and how each is written."""
    lines = (line.split() for line in _types.render().splitlines())
    return {name: examples for name, *examples in lines}

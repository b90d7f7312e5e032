"""The plugin comes first, so that nothing imports it before pytest has prepared it."""

pytest_plugins = ["dev.plugin", "tests.fixtures"]

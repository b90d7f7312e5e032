"""The tests in `inside` are of a rendered project's own modules, and run where one stands."""

collect_ignore = ["inside"]

"""`uv run feature`: add, drop and list the features of this service.

Each change is an update from the template; at the end, the command prints what is left to do.
"""

import argparse
import sys
from dataclasses import dataclass

from dev.commands.project import ProjectError, find_project
from dev.commands.report import check_conflicts, list_files, print_changes, print_line, print_list
from dev.commands.template import interrupted
from dev.template.answers import read_features
from dev.template.git import Repository, TemplateError
from dev.template.update import Change, EditedFilesError, Outcome, check_repository, update
from dev.template.writing import completing

DISCARD = "--discard-edits"


@dataclass(frozen=True)
class Feature:
    """What the command knows of a feature."""

    summary: str

    has_tables: bool = False
    """Whether it comes and goes with a migration."""

    requires: tuple[str, ...] = ()
    """The features that are added along with it."""

    migration: str | None = None
    """The one that the template has for it, if Alembic cannot make one of its models."""

    modules: tuple[str, ...] = ()
    """What it has in `app/` beside its folder."""

    fixtures: tuple[str, ...] = ()
    """What the user's own tests may have of it."""

    notes: tuple[str, ...] = ()
    """What else there is to do when it was added."""

    dropped: tuple[str, ...] = ()
    """What is different when it was dropped."""


NEEDS_TOKENS = (
    "All endpoints now require a token, and tests need a client that sends one; "
    "tests/auth/README.md says how to let `client` send it in your own tests."
)

NEEDS_TENANT = (
    "All resources now require a tenant, and tests need a client that acts for one; "
    "tests/tenancy/README.md says how to let `client` do so in your own tests."
)

FEATURES = {
    "auth": Feature(
        "users, logins by token, owners of rows; every endpoint requires a user by default",
        has_tables=True,
        requires=("mail",),
        fixtures=("auth_client", "make_client", "UserFactory"),
        notes=(NEEDS_TOKENS, "In production, set FRONTEND_URL; .env.example describes it."),
        dropped=("Every endpoint is public now, unless code of your own protects it.",),
    ),
    "jobs": Feature(
        "work outside of requests, on a schedule too, by a worker; `Idempotency-Key` on POST",
        migration="0002_add_jobs.py",
        modules=("idempotency", "worker"),
        fixtures=("run_jobs",),
        notes=("Run the worker beside the service: uv run worker",),
    ),
    "mail": Feature(
        "send mail by SMTP; tests find it in the fixture `outbox`",
        fixtures=("outbox",),
        notes=("In production, set SMTP_URL and MAIL_FROM; .env.example describes them.",),
    ),
    "realtime": Feature(
        "send changes and messages to connected clients, by WebSocket and as server-sent events",
        notes=("Each request that changes a resource sends one more statement: the notification.",),
    ),
    "tenancy": Feature(
        "rows that belong to tenants, kept apart by PostgreSQL (row-level security)",
        has_tables=True,
        fixtures=(
            *("tenant_a", "tenant_b", "client_as_tenant_a", "client_as_tenant_b"),
            "TenantFactory",
        ),
        notes=(
            NEEDS_TENANT,
            "Tables with rows need three steps: uv run template docs features/tenancy-with-rows",
        ),
        dropped=("Drop the policies by hand: uv run template docs features/tenancy says how.",),
    ),
}


class FeatureError(Exception):
    """The command is not possible for this feature; the message says why, and what to do."""


def main() -> None:
    """Run the command; exits with an error message if it fails or only partly succeeds."""
    options = _parser().parse_args()
    try:
        features = Features(Repository(find_project().folder))
        match options.verb:
            case "add":
                check_repository(features.project)
                features.add(options.name)
            case "drop":
                check_repository(features.project)
                features.drop(options.name, discard_edits=options.discard_edits)
            case "list":
                features.print()
    except (ProjectError, FeatureError, TemplateError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(interrupted())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="feature", description="Add, drop or list the features of this service."
    )
    verbs = parser.add_subparsers(dest="verb", metavar="add|drop|list", required=True)
    adding = verbs.add_parser("add", help="add a feature, and those that it requires")
    adding.add_argument("name", metavar="NAME")
    dropping = verbs.add_parser("drop", help="drop a feature with all its files")
    dropping.add_argument("name", metavar="NAME")
    dropping.add_argument(
        DISCARD, action="store_true", help="drop the files that you have edited as well"
    )
    verbs.add_parser("list", help="list all features; those that the service has are marked by *")
    return parser


class Features:
    """The features of a service."""

    def __init__(self, project: Repository) -> None:
        self.project = project
        self.present = read_features(project.folder)

    def add(self, name: str) -> None:
        """Add a feature, and those that it requires."""
        feature = _find(name)
        if name in self.present:
            raise FeatureError(f"The service has the feature '{name}' already.")
        change = Change({"features": [*self.present, name]}, complete=False)
        outcome = update(self.project, change)
        others = [other for other in feature.requires if other not in self.present]
        along = f", and {' and '.join(others)}, which it requires" if others else ""
        with completing(self.project):
            migration = self._write_migration(feature, f"add {name}", [*self.present, name])
        notes = [note for added in (name, *others) for note in FEATURES[added].notes]
        notes.append(f"All about it: uv run template docs features/{name}")
        done = f"Added {name}{along}"
        _print_next_steps(outcome, done, f"add {name}", feature, migration, notes)

    def drop(self, name: str, *, discard_edits: bool) -> None:
        """Remove a feature; unless `discard_edits`, only if the user has edited none of its files.

        Files of the user's own in its folders stay.
        """
        feature = _find(name)
        if name not in self.present:
            existing = ", ".join(self.present) or "none"
            raise FeatureError(f"The service has no feature '{name}'; its features: {existing}.")
        for other, described in FEATURES.items():
            if other in self.present and name in described.requires:
                raise FeatureError(
                    f"Feature '{name}' cannot be dropped: '{other}' requires it; drop that first: "
                    f"uv run feature drop {other}"
                )
        rest = [other for other in self.present if other != name]
        change = Change(
            {"features": rest},
            delete_edited=discard_edits,
            refuse_edited=not discard_edits,
            complete=False,
        )
        try:
            outcome = update(self.project, change)
        except EditedFilesError as error:
            files = list_files(f"You have edited these files of '{name}'", error.files)
            raise FeatureError(
                f"{files}\nNothing was changed. To drop them as well: uv run feature drop {name} "
                f"{DISCARD}; they remain in git's history."
            ) from None
        with completing(self.project):
            migration = self._write_migration(feature, f"drop {name}", self.present, reverse=True)
        own = self.project.paths("ls-files", "-z", "--", f"app/{name}", f"tests/{name}")
        notes = [*feature.dropped]
        if feature.has_tables or migration is not None:
            notes.append("The migration will drop its tables and all data in them.")
        notes += [
            f"It required {other}, which stays. To drop that as well: uv run feature drop {other}"
            for other in feature.requires
        ]
        _print_next_steps(outcome, f"Dropped {name}", f"drop {name}", feature, migration, notes)
        print_list("These files are your own and were kept", own)
        print_list("These lines still use it", self._lines_that_use(name, feature))

    def _lines_that_use(self, name: str, feature: Feature) -> list[str]:
        modules = "|".join((name, *feature.modules))
        imports = rf"\b(app|tests)\.({modules})\b|\bfrom app import .*\b({modules})\b"
        searches = [(imports, "*.py")]
        if feature.fixtures:
            searches.append((rf"\b({'|'.join(feature.fixtures)})\b", "tests/*.py"))
        lines = [
            line
            for pattern, files in searches
            for line in self.project.git(
                "grep", "--line-number", "--extended-regexp", pattern, "--", files, codes=(0, 1)
            ).splitlines()
        ]
        return [*dict.fromkeys(lines)]

    def _write_migration(
        self, feature: Feature, message: str, features: list[str], *, reverse: bool = False
    ) -> str | None:
        """Write the migration that the template has for a feature, or its reverse; return its path.

        `features` are those with which the template renders it. Raises TemplateError.
        """
        if feature.migration is None:
            return None
        # Alembic is imported only here, since that takes most of a second.
        from dev.commands import feature_migration as migrations  # noqa: PLC0415

        text = migrations.shipped_migration(self.project, features, feature.migration)
        if reverse:
            text = migrations.reversed_migration(text)
        return migrations.write_migration(self.project, message, text)

    def print(self) -> None:
        """Print every feature, one a line."""
        width = max(map(len, FEATURES))
        for name, feature in FEATURES.items():
            mark = "*" if name in self.present else " "
            requires = f" (requires {', '.join(feature.requires)})" if feature.requires else ""
            print_line(f"{mark} {name:{width}}  {feature.summary}{requires}")


def _find(name: str) -> Feature:
    if name not in FEATURES:
        raise FeatureError(
            f"Feature '{name}' does not exist; the features are: {', '.join(FEATURES)}. A newer "
            "release may have it: uv run template update"
        )
    return FEATURES[name]


def _print_next_steps(
    outcome: Outcome,
    done: str,
    message: str,
    feature: Feature,
    migration: str | None,
    notes: list[str],
) -> None:
    """Print what is left to do. Raises TemplateError if there are conflicts."""
    if migration is not None:
        print_line(f"{done}. Review {migration}, apply it, and run the tests:\n")
        print_line("  uv run alembic upgrade head")
    elif feature.has_tables:
        print_line(f"{done}. Create the migration, review it, and run the tests:\n")
        print_line("  uv run alembic upgrade head")
        print_line(f'  uv run alembic revision --autogenerate -m "{message}"')
    else:
        print_line(f"{done}; nothing is committed yet. Review it, and run the tests:\n")
        print_line("  git diff HEAD")
    print_line("  uv run pytest")
    for note in notes:
        print_line(f"\n{note}")
    print_changes(outcome)
    check_conflicts(outcome.merge)


if __name__ == "__main__":
    main()

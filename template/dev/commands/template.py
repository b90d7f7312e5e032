"""`uv run template`: update this service from its template, compare it with its release, and print
the release's documents.

An update loses nothing that you wrote, whatever your git settings. At the end, the command prints
what is left to do.
"""

import argparse
import signal
import sys

from dev.commands.project import ProjectError, find_project
from dev.commands.report import check_conflicts, print_changes, print_line
from dev.template.answers import read_questions
from dev.template.check import check, compare_releases
from dev.template.documents import read_document
from dev.template.git import Repository, TemplateError, UnreachableError
from dev.template.restore import restore
from dev.template.update import Change, update
from dev.template.writing import UNDO, is_interrupted


def main() -> None:
    """Run the command; exits with an error message if it fails or only partly succeeds."""
    options = _parser().parse_args()
    try:
        project = Repository(find_project().folder)
        match options.verb:
            case "update":
                _update(project, Change(release=options.to))
            case "answer":
                _answer(project, options.question, options.answer)
            case "restore":
                restore(project, options.files)
                print_line("Restored, but not committed yet; see: git diff HEAD")
            case "check":
                _check(project, options)
            case "docs":
                print_line(read_document(project, options.document.removesuffix(".md")).rstrip())
    except UnreachableError as error:
        if not options.if_reachable:
            sys.exit(str(error))
        print_line(f"Not checked. {error}")
    except (ProjectError, TemplateError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(interrupted())


def interrupted() -> str:
    """What to do after Ctrl-C, which may come twice, as `uv run` passes it on; the second one must
    not interrupt the end of the command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if is_interrupted(Repository(find_project().folder)):
        return f"Interrupted while it was writing files. Take back what it wrote: {UNDO}"
    return "Interrupted. Nothing was changed."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="template", description="Update this service from its template."
    )
    parser.set_defaults(if_reachable=False)
    verbs = parser.add_subparsers(
        dest="verb", metavar="update|answer|restore|check|docs", required=True
    )
    updating = verbs.add_parser("update", help="merge a newer release into the service")
    updating.add_argument("--to", metavar="VERSION", help="a release; default: the newest one")
    answering = verbs.add_parser("answer", help="give one of the template's questions an answer")
    answering.add_argument("question", metavar="QUESTION")
    answering.add_argument("answer", metavar="ANSWER")
    restoring = verbs.add_parser(
        "restore", help="bring files back to what the service's release renders"
    )
    restoring.add_argument("files", nargs="+", metavar="FILE")
    checking = verbs.add_parser(
        "check", help="list what neither the service's release nor an edit explains"
    )
    checking.add_argument(
        "--against", metavar="BRANCH", help="the branch that this one will be merged into"
    )
    checking.add_argument("--fix", action="store_true", help="repair what can be repaired")
    checking.add_argument(
        "--if-reachable", action="store_true", help="pass if the template cannot be read"
    )
    reading = verbs.add_parser("docs", help="print a document of the release that the service has")
    reading.add_argument(
        "document",
        nargs="?",
        default="README",
        help="such as errors or recipes/uploads; default: the index of all",
    )
    return parser


def _update(project: Repository, change: Change) -> None:
    outcome = update(project, change)
    if not outcome.changed:
        print_line(f"Nothing to change: the service has release {outcome.after}.")
        return
    print_line(
        f"Updated from {outcome.before} to {outcome.after}. Follow the release's steps under "
        '"By hand", if it has any, and run the tests; nothing is committed yet:\n'
    )
    print_line("  git diff HEAD")
    print_line("  uv run alembic upgrade head")
    print_line('  uv run alembic revision --autogenerate -m "what changed"  # if models changed')
    print_line("  uv run pytest")
    print_changes(outcome)
    check_conflicts(outcome.merge)


def _answer(project: Repository, question: str, answer: str) -> None:
    questions = read_questions(project.folder)
    if question not in questions:
        raise TemplateError(
            f"The template does not ask '{question}'; its questions: {', '.join(questions)}."
        )
    outcome = update(project, Change({question: answer}))
    if not outcome.changed:
        print_line("Nothing to change: the answer is that already.")
        return
    print_line("Changed; nothing is committed yet. Review it, and run the tests:\n")
    print_line("  git diff HEAD")
    print_line("  uv run pytest")
    print_changes(outcome)
    check_conflicts(outcome.merge)


def _check(project: Repository, options: argparse.Namespace) -> None:
    findings, merge = check(project, repair=options.fix)
    texts = [finding.text for finding in findings]
    against = options.against
    if against is not None and (difference := compare_releases(project, against)):
        texts.append(difference)
    if not texts:
        print_line("The service is what its release renders, with your edits.")
        return
    print_line("\n".join(f"- {text}" for text in texts))
    if merge is not None:
        print_line("\nRepaired, but not committed yet; see: git diff HEAD")
        check_conflicts(merge)
    elif any(finding.repairs for finding in findings):
        raise TemplateError("\nTo repair: uv run template check --fix")
    else:
        sys.exit(1)


if __name__ == "__main__":
    main()

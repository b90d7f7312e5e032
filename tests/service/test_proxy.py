"""The service below a path of a proxy, which removes that path from the requests it passes on."""

from tests.harness.project import Project
from tests.harness.servers import Server
from tests.harness.service import serve

PATH = "/api/v1"


def test_links_include_the_path_that_the_proxy_has_removed(
    default_project: Project, postgres: Server
) -> None:
    with serve(default_project, postgres.url, UVICORN_ROOT_PATH=PATH) as client:
        created = client.post("/items", json={"name": "below a path"})
        assert created.headers["Location"] == f"{PATH}/items/{created.json()['id']}"
        assert client.get("/openapi.json").json()["servers"] == [{"url": PATH}]
        assert f"'{PATH}/openapi.json'" in client.get("/docs").text
        newest = client.get("/items/", params={"sort": "-id"}).json()["items"][0]
        assert newest == created.json()
        assert client.get("/health/ready").status_code == 200

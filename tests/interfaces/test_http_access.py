"""Who may come in, how often, with how much, and from where; and that no secret shows."""

from __future__ import annotations

import logging

import pytest
from http_doors import QUESTION, doors, settings_for
from starlette.testclient import TestClient

from rag_faq.errors import SettingsError
from rag_faq.interfaces.http.access import Keys, host_name, host_names, page_login
from rag_faq.interfaces.http.app import Parts, make_app
from rag_faq.interfaces.http.guard import LimitedBody
from rag_faq.interfaces.http.limits import RateLimit, client_name
from rag_faq.settings import Settings

PROTECTED = (
    ("POST", "/v1/query"),
    ("POST", "/v1/query/stream"),
    ("GET", "/v1/search?q=cats"),
    ("GET", "/v1/entries"),
    ("GET", "/v1/entries/1"),
    ("POST", "/v1/feedback"),
    ("POST", "/v1/chat/completions"),
    ("GET", "/v1/models"),
    ("GET", "/v1/nothing"),
    ("GET", "/metrics"),
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# -- rates


def test_a_client_may_use_its_minute_at_once_and_then_waits_for_each_token() -> None:
    clock = Clock()
    limit = RateLimit(6, clock=clock)
    assert [limit.wait("a") for _ in range(6)] == [0.0] * 6
    assert limit.wait("a") == pytest.approx(10)  # one token in ten seconds
    clock.now = 4
    assert limit.wait("a") == pytest.approx(6)
    assert limit.wait("b") == 0.0  # another client
    clock.now = 10
    assert [limit.wait("a") == 0.0, limit.wait("a") == 0.0] == [True, False]
    clock.now = 10_000  # no more than a minute's worth gathers
    assert [limit.wait("a") for _ in range(6)] == [0.0] * 6
    assert limit.wait("a") > 0


def test_no_limit_remembers_nobody() -> None:
    limit = RateLimit(0)
    assert [limit.wait("a") for _ in range(100)] == [0.0] * 100
    assert len(limit) == 0


def test_a_bounded_number_of_clients_is_remembered_those_seen_last() -> None:
    limit = RateLimit(1, most_clients=2, clock=Clock())
    assert [limit.wait(name) for name in "abc"] == [0.0] * 3
    assert len(limit) == 2
    assert limit.wait("c") > 0
    assert limit.wait("a") == 0.0  # forgotten


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
    ],
)
def test_a_client_is_an_address_and_of_ipv6_a_network(address: str, name: str) -> None:
    assert client_name(address) == name


def test_over_the_rate_a_client_is_told_when_to_come_back(tmp_path) -> None:
    # Getting ready asks /readyz, which is free.
    with doors(tmp_path, requests_per_minute=2) as client:
        assert [client.get("/v1/entries").status_code for _ in range(3)] == [200, 200, 429]
        refused = client.get("/v1/entries")
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        assert client.get("/healthz").status_code == 200
        spoken = client.get("/v1/models").json()["error"]
        assert (spoken["type"], spoken["code"]) == ("rate_limit_error", "rate_limit_exceeded")


def test_keys_have_rates_of_their_own_and_strangers_that_of_their_address(tmp_path) -> None:
    with doors(tmp_path, requests_per_minute=1, api_keys="one,two") as client:

        def status(key: str) -> int:
            return client.get("/v1/entries", headers={"Authorization": f"Bearer {key}"}).status_code

        assert [status("one"), status("one"), status("two")] == [200, 429, 200]
        assert [status("guess"), status("guess")] == [401, 429]


# -- keys


@pytest.mark.parametrize(("method", "path"), PROTECTED)
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Bearer secret1x", "Basic secret1", "secret1"]
)
def test_without_a_key_nothing_is_told(keyed, method: str, path: str, header: str | None) -> None:
    response = keyed.request(method, path, headers={} if header is None else {"Authorization": header})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert "secret1" not in response.text


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    with doors(tmp_path_factory.mktemp("keyed"), api_keys="secret1, secret2") as client:
        yield client


@pytest.mark.parametrize("header", ["Bearer secret1", "bearer secret2", "Bearer  secret1"])
def test_with_a_key_the_doors_open(keyed, header: str) -> None:
    assert keyed.get("/v1/entries", headers={"Authorization": header}).status_code == 200


def test_life_and_readiness_need_no_key(keyed) -> None:
    assert [keyed.get(path).status_code for path in ("/healthz", "/readyz", "/openapi.json")] == [200, 200, 200]
    security = keyed.get("/openapi.json").json()["paths"]["/v1/query"]["post"]["security"]
    assert security == [{"key": []}]


def test_a_setting_that_holds_no_key_is_refused_and_opens_nothing(tmp_path) -> None:
    for bad in (" , ", ","):
        with pytest.raises(SettingsError, match="api_keys holds no key"):
            make_app(settings_for(tmp_path, api_keys=bad), Parts(lambda: pytest.fail("nothing is loaded")))


def test_no_secret_shows_in_settings_or_errors() -> None:
    settings = Settings.load(api_keys="hunter2", page_login="owner:hunter2")
    assert "hunter2" not in repr(settings) + str(settings) + str(settings.model_dump())
    with pytest.raises(SettingsError) as caught:
        page_login(Settings.load(page_login="hunter2"))
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(vars(Keys(["hunter2"])))


def test_the_page_login_takes_the_right_pairs_alone() -> None:
    check = page_login(Settings.load(page_login="owner:top:secret, guest:welcome"))
    assert check is not None
    assert check("owner", "top:secret")
    assert check("guest", "welcome")
    assert not check("owner", "welcome")
    assert not check("owner:top", "secret2")
    assert not check("", "")
    assert page_login(Settings.load()) is None


# -- questions in the log


@pytest.mark.parametrize("told", [True, False])
def test_questions_are_logged_only_when_the_owner_says_so(tmp_path, caplog, told: bool) -> None:
    with caplog.at_level(logging.DEBUG), doors(tmp_path, log_questions=told, api_keys="secret1") as client:
        client.post(
            "/v1/query", json={"question": f"{QUESTION}\nforged line"}, headers={"Authorization": "Bearer secret1"}
        )
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("rag_faq")]
    assert (
        [line for line in lines if "cats" in line] == [f"asked over http: {QUESTION + chr(10) + 'forged line'!r}"]
    ) is told
    assert not any("cats" in line for line in lines) or told
    assert "secret1" not in caplog.text


# -- origins and hosts


def preflight(client: TestClient, origin: str):
    return client.options("/v1/query", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})


def test_scripts_of_other_sites_stay_outside_unless_they_are_named(tmp_path) -> None:
    with doors(tmp_path) as client:
        assert preflight(client, "https://a.example").status_code == 405
        assert (
            "access-control-allow-origin"
            not in client.get("/v1/entries", headers={"Origin": "https://a.example"}).headers
        )


def test_named_sites_may_come_in_with_a_key(tmp_path) -> None:
    with doors(tmp_path, allowed_origins="https://a.example, https://b.example", api_keys="secret1") as client:
        asked = preflight(client, "https://b.example")
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "https://b.example")
        assert preflight(client, "https://c.example").status_code == 400
        refused = client.get("/v1/entries", headers={"Origin": "https://a.example"})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://a.example")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "evil.example:7860", "[::2]:80"])
def test_a_server_of_this_machine_answers_to_no_other_name(tmp_path, host: str) -> None:
    with doors(tmp_path) as client:
        for path in ("/v1/entries", "/", "/healthz"):
            assert client.get(path, headers={"Host": host}).status_code == 421
        for own in ("127.0.0.1:7860", "localhost:7860", "LOCALHOST", "[::1]:7860"):
            assert client.get("/v1/entries", headers={"Host": own}).status_code == 200


def test_hosts_are_any_for_a_server_of_all_and_the_named_ones_where_they_are_named() -> None:
    assert host_names(Settings.load(host="0.0.0.0")) is None
    assert host_names(Settings.load(allowed_hosts="*")) is None
    assert host_names(Settings.load(host="127.0.0.2")) == {"127.0.0.2", "127.0.0.1", "localhost", "::1"}
    assert host_names(Settings.load(host="0.0.0.0", allowed_hosts="FAQ.example")) == {
        "faq.example",
        "127.0.0.1",
        "localhost",
        "::1",
    }
    assert (host_name("a.example:80"), host_name("[::1]:80"), host_name("A.Example")) == (
        "a.example",
        "::1",
        "a.example",
    )


# -- sizes


def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_its_length(tmp_path) -> None:
    with doors(tmp_path, max_request_kb=1) as client:
        fits = b'{"question": "' + b"?" * (1024 - 16) + b'"}'
        kind = {"content-type": "application/json"}
        assert len(fits) == 1024
        assert client.post("/v1/query", content=fits, headers=kind).status_code == 200
        for body in (fits + b" ", iter([fits, b" "])):
            refused = client.post("/v1/query", content=body, headers=kind)
            assert (refused.status_code, refused.headers["connection"]) == (413, "close")
            assert refused.json()["expected"] == "1,024 bytes at the most"


@pytest.mark.anyio
async def test_a_large_body_is_refused_before_it_is_read_and_a_slow_one_is_not_waited_for() -> None:
    async def inner(scope, receive, send):
        raise AssertionError("it was let in")

    sent = []

    async def send(message) -> None:
        sent.append(message)

    async def never():
        raise AssertionError("it was read")

    async def slow():
        import anyio

        await anyio.sleep(30)

    scope = {"type": "http", "path": "/v1/query", "method": "POST", "headers": [(b"content-length", b"2000")]}
    await LimitedBody(inner, 1000)(scope, never, send)
    await LimitedBody(inner, 5000, read_s=0.05)(scope, slow, send)
    assert [message["status"] for message in sent if "status" in message] == [413, 408]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_answers_of_the_doors_are_not_kept_or_guessed_at(keyed) -> None:
    headers = keyed.get("/v1/entries", headers={"Authorization": "Bearer secret1"}).headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")

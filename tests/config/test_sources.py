from __future__ import annotations

from pathlib import Path

import pytest

from ingle.config import Settings, load, user_file, write
from ingle.config.settings import descriptions, parse_duration, parse_size
from ingle.errors import ConfigError


def test_each_source_wins_over_the_ones_below(tmp_path: Path) -> None:
    (tmp_path / "ingle.toml").write_text('model = "project"\ncontext = 2\n')
    user_file().write_text('model = "user"\nslots = 1\ncontext = 1\n')
    environment = {"INGLE_CONTEXT": "3", "INGLE_PORT": "7"}
    settings, origins = load({"port": 8, "host": None}, environment, tmp_path)
    assert (settings.model, settings.slots, settings.context, settings.port) == ("project", 1, 3, 8)
    assert [origins[name].kind for name in ("host", "slots", "model", "context", "port")] == [
        "default",
        "user",
        "project",
        "env",
        "flag",
    ]
    assert origins["context"].detail == "INGLE_CONTEXT"


def test_a_project_cannot_choose_programs_or_send_data_away(tmp_path: Path) -> None:
    for line in (
        'llama_server = "/tmp/evil"',
        'egress = "allow"',
        'token = "x"',
        'host = "0.0.0.0"',
    ):
        (tmp_path / "ingle.toml").write_text(line)
        with pytest.raises(ConfigError, match="cannot be set in a project"):
            load({}, {}, tmp_path)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"INGLE_PORT": "many"}, "port"),
        ({"INGLE_PORT": "70000"}, "port"),
        ({"INGLE_MEMORY": "much"}, "memory"),
        ({"INGLE_KEEP_ALIVE": "soon"}, "keep_alive"),
        ({"INGLE_EGRESS": "maybe"}, "egress"),
        ({"INGLE_UPSTREAMS": '{"a": {"url": "x"}}'}, "upstreams"),
    ],
)
def test_a_bad_value_is_named_with_its_origin(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load({}, environment)


def test_an_empty_variable_is_an_empty_text(tmp_path: Path) -> None:
    assert load({}, {"INGLE_TOKEN": "", "INGLE_HOSTS": ""}, tmp_path)[0].token == ""


def test_a_misspelt_setting_gets_a_guess(tmp_path: Path) -> None:
    user_file().write_text("contxt = 5\n")
    with pytest.raises(ConfigError, match="did you mean 'context'"):
        load({}, {}, tmp_path)


def test_broken_toml_is_said(tmp_path: Path) -> None:
    user_file().write_text("model = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load({}, {}, tmp_path)


def test_writing_keeps_comments_and_refuses_nonsense(tmp_path: Path) -> None:
    user_file().write_text("# mine\nslots = 2  # two\n")
    write("context", "4096")
    write("slots", "3")
    text = user_file().read_text()
    assert "# mine" in text
    assert load({}, {}, tmp_path)[0].slots == 3
    with pytest.raises(ConfigError):
        write("slots", "-3")
    with pytest.raises(ConfigError):
        write("nope", "1")
    assert user_file().read_text() == text
    write("slots", None)
    assert load({}, {}, tmp_path)[0].slots == 0
    assert user_file().stat().st_mode & 0o077 == 0


def test_what_a_killed_write_left_is_taken_up_and_no_one_elses(tmp_path: Path) -> None:
    path = write("token", "secret", tmp_path / "own.toml")
    left = tmp_path / "own.toml.part"
    left.write_text("half of")
    write("slots", "3", path)
    assert not left.exists()
    copy = tmp_path / "own.toml.backup"
    assert 'token = "secret"' in copy.read_text()
    assert "slots" in path.read_text()
    assert {file.stat().st_mode & 0o777 for file in (path, copy)} == {0o600}


def test_sizes_and_durations() -> None:
    assert parse_size("6GiB") == 6 * 2**30
    assert parse_size("800 MB") == 800_000_000
    assert parse_size("1.5k") == 1500
    assert parse_duration("5m") == 300
    assert parse_duration("-1") == -1
    for bad in ("", "x", "1 parsec", "1ib"):
        with pytest.raises(ConfigError):
            parse_size(bad)


def test_every_setting_says_what_it_is_for() -> None:
    assert set(descriptions()) == set(Settings.__struct_fields__)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("hub", "hugingface.co", "neither huggingface.co nor modelscope.cn"),
        ("prompt_cache", "much", "not a valid size"),
        ("worker_memory", "8GiX", "not a valid size"),
        ("stall", "soon", "not a valid duration"),
        ("prompt_cache_age", "old", "not a valid duration"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_set(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"INGLE_{name.upper()}", value)
    with pytest.raises(ConfigError, match=said):
        load({})

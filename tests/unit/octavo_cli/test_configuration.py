"""Address and keys come from the environment or a file, and what is wrong with them is told without showing a key."""

from pathlib import Path

import pytest

from octavo_cli.configuration import ConfigurationError, load, where


@pytest.fixture
def file(tmp_path):
    def write(text, mode=0o600):
        path = tmp_path / "config.toml"
        path.write_text(text)
        path.chmod(mode)
        return {"OCTAVO_CONFIG": str(path)}

    return write


def test_reads_the_file(file, tmp_path):
    text = 'address = "octavo:50051"\napi_key = "k"\nadmin_key = "a"\ntls = "ca.pem"\ntls_name = "api.octavo"\n'
    text += 'tls_certificate = "own.pem"\ntls_key = "/run/own.key"\n'
    found = load(file(text))
    assert (found.need_address(), found.need_api_key(), found.need_admin_key()) == ("octavo:50051", "k", "a")
    assert (found.tls, found.tls_name) == (tmp_path / "ca.pem", "api.octavo")
    assert (found.tls_certificate, found.tls_key) == (tmp_path / "own.pem", Path("/run/own.key"))
    assert not found.warnings


def test_the_environment_goes_before_the_file(file):
    given = file('address = "octavo:50051"\napi_key = "file"\ntls = true\n')
    found = load({**given, "OCTAVO_API_KEY": "environment", "OCTAVO_TLS": "false"})
    assert (found.address, found.api_key, found.tls) == ("octavo:50051", "environment", False)


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"HOME": "/home/ann"}, "/home/ann/.config/octavo/config.toml"),
        ({"HOME": "/home/ann", "XDG_CONFIG_HOME": "/etc/ann"}, "/etc/ann/octavo/config.toml"),
        ({"OCTAVO_CONFIG": "/x/y.toml"}, "/x/y.toml"),
    ],
)
def test_the_file_is_where_such_files_are(environment, path):
    assert where(environment) == Path(path)


def test_no_file_is_no_error_until_something_is_needed(tmp_path):
    found = load({"HOME": str(tmp_path)})
    for need, name in (
        (found.need_address, "ADDRESS"),
        (found.need_api_key, "API_KEY"),
        (found.need_admin_key, "ADMIN_KEY"),
    ):
        with pytest.raises(ConfigurationError, match=f"OCTAVO_{name}.*config.toml"):
            need()


def test_a_file_that_was_named_must_be_there(tmp_path):
    with pytest.raises(ConfigurationError, match="no such file"):
        load({"OCTAVO_CONFIG": str(tmp_path / "none.toml")})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("api_key = hush", "line 1"),
        ('adress = "x"\nport = 1\n', "adress.*port"),
        ("address = 1", "address must be a text"),
        ("tls = 3", "tls must be"),
        ("tls_name = 3", "tls_name must be a text"),
        ("tls_key = 3", "tls_key must be a text"),
    ],
)
def test_a_wrong_file_is_told_with_what_is_wrong(file, text, told):
    with pytest.raises(ConfigurationError, match=told) as raised:
        load(file(text))
    assert "hush" not in str(raised.value)


def test_keys_that_others_can_read_are_warned_about(file):
    assert load(file('api_key = "k"', 0o644)).warnings
    for text in ('address = "octavo:50051"', 'tls_key = "own.key"'):
        assert not load(file(text, 0o644)).warnings


def test_keys_are_not_shown(file):
    assert "hush" not in repr(load(file('api_key = "hush"\nadmin_key = "hush"')))


def test_a_file_of_authorities_that_is_not_there_is_named(file, tmp_path):
    found = load({**file('address = "octavo:50051"\n'), "OCTAVO_TLS": str(tmp_path / "ca.pem")})
    with pytest.raises(ConfigurationError, match=r"ca\.pem.*OCTAVO_TLS"):
        found.need_tls()
    (tmp_path / "ca.pem").write_text("")
    assert found.need_tls() == tmp_path / "ca.pem"


def test_the_name_of_a_certificate_is_of_no_use_without_tls(file):
    given = file('address = "octavo:50051"\n') | {"OCTAVO_TLS_NAME": "api.octavo"}
    with pytest.raises(ConfigurationError, match=r"OCTAVO_TLS_NAME.*no use without"):
        load(given).need_tls()
    assert load({**given, "OCTAVO_TLS": "true"}).need_tls() is True


def test_a_certificate_and_its_key_go_together(file, tmp_path):
    given = file('address = "octavo:50051"\ntls = true\n')
    own = {name: tmp_path / name for name in ("OCTAVO_TLS_CERTIFICATE", "OCTAVO_TLS_KEY")}
    for name, path in own.items():
        with pytest.raises(ConfigurationError, match=f"{name}, .* needs OCTAVO_TLS_") as raised:
            load({**given, name: str(path)}).need_tls()
        assert "\n" not in str(raised.value)
    both = {**given, **{name: str(path) for name, path in own.items()}}
    for path in own.values():
        with pytest.raises(ConfigurationError, match=f"{path.name}: there is no such file"):
            load(both).need_tls()
        path.write_text("")
    assert load(both).need_tls() is True
    with pytest.raises(ConfigurationError, match=r"OCTAVO_TLS_CERTIFICATE.*no use without"):
        load({**both, "OCTAVO_TLS": "false"}).need_tls()

"""network.toml says how a site gets out, strictly, or it is refused."""

import pytest

from modelward.errors import NotAdmitted
from modelward.joining.network import Network, read_network


def test_without_the_file_a_site_dials_directly(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://somewhere.else:3128")

    assert read_network(tmp_path / "network.toml") == Network()


def test_every_key_is_read(tmp_path):
    file = tmp_path / "network.toml"
    file.write_text(
        'hub = "wss://hub.example.org:443"\n'
        'proxy = "https://ward:p%40ss@proxy.example.org:3129"\n'
        'proxy_ca = "ca.pem"\n'
    )

    found = read_network(file)

    assert (found.hub, found.proxy_ca) == ("wss://hub.example.org:443", "ca.pem")
    assert found.proxy == "https://ward:p%40ss@proxy.example.org:3129"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('proxi = "http://p:1"', "proxi: there is no such key; did you mean 'proxy'?"),
        ('proxy = "p:3128"', "proxy: string should match pattern"),
        ('proxy = "socks5://p:3128"', "proxy: string should match pattern"),
        ('proxy = "http://p"', "proxy: string should match pattern"),
        ('hub = "https://hub.example.org"', "hub: string should match pattern"),
        ('proxy = "http://p:1"\nproxy_ca = "ca.pem"', "proxy_ca: is for a proxy at https://"),
        ("proxy = 1\nhub = 2", "2 faults"),
        ("proxy", "not TOML"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_key(tmp_path, text, said):
    file = tmp_path / "network.toml"
    file.write_text(text)

    with pytest.raises(NotAdmitted) as caught:
        read_network(file)
    assert said in caught.value.what


def test_a_file_that_cannot_be_read_is_not_passed_over(tmp_path):
    (tmp_path / "network.toml").mkdir()

    with pytest.raises(NotAdmitted, match="cannot be read"):
        read_network(tmp_path / "network.toml")

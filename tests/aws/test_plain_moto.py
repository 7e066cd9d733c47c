"""The infrastructure against moto's own server, with nothing of the stand-in between."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PROJECT, Ask

from stedi_cli.project.folder import copy_out

pytestmark = pytest.mark.slow
SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("http://{}:{}".format(*server.get_host_and_port()), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def plain_moto() -> Iterator[str]:
    """The address of a server of moto, in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()


def test_up_status_and_down(
    plain_moto: str, invoke: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    copy_out(PROJECT, tmp_path / "own")
    config = tmp_path / "own" / "configs" / "aws.yaml"
    text = config.read_text()
    for key, value in (("endpoint_url", plain_moto), ("region", "eu-central-1")):
        assert f"{key}: null" in text
        text = text.replace(f"{key}: null", f"{key}: {value}")
    config.write_text(text)
    made = invoke("--config", config, "infra", "up")
    assert made.code == 0, made.err
    assert invoke("--config", config, "infra", "status").code == 0
    gone = invoke("--config", config, "infra", "down", "--yes")
    assert gone.code == 0, gone.err
    assert invoke("--config", config, "infra", "status").code == 3

"""gpulint has no network code: nothing in it opens a connection, and nothing in it could."""

from __future__ import annotations

import ast
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

import gpulint
from gpulint.cli import main

PACKAGE = Path(gpulint.__file__).parent
FORBIDDEN = frozenset(
    [
        "socket",
        "ssl",
        "http",
        "urllib.request",
        "urllib3",
        "requests",
        "httpx",
        "aiohttp",
        "ftplib",
        "smtplib",
        "poplib",
        "imaplib",
        "nntplib",
        "telnetlib",
        "xmlrpc",
        "asyncio",
        "socketserver",
        "webbrowser",
        "paramiko",
        "grpc",
    ]
)
FIXTURES = Path(__file__).parent / "fixtures"


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_module_imports_what_talks_to_a_network() -> None:
    found = {
        (file.relative_to(PACKAGE).as_posix(), name)
        for file in PACKAGE.rglob("*.py")
        for name in imported(file)
        if any(name == word or name.startswith(f"{word}.") for word in FORBIDDEN)
    }
    assert found == set()


def test_the_static_test_would_notice(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("def f():\n    from urllib import request\n    import http.client\n", encoding="utf-8")
    assert {"urllib.request", "http.client"} <= set(imported(file))


@pytest.mark.parametrize(
    "command", [["check", "--exit-zero"], ["placement"], ["graph", "--format", "html"]], ids=lambda c: c[0]
)
def test_commands_open_no_socket(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_named: object) -> NoReturn:
        raise AssertionError("a socket was asked for")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname", "socketpair", "create_server"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.chdir(FIXTURES)
    found = CliRunner().invoke(main, [*command, "."], catch_exceptions=False)
    assert found.exit_code == 0, found.output

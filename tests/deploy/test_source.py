"""Where a model may come from, and how a stick or a server may fail."""

from __future__ import annotations

import http.server
import os
import ssl
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from certificates import DAY, NOW, Authority

from bundle.container import MAX_ARCHIVE_BYTES
from deploy.errors import SourceError
from deploy.mounts import Mount, parse_mounts
from deploy.source import fetch


@pytest.fixture
def get(now):
    """Return a function that fetches, with the mounts that are given."""

    def run(text, *mounts, tell=lambda done, total: None):
        return fetch(str(text), now, tell, lambda: list(mounts))

    return run


def refused(get, *arguments):
    """Return the one line of a refusal."""
    with pytest.raises(SourceError) as error:
        get(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_is_read_to_its_end_with_progress(get, tmp_path):
    """The bar reaches the whole."""
    told = []
    (tmp_path / "m.lwb").write_bytes(b"x" * 600_000)
    fetched = get(tmp_path / "m.lwb", tell=lambda *each: told.append(each))
    assert fetched.data == b"x" * 600_000
    assert told[-1] == (600_000, 600_000)
    assert len(told) > 1


def test_the_one_bundle_of_a_folder_is_taken(get, tmp_path):
    """What else lies there, and what a Mac leaves beside it, does not count."""
    (tmp_path / "M.LWB").write_bytes(b"model")
    (tmp_path / "._M.LWB").write_bytes(b"mac")
    (tmp_path / "notes.txt").write_bytes(b"text")
    assert get(tmp_path).data == b"model"


def test_a_folder_with_none_or_several_is_refused_with_their_names(get, tmp_path):
    """Nobody guesses which one was meant."""
    assert "no .lwb file" in refused(get, tmp_path)
    for name in "ab":
        (tmp_path / f"{name}.lwb").write_bytes(b"model")
    said = refused(get, tmp_path)
    assert "a.lwb" in said
    assert "b.lwb" in said


def test_usb_means_the_one_stick_that_is_mounted(get, tmp_path):
    """Two sticks are one too many, none is said so."""
    (tmp_path / "m.lwb").write_bytes(b"model")
    stick = Mount("/dev/sda1", Path("/media/none"))
    assert "no USB stick" in refused(get, "usb")
    assert "several sticks" in refused(get, "usb", stick, Mount("/dev/sdb1", Path("/mnt")))
    assert "/media/none" in refused(get, "usb", stick)
    assert "no USB stick" in refused(get, "usb", Mount("/dev/sda1", tmp_path))


def test_a_device_means_the_folder_it_is_mounted_at(get, tmp_path):
    """The device itself, a label that points to it, or the whole stick of a partition."""
    (tmp_path / "m.lwb").write_bytes(b"model")
    for device in ("/dev/null", "/dev/nullp1", "/dev/null1"):
        assert get("/dev/null", Mount(device, tmp_path)).data == b"model"
    assert "mount -o ro /dev/null" in refused(get, "/dev/null", Mount("/dev/nullx", tmp_path))
    assert "is the stick plugged in" in refused(get, "/dev/disk/by-label/NO-SUCH")


def test_names_with_spaces_in_the_kernels_list_are_read():
    """A stick may be called "MY STICK"."""
    text = "/dev/sda1 /media/a/MY\\040STICK vfat ro 0 0\nodd\n"
    assert parse_mounts(text) == [Mount("/dev/sda1", Path("/media/a/MY STICK"))]


def test_a_stick_that_goes_away_while_it_is_read_is_told(get):
    """The kernel answers a read of it with EIO, as it does for this file."""
    said = refused(get, "/proc/self/mem")
    assert "was the stick pulled out" in said
    assert "nothing was changed" in said


def test_what_is_no_file_is_refused_at_once(get, tmp_path):
    """A pipe nobody writes to would keep us for ever."""
    os.mkfifo(tmp_path / "pipe.lwb")
    assert "is no file" in refused(get, tmp_path / "pipe.lwb")
    assert "there is no" in refused(get, tmp_path / "none.lwb")


def test_a_file_too_large_for_a_bundle_is_not_read(get, tmp_path):
    """A whole disk image by mistake."""
    with (tmp_path / "m.lwb").open("wb") as file:
        file.truncate(MAX_ARCHIVE_BYTES + 1)
    assert "is it the right file" in refused(get, tmp_path / "m.lwb")


class Served(http.server.BaseHTTPRequestHandler):
    """Answers by the path."""

    def do_GET(self):
        """Send what the path asks for."""
        answers = {
            "/m.lwb": (200, {"Content-Length": "5"}, b"model"),
            "/short": (200, {"Content-Length": "9"}, b"model"),
            "/large": (200, {"Content-Length": str(MAX_ARCHIVE_BYTES + 1)}, b""),
            "/odd": (200, {"Content-Length": "many"}, b"model"),
            "/moved": (302, {"Location": "/m.lwb"}, b""),
            "/round": (302, {"Location": "/round"}, b""),
            "/busy": (503, {}, b""),
            "/file": (302, {"Location": "file:///etc/passwd"}, b""),
        }
        code, headers, body = answers.get(self.path, (404, {}, b""))
        if self.path == "/locked":  # base64 of "anna:open sesame"
            allowed = self.headers["Authorization"] == "Basic YW5uYTpvcGVuIHNlc2FtZQ=="
            code, body = (200, b"model") if allowed else (401, b"")
        if self.path == "/elsewhere":
            port = self.server.server_port
            code, headers = 302, {"Location": f"http://localhost:{port}/locked"}
        self.send_response(code)
        for each in headers.items():
            self.send_header(*each)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


class Quiet(http.server.ThreadingHTTPServer):
    """Says nothing of a client that hangs up."""

    def handle_error(self, *_):
        """Say nothing."""


@contextmanager
def serving():
    """Serve on a free port."""
    with Quiet(("127.0.0.1", 0), Served) as httpd:
        thread = threading.Thread(target=partial(httpd.serve_forever, 0.01))
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def server():
    """Return the address of a server."""
    with serving() as httpd:
        yield f"http://127.0.0.1:{httpd.server_port}"


def test_a_server_is_asked_and_may_send_us_on(get, server):
    """The bytes of the address, or of where it moved."""
    assert get(f"{server}/m.lwb").data == b"model"
    assert get(f"{server}/moved").data == b"model"


def test_what_a_server_says_of_the_length_is_only_a_hint(get, server):
    """A length that is no number: the bundle says for itself whether it is whole."""
    assert get(f"{server}/odd").data == b"model"


def test_the_address_may_hold_a_name_and_a_password(get, server):
    """They go to its server, and to no other that it sends us to."""
    known = server.replace("//", "//anna:open%20sesame@")
    fetched = get(f"{known}/locked")
    assert fetched.data == b"model"
    assert "sesame" not in fetched.name
    assert "NAME:PASSWORD" in refused(get, f"{server}/locked")
    assert "NAME:PASSWORD" in refused(get, f"{known}/elsewhere")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/none", "the server says 404: look at the address"),
        ("/busy", "the server says 503, it is in trouble: try again later"),
        ("/short", "ended after 5 of 9 bytes"),
        ("/large", "a bundle has at most"),
        ("/file", "the server says 302, and leads nowhere: look at the address"),
        ("/round", "leads nowhere"),
    ],
)
def test_a_server_that_does_not_give_a_whole_bundle_is_refused(get, server, path, says):
    """A half download, a stranger's redirect to our own files, an error."""
    assert says in refused(get, server + path)


def test_a_server_that_is_not_there_is_told(get, server):
    """And the password of the address is not."""
    said = refused(get, "http://anna:secret@127.0.0.1:1/m.lwb")
    assert "cannot be reached (Connection refused): look at the address" in said
    assert "secret" not in said
    assert "cannot be fetched" in refused(get, "http://[bad/m.lwb")


def test_a_server_that_nobody_vouches_for_is_told_with_the_way_out(get, tmp_path):
    """A plant's own server with a certificate of its own: the signature needs none."""
    paths = Authority(tmp_path, "plant").server("127.0.0.1", NOW - DAY, NOW + DAY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    with serving() as httpd:
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
        said = refused(get, f"https://127.0.0.1:{httpd.server_port}/m.lwb")
    assert "nobody here vouches for this server" in said
    assert "http://" in said


def test_other_schemes_are_refused(get):
    """No file://, no ftp://."""
    assert "give an http(s) address" in refused(get, "file:///etc/passwd")


def test_a_download_that_takes_for_ever_is_given_up(server, now):
    """A server that drips one byte now and then is not waited for."""
    from deploy.download import download

    def tell(done, total):
        del done, total

    now.now_ns = iter([0, 10**12]).__next__
    with pytest.raises(SourceError, match="USB stick"):
        download(f"{server}/m.lwb", now, tell)

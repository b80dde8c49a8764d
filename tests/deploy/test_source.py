"""Where a model may come from, and how a stick or a server may fail."""

from __future__ import annotations

import http.server
import os
import threading
from functools import partial
from pathlib import Path

import pytest

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
            "/file": (302, {"Location": "file:///etc/passwd"}, b""),
        }
        code, headers, body = answers.get(self.path, (404, {}, b""))
        self.send_response(code)
        for each in headers.items():
            self.send_header(*each)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def server():
    """Return the address of a server on a free port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Served) as httpd:
        thread = threading.Thread(target=partial(httpd.serve_forever, 0.01))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_a_server_is_asked_and_may_send_us_on(get, server):
    """The bytes of the address, or of where it moved."""
    assert get(f"{server}/m.lwb").data == b"model"
    assert get(f"{server}/moved").data == b"model"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/none", "the server says 404"),
        ("/short", "ended after 5 of 9 bytes"),
        ("/large", "a bundle has at most"),
        ("/odd", "cannot be fetched"),
        ("/file", "edirection to"),
    ],
)
def test_a_server_that_does_not_give_a_whole_bundle_is_refused(get, server, path, says):
    """A half download, a stranger's redirect to our own files, an error."""
    assert says in refused(get, server + path)


def test_a_server_that_is_not_there_is_told(get, server):
    """And the password of the address is not."""
    said = refused(get, "http://anna:secret@127.0.0.1:1/m.lwb")
    assert "cannot be reached" in said
    assert "secret" not in said


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

"""A page in headless Chromium: what its document holds after it has loaded, and whether anything tried to leave it."""

from __future__ import annotations

import html
import json
import re
import shutil
import socketserver
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed (apt-get install chromium)")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--virtual-time-budget=8000",
)  # fmt: skip


class _Listener(socketserver.BaseRequestHandler):
    def handle(self):
        """Note the address that was asked for and hang up."""
        self.server.asked.append(self.request.recv(400).decode("latin-1").split("\r\n")[0])


def load(page: str, folder: Path, script: str, *, width: int = 1280) -> tuple[dict, list[str]]:
    """Load a page, run a script in it that returns an object (or a promise of one), and return it.

    Parameters
    ----------
    page : str
        The page's HTML. Its content security policy is taken out: the page must be harmless without it.
    folder : Path
        Where to write it.
    script : str
        The body of a function; what it returns comes back.
    width : int
        The width of the window the page is shown in.

    Returns
    -------
    (object, addresses)
        What the script returned; every address asked for outside the page.
    """
    open_page = re.sub(
        r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>",
        "<script>parent.fired=[];window.fire=n=>parent.fired.push(n)</script>",
        page,
    )
    frame = (
        f'<iframe id="page" style="width:{width}px;height:900px;border:0" srcdoc="{html.escape(open_page)}"></iframe>'
    )
    run = (
        "<script>const say=found=>{const o=document.createElement('pre');o.id='found';"
        "o.textContent=JSON.stringify(found);document.body.append(o)};window.onload=()=>setTimeout(async()=>{"
        "const frame=document.getElementById('page').contentWindow,doc=frame.document;try{say(await(async()=>{"
        + script
        + "})())}catch(e){say({error:String(e)})}},300)</script>"
    )
    file = folder / "harness.html"
    file.write_text(
        f"<!DOCTYPE html><html><head><meta charset='utf-8'>{run}</head><body>{frame}</body></html>", encoding="utf-8"
    )
    with (
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Listener) as server,
        tempfile.TemporaryDirectory() as profile,
    ):
        server.asked = []
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        proxy = f"--proxy-server=127.0.0.1:{server.server_address[1]}"
        command = [
            CHROMIUM,
            *_FLAGS,
            proxy,
            f"--user-data-dir={profile}",
            f"--window-size={max(width, 800)},1000",
            "--dump-dom",
            file.as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        server.shutdown()
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1])), [line for line in server.asked if "evil" in line]

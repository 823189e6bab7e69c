"""Makes the pictures of README: the demo year is played in a folder of its own, served, and looked at by Chromium.

Needs chromium on the path (apt-get install chromium); some half a minute. Look at each picture before you commit it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "screenshots"
WIDTH, HEIGHT = 1280, 900
DAY = "2021-12-31"
SUBMITTED = "/api/v1/periods/2021-Q2"
CORRECTED = "/api/v1/events?type=service-case.corrected&limit=1"


def main() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("no chromium on this machine: apt-get install chromium")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with demo() as (address, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-lcd-text"]
        )
        context = browser.new_context(
            base_url=address,
            locale="ru-RU",
            timezone_id="Asia/Krasnoyarsk",
            viewport={"width": WIDTH, "height": HEIGHT},
        )
        page = context.new_page()
        page.goto("/login")
        page.get_by_label("Логин").fill("auditor")
        page.get_by_label("Пароль").fill(password)
        page.get_by_role("button", name="Войти").click()
        page.wait_for_url(lambda url: "/login" not in url)
        for name, path in views(page).items():
            take(page, name, path)
        browser.close()


def views(page: Page) -> dict[str, str]:
    """What is looked at, by the name of the picture."""
    position = page.request.get(SUBMITTED).json()["known_position"]
    correction = page.request.get(CORRECTED).json()["items"][0]
    corrected, case = correction["body"]["corrects"], correction["stream_id"]
    firm = page.request.get(f"/api/v1/cases/{case}").json()["participant_id"]
    return {
        "kpi": f"/kpi?as_of={DAY}",
        "figure": f"/kpi/services?as_of={DAY}",
        "event": f"/events/{corrected}?as_of={DAY}",
        "past": f"/kpi?as_of=2021-06-30&known_position={position}",
        "change": f"/kpi/change?as_of=2021-06-30&from_as_of=2021-06-30&from_known_position={position}",
        "period": f"/periods/2021-Q2?as_of={DAY}",
        "firm": f"/participants/{firm}?as_of={DAY}#timeline",
        "case": f"/cases/{case}?as_of={DAY}",
        "roadmap": f"/roadmap?as_of={DAY}",
        "ledger": f"/ledger?as_of={DAY}&position=100",
    }


def take(page: Page, name: str, path: str) -> None:
    answer = page.goto(path, wait_until="networkidle")
    assert answer is not None
    assert answer.status == 200, (path, answer.status)
    file = FOLDER / f"{name}.png"
    page.screenshot(path=file)
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB")


@contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """The address of a server over the year, and the auditor's password."""
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)  # root runs the database server as somebody else
        program = [sys.executable, "-m", "ckr_es.cli", "demo", "--port", "0", "--json"]
        environment = {**os.environ, "CKR_DATA_DIR": folder}
        environment.pop("DATABASE_URL", None)
        with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True) as running:
            try:
                assert running.stdout is not None
                made, serving = (json.loads(running.stdout.readline()) for _ in range(2))
                yield serving["address"].partition("/kpi")[0], made["passwords"]["auditor"]
            finally:
                running.send_signal(signal.SIGTERM)
                running.wait(60)


if __name__ == "__main__":
    main()

"""The HTML page in a real browser: it draws, searches, filters and tells, by its address, by mouse and by keyboard."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest

from gpulint import untrusted
from gpulint.reports.graph import render
from tests.linked import SLICED, WHOLE, node, policy, settings
from tests.test_picture import SHARED, T4, drawn, job
from tests.test_reports_graph import HOSTILE, hostile

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH")

FILES = {
    "team.yaml": job("train", "0.5", namespace="research", nodeSelector={"example.com/pool": "big"})
    + job("serve", namespace="serving", nodeSelector={"example.com/pool": "small"}),
    "cluster.yaml": node("h100", {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "example.com/pool": "big"})
    + node("t4", {**SHARED, "example.com/pool": "small"})
    + policy("whole")
    + settings(whole=WHOLE, sliced=SLICED),
}
TRAIN, SERVE = "work_research_train", "work_serving_serve"
SEVERITIES = {"error", "warning", "info"}
VOID = {"meta", "input", "img", "br", "link"}


@dataclass
class Shown:
    """An element of the page as it stands when the script is done."""

    tag: str
    attributes: dict[str, str]
    hidden: bool
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def has(self, name: str) -> bool:
        return name in self.attributes.get("class", "").split()


class Dom(HTMLParser):
    """What the browser shows, and what it complains of."""

    def __init__(self, text: str, log: str) -> None:
        super().__init__()
        self.elements: list[Shown] = []
        self._open: list[Shown] = []
        self.complaints = [line for line in log.splitlines() if ":CONSOLE" in line]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside = bool(self._open) and self._open[-1].hidden
        attributes = {name: value or "" for name, value in attrs}
        shown = Shown(tag, attributes, inside or "hidden" in attributes)
        self.elements.append(shown)
        if tag not in VOID:
            self._open.append(shown)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip():
            for each in self._open:
                each.texts.append(data.strip())

    def visible(self, name: str) -> list[Shown]:
        """The visible elements of a class."""
        return [each for each in self.elements if each.has(name) and not each.hidden]

    def cards(self, look: str) -> list[str]:
        """The titles of the visible cards of a sort."""
        return [each.texts[0] for each in self.visible("card") if each.has(look)]

    def by_id(self, name: str) -> Shown:
        (found,) = (each for each in self.elements if each.attributes.get("id") == name)
        return found

    @property
    def panel(self) -> str:
        panel = self.by_id("panel")
        return "" if panel.hidden else panel.text


@pytest.fixture(scope="module")
def page() -> str:
    return render("html", drawn(FILES))


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("chromium")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def browse(html: str, profile: Path, driver: str = "", **state: str) -> Dom:
    """The page opened from a file with a state in its address; `driver` is a script that acts on it afterwards."""
    if driver:
        html = re.sub(r"script-src '[^']*'", "script-src 'unsafe-inline'", html)
        html = html.replace("</body>", f"<script>{driver}</script></body>")
    file = profile / "page.html"
    file.write_text(html, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    tools = [
        f"--user-data-dir={profile / 'data'}",
        "--enable-logging=stderr",
        "--virtual-time-budget=2000",
        "--dump-dom",
    ]
    assert BROWSER is not None
    command = [BROWSER, *flags, *tools, f"{file.as_uri()}#{urlencode(state)}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return Dom(done.stdout, done.stderr)


def test_the_page_draws_itself_without_a_complaint(page: str, profile: Path) -> None:
    dom = browse(page, profile)
    assert dom.complaints == []
    assert dom.by_id("subtitle").text.startswith("2 GPU workloads, 2 node pools in ")
    assert dom.cards("work") == ["Job train", "Job serve"]
    assert sorted(dom.cards("pool")) == ["Node h100", "Node t4"]
    assert dom.cards("installer") == ["ClusterPolicy cluster-policy"]
    assert dom.cards("config") == ["ConfigMap settings"]
    assert len([each for each in dom.elements if each.tag == "path"]) == 7
    assert dom.panel == ""
    (train,) = (each for each in dom.visible("work") if each.texts[0] == "Job train")
    assert train.has("error")
    assert "✖ 1 error" in train.text


@pytest.mark.parametrize(
    ("state", "work", "pools"),
    [
        pytest.param({"q": "TRAIN"}, ["Job train"], ["Node h100"], id="a name, in any case"),
        pytest.param({"q": "fractional-gpu"}, ["Job train"], ["Node h100"], id="a rule"),
        pytest.param({"q": "team.yaml:"}, ["Job train", "Job serve"], ["Node h100", "Node t4"], id="a file"),
        pytest.param({"q": "h100"}, ["Job train"], ["Node h100"], id="a pool, with what can run there"),
        pytest.param({"q": "serve t4"}, [], [], id="words that no one thing has"),
        pytest.param({"q": "nothing-like-it"}, [], [], id="nothing"),
        pytest.param({"ns": "serving"}, ["Job serve"], ["Node t4"], id="a namespace"),
        pytest.param({"class": "unknown"}, ["Job train", "Job serve"], ["Node h100", "Node t4"], id="a class"),
        pytest.param({"gets": "time-slicing"}, ["Job serve"], ["Node t4"], id="a strategy"),
        pytest.param({"ns": "serving", "q": "train"}, [], [], id="a namespace and a name that is not in it"),
    ],
)
def test_search_and_filters(page: str, profile: Path, state: dict[str, str], work: list[str], pools: list[str]) -> None:
    dom = browse(page, profile, **state)
    assert dom.complaints == []
    assert dom.cards("work") == work
    assert sorted(dom.cards("pool")) == pools
    assert dom.by_id("nothing").hidden is bool(work)
    assert dom.by_id("shown").text == f"{len(work)} workload{'' if len(work) == 1 else 's'}"


def test_a_workload_tells_what_it_asks_for_where_it_can_run_and_why_not_elsewhere(page: str, profile: Path) -> None:
    dom = browse(page, profile, open=TRAIN)
    assert dom.complaints == []
    panel = dom.panel
    assert panel.index("error[fractional-gpu]") < panel.index("Asks for") < panel.index("Cannot run on")
    assert "fix: " in panel
    assert "team.yaml:6" in panel
    assert "example.com/pool is 'small', not 'big'" in panel
    assert "cluster.yaml:18" in panel
    dimmed = {each.texts[0] for each in dom.elements if each.has("dim") and each.has("card")}
    assert {"Job serve", "Node t4"} <= dimmed
    assert not {"Job train", "Node h100"} & dimmed


def test_a_pool_tells_its_chain_of_configuration_and_its_workloads(page: str, profile: Path) -> None:
    panel = browse(page, profile, open="pool_t4").panel
    assert "nvidia.com/gpu: 4 shares per GPU, time-slicing" in panel
    governed = panel[panel.index("Governed by") :]
    assert "config 'sliced'" in governed
    assert "t4 is labelled nvidia.com/device-plugin.config=sliced" in governed
    assert "ClusterPolicy cluster-policy" in governed
    assert "Job serve" in governed[governed.index("Workloads that can run here") :]
    assert "Job train" in governed[governed.index("Workloads that cannot") :]


def test_alike_things_are_listed_one_by_one(profile: Path) -> None:
    files = {"all.yaml": "".join(job(f"sweep-{each}") for each in range(8)) + node("t4", T4)}
    dom = browse(render("html", drawn(files)), profile, q="sweep-5", open="work_lab_sweep_0")
    assert dom.cards("work") == ["Job sweep-0 and 7 more"]
    assert dom.by_id("shown").text == "8 workloads"
    assert "These 8 are alike sweep-0 all.yaml:6" in dom.panel


def test_mouse_and_keyboard(page: str, profile: Path) -> None:
    """Each step writes down what it sees, because the address and the focus are in no dump of the page."""
    driver = """
      const log = [];
      const active = () => document.activeElement;
      const see = () => log.push([location.hash, active().id || active().className].join(" "));
      const press = (key) => active().dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      document.querySelector(".card.work").click(); see();
      document.querySelector("#panel .link").click(); see();
      press("Escape"); see();
      press("/"); see();
      document.getElementById("q").value = "serve";
      document.getElementById("q").dispatchEvent(new Event("input")); see();
      document.getElementById("filters").reset(); see();
      document.title = log.join("|");
    """
    dom = browse(page, profile, driver)
    assert dom.complaints == []
    (title,) = (each.text for each in dom.elements if each.tag == "title")
    clicked, followed, closed, focused, searched, cleared = title.split("|")
    assert clicked == f"#open={TRAIN} panel-title"
    assert followed.startswith("#open=pool_")
    assert followed.endswith(" panel-title")
    assert closed.startswith(" card pool")
    assert focused == " q"
    assert searched == "#q=serve q"
    assert cleared == " q"


@pytest.mark.parametrize("name", [HOSTILE[0], HOSTILE[1], HOSTILE[3], HOSTILE[9]], ids=ascii)
def test_names_stay_text(profile: Path, name: str) -> None:
    picture = hostile(name)
    dom = browse(render("html", picture), profile, open=picture.parts[0].work[0].thing.id)
    assert dom.complaints == []
    assert not [each for each in dom.elements if each.tag in {"img", "a", "iframe", "style"}][1:]
    assert all(SEVERITIES & set(each.attributes["class"].split()) for each in dom.elements if each.tag == "b")
    shown = untrusted.one_line(name)
    assert any(shown.strip() in each for each in dom.cards("work"))
    assert shown.strip() in dom.panel


def test_the_browser_refuses_any_other_script(page: str, profile: Path) -> None:
    """So that what the other tests do not see is not there, rather than not noticed."""
    foreign = page.replace(
        "</body>", "<script>document.title = 'foreign'</script><img src=x onerror=\"document.title = 'x'\"></body>"
    )
    dom = browse(foreign, profile)
    (title,) = (each.text for each in dom.elements if each.tag == "title")
    assert title == "GPU placement"
    assert any("Content Security Policy" in each for each in dom.complaints)


def test_a_state_that_means_nothing_is_harmless(page: str, profile: Path) -> None:
    dom = browse(page, profile, open="<b>x", q="", ns="")
    assert dom.complaints == []
    assert dom.panel == ""
    assert dom.cards("work") == ["Job train", "Job serve"]

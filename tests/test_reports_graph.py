"""The four formats of a picture: their structure, and that names of the input stay text in each of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gpulint.picture import Picture, simplified
from gpulint.reports.graph import FORMATS, render
from gpulint.reports.graph.dot import quoted
from gpulint.reports.graph.drawing import Drawing, drawing
from gpulint.reports.graph.layout import Item, placed, text_width, wrapped
from gpulint.reports.graph.mermaid import label
from gpulint.reports.graph.page import embedded
from gpulint.reports.graph.svg import svg
from tests.linked import SLICED, WHOLE, document, node, policy, settings
from tests.test_cli import gpulint
from tests.test_picture import SHARED, T4, drawn, job

FIXTURES = Path(__file__).parent / "fixtures"
DEMO = FIXTURES / "sharing-strategies" / "mistaken"
SVG = "{http://www.w3.org/2000/svg}"


def graph(*arguments: str) -> subprocess.CompletedProcess[str]:
    return gpulint("graph", *arguments, cwd=FIXTURES)


HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    '"]; click a "javascript:alert(1)"; x["',
    "`**bold**` [link](javascript:alert(1)) <b>",
    "first\nsecond --> third\r\n}\n",
    "\u202eevil\u2066\u200f\u2028\u2029",
    "\x00\x1b]8;;http://example.com\x07\x1b[31m\x7f",
    "\\",
    '\\"; evil [label="x',
    "&lt;b&gt; &#34; #quot; #34; %%{init: {}}%%",
    "-->|x| ${x} {{x}} $data ]]> --> <!-- ",
    "1. item",
    "- item",
    "end",
    "Ünïcödé 漢字 ☃",
]


def hostile(name: str) -> Picture:
    """A picture in which the name stands wherever a name can."""
    return drawn(
        {
            f"{name.replace(chr(0), '')}.yaml": job(
                name, "0.5", namespace=name, nodeSelector={"example.com/pool": name}
            )
            + job("free", namespace=name)
            + node(name, {**T4, "example.com/pool": name, "nvidia.com/device-plugin.config": name})
            + policy(name, config=name, name=name)
            + settings(name, **{name: SLICED}),
        }
    )


def small() -> Picture:
    return drawn(
        {"all.yaml": job("train") + node("t4", SHARED) + policy("whole") + settings(whole=WHOLE, sliced=SLICED)}
    )


# --- every format -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_no_control_or_reordering_character_gets_through(style: str, name: str) -> None:
    text = render(style, hostile(name))
    assert not re.findall("[\x00-\x09\x0b-\x1f\x7f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]", text)
    text.encode("utf-8")


@pytest.mark.parametrize("style", FORMATS)
def test_nothing_to_draw_is_drawn_as_such(style: str) -> None:
    assert "othing" in render(style, drawn({"all.yaml": document("ConfigMap", "a", data={})}))


@pytest.mark.parametrize("style", FORMATS)
def test_output_is_the_same_for_any_order_of_paths(style: str) -> None:
    folders = [str(DEMO / name) for name in ("full", "mig", "time-slicing")]
    config = ("--config", str(DEMO / "gpulint.toml"))
    one = graph("--format", style, *config, *folders)
    other = graph("--format", style, *config, *reversed(folders))
    assert one.returncode == other.returncode == 0
    assert one.stdout == other.stdout != ""


# --- Mermaid ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Job train-1, 8 nvidia.com/gpu", "Job train-1, 8 nvidia.com/gpu"),
        ('a"b', "a#34;b"),
        ("a#34;b", "a#35;34#59;b"),
        ("<b>&amp;", "#60;b#62;#38;amp#59;"),
        ("`x`*y*_z_~", "#96;x#96;#42;y#42;#95;z#95;#126;"),
        ("a[b](c){d}|e", "a#91;b#93;(c)#123;d#125;#124;e"),
        ("\\n", "#92;n"),
        ("%%x", "#37;#37;x"),
        ("- item", "#45; item"),
        (".x", "#46;x"),
        ("→ 漢", "#8594; #28450;"),
    ],
)
def test_mermaid_labels_are_literal(text: str, escaped: str) -> None:
    assert label(text) == escaped


BOX = re.compile(
    r' +(?:subgraph )?[a-z][a-z0-9_]*(?:\[|\(\[|\[\[|>)"(?:[A-Za-z0-9 .,:/=()+-]|#\d+;|<br>)*"(?:\]|\]\)|\]\])'
)
LINE = re.compile(r' +[a-z][a-z0-9_]* (?:-->|-\.->)(?:\|"[A-Za-z ]+"\|)? [a-z][a-z0-9_]*')
OTHER = re.compile(
    r" +(?:end|direction (?:TB|LR)|classDef [a-z_]+ [a-z0-9:#,\- ]+|class [a-z0-9_,]+ [a-z_]+|%% [\w ,:-]*)"
)


@pytest.mark.parametrize("name", ["train", *HOSTILE], ids=ascii)
def test_mermaid_has_only_lines_of_known_form(name: str) -> None:
    first, *rest = render("mermaid", hostile(name)).splitlines()
    assert first == "flowchart LR"
    assert [line for line in rest if not any(form.fullmatch(line) for form in (BOX, LINE, OTHER))] == []


def test_mermaid_draws_what_leads_where() -> None:
    text = render("mermaid", small())
    lines = [line.split() for line in text.splitlines() if "-->" in line]
    assert ["work_lab_train", "-->", "gets_1_time_slicing"] in lines
    assert ["gets_1_time_slicing", "-->", "pool_t4"] in lines
    assert 'subgraph namespace_lab["namespace lab"]' in text


def test_mermaid_stays_within_what_is_drawn_by_default() -> None:
    jobs = [job(f"{'job' * 15}-{each:03}", each + 1, nodeSelector={"x": str(each)}) for each in range(120)]
    nodes = [node(f"{'n' * 40}-{each:03}", {**T4, "nvidia.com/gpu.count": str(each + 1)}) for each in range(120)]
    free = [job(f"free-{each:03}", each + 1) for each in range(40)]
    text = render("mermaid", drawn({"all.yaml": "".join([*jobs, *free, *nodes])}))
    assert len(text) < 50_000
    assert len(re.findall("-->|-.->", text)) < 500
    assert "Not shown" in text


# --- DOT --------------------------------------------------------------------------------------------------------------

TOKEN = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"|[A-Za-z_#][\w#]*|->|\d+(?:\.\d+)?|[{}\[\];=,]|\s+')


@pytest.mark.parametrize("name", ["train", *HOSTILE], ids=ascii)
def test_dot_is_made_of_tokens_and_its_braces_match(name: str) -> None:
    text = render("dot", hostile(name))
    tokens = [match[0] for match in TOKEN.finditer(text)]
    assert "".join(tokens) == text
    depth = 0
    for token in tokens:
        depth += {"{": 1, "}": -1}.get(token, 0)
        assert depth >= 0
    assert depth == 0


@pytest.mark.parametrize(
    ("text", "string"), [('a"b', r'"a\"b"'), ("a\\", r'"a\\"'), ("\\N", r'"\\N"'), ("&lt;", '"&amp;lt;"')]
)
def test_dot_strings_are_literal(text: str, string: str) -> None:
    assert quoted(text) == string


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("name", ["train", *HOSTILE], ids=ascii)
def test_graphviz_draws_every_box(name: str) -> None:
    done = subprocess.run(["dot", "-Tsvg"], input=render("dot", hostile(name)), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    root = ElementTree.fromstring(done.stdout)  # noqa: S314 - made right here
    assert not [each for each in root.iter() if each.tag.rpartition("}")[2] in {"script", "image", "img"}]
    (graph,) = root.findall(f"{SVG}g")
    nodes = [each for each in graph.findall(f"{SVG}g") if each.get("class") == "node"]
    assert len(nodes) == sum(len(sheet.boxes) for sheet in drawing(simplified(hostile(name))).sheets)


# --- SVG --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["train", *HOSTILE], ids=ascii)
def test_svg_is_well_formed_and_holds_nothing_but_a_drawing(name: str) -> None:
    root = ElementTree.fromstring(svg(simplified(hostile(name))))  # noqa: S314 - made right here
    tags = {each.tag.removeprefix(SVG) for each in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "text", "g"}
    names = {attribute for each in root.iter() for attribute in each.attrib}
    assert not [each for each in names if each.startswith("on") or "href" in each]


def test_svg_refers_to_nothing_outside() -> None:
    text = svg(small())
    assert re.findall(r"url\([^)]*\)", text)
    assert all(each.startswith("url(#") for each in re.findall(r"url\([^)]*\)", text))
    assert "@import" not in text
    assert re.findall(r"https?://[^\s\"']+", text) == ["http://www.w3.org/2000/svg"]


def rectangles(picture: Picture) -> Iterator[tuple[float, float, float, float]]:
    root = ElementTree.fromstring(svg(picture))  # noqa: S314 - made right here
    for group in root.iter(f"{SVG}g"):
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        x, y, width, height = (float(rect.attrib[each]) for each in ("x", "y", "width", "height"))
        yield x, y, x + width, y + height


def many() -> Picture:
    return drawn(
        {
            "all.yaml": "".join(
                [
                    *(job(f"job-{each}", each + 1, namespace=f"lab-{each % 5}") for each in range(30)),
                    *(job(f"bound-{each}", 2, nodeSelector={"x": str(each % 4)}) for each in range(9)),
                    *(
                        node(f"n-{each}", {**SHARED, "x": str(each % 4), "nvidia.com/gpu.count": str(each + 1)})
                        for each in range(12)
                    ),
                    policy("whole"),
                    settings(whole=WHOLE, sliced=SLICED),
                ]
            )
        }
    )


def test_svg_boxes_do_not_overlap_and_lie_on_the_page() -> None:
    picture = many()
    root = ElementTree.fromstring(svg(picture))  # noqa: S314 - made right here
    boxes = list(rectangles(picture))
    assert len(boxes) > 50
    for index, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0
        assert top >= 0
        assert right <= float(root.attrib["width"])
        assert bottom <= float(root.attrib["height"])
        for x1, y1, x2, y2 in boxes[index + 1 :]:
            assert x2 <= left or right <= x1 or y2 <= top or bottom <= y1


def test_svg_lines_run_to_the_right() -> None:
    root = ElementTree.fromstring(svg(many()))  # noqa: S314 - made right here
    curves = [each.attrib["d"] for each in root.iter(f"{SVG}path") if "C" in each.attrib["d"]]
    assert curves
    for curve in curves:
        numbers = [float(each) for each in re.findall(r"-?[\d.]+", curve)]
        assert numbers[0] < numbers[-2]


def test_every_line_ends_at_boxes() -> None:
    drawn_one: Drawing = drawing(many())
    for sheet in drawn_one.sheets:
        ids = [box.id for box in sheet.boxes]
        assert len(ids) == len(set(ids))
        assert all({line.source, line.target} <= set(ids) for line in sheet.lines)
        columns = {box.id: box.column for box in sheet.boxes}
        assert all(columns[line.source] < columns[line.target] for line in sheet.lines)


def test_findings_about_nothing_drawn_are_counted_and_told() -> None:
    quota = document("ResourceQuota", "q", metadata={"namespace": "x"}, spec={"hard": {"limits.nvidia.com/gpu": 1}})
    picture = drawn({"a.yaml": job("train"), "b.yaml": quota})
    assert drawing(picture).subtitle.endswith(", 1 of them about nothing drawn here")
    ((section,),) = [json.loads(Markup(render("html", picture)).texts["data"])["elsewhere"]]
    assert [each["rule"] for each in section["items"]] == ["gpu-quota-never-enforced"]


# --- layout -----------------------------------------------------------------------------------------------------------


def test_a_box_is_put_beside_what_it_is_connected_to() -> None:
    columns = [[Item("a", 20), Item("b", 20)], [Item("y", 20), Item("x", 20)]]
    tops = placed(columns, [("a", "x"), ("b", "y")], {"a": 0, "b": 100}, 10)
    assert tops == {"a": 0, "b": 100, "x": 0, "y": 100}


def test_boxes_that_want_the_same_place_share_it() -> None:
    columns = [[Item("a", 20)], [Item("x", 20), Item("y", 20)]]
    tops = placed(columns, [("a", "x"), ("a", "y")], {"a": 100}, 10)
    assert tops["y"] - tops["x"] == 30
    assert (tops["x"] + tops["y"]) / 2 == 100


def test_no_box_is_above_the_top() -> None:
    columns = [[Item("a", 20)], [Item(str(each), 50) for each in range(5)]]
    tops = placed(columns, [("a", str(each)) for each in range(5)], {"a": 0}, 10)
    assert [tops[str(each)] for each in range(5)] == [0, 60, 120, 180, 240]


@pytest.mark.parametrize(
    "text", ["a few words in a row", "x" * 200, "漢字" * 60, "a/very/long/path/of/names.yaml" * 5, "", " "]
)
def test_wrapped_lines_fit_and_lose_nothing_but_the_end(text: str) -> None:
    lines = wrapped(text, 12, 150, 3)
    assert len(lines) <= 3
    assert all(text_width(line, 12) <= 150 for line in lines)
    joined = "".join(lines).replace(" ", "")
    assert text.replace(" ", "").startswith(joined.rstrip("…"))
    assert joined.endswith("…") or joined == text.replace(" ", "")


# --- HTML -------------------------------------------------------------------------------------------------------------


class Markup(HTMLParser):
    """Elements of a page with their attributes, and the text in its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in {"script", "style"}:
            self._inside = dict(attrs).get("id") or tag

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the signature of the base class
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside] = self.texts.get(self._inside, "") + data


@pytest.mark.parametrize("name", ["train", *HOSTILE], ids=ascii)
def test_the_page_has_the_same_elements_whatever_the_names_are(name: str) -> None:
    page = Markup(render("html", hostile(name)))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in Markup(render("html", small())).elements]
    assert json.loads(page.texts["data"])["parts"]


def test_the_policy_allows_this_script_and_this_style_only() -> None:
    page = Markup(render("html", small()))
    (policy_text,) = [each["content"] or "" for _, each in page.elements if "http-equiv" in each]
    hashes = {name: b64encode(sha256(page.texts[name].encode()).digest()).decode() for name in ("script", "style")}
    assert policy_text == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}';"
        " base-uri 'none'"
    )


def test_the_page_loads_nothing() -> None:
    page = Markup(render("html", small()))
    loading = {"src", "href", "srcset", "data", "action", "background", "poster"}
    assert not [(tag, attributes) for tag, attributes in page.elements if loading & set(attributes)]
    assert not re.findall(
        r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page.texts["style"] + page.texts["script"]
    )


def test_the_script_makes_no_markup_of_text() -> None:
    script = Markup(render("html", small())).texts["script"]
    assert not re.findall(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|fetch\(|XMLHttp", script
    )


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_embedded_data_is_the_data_and_ends_no_script(name: str) -> None:
    text = embedded({"name": name})
    assert json.loads(text) == {"name": name}
    assert not set(text) & set("<>&")
    assert text.isascii()


def test_the_page_tells_all_of_it() -> None:
    data = json.loads(Markup(render("html", small())).texts["data"])
    (found,) = data["parts"]
    boxes = {box["id"]: box for box in found["boxes"]}
    work, pool = boxes["work_lab_train"], boxes["pool_t4"]
    assert (work["class"], work["gets"], work["frame"]) == ("unknown", ["time-slicing"], "namespace_lab")
    sections = {each["title"]: each["items"] for each in work["sections"]}
    (way,) = sections["Can run on"]
    assert way["to"] == ["pool_t4"]
    assert way["at"] == "all.yaml:67"
    assert any(line.startswith("because: device-plugin config 'sliced'") for line in way["lines"])
    assert any(
        "t4 is labelled" in line for each in pool["sections"] for item in each["items"] for line in item["lines"]
    )


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_default_is_mermaid_on_standard_output() -> None:
    done = graph(str(DEMO))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("flowchart LR\n")
    assert done.stdout.count("cluster_") >= 3


def test_the_picture_goes_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "picture.html"
    done = graph(str(DEMO), "--format", "html", "--output", str(target))
    assert (done.returncode, done.stdout) == (0, "")
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_findings_are_those_of_check_with_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(job("half", "0.5"), encoding="utf-8")
    assert "1 error" in graph(str(tmp_path)).stdout
    (tmp_path / "gpulint.toml").write_text('ignore = ["fractional-gpu"]\n', encoding="utf-8")
    assert "1 error" not in graph(str(tmp_path)).stdout


@pytest.mark.parametrize(
    ("options", "shown", "hidden"),
    [
        (("--cluster", "mig"), "inference-large", "llm-training"),
        (("--namespace", "res*"), "llm-training", "inference-large"),
        (("--workload", "Pod/inference-*"), "inference-large", "llm-training"),
    ],
)
def test_options_choose_a_part(options: tuple[str, ...], shown: str, hidden: str) -> None:
    text = graph(str(DEMO), *options).stdout
    assert shown in text
    assert hidden not in text


def test_what_the_options_name_has_to_be_there(tmp_path: Path) -> None:
    done = graph(str(DEMO), "--namespace", "nowhere")
    assert (done.returncode, done.stderr) == (3, "gpulint: no part of the picture that the options name in the input\n")
    assert graph(str(tmp_path)).returncode == 3
    assert graph(str(DEMO), "--workload", "plain").returncode == 2

"""What a hostile or unlucky document can do in the sandbox: cost its own extraction."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.worker.extraction import embedded_samples as embedded
from tests.worker.extraction import samples
from tests.worker.extraction.conftest import Reader
from worker.extraction import Limits, confinement, run_bounded

ROOT = Path(__file__).parents[4]


def test_it_reads_what_extract_reads(read_bounded: Reader, read: Reader) -> None:
    for data, name in (
        (samples.word_document(), "a.docx"),
        (samples.pdf([samples.text_page(samples.GERMAN)]), "a.pdf"),
        (samples.mail(), "a.eml"),
        (b"", "a.txt"),
    ):
        assert read_bounded(data, name) == read(data, name)


def test_a_missing_file_is_the_callers_error(tmp_path: Path, sandbox: None) -> None:
    with pytest.raises(FileNotFoundError):
        run_bounded(tmp_path / "none", name="none", limits=Limits(), ocr=False)


def test_a_zip_bomb_stops_at_the_limit(read_bounded: Reader) -> None:
    result = read_bounded(samples.zip_bomb(200 << 20), "a.docx", expanded_bytes=50 << 20)

    assert (result.status, result.text) == ("failed", "")
    assert "expands to more than the 52,428,800 bytes" in result.detail


def test_a_zip_bomb_in_a_workbook_stops_before_calamine_sees_it(read_bounded: Reader) -> None:
    rows = b"<row>" + b"<c><v>1</v></c>" * 100 + b"</row>"
    bomb = samples.archive(
        {"xl/workbook.xml": b"<workbook/>", "xl/worksheets/sheet1.xml": rows * 40_000}
    )
    result = read_bounded(bomb, "a.xlsx", expanded_bytes=20 << 20)

    assert result.status == "failed"
    assert "expands" in result.detail


def test_entities_that_multiply_are_refused(read_bounded: Reader) -> None:
    result = read_bounded(samples.billion_laughs(), "a.docx", cpu_seconds=5)

    assert result.status == "damaged"
    assert "document type declaration" in result.detail


def test_a_hundred_thousand_pages_are_read_as_far_as_allowed(read_bounded: Reader) -> None:
    result = read_bounded(samples.many_pages(100_000), "a.pdf", pages=50)

    assert (result.status, result.page_count, result.truncated) == ("indexed", 100_000, True)
    assert "the first 50 of 100,000 pages" in result.detail


def test_a_picture_of_billions_of_pixels_is_not_unpacked(read_bounded: Reader) -> None:
    result = read_bounded(samples.huge_png(40_000, 40_000), "a.png")

    assert result.status == "failed"
    assert "40,000 × 40,000" in result.detail


def test_time_running_out_in_good_order_keeps_what_was_read(read_bounded: Reader) -> None:
    read_bounded(b"words", "a.txt")  # what makes readers is started with the first
    result = read_bounded(samples.many_pages(100_000), "a.pdf", pages=100_000, wall_seconds=1.5)

    assert (result.status, result.truncated) == ("indexed", True)
    assert "took longer than" in result.detail


def test_processor_time_running_out_in_good_order_keeps_what_was_read(read_bounded: Reader) -> None:
    words = samples.archive({f"{number}.txt": b"word" for number in range(500)})
    data = samples.archive({f"{number}.zip": words for number in range(500)})
    # A tenth of it is left to bring together what was read: on a busy machine half a second is too little.
    result = read_bounded(data, "a.zip", cpu_seconds=10)

    assert (result.status, result.truncated) == ("indexed", True)
    assert "more than 10 s of processor time; the rest was left out" in result.detail
    assert "499.txt" in result.text


@pytest.fixture
def sabotage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Reader]:
    """Start a sandbox of its own whose reader of `.json` runs given code: what an exploited parser could run."""

    def prepare(code: str) -> Reader:
        site = tmp_path / "site-packages"
        site.mkdir()
        (site / "sitecustomize.py").write_text(
            "import sys, importlib\n"
            "if 'zygote' in ' '.join(sys.orig_argv):\n"
            "    from worker.extraction.formats import plain\n"
            "    def read(source, context, content):\n"
            + "".join(f"        {line}\n" for line in code.splitlines())
            + "    plain.read = read\n"
        )
        script = tmp_path / "run.py"
        script.write_text(
            "import json, sys\nfrom pathlib import Path\n"
            "from worker.extraction import Limits, run_bounded\n"
            "from worker.extraction.sandbox import processes\n"
            "given = processes._environment\n"
            f"processes._environment = lambda: given() | {{'PYTHONPATH': {f'{site}:{ROOT}'!r}}}\n"
            "limits = Limits(**json.loads(sys.argv[2]))\n"
            "result = run_bounded(Path(sys.argv[1]), name='a.json', limits=limits, ocr=False)\n"
            "again = run_bounded(Path(sys.argv[1]), name='a.json', limits=limits, ocr=False)\n"
            "print(json.dumps([result.to_json(), again.to_json()]))\n"
        )
        return lambda data=b"{}", **limits: _run_script(
            script, samples.write(tmp_path, "a.json", data), limits
        )

    return prepare


def _run_script(script: Path, document: Path, limits: dict[str, object]) -> dict[str, object]:
    """Give the result, after checking that a second document met the same fate and no worse."""
    done = subprocess.run(
        [sys.executable, script, document, json.dumps(limits)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "SECRET": "do not tell"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    first, second = json.loads(done.stdout)
    assert first["status"] == second["status"]
    return first


def test_a_hang_is_stopped_by_the_clock(sabotage: Callable[[str], Reader]) -> None:
    result = sabotage("import time; time.sleep(3600)")(wall_seconds=1)

    assert result["status"] == "failed"
    assert "longer than 1 s" in result["detail"]
    assert result["media_type"] == "application/json"


def test_a_busy_loop_is_stopped_by_processor_time(sabotage: Callable[[str], Reader]) -> None:
    result = sabotage("while True: pass")(cpu_seconds=1)

    assert result["status"] == "failed"
    assert "more than 1 s of processor time" in result["detail"]


def test_a_crash_is_named(sabotage: Callable[[str], Reader]) -> None:
    result = sabotage("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")()

    assert result["status"] == "failed"
    assert "SIGSEGV" in result["detail"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("while True: pass", "2 s of processor time"),
    ],
    ids=["crash", "loop"],
)
def test_a_document_inside_that_breaks_the_reader_leaves_what_is_around_it(
    sabotage: Callable[[str], Reader], code: str, reason: str
) -> None:
    breaks = sabotage(code)
    letter = samples.mail(
        ("a.docx", "application/msword", samples.word_document()),
        ("b.json", "application/json", b"{}"),
        ("c.docx", "application/msword", samples.word_document()),
    )
    result = breaks(letter, cpu_seconds=2)

    assert (result["status"], result["truncated"]) == ("indexed", True)
    assert reason in result["detail"]
    lines = result["text"].split("\n")
    assert lines[0] == "Rechnung für März"
    assert lines[-1] == "b.json"
    assert lines.count("Lieferung") == 1

    slides = embedded.office_with(samples.presentation(), "ppt/embeddings", ("b.json", b"{}"))
    result = breaks(slides, cpu_seconds=2)

    assert result["text"].endswith("Say more about outlook\nb.json")
    assert result["beyond"].startswith("Say more about quarterly figures")


def test_memory_is_bounded(sabotage: Callable[[str], Reader]) -> None:
    result = sabotage("hoard = bytearray(800 << 20)")(memory_bytes=256 << 20)

    assert result["status"] == "failed"
    assert "memory" in result["detail"]


def test_an_answer_without_end_is_not_taken(sabotage: Callable[[str], Reader]) -> None:
    code = (
        "import os, struct\n"
        "for descriptor in range(3, 64):\n"
        "    try: os.write(descriptor, struct.pack('!I', 2**32 - 1) + b'x' * 1000)\n"
        "    except OSError: pass\n"
        "os._exit(0)"
    )
    assert sabotage(code)()["status"] == "failed"


@pytest.mark.parametrize(
    ("lock", "attempt"),
    [
        ("files", "open('{tmp}/written', 'w')"),
        ("files", "open('{tmp}/run.py').read()"),
        ("files", "open('/etc/passwd').read()"),
        ("files", "os.listdir('/')"),
        ("files", "os.execv('/bin/true', ['true'])"),
        ("files", "open(f'/proc/{{os.getppid()}}/environ').read()"),
        ("capabilities", "os.environ['SECRET']"),
        ("capabilities", "os.chroot('/')"),
        ("signals", "os.kill({pid}, 0)"),
        ("network", "socket.create_connection(('127.0.0.1', {port}), 1)"),
    ],
)  # fmt: skip
def test_a_parser_that_was_taken_over_cannot(
    sabotage: Callable[[str], Reader], tmp_path: Path, lock: str, attempt: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = attempt.format(tmp=tmp_path, port=server.getsockname()[1], pid=os.getpid())
        result = sabotage(
            "import os, socket\n"
            f"try: {code}\n"
            "except (OSError, KeyError) as problem: content.add(f'stopped: {type(problem).__name__}')\n"
            "else: content.add('done')"
        )()

    # an old kernel has fewer locks, and then says so
    assert lock not in confinement() or result["text"].startswith("stopped"), result


def test_many_at_once_do_not_mix(tmp_path: Path, sandbox: None) -> None:
    paths = [samples.write(tmp_path, f"{n}.txt", f"document {n}".encode()) for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        results = pool.map(
            lambda path: run_bounded(path, name=path.name, limits=Limits(), ocr=False), paths
        )
        texts = [result.text for result in results]

    assert [f"document {n}" for n in range(40)] == texts


def test_a_killed_zygote_is_replaced(read_bounded: Reader) -> None:
    assert read_bounded(b"before", "a.txt").text == "before"
    (zygote,) = _helpers("zygote")
    zygote.kill()
    zygote.wait(5)

    assert read_bounded(b"after", "a.txt").text == "after"


def test_a_forked_worker_has_helpers_of_its_own(tmp_path: Path) -> None:
    path = samples.write(tmp_path, "a.txt", b"text")
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom worker.extraction import *\n"
        "def read():\n"
        "    return run_bounded(Path(sys.argv[1]), name='a.txt', limits=Limits(), ocr=False).text\n"
        "assert read() == 'text'\n"
        "process = os.fork()\n"
        "if process == 0:\n"
        "    fine = read() == 'text'\n"
        "    shut_down()\n"
        "    os._exit(0 if fine else 1)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0\n"
        "print(read())\n"
    )

    assert _run_python(script, path) == "text\n"


def test_helpers_end_when_the_worker_is_killed(tmp_path: Path) -> None:
    path = samples.write(tmp_path, "a.txt", b"a")
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom worker.extraction import *\n"
        "run_bounded(Path(sys.argv[1]), name='a.txt', limits=Limits(), ocr=False)\n"
        "print('ready', flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, path],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        helpers = psutil.Process(worker.pid).children(recursive=True)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    assert helpers
    _, alive = psutil.wait_procs(helpers, timeout=10)
    assert not alive


def test_a_daemonic_process_may_use_it(tmp_path: Path) -> None:
    """Celery's prefork workers are daemons, which may start no `multiprocessing` children."""
    path = samples.write(tmp_path, "a.txt", b"from a daemon")
    script = (
        "import multiprocessing, sys\nfrom pathlib import Path\nfrom worker.extraction import *\n"
        "def work(queue):\n"
        "    queue.put(run_bounded(Path(sys.argv[1]), name='a.txt', limits=Limits(), ocr=False).text)\n"
        "    shut_down()\n"
        "queue = multiprocessing.Queue()\n"
        "process = multiprocessing.Process(target=work, args=(queue,), daemon=True)\n"
        "process.start()\nprint(queue.get())\nprocess.join()\n"
    )
    assert _run_python(script, path) == "from a daemon\n"


def _run_python(script: str, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, path],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def _helpers(kind: str) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if f"sandbox.{kind}" in " ".join(child.cmdline())
    ]

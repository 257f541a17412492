"""For which platforms and Pythons every pinned package has a wheel; the rest is built from source.

Each pair is one dry run of pip, which downloads nothing but metadata.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from supply.pins import NLU, RUN, Pin, pins

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# Names of platforms as pip takes them, the ones a machine of today understands, and markers.
PLATFORMS: dict[str, tuple[list[str], dict[str, str]]] = {
    "Linux x86_64": (
        [f"manylinux_2_{n}_x86_64" for n in (36, 35, 34, 31, 28, 27, 26, 24, 17)]
        + ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"],
        {"sys_platform": "linux", "platform_machine": "x86_64"},
    ),
    "Linux aarch64": (
        [f"manylinux_2_{n}_aarch64" for n in (36, 35, 34, 31, 28, 27, 26, 24, 17)]
        + ["manylinux2014_aarch64"],
        {"sys_platform": "linux", "platform_machine": "aarch64"},
    ),
    "Alpine x86_64": (
        ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64"],
        {"sys_platform": "linux", "platform_machine": "x86_64"},
    ),
    "Alpine aarch64": (
        ["musllinux_1_2_aarch64", "musllinux_1_1_aarch64"],
        {"sys_platform": "linux", "platform_machine": "aarch64"},
    ),
    "macOS arm64": (
        [f"macosx_{n}_0_{kind}" for n in (15, 14, 13, 12, 11) for kind in ("arm64", "universal2")]
        + ["macosx_10_9_universal2"],
        {"sys_platform": "darwin", "platform_machine": "arm64"},
    ),
    "macOS x86_64": (
        [f"macosx_{n}_0_{kind}" for n in (15, 14, 13, 12, 11) for kind in ("x86_64", "universal2")]
        + [f"macosx_10_{n}_{kind}" for n in (15, 13, 12, 9) for kind in ("x86_64", "universal2")],
        {"sys_platform": "darwin", "platform_machine": "x86_64"},
    ),
    "Windows x64": (["win_amd64"], {"sys_platform": "win32", "platform_machine": "AMD64"}),
}


def missing(platform: str, python: str) -> list[str]:
    """Name the packages that such a machine wants and has no wheel of."""
    tags, markers = PLATFORMS[platform]
    markers = markers | {"python_version": python, "python_full_version": f"{python}.9"}
    wanted = [each for each in pins(RUN, NLU) if each.is_wanted(**markers)]
    found: list[str] = []
    while wanted:
        lacking = _first_lacking(wanted, tags, python)
        if lacking is None:
            break
        found.append(lacking)
        wanted = [each for each in wanted if each.name != lacking]
    return found


def _first_lacking(wanted: list[Pin], tags: list[str], python: str) -> str | None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--quiet"),
            *("--ignore-installed", "--target", str(Path("/nowhere")), "--only-binary", ":all:"),
            *("--python-version", python, "--implementation", "cp", "--disable-pip-version-check"),
            *(word for tag in tags for word in ("--platform", tag)),
            *(f"{each.name}=={each.version}" for each in wanted),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    named = re.search(r"No matching distribution found for ([\w.-]+)==", done.stderr)
    if named is None:
        raise RuntimeError(done.stderr.strip()[-400:])
    return named[1]


def table(only: str | None = None) -> Iterator[str]:
    """Yield the table, a line as soon as it is known."""
    yield "| platform | " + " | ".join(PYTHONS) + " |"
    yield "| --- |" + " --- |" * len(PYTHONS)
    for platform in PLATFORMS:
        if only is None or only in platform:
            with ThreadPoolExecutor() as beside:  # each waits for the index
                lacking = beside.map(missing, [platform] * len(PYTHONS), PYTHONS)
            cells = (", ".join(each) or "all" for each in lacking)
            yield f"| {platform} | {' | '.join(cells)} |"

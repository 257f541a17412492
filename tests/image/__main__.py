"""`make check-image`: the Dockerfile's steps without a container engine, and what they make, run.

Each stage is a layer over this machine's own files, in which its steps run as they are written; the
base is a Python of this machine, put where the base image has it. Then the api and the worker are
started from the last layer, as the image's user, with everything read-only but /data and /tmp, no
network but loopback, and nothing of the source tree or of this machine's own folders in reach.

It needs root, and overlay mounts. What it cannot try is the base image itself.

    make check-image ARGS="NLU=false"
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from image.dockerfile import Ignored, Refused, Stage, expanded, ignored, read
from image.running import see_it_run

ROOT = Path(__file__).parents[2]
HIDDEN = ("work", "root", "home", "opt", "srv", "mnt", "media", "tmp", "var/tmp", "usr/local")
INSIDE = "--inside="
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def main(arguments: Sequence[str]) -> int:
    given = dict(each.split("=", 1) for each in arguments if not each.startswith(INSIDE))
    folder = next((each.removeprefix(INSIDE) for each in arguments if each.startswith(INSIDE)), "")
    if not folder:
        return _in_a_namespace(arguments)
    began = time.monotonic()
    python = Path(given.pop("PYTHON", sys.executable))
    recipe = read(ROOT / "Dockerfile")
    try:
        layers = Layers(Path(folder))
        base = layers.base(python)
        built: dict[str, Path] = {}
        for stage in recipe.stages:
            built[stage.name] = layers.stage(stage, base, built, given)
        final = recipe.stages[-1]
        see_it_run(final, built[final.name], layers.environment[final.name], say)
    except (Refused, subprocess.CalledProcessError) as error:
        say(f"wrong: {error}")
        return 1
    say(f"the image's steps run, and so does what they make ({time.monotonic() - began:.0f} s)")
    return 0


def say(text: str) -> None:
    print(text, flush=True)


def _in_a_namespace(arguments: Sequence[str]) -> int:
    """Run once more with mounts and processes of our own, which end with us."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        say("make check-image: needs root and `unshare` (util-linux): nothing was checked")
        return 1
    folder = Path(tempfile.mkdtemp(prefix="image-"))
    again = [sys.executable, "-m", "image", f"{INSIDE}{folder}", *arguments]
    try:
        return subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *again],
            check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
        ).returncode
    finally:
        folder.rmdir()  # what was mounted on it is gone


class Layers:
    """Layers over this machine's files; what a step writes stays in its layer."""

    def __init__(self, folder: Path) -> None:
        mounted("tmpfs", folder, "mode=700")  # a layer over `/` may not be kept inside of it
        self._folder = folder
        self._count = 0
        self.environment: dict[str, dict[str, str]] = {}

    def base(self, python: Path) -> Path:
        """Lay a Python of this machine where the base image has it, with pip and nothing else."""
        root, upper = self._mounted_over([], hidden=HIDDEN)
        prefix, version = (
            _asked(python, "sys.base_prefix"),
            _asked(python, "'python%d.%d' % sys.version_info[:2]"),
        )
        local = root / "usr/local"
        for name in ("bin", "lib"):
            (local / name).mkdir()
        shutil.copy2(Path(prefix, "bin", version), local / "bin" / version)
        shutil.copytree(
            Path(prefix, "lib", version),
            local / "lib" / version,
            ignore=shutil.ignore_patterns("site-packages", "__pycache__", "test"),
            symlinks=True,
        )
        (local / "lib" / version / "site-packages").mkdir()
        for library in Path(prefix, "lib").glob("libpython*.so*"):
            shutil.copy2(library, local / "lib" / library.name, follow_symlinks=False)
        for name in ("python3", "python"):
            (local / "bin" / name).symlink_to(version)
        self._run(root, "ldconfig && python -m ensurepip --default-pip >/dev/null", {}, "/")
        say(f"base: {version} of {prefix} as /usr/local")
        return upper

    def stage(
        self, stage: Stage, base: Path, built: dict[str, Path], given: dict[str, str]
    ) -> Path:
        """Run a stage's steps; return where its files are."""
        root, _ = self._mounted_over([base])
        sent = ignored(ROOT / ".dockerignore")
        arguments: dict[str, str] = {}
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        place = "/"
        for each in stage.instructions:
            text = each.text
            match each.name:
                case "ARG":
                    arguments |= {k: given.get(k, v) for k, v in each.pairs().items()}
                case "ENV":
                    environment |= each.pairs()
                case "WORKDIR":
                    place = text
                    (root / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(each.words(), root, place, built, sent)
                case "RUN":
                    say(f"{stage.name}: RUN {' '.join(text.split())[:100]}")
                    self._run(root, text, arguments | environment, place)
                case "LABEL":
                    for name, value in each.pairs().items():
                        if not expanded(value, arguments):
                            raise Refused(f"line {each.line}: LABEL: {name} is empty")
        self.environment[stage.name] = environment
        return root

    def _mounted_over(self, lower: list[Path], hidden: Iterable[str] = ()) -> tuple[Path, Path]:
        self._count += 1
        at = self._folder / str(self._count)
        upper, work, root = (at / name for name in ("upper", "work", "root"))
        for each in (upper, work, root):
            each.mkdir(parents=True)
        for name in hidden:  # there is a folder, and nothing of the one below shows through
            (upper / name).mkdir(parents=True)
            (upper / name).chmod(0o1777 if name.endswith("tmp") else 0o755)
            os.setxattr(upper / name, "trusted.overlay.opaque", b"y")
        layers = ":".join(map(str, [*lower, "/"]))
        mounted("overlay", root, f"lowerdir={layers},upperdir={upper},workdir={work}")
        mounted("proc", root / "proc")
        mounted("tmpfs", root / "dev", "mode=755")  # none of this machine's own
        for name in DEVICES:
            status = Path("/dev", name).stat()
            os.mknod(root / "dev" / name, status.st_mode, status.st_rdev)
            (root / "dev" / name).chmod(0o666)
        (root / "dev/shm").mkdir()
        mounted("tmpfs", root / "dev/shm", "mode=1777")
        return root, upper

    def _run(self, root: Path, script: str, environment: dict[str, str], place: str) -> None:
        """Run a step as a builder does: `sh -c`, as root, with what this machine's pip is told."""
        told = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        told |= {
            "PIP_QUIET": "2",
            "HOME": "/root",
            "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        named = [f"{name}={value}" for name, value in (told | environment).items()]
        subprocess.run(
            ["chroot", root, "env", "-i", "-C", place, *named, "/bin/sh", "-ec", script], check=True
        )

    def _copy(
        self, words: list[str], root: Path, place: str, built: dict[str, Path], sent: Ignored
    ) -> None:
        """COPY as we use it: names of the context, or one path of another stage."""
        options = [each for each in words if each.startswith("--")]
        *sources, target = (each for each in words if not each.startswith("--"))
        into = (
            root / target.lstrip("/")
            if target.startswith("/")
            else (root / place.lstrip("/") / target)
        )
        for source in sources:
            if options:
                origin = built[options[0].removeprefix("--from=")] / source.lstrip("/")
            elif sent.sends(Path(source).parts[0]):
                origin = ROOT / source
            else:
                raise Refused(f"COPY {source}: .dockerignore does not send it")
            if origin.is_dir():
                shutil.copytree(
                    origin,
                    into,
                    symlinks=True,
                    dirs_exist_ok=True,
                    ignore=None if options else shutil.ignore_patterns(*sent.never),
                )
            else:
                into.mkdir(parents=True, exist_ok=True)
                shutil.copy2(origin, into / origin.name)


def mounted(kind: str, at: Path, options: str = "rw") -> None:
    """Mount a file system of no device."""
    subprocess.run(["mount", "-t", kind, "-o", options, kind, at], check=True)


def _asked(python: Path, expression: str) -> str:
    return subprocess.run(
        [python, "-c", f"import sys; print({expression})"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

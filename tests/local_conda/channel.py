"""A conda channel in a directory: the running interpreter and pip as conda packages, and the index that names them.

The layout is conda's: SUBDIR/NAME-VERSION-BUILD.tar.bz2 with info/{index,paths}.json inside, and SUBDIR/repodata.json
(https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html). The same interpreter and the same
wheel give the same bytes.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLACEHOLDER = "/opt/" + "placeholder_" * 20  # conda writes the environment's path in its place
LEFT_OUT = ("test", "tests", "idlelib", "turtledemo", "ensurepip", "site-packages", "__pycache__", "*.pyc", "config-*")


@dataclass(frozen=True)
class Package:
    """Files to pack, and what the channel's index says about them."""

    root: Path
    name: str
    version: str
    subdir: str
    depends: list[str] = field(default_factory=list)
    noarch: str | None = None
    holds_placeholder: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-local_0.tar.bz2"

    @property
    def index(self) -> dict[str, Any]:
        record = {
            "name": self.name,
            "version": self.version,
            "build": "local_0",
            "build_number": 0,
            "depends": self.depends,
            "subdir": self.subdir,
        }
        return record | ({"noarch": self.noarch} if self.noarch else {})


def make_channel(channel: Path, pip_wheel: Path, patchelf: Path, scratch: Path) -> None:
    """Write the channel. `patchelf` is the program of that name; `scratch` is a directory to work in."""
    records: dict[str, dict[str, Any]] = {"linux-64": {}, "noarch": {}}
    for package in (python_package(scratch / "python", patchelf), pip_package(scratch / "pip", pip_wheel)):
        archive = channel / package.subdir / package.file
        pack(package, archive)
        checks = {"sha256": digest(archive), "size": archive.stat().st_size}
        records[package.subdir][package.file] = package.index | checks
    for subdir, packages in records.items():
        index = {"info": {"subdir": subdir}, "packages": packages, "packages.conda": {}, "repodata_version": 1}
        write(channel / subdir / "repodata.json", index)


def python_package(root: Path, patchelf: Path) -> Package:
    """The running interpreter (the base of a virtual environment) without packages, tests and IDLE."""
    base, name = Path(sys.base_prefix), f"python{sysconfig.get_python_version()}"
    library = root / "lib" / name
    shutil.copytree(base / "lib" / name, library, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    write(library / "site-packages" / "README.txt", "Packages are installed here.\n")
    shutil.copytree(base / "include" / name, root / "include" / name)
    (root / "bin").mkdir()
    program = Path(shutil.copy2(base / "bin" / name, root / "bin" / name))
    for link in ("python", "python3"):
        (root / "bin" / link).symlink_to(name)
    for shared in (base / "lib").glob(f"lib{name}.so*"):
        shutil.copy2(shared, root / "lib" / shared.name, follow_symlinks=False)
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        subprocess.run([patchelf, "--set-rpath", "$ORIGIN/../lib", program], check=True)
    changed = [file for file in sorted(library.glob("_sysconfigdata*.py")) if str(base) in file.read_text()]
    for file in changed:
        file.write_text(file.read_text().replace(str(base), PLACEHOLDER))
    return Package(
        root=root,
        name="python",
        version="{}.{}.{}".format(*sys.version_info),
        subdir="linux-64",
        holds_placeholder=tuple(file.relative_to(root).as_posix() for file in changed),
    )


def pip_package(root: Path, wheel: Path) -> Package:
    """pip out of its wheel, for any python: conda writes the programs of a noarch package itself."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(root / "site-packages")
    programs = [f"{name} = pip._internal.cli.main:main" for name in ("pip", "pip3")]
    link = {"noarch": {"type": "python", "entry_points": programs}, "package_metadata_version": 1}
    write(root / "info" / "link.json", link)
    version = wheel.name.split("-")[1]
    return Package(root, "pip", version, "noarch", depends=["python >=3.9"], noarch="python")


def pack(package: Package, archive: Path) -> None:
    """Write a package, its info/ first."""
    info = package.root / "info"
    write(info / "index.json", package.index)
    write(info / "about.json", {})
    found = [path for path in sorted(package.root.rglob("*")) if path.is_symlink() or not path.is_dir()]
    content = [path for path in found if info not in path.parents]
    entries = [entry(package, path) for path in content]
    write(info / "paths.json", {"paths": entries, "paths_version": 1})
    write(info / "files", "".join(f"{item['_path']}\n" for item in entries))
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:bz2", compresslevel=1) as tar:
        for path in [*sorted(info.iterdir()), *content]:
            tar.add(path, path.relative_to(package.root).as_posix(), recursive=False, filter=anonymous)


def entry(package: Package, path: Path) -> dict[str, Any]:
    """What info/paths.json says about a file."""
    name = path.relative_to(package.root).as_posix()
    found = {
        "_path": name,
        "path_type": "softlink" if path.is_symlink() else "hardlink",
        "sha256": digest(path),
        "size_in_bytes": path.stat().st_size,
    }
    if name in package.holds_placeholder:
        found |= {"file_mode": "text", "prefix_placeholder": PLACEHOLDER}
    return found


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """A member of an archive without its date and owner."""
    member.mtime = member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def digest(path: Path) -> str:
    """A file's SHA-256, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(path: Path, content: Any) -> None:
    """A text file, or JSON; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")

"""Put an export on the Hugging Face hub: python -m scripts.export.upload results/export/NAME OWNER/REPOSITORY

It is read as it lies there. The token is huggingface_hub's own affair (`hf auth login`, or HF_TOKEN); it is in no log.
"""

import argparse
from pathlib import Path

import httpx2
import huggingface_hub
import yaml
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import disable_progress_bars

from scripts.common.errors import StepError, exit_on_error

NEEDED = ("README.md", "parity.json", "config.json", "model.safetensors")
FLAG = "--accept-terms"


def content(folder: Path) -> list[Path]:
    """The files of an export. Raises StepError for a folder that is none."""
    if lacking := [name for name in NEEDED if not (folder / name).is_file()]:
        raise StepError(f"{folder} has no {lacking[0]}: name a folder of results/export, which the workflow has made")
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def terms_of(folder: Path) -> str:
    """In a sentence what its model card says of the corpora."""
    head = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    licence = head.get("license_name") or head["license"]
    return f"it was trained on {', '.join(head.get('datasets', ())) or 'corpora unknown'}; its licence there: {licence}"


def listing(paths: list[Path], folder: Path) -> str:
    """A line a file, with its size in bytes, and what they are together."""
    sizes = [path.stat().st_size for path in paths]
    lines = [f"{size:>13,}  {path.relative_to(folder)}" for path, size in zip(paths, sizes, strict=True)]
    return "\n".join([*lines, f"{sum(sizes):>13,}  together"])


def upload(folder: Path, repository: str, private: bool) -> str:
    """Make the repository if it is not there, and send all files as one commit. Returns where it is then."""
    hub = huggingface_hub.HfApi()
    try:
        hub.create_repo(repository, private=private, exist_ok=True)
        done = hub.upload_folder(repo_id=repository, folder_path=folder, ignore_patterns=[".*", "*/.*"])
    except LocalTokenNotFoundError as error:
        raise StepError("the hub wants to know who you are: `hf auth login`, or set HF_TOKEN") from error
    except HFValidationError as error:
        raise StepError(f"{repository} is no name of a repository: give OWNER/NAME") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        advice = "is your token allowed to write there?" if status in (401, 403) else "try again later"
        raise StepError(f"the hub refuses {repository} with {status}: {advice}") from None  # its words quote headers
    except (httpx2.TransportError, OfflineModeIsEnabled, OSError) as error:
        raise StepError(f"the hub cannot be reached ({type(error).__name__}): mend the network") from error
    return str(done.commit_url)


def main() -> None:
    """Parse the command line, and upload."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="results/export/NAME")
    parser.add_argument("repository", help="OWNER/NAME on the hub")
    parser.add_argument("--dry-run", action="store_true", help="only list files and their sizes")
    parser.add_argument("--private", action="store_true", help="nobody else sees it, where it is made now")
    parser.add_argument(FLAG, action="store_true", help="you know the terms of the corpora, and they allow it")
    arguments = parser.parse_args()

    paths = content(arguments.folder)
    print(listing(paths, arguments.folder))
    if arguments.dry_run:
        print(f"nothing was sent to {arguments.repository}: {terms_of(arguments.folder)}")
        return
    if not arguments.accept_terms:
        raise StepError(
            f"{arguments.folder} is not uploaded before you say that you may: {terms_of(arguments.folder)}. Read their "
            f"terms, and say {FLAG}"
        )
    disable_progress_bars()
    print(upload(arguments.folder, arguments.repository, arguments.private))


if __name__ == "__main__":
    exit_on_error(main)

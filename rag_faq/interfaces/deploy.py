"""Putting a checkout on the Hugging Face Hub as a Space: what would be sent, and sending it.

Only files that git tracks are sent, as they lie on the disk. Secrets go to the Space's own store of secrets, which the
Hub shows to nobody, and never into a file.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_faq.errors import DeployError
from rag_faq.settings import OTHER_VARIABLES, PREFIX, Settings

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo, HfApi

NEEDED = ("README.md", "app.py", "requirements.txt")  # without one of these the Hub starts nothing

# Names of files that hold secrets, and of variables that do.
_SECRET_FILE = re.compile(
    r"(^|/)(\.env(\..*)?|\.netrc|id_(rsa|dsa|ecdsa|ed25519)|.*\.(pem|key|p12|pfx))$", re.IGNORECASE
)
_SECRET_NAME = re.compile(r"(KEY|KEYS|TOKEN|SECRET|PASSWORD|LOGIN|AUTH|CREDENTIALS)$", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a Space is to become. Secrets are kept out of what is printed of it."""

    space: str  # OWNER/NAME
    folder: Path
    files: tuple[str, ...]  # paths relative to the folder, sorted
    changed: tuple[str, ...] = ()  # those of them that differ from the last commit
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    hardware: str | None = None  # a flavour of the Hub; None leaves it as it is
    private: bool | None = None  # of a new Space; None leaves it to the Hub

    @property
    def owner(self) -> str:
        """A user or an organisation."""
        return self.space.partition("/")[0]

    def size(self, path: str) -> int:
        """Bytes of one of the files."""
        return (self.folder / path).stat().st_size


@dataclass(frozen=True, slots=True)
class Deployed:
    """Where the Space is."""

    url: str
    commit: str
    removed: tuple[str, ...]  # files that the Space had, and that are not tracked here (any more)


def check_name(space: str) -> str:
    """`space`, if it can be the name of a Space. Raises DeployError."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    expected = "USER/NAME or ORGANISATION/NAME, of letters, digits, `-`, `_` and `.`"
    if space.count("/") != 1:
        raise DeployError(f"{space!r} is no name of a Space", expected=expected)
    try:
        validate_repo_id(space)
    except HFValidationError as error:
        raise DeployError(f"{space!r} is no name of a Space", expected=expected) from error
    return space


def tracked_files(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files of the checkout `folder` that git tracks and that are there, and those of them that were changed.

    Raises DeployError where it is no checkout, where a file is missing that a Space needs, or where one is tracked
    whose name is that of a secret.
    """
    files = tuple(path for path in sorted(_git(folder, "ls-files", "-z")) if (folder / path).is_file())
    if missing := [name for name in NEEDED if name not in files]:
        raise DeployError(
            f"{folder} has no {missing[0]} that git tracks",
            expected="a checkout of the project",
            mend=f"`git add {missing[0]}`, or --folder with the checkout",
        )
    if secret := [path for path in files if _SECRET_FILE.search(path)]:
        raise DeployError(
            f"{secret[0]} looks like a file of secrets, and git tracks it",
            mend=f"`git rm --cached {secret[0]}`, and hand its values over with --secret",
        )
    changed = set(_git(folder, "diff", "--name-only", "-z", "HEAD"))
    return files, tuple(path for path in files if path in changed)


def parse_variables(items: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` each. Raises DeployError for a malformed one, and for one that should be a secret."""
    found = dict(_parse("--variable", item) for item in items)
    for name in found:
        if _SECRET_NAME.search(name):
            raise DeployError(f"--variable {name} is shown to everybody", mend=f"--secret {name}=…")
    return found


def parse_secrets(items: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """`NAME=VALUE` each, or `NAME` alone for the value that the environment has. Raises DeployError."""
    found = {}
    for item in items:
        if "=" not in item:
            if not environment.get(item):
                raise DeployError(f"--secret {item}: there is no such variable in the environment", expected="a value")
            item = f"{item}={environment[item]}"
        name, value = _parse("--secret", item)
        found[name] = value
    return found


def _parse(option: str, item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals or not _NAME.fullmatch(name):
        raise DeployError(f"{option} {name} is malformed", expected=f"{option} NAME=VALUE")
    known = {PREFIX + setting.upper() for setting in Settings.model_fields} | OTHER_VARIABLES
    if name.startswith(PREFIX) and name not in known:
        raise DeployError(
            f"{name} is no setting, and the Space would not start with it",
            expected="one of " + ", ".join(sorted(known)),
        )
    return name, value


def check_hardware(hardware: str) -> str:
    """`hardware`, if the Hub has it. Raises DeployError."""
    from huggingface_hub import SpaceHardware

    known = [flavour.value for flavour in SpaceHardware]
    if hardware not in known:
        raise DeployError(f"There is no hardware {hardware!r}", expected="one of " + ", ".join(known))
    return hardware


def deploy(plan: Plan) -> Deployed:
    """Create or update the Space. The Hub builds and starts it by itself after that.

    Variables and secrets come before the files, so that the first start has them. Raises DeployError.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token

    token = get_token()
    if token is None:
        raise DeployError("There is no token of the Hugging Face Hub", mend="`hf auth login`, or set HF_TOKEN")
    # HF_ENDPOINT as it is now, not as it was when huggingface_hub was imported.
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT", "").rstrip("/") or None, token=token)
    sdk = _sdk(plan.folder)
    with _hub_errors(plan.space):
        _check_owner(api, plan)
        url = api.create_repo(plan.space, repo_type="space", space_sdk=sdk, private=plan.private, exist_ok=True)
        for name, value in plan.variables.items():
            api.add_space_variable(plan.space, name, value)
        for name, value in plan.secrets.items():
            api.add_space_secret(plan.space, name, value)
        if plan.hardware is not None:
            api.request_space_hardware(plan.space, plan.hardware)  # type: ignore[arg-type]
        there = set(api.list_repo_files(plan.space, repo_type="space"))
        removed = tuple(sorted(there - set(plan.files) - {".gitattributes"}))
        operations: list[Any] = [CommitOperationAdd(path, plan.folder / path) for path in plan.files]
        operations += [CommitOperationDelete(path) for path in removed]
        commit = _commit(api, plan, operations)
    return Deployed(str(url), commit.oid, removed)


def _sdk(folder: Path) -> str:
    """What kind of Space the card asks for: `gradio`, or `docker` for the image."""
    from huggingface_hub import SpaceCard
    from yaml import YAMLError  # type: ignore[import-untyped]

    try:
        sdk = SpaceCard.load(folder / "README.md", ignore_metadata_errors=True).data.get("sdk")
    except (ValueError, YAMLError) as error:
        said = " ".join(str(error).split())
        raise DeployError(f"The card at the top of README.md cannot be read: {said}") from error
    if sdk not in ("gradio", "docker"):
        raise DeployError(f"The card at the top of README.md says sdk: {sdk}", expected="gradio or docker")
    return str(sdk)


def _commit(api: HfApi, plan: Plan, operations: list[Any]) -> CommitInfo:
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return api.create_commit(plan.space, operations, commit_message="Update from rag-faq", repo_type="space")
    except HfHubHTTPError:
        raise
    except ValueError as error:  # what the Hub found in the card, which it is shown first
        said = " ".join(str(error).split())
        raise DeployError(f"The Hub turns the card in README.md down: {said}") from error


def _check_owner(api: HfApi, plan: Plan) -> None:
    """Told before anything is made: the Hub's own answer would come late, and say less."""
    me = api.whoami()
    mine = [str(me["name"]), *(str(organisation["name"]) for organisation in me.get("orgs", ()))]
    if plan.owner not in mine:
        raise DeployError(
            f"{plan.space} belongs to {plan.owner}, and the token is {me['name']}'s",
            expected="an owner out of " + ", ".join(mine),
            mend=f"rag-faq deploy-space {me['name']}/{plan.space.partition('/')[2]}",
        )


@contextmanager
def _hub_errors(space: str) -> Iterator[None]:
    """Errors of the Hub, and of the way to it, as errors of ours."""
    from huggingface_hub import get_session
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    library = importlib.import_module(type(get_session()).__module__.partition(".")[0])
    try:
        yield
    except HfHubHTTPError as error:
        raise _explained(error, space) from error
    except OfflineModeIsEnabled as error:
        raise DeployError("The Hub is switched off by HF_HUB_OFFLINE", mend="unset HF_HUB_OFFLINE") from error
    except library.HTTPError as error:
        raise DeployError(f"The Hugging Face Hub cannot be reached: {error}", mend="check the network") from error


def _explained(error: Any, space: str) -> DeployError:
    status = error.response.status_code if error.response is not None else None
    said = (error.server_message or str(error)).strip().splitlines()
    reason = said[0] if said else "no reason given"
    if status == 401:
        return DeployError(f"The Hub does not know the token: {reason}", mend="`hf auth login` with a valid token")
    if status == 403:
        return DeployError(
            f"The token may not change {space}: {reason}",
            expected="a token with the right to write, of the owner",
            mend="make one at https://huggingface.co/settings/tokens, then `hf auth login`",
        )
    if status == 402:
        return DeployError(f"The account cannot pay for this: {reason}", mend="other --hardware, such as cpu-basic")
    return DeployError(f"The Hub answered {status} for {space}: {reason}")


def _git(folder: Path, *arguments: str) -> list[str]:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=True)
    except FileNotFoundError as error:
        raise DeployError("git is not installed", mend="install git") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise DeployError(
            f"{folder} is no checkout: {said}", mend="--folder with a checkout that has a commit"
        ) from error
    return [path for path in done.stdout.decode().split("\0") if path]

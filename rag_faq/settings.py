"""Settings: defaults < `rag-faq.toml` < `RAG_FAQ_*` environment < arguments. Frozen; an unknown key is refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from rag_faq.errors import SettingsError

PREFIX = "RAG_FAQ_"
_FILE, _FILE_VARIABLE = Path("rag-faq.toml"), "RAG_FAQ_CONFIG"

# Variables of ours that are no settings of the running chatbot: where the settings file is, and how llama.cpp is built.
OTHER_VARIABLES = frozenset({_FILE_VARIABLE, "RAG_FAQ_LLAMA_BACKEND"})


def settings_file(config: Path | None, environment: Mapping[str, str]) -> Path:
    """The file that the settings are read from, and written to; it need not be there.

    That is `config`, else `$RAG_FAQ_CONFIG`, else `rag-faq.toml` in the working folder.
    """
    return _named_file(config, environment) or _FILE


def _named_file(config: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The file that somebody named, which is an error where it is not there; `rag-faq.toml` by itself may be absent."""
    named = environment.get(_FILE_VARIABLE)
    return config or (Path(named) if named else None)


def _packaged(name: str) -> Path:
    """A folder of the package's own data, as a wheel brings it, or, in a checkout, the folder beside the package.

    The package's own comes first: beside an installed package lie other packages, and one may be called `corpus`.
    """
    here = Path(__file__).resolve().parent
    packaged = here / "data" / name
    return packaged if packaged.is_dir() else here.parent / name


def _parted(value: Any) -> Any:
    """`"a, b"` → ("a", "b"): a list of names as an environment variable or an argument gives it."""
    if isinstance(value, str):
        return tuple(name for part in value.split(",") if (name := part.strip()))
    return value


Names: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parted)]


class Settings(BaseSettings):
    """All settings of the chatbot. `Settings.load(**arguments)` turns a bad value into a `SettingsError`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_ignore_empty=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
    )
    toml_path: ClassVar[Path | None] = None

    corpus: Path = Field(
        default_factory=lambda: _packaged("corpus"),
        description="The FAQ: a Markdown, text or HTML file, or a folder of them.",
    )
    index: Path = Field(
        default_factory=lambda: _packaged("indexes") / "generative-ai-faq",
        description="The folder of the index.",
    )
    models: Path | None = Field(None, description="Where weights are kept; by default the user's cache folder.")
    embedder: str = Field("all-MiniLM-L6-v2", description="Embedder: a catalog name or a sentence-transformers folder.")
    second_embedder: str = Field(
        "all-mpnet-base-v2",
        description=(
            "A larger embedder, which has a second look where the model is to judge; `none` does without. Named like "
            "`embedder`."
        ),
    )
    embedder_device: Literal["cpu", "cuda", "mps"] | None = Field(
        None, description="Where the embedder runs: `cpu`, `cuda` or `mps`; by default the GPU where there is one."
    )
    llm: str = Field(
        "qwen2.5-coder-1.5b-instruct-q4_k_m",
        description=(
            "Language model: a catalog name, a GGUF file, `hub:REPO/FILE`, `none`, or "
            "`openai:http://HOST:PORT/v1#MODEL`: a server."
        ),
    )
    llm_api_key: SecretStr | None = Field(None, min_length=1, description="Key for a model behind a server.")
    answer_style: Literal["auto", "composed", "verbatim"] = Field(
        "auto",
        description=(
            "`composed`: the model writes; `verbatim`: the FAQ's own text; `auto`: that only for its own questions."
        ),
    )
    max_sources: int = Field(3, ge=1, le=8, description="The most sources one answer may rest on.")
    strictness: float = Field(
        0.5, ge=0.0, le=1.0, description="How much evidence an answer needs: 0 answers nearly all, 1 refuses most."
    )
    max_new_tokens: int = Field(384, ge=16, le=4096, description="The longest answer, in tokens.")
    max_question_chars: int = Field(8000, ge=100, le=100_000, description="A longer question is turned down.")
    context_tokens: int = Field(4096, ge=512, le=131_072, description="Size of the model's context.")
    threads: int | None = Field(
        None, ge=1, le=256, description="Threads of the model; by default the cores that this process may use."
    )
    gpu_layers: int | None = Field(
        None, ge=-1, description="Layers to put on the GPU: -1 all, 0 none; by default as many as fit."
    )
    repack: bool = Field(
        True, description="Arrange the weights anew for this processor at the start; `rag-faq doctor --bench` tells."
    )
    parallel: int = Field(
        4, ge=1, le=16, description="The most answers that are written at the same time; further ones wait in line."
    )
    state_cache_mb: int | None = Field(
        None, ge=0, description="Memory for kept model states; by default a share of what is free; 0 turns it off."
    )
    state_cache_disk: bool = Field(True, description="Keep model states in the cache folder between starts.")
    host: str = Field("127.0.0.1", description="Address that the web app binds to.")
    port: int = Field(7860, ge=0, le=65535, description="Port of the web app; 0 takes a free one.")
    api_keys: SecretStr | None = Field(
        None, min_length=1, description="Keys of the HTTP doors, parted by commas; without any, these doors are open."
    )
    page_login: SecretStr | None = Field(
        None, min_length=1, description="`user:password` that the page asks for; several parted by commas."
    )
    requests_per_minute: int = Field(
        0, ge=0, description="The most requests a minute from one key or address at the HTTP doors; 0 sets no limit."
    )
    max_request_kb: int = Field(256, ge=1, le=65536, description="The largest request of the HTTP doors.")
    max_waiting: int = Field(
        32,
        ge=0,
        le=1000,
        description="Questions that may wait in line at the HTTP doors; more are told when to come back.",
    )
    allowed_origins: Names = Field(
        (), description="Other sites whose scripts may use the HTTP doors, parted by commas."
    )
    allowed_hosts: Names = Field(
        (),
        description="Names that this server has; by default any, and only its own where it is bound to this machine.",
    )
    log_questions: bool = Field(False, description="Write the questions that come over HTTP to the log.")
    feedback: bool = Field(
        True, description="Keep questions, answers and thumbs on this machine, for `rag-faq gaps`; false keeps nothing."
    )
    feedback_file: Path | None = Field(
        None, description="The SQLite file of what is kept; by default in the user's data folder."
    )
    feedback_days: int = Field(0, ge=0, description="Days after which what was kept is deleted; 0 keeps it.")
    admin_password: SecretStr | None = Field(
        None, min_length=1, description="Password of the page's tab for the owner; without one there is no such tab."
    )

    @property
    def embedders(self) -> tuple[str, ...]:
        """The embedder, and behind it the second one where there is to be one."""
        second = () if self.second_embedder in ("none", self.embedder) else (self.second_embedder,)
        return (self.embedder, *second)

    @property
    def weights(self) -> tuple[tuple[str, Literal["embedder", "llm"]], ...]:
        """The models that these settings name, and what for; the first cannot be done without."""
        embedders: list[tuple[str, Literal["embedder"]]] = [(name, "embedder") for name in self.embedders]
        return (*embedders, (self.llm, "llm"))

    @classmethod
    def load(cls, config: Path | None = None, **arguments: Any) -> Settings:
        """Read the file, the environment and `arguments` (those that are not `None`).

        `config` names the settings file; by default `$RAG_FAQ_CONFIG`, else `rag-faq.toml` in the working folder if
        it is there. Raises SettingsError for an unknown key, a bad value, or a named file that is not there.
        """
        named = _named_file(config, os.environ)
        if named is not None and not named.is_file():
            raise SettingsError(f"There is no settings file {named}", mend="name a file that is there")
        path = settings_file(config, os.environ)
        known = {PREFIX + name.upper() for name in cls.model_fields} | OTHER_VARIABLES
        for variable in sorted(os.environ):
            if variable.startswith(PREFIX) and variable not in known:
                raise SettingsError(
                    f"The environment variable {variable} is no setting of rag-faq",
                    expected="one of " + ", ".join(sorted(known)),
                    mend=f"unset {variable}",
                )

        class _WithFile(cls):  # type: ignore[misc, valid-type]
            toml_path = path if path.is_file() else None

        try:
            loaded = _WithFile(**{k: v for k, v in arguments.items() if v is not None})
        except ValidationError as error:
            raise SettingsError(_explain(error, path), mend="see the table of settings in the README") from error
        except ValueError as error:  # a TOML file that does not parse
            raise SettingsError(f"{path} is not valid TOML: {error}") from error
        return cls.model_construct(**{name: getattr(loaded, name) for name in cls.model_fields})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before the environment before the file."""
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        if cls.toml_path is not None:
            sources += (TomlConfigSettingsSource(settings_cls, cls.toml_path),)
        return sources


def _explain(error: ValidationError, path: Path) -> str:
    """One line for each bad setting, with its name and what is wrong with it."""
    lines = []
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            lines.append(f"`{name}` is no setting (given in {path} or as an argument)")
        elif _is_secret(name):
            lines.append(f"`{name}`, which is not shown here: {item['msg'].lower()}")
        else:
            lines.append(f"`{name}` = {item['input']!r}: {item['msg'].lower()}")
    return "; ".join(lines)


def _is_secret(name: str) -> bool:
    """Whether the setting holds something that must never be printed."""
    field = Settings.model_fields.get(name.partition(".")[0])
    return field is not None and SecretStr in (field.annotation, *get_args(field.annotation))

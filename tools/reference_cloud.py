"""The page of the reference about the cloud's settings."""

from collections.abc import Iterator

from pydantic_core import PydanticUndefined

from aldaba_cloud.config import PREFIX, Config
from tools.markdown import page, table
from tools.notes import notes


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str | bool | int | float) or value is None else repr(str(value))


def _settings() -> Iterator[list[str]]:
    said = dict(notes(Config))
    for name, field in Config.model_fields.items():
        default = "must be given" if field.default is PydanticUndefined else f"`{_shown(field.default)}`"
        annotation = field.annotation
        kind = annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
        yield [f"`{name}`", f"`{PREFIX}{name.upper()}`", f"`{kind}`", default, said.get(name, "")]


def cloud_settings() -> str:
    """Every setting of `aldaba-cloud`, in a TOML file or in the environment."""
    return page(
        "Settings of the cloud",
        "Given in a TOML file or as variables of the environment, which win. All mistakes are reported at once.\n",
        table(["in the file", "in the environment", "kind", "default", "what it is"], _settings()),
    )

"""What the service is told from outside: a TOML file, then `ALDABA_*` variables, every mistake at once."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from aldaba_shared.clear_text import stays_here
from aldaba_shared.errors import AldabaError

PREFIX = "ALDABA_"


class ConfigUnusable(AldabaError):
    """The configuration has mistakes; the message lists all of them."""

    code = "config_unusable"

    def __init__(self, mistakes: list[str]) -> None:
        listed = "\n".join(f"  - {mistake}" for mistake in mistakes)
        super().__init__(f"The configuration cannot be used:\n{listed}\nMend these and start again.")
        self.mistakes = mistakes


class Config(BaseModel):
    """Every setting with its default; names in the file are these, variables are ALDABA_ and upper case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state_dir: Path = Path("/var/lib/aldaba-cloud")
    database_url: str = ""
    """Empty means SQLite in `state_dir`; postgresql://… means PostgreSQL."""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=1, le=65535)
    base_url: str = "http://localhost:8080"
    log: Literal["console", "json"] = "console"

    session_hours: int = Field(default=12, ge=1, le=24 * 90)
    argon2_time_cost: int = Field(default=3, ge=1)
    argon2_memory_kib: int = Field(default=64 * 1024, ge=8)
    argon2_parallelism: int = Field(default=1, ge=1)

    mqtt_host: str = ""
    """Empty means no broker: doors are then reached in-process or not at all."""
    mqtt_port: int = Field(default=1883, ge=1, le=65535)
    mqtt_username: str = ""
    mqtt_password: str = Field(default="", repr=False)
    mqtt_ca_file: Path | None = None
    """Who vouches for the broker, and with it TLS; the system's authorities are /etc/ssl/certs/ca-certificates.crt."""
    mqtt_without_tls: Literal["loopback", "bench"] = Field(default="loopback", validate_default=True)
    """Which broker is spoken to without TLS: one on this machine alone, or any, for a laboratory."""
    mqtt_share: str = Field(default="", pattern=r"^[A-Za-z0-9_-]*$")
    """The group of a shared subscription, when several processes take in what doors send; the broker must offer it."""
    mqtt_control: Literal["none", "mosquitto"] = "none"
    """`mosquitto`: the broker takes controllers' accounts from us (its dynamic security plugin)."""
    mqtt_public_host: str = ""
    """Where controllers reach the broker, and how; empty means as we do."""
    mqtt_public_port: int = Field(default=8883, ge=1, le=65535)
    mqtt_revocations_file: Path | None = None
    """The list of certificates the broker must refuse; whoever runs the broker has it reload when this changes."""

    stripe_key: str = Field(default="", repr=False)
    stripe_webhook_secret: str = Field(default="", repr=False)
    stripe_url: str = "https://api.stripe.com"
    gocardless_token: str = Field(default="", repr=False)
    gocardless_webhook_secret: str = Field(default="", repr=False)
    gocardless_url: str = "https://api.gocardless.com"
    collectors_network: str = ""
    """Whose money the two collect; empty means the only network there is."""

    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_username: str = ""
    smtp_password: str = Field(default="", repr=False)
    smtp_starttls: bool = True
    mail_from: str = "aldaba@localhost"

    @field_validator("mqtt_without_tls")
    @classmethod
    def _broker_is_not_spoken_to_in_clear(cls, value: str, told: ValidationInfo) -> str:
        host = told.data.get("mqtt_host", "")
        if host and value != "bench" and told.data.get("mqtt_ca_file") is None and not stays_here(host):
            raise PydanticCustomError(
                "in_clear",
                "{host} would be spoken to without TLS: say mqtt_ca_file, or on a bench 'bench'",
                {"host": host},
            )
        return value

    @property
    def database(self) -> str:
        """The URL that is really opened."""
        return self.database_url or f"sqlite:///{self.state_dir / 'aldaba.db'}"

    @property
    def controls_broker(self) -> bool:
        """Whether the broker takes accounts from us, and so knows controllers by certificates of ours."""
        return self.mqtt_control == "mosquitto"

    @property
    def key_dir(self) -> Path:
        """Where keys lie, outside the database."""
        return self.state_dir / "keys"

    @property
    def secure_cookies(self) -> bool:
        """Whether browsers reach us over HTTPS."""
        return self.base_url.startswith("https://")


def load_config(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Config:
    """Read the file, lay the environment over it, and say everything that is wrong in one error."""
    values: dict[str, Any] = _from_file(path) if path else {}
    values.update(_from_environment(os.environ if environ is None else environ))
    try:
        return Config(**values)
    except ValidationError as error:
        raise ConfigUnusable([_mistake(item) for item in error.errors()]) from None


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigUnusable([f"{path}: cannot be read ({error.strerror})"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigUnusable([f"{path}: is not TOML ({error})"]) from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Only names of settings are taken: other ALDABA_ variables may belong to other programs."""
    return {name: environ[PREFIX + name.upper()] for name in Config.model_fields if PREFIX + name.upper() in environ}


def _mistake(item: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{name}: there is no such setting"
    return f"{name} (or {PREFIX}{name.upper()}): {item['msg']}"

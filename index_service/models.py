"""Which model document is used: one that is named, else the one that comes with the program."""

from __future__ import annotations

import tempfile
from pathlib import Path

import config
from index_service.errors import MissingFile
from index_service.store.connection import Connection
from index_service.store.runs import current_model, model_document
from linkage.model import Model, load_model, parse_model, save_model

MODELS_FOLDER = Path(config.__file__).parent / "models"


def read_model(path: Path | None = None) -> Model:
    """Read a model document, the shipped one by default.

    Raises:
        MissingFile: there is none.
        ModelMismatch: it is not a model of this version.
    """
    if path is None:
        return load_model(shipped_model_file())
    if not path.is_file():
        raise MissingFile(f"{path} is not a file.", hint="Name a model document, as written by: person-index train")
    return load_model(path)


def shipped_model_file() -> Path:
    """The newest model document in `config/models`; their names begin with the date."""
    found = sorted(MODELS_FOLDER.glob("*.json"))
    if not found:
        raise MissingFile(
            "No model comes with this installation.", hint="Fit one (person-index train) and name it with --model."
        )
    return found[-1]


def document_of(model: Model) -> str:
    """The model as the JSON text of its file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        save_model(model, path)
        return path.read_text(encoding="utf-8")


def kept_model(conn: Connection, fingerprint: str) -> Model:
    """A model that the database keeps.

    Raises:
        ModelMismatch: it is not a model of this version.
    """
    return parse_model(model_document(conn, fingerprint), f"model {fingerprint}")


def model_in_use(conn: Connection, path: Path | None = None) -> Model:
    """The model to link with: the one named, else the database's current one, else the one that comes with the program.

    Raises:
        MissingFile: there is none.
        ModelMismatch: it is not a model of this version.
    """
    if path is not None:
        return read_model(path)
    current = current_model(conn)
    return parse_model(current[1], "the current model") if current else read_model()

"""Write the JSON schemas of the MQTT bodies into `docs/schemas/`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from agent.plant.messages import SCHEMA_VERSION, SCHEMAS

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "schemas"


def schema_text(name: str) -> str:
    """Return one schema as the text of its file."""
    schema = SCHEMAS[name].model_json_schema(mode="serialization")
    heading = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"linewarden/{name}/{SCHEMA_VERSION}",
    }
    return json.dumps({**heading, **schema}, indent=2) + "\n"


def main() -> None:
    """Write all schemas into the folder given, or into `docs/schemas/`."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in SCHEMAS:
        (folder / f"{name}.json").write_text(schema_text(name), "utf-8")
    print(f"wrote {', '.join(SCHEMAS)} to {folder}")


if __name__ == "__main__":
    main()

"""JSON in place of pickle, for cachelib's caches: reading a pickle runs it."""

from __future__ import annotations

import json
from typing import IO, Any


class JsonValues:
    """Values as JSON. cachelib's own serializer takes a damaged one for none, and says nothing."""

    def dumps(self, value: Any) -> bytes:
        """The value as bytes."""
        return json.dumps(value).encode()

    def loads(self, bvalue: str | bytes | bytearray | None) -> Any:
        """The value, or None where there is none. Raises ValueError."""
        return None if bvalue is None else json.loads(bvalue)

    def dump(self, value: Any, f: IO[bytes]) -> None:
        """Write the value to a file."""
        f.write(self.dumps(value))

    def load(self, f: IO[bytes]) -> Any:
        """The value in a file. Raises ValueError."""
        return self.loads(f.read())

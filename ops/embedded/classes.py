"""Kafka's classes as Java parsed them in an earlier run: an archive that halves the time of every later start."""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_IN_ORDER = {0, 128 + 15}  # how a broker ends that was asked to; one that was killed left half an archive


@dataclass(frozen=True, slots=True)
class Archive:
    """One file beside Kafka's own jar, good for one Java and one class path.

    Whatever keeps it from being read or written costs time, and nothing else.

    Attributes:
        whole: Whether it has to hold Java's own classes as well, because this Java came without an archive of them.
    """

    path: Path
    whole: bool = False

    @classmethod
    def of(cls, java: Path, class_path: tuple[Path, ...]) -> Self:
        """Return the archive that *java* would take for *class_path*, which need not be there yet."""
        # Java refuses an archive of another runtime, or of a jar with another date: such a one has another name.
        java = java.resolve()
        facts = [(str(file), (stat := file.stat()).st_size, stat.st_mtime_ns) for file in (java, *class_path)]
        digest = hashlib.sha256(repr(facts).encode()).hexdigest()
        whole = not (java.parents[1] / "lib" / "server" / "classes.jsa").exists()
        return cls(class_path[0].with_name(f"classes-{digest[:16]}.jsa"), whole)

    def options(self, record: Path | None = None) -> tuple[str, ...]:
        """Return Java's options for a program on the class path.

        Args:
            record: Where the program leaves an archive of its classes as it ends, if there is none yet.
        """
        file = self.path if self.path.exists() else record
        if file is None:
            return ()
        use, make = ("AOTCache", "AOTCacheOutput") if self.whole else ("SharedArchiveFile", "ArchiveClassesAtExit")
        return (
            "-XX:+IgnoreUnrecognizedVMOptions",  # a whole archive can be made by Java 25 and newer
            # What Java says of an archive comes on standard output, where a console tool's records are.
            "-Xlog:disable",
            f"-XX:{make if file == record else use}={file}",
        )

    def keep(self, record: Path, exit_code: int | None) -> None:
        """Make *record* the archive, in the place of all others, once its writer has ended with *exit_code*."""
        if exit_code not in _IN_ORDER or not record.exists():
            return
        arriving = self.path.with_name(f"{self.path.name}.{os.getpid()}")  # data and cache may lie on two disks
        with suppress(OSError):
            arriving.write_bytes(record.read_bytes())
            arriving.replace(self.path)
            for other in self.path.parent.glob("classes-*.jsa"):
                if other != self.path:
                    other.unlink()
        with suppress(OSError):
            arriving.unlink(missing_ok=True)
            record.unlink()

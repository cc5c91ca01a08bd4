"""Rewrite `kafka.lock` from Maven Central: `python -m ops.embedded.relock`, after changing a version here."""

import hashlib
import tempfile
from pathlib import Path

from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import Artifact, MavenContext
from jgo.util import http

from ops.embedded.jars import LOCK_PATH, digest

KAFKA = "4.1.2"
SLF4J = "1.7.36"  # the line that Kafka's own slf4j-api belongs to
LOG4J = "2.25.3"  # likewise

# The mark `!` keeps the last two from acting as bills of material: the second would lower Kafka's own versions.
WANTED = (
    f"org.apache.kafka:kafka_2.13:{KAFKA}",
    f"org.apache.kafka:kafka-tools:{KAFKA}",
    f"org.slf4j:slf4j-simple:{SLF4J}!",
    f"org.apache.logging.log4j:log4j-to-slf4j:{LOG4J}!",
)
# The console tools bring Kafka Connect with a web server, and log4j as a second way of logging: nothing here uses them.
UNUSED = (
    "com.fasterxml.jackson.jakarta.rs:jackson-jakarta-rs-json-provider",
    "commons-beanutils:commons-beanutils",
    "commons-collections:commons-collections",
    "commons-digester:commons-digester",
    "org.apache.kafka:connect-api",
    "org.apache.kafka:connect-json",
    "org.apache.kafka:connect-runtime",
    "org.apache.logging.log4j:log4j-core",
)
HEAD = "# Class path of the embedded Kafka: coordinate, SHA-256, bytes. Written by `python -m ops.embedded.relock`.\n"


def main() -> None:
    """Resolve, download and hash every jar, and write the lock file."""
    with tempfile.TemporaryDirectory() as folder:
        context = MavenContext(repo_cache=Path(folder))
        unused = [context.project(*name.split(":")) for name in UNUSED]
        wanted = [context.create_dependency(name, exclusions=unused) for name in WANTED]
        inputs, transitive = context.resolver.resolve(wanted)
        lines = [_line(dependency.artifact) for dependency in [*inputs, *transitive]]
    LOCK_PATH.write_text(HEAD + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def _line(artifact: Artifact) -> str:
    path = artifact.resolve()
    # What is locked must be what was published: jgo only warns when the checksums differ.
    url = f"{MAVEN_CENTRAL_URL}/{artifact.component.path_prefix.as_posix()}/{artifact.filename}.sha1"
    published = http.get(url, timeout=20).text.split()[0]
    if hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest() != published:
        message = f"{artifact.filename} differs from its published SHA-1"
        raise SystemExit(message)
    return f"{artifact.groupId}:{artifact.artifactId}:{artifact.version} {digest(path)} {path.stat().st_size}"


if __name__ == "__main__":
    main()

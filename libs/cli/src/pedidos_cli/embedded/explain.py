"""Why a server can't be started on this machine, and the other ways to have one."""

from __future__ import annotations

from collections.abc import Sequence

from pedidos_cli.embedded.candidates import NAMES, Unusable, machine

_TITLES = {"mongod": "MongoDB", "redis-server": "Redis"}
_LIBRARY_PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "libcrypto.so.3": "libssl3",
    "libssl.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
}
_WAYS = {
    "mongod": (
        "a package: {packages}install MongoDB 6.0 or newer so that `mongod` is on the PATH",
        (
            "Docker: `docker run -d -p 127.0.0.1:27017:27017 mongo:7`, then `pedidos up "
            "--mongo-uri mongodb://127.0.0.1:27017`; or all of it with `docker compose up`"
        ),
        "an address: MONGO_URI (or --mongo-uri) names a MongoDB that runs already",
    ),
    "redis-server": (
        (
            "a package: {packages}install Redis or Valkey so that `redis-server` or "
            "`valkey-server` is on the PATH"
        ),
        (
            "Docker: `docker run -d -p 127.0.0.1:6379:6379 redis:7-alpine`, then `pedidos up "
            "--redis-url redis://127.0.0.1:6379/0`; or all of it with `docker compose up`"
        ),
        "an address: REDIS_URL (or --redis-url) names a Redis that runs already",
    ),
}


def explain(server: str, refused: Sequence[Unusable]) -> str:
    """Why the server can't be started here, and the three other ways."""
    names = " or ".join(f"`{name}`" for name in NAMES[server])
    lines = [f"{_TITLES[server]} can't be started on this machine ({machine()}):"]
    if not any(one.candidate.origin == "on the PATH" for one in refused):
        lines.append(f"  - no {names} on the PATH")
    lines += [f"  - {one.candidate.path} ({one.candidate.origin}): {one.reason}" for one in refused]
    if not any(one.candidate.origin == "of the wheel" for one in refused):
        lines.append("  - no Python wheel with its program for this platform is installed")
    lines.append("Three other ways:")
    hint = _package_hint(refused)
    lines += [
        f"  {number}. {way.format(packages=hint)}"
        for number, way in enumerate(_WAYS[server], start=1)
    ]
    return "\n".join(lines)


def _package_hint(refused: Sequence[Unusable]) -> str:
    packages = sorted(
        {
            package
            for library, package in _LIBRARY_PACKAGES.items()
            for one in refused
            if library in one.reason
        }
    )
    if not packages:
        return ""
    return f"on Debian or Ubuntu `apt-get install {' '.join(packages)}` brings what is missing; or "

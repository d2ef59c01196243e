"""`doctor`: what a stack needs, and what is wrong with it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict

from rich.text import Text

from pedidos_cli.client import ApiClient
from pedidos_cli.doctor import machine
from pedidos_cli.doctor.finding import Finding, Level, fail, warn
from pedidos_cli.doctor.settings import settings
from pedidos_cli.errors import ExitStatus, Unreachable
from pedidos_cli.options import Api, ApiKey, AsJson, MongoUri, RedisUrl
from pedidos_cli.output import Output
from pedidos_cli.session import finish
from pedidos_cli.target import HOW_TO_START, Target, find_target

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def doctor(
    api: Api = None,
    api_key: ApiKey = None,
    mongo_uri: MongoUri = None,
    redis_url: RedisUrl = None,
    as_json: AsJson = False,
) -> None:
    """Look at everything that a stack needs, and say what is wrong and what to do."""
    out = Output(as_json=as_json)
    findings = asyncio.run(examine(api, api_key, mongo_uri, redis_url))
    bad = any(one.level is Level.FAIL for one in findings)
    if out.as_json:
        out.document({"ok": not bad, "findings": [asdict(one) for one in findings]})
    for one in findings:
        out.say(describe(one))
    finish(ExitStatus.FAILED if bad else ExitStatus.OK)


async def examine(
    api: str | None, api_key: str | None, mongo_uri: str | None, redis_url: str | None
) -> list[Finding]:
    """All findings: this machine first, then the stack from the API down to its servers."""
    findings = [
        machine.python(),
        await asyncio.to_thread(machine.programs, "mongod", mongo_uri),
        await asyncio.to_thread(machine.programs, "redis-server", redis_url),
        *await asyncio.to_thread(lambda: list(settings(os.environ))),
    ]
    try:
        target = find_target(api, api_key, os.environ)
    except Unreachable as error:
        findings.append(fail("API", error.message, HOW_TO_START))
        return findings + await _servers(Target(""), mongo_uri, redis_url)
    return findings + await _api(target) + await _servers(target, mongo_uri, redis_url)


async def _api(target: Target) -> list[Finding]:
    from pedidos_cli.doctor.services import look_at_api

    async with ApiClient(target.api, target.api_key) as client:
        return [finding async for finding in look_at_api(client)]


async def _servers(target: Target, mongo_uri: str | None, redis_url: str | None) -> list[Finding]:
    from pedidos_cli.doctor.servers import look_at_mongo, look_at_redis

    findings: list[Finding] = []
    mongo, redis = target.mongo_uri or mongo_uri, target.redis_url or redis_url
    if mongo:
        findings += await asyncio.to_thread(
            lambda: list(look_at_mongo(mongo, target.database, target.data_dir))
        )
    else:
        findings.append(_unknown("MongoDB", "--mongo-uri"))
    if redis:
        findings += await asyncio.to_thread(lambda: list(look_at_redis(redis)))
    else:
        findings.append(_unknown("Redis", "--redis-url"))
    return findings


def _unknown(subject: str, option: str) -> Finding:
    return warn(subject, "not looked at: its address is not known", f"give it with {option}")


def describe(finding: Finding) -> Text:
    """One line, and a second with what to do where there is something."""
    line = Text(f"{finding.level:<5}", _STYLES[finding.level])
    line.append(f"{finding.subject}: {finding.message}", "")
    if finding.remedy:
        line.append("\n      -> ", "bold").append(finding.remedy.replace("\n", "\n         "))
    return line

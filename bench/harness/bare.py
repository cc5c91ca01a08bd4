"""What the API is held against: the same server and framework, a GET of Redis, and nothing else."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.responses import Response

KEY = "bench:bare"


def build(redis_url: str) -> FastAPI:
    """Return an application with one route."""
    app, redis = FastAPI(), Redis.from_url(redis_url)

    @app.get("/bare")
    async def bare() -> Response:
        return Response(await redis.get(KEY), media_type="application/json")

    return app


if __name__ == "__main__":
    config = uvicorn.Config(
        build(sys.argv[1]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        timeout_keep_alive=60,
        log_level="warning",
    )
    uvicorn.Server(config).run()

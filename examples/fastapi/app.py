"""An ordinary FastAPI app. It knows neither Lambda nor Rouse."""

import os
import time
from functools import lru_cache

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi_offline import FastAPIOffline
from pydantic import BaseModel, Field

# Its /docs page brings its own assets instead of taking them from the internet.
app: FastAPI = FastAPIOffline(title="Prices", version="1.0.0", summary="Estimates what a flat costs.")

started = time.time()
answered = 0


@lru_cache(maxsize=1)
def model():
    """Loads the model when it is first needed; it stays for the life of the process."""
    return {"base": 40_000, "per_m2": 2_900, "rooms": {1: 0.95, 2: 1.0, 3: 1.06, 4: 1.1}}


class Flat(BaseModel):
    m2: float = Field(gt=0, le=1000, description="Floor area")
    rooms: int = Field(ge=1, le=20, default=2)


class Price(BaseModel):
    euros: int
    cold_start: bool = Field(description="Whether this was the first answer of its process")


def estimate(flat: Flat) -> int:
    m = model()
    return round((m["base"] + m["per_m2"] * flat.m2) * m["rooms"].get(flat.rooms, 1.12))


@app.get("/health")
def health():
    return {"status": "healthy", "up_seconds": round(time.time() - started, 3)}


@app.post("/predict")
def predict(flat: Flat) -> Price:
    global answered
    answered += 1
    return Price(euros=estimate(flat), cold_start=answered == 1)


@app.post("/batch")
def batch(flats: list[Flat]) -> list[int]:
    return [estimate(flat) for flat in flats]


@app.get("/countdown")
def countdown():
    """Server-sent events, which need contract http to arrive one by one."""

    def events():
        for n in (3, 2, 1):
            yield f"data: {n}\n\n"
            time.sleep(0.1)

    return StreamingResponse(events(), media_type="text/event-stream")


@app.get("/where")
def where():
    return {"lambda": "AWS_LAMBDA_RUNTIME_API" in os.environ}

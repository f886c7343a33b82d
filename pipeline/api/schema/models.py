"""Models: what goes in and out as JSON, with an example of each; the OpenAPI document's half."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - pydantic reads annotations when it runs
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pipeline.api.limits import LARGEST_NUMBER
from pipeline.api.schema import examples

__all__ = [
    "Errors",
    "Health",
    "JobBody",
    "JobDetail",
    "JobList",
    "LogLines",
    "Migrate",
    "PipelineList",
    "ProblemBody",
    "Samples",
    "State",
]

State = Literal[
    "queued",
    "running",
    "stopping",
    "succeeded",
    "completed_with_errors",
    "failed",
    "stopped",
    "interrupted",
]


def _whole(value: object) -> object:
    """Take 5.0 for the whole number that JSON Schema holds it to be."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Migrate(BaseModel):
    """What of a pipeline's definition one job may change; nothing else can be."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [examples.OVERRIDES]}
    )

    limit: Annotated[int, Field(ge=0, le=LARGEST_NUMBER), BeforeValidator(_whole)] | None = Field(
        default=None, description="Stop after this many records of the source."
    )
    rate: Annotated[float, Field(ge=1, le=LARGEST_NUMBER, allow_inf_nan=False)] | None = Field(
        default=None, description="Write units a second, at most; `write.rate` of the definition."
    )
    dry_run: bool = Field(default=False, description="Do everything but the writes.")


class Overrides(BaseModel):
    """What this job changes of its pipeline's definition."""

    limit: int | None
    rate: float | None
    dry_run: bool


class Upload(BaseModel):
    """The records that came with the request; *bytes* as they came over the wire."""

    format: Literal["jsonl", "csv"]
    compression: Literal["none", "gzip"]
    bytes: int


class Links(BaseModel):
    """Where the rest of a job is; `stop` and `resume` where they can be asked for."""

    self: str
    events: str
    samples: str
    errors: str
    log: str
    stop: str | None
    resume: str | None


class JobBody(BaseModel):
    """A job: one load, from its request to its end, over as many attempts as it takes."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.JOB]})

    id: str = Field(description="Unguessable; names the job in every address.")
    pipeline: str
    state: State
    created_at: datetime
    started_at: datetime | None = Field(description="When it first ran.")
    ended_at: datetime | None
    overrides: Overrides
    upload: Upload | None
    run: str | None = Field(description="The id of its run, and of the folder under `--runs-dir`.")
    attempts: int
    exit_code: int | None = Field(description="As of `pipeline run`.")
    message: str | None = Field(description="Why it ended as it did, for a person.")
    resumable: bool = Field(description="Whether `resume` goes on where it stands.")
    queue_position: int | None = Field(description="From 1; null unless it is queued.")
    links: Links


class JobDetail(JobBody):
    """A job with its newest sample and, once it has ended, its report."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.JOB_DETAIL]})

    live: dict[str, Any] = Field(
        description="The newest line of the run's timeline: counters, rates, latency, `eta_s`; {} "
        "before there is one."
    )
    report: dict[str, Any] | None = Field(description="The run's report.json, once it has ended.")


class JobList(BaseModel):
    """Jobs, newest first; *next* is the `before` of the next page, null on the last."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.JOBS]})

    jobs: list[JobBody]
    next: str | None


class PipelineBody(BaseModel):
    """A definition in the folder that is served."""

    name: str
    source: str | None = Field(description="The type of its source: file, generate, s3, ...")
    table: str | None
    endpoint: str | None = Field(description="What kind of endpoint: aws, embedded, url.")
    valid: bool
    problem: str | None = Field(
        description="What is wrong with the definition, if it is not valid."
    )
    active_jobs: list[str] = Field(description="Ids of the jobs that run or wait.")
    last_job: JobBody | None


class PipelineList(BaseModel):
    """Every pipeline of the folder, by name."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PIPELINES]})

    pipelines: list[PipelineBody]


class Samples(BaseModel):
    """Lines of the timeline, oldest first; *next* is the `after` of what follows them."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.SAMPLES]})

    samples: list[dict[str, Any]]
    next: int


class Errors(BaseModel):
    """Dead letters without their records, oldest first; *next* is null where there are no more."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.ERRORS]})

    errors: list[dict[str, Any]]
    next: int | None


class LogLines(BaseModel):
    """Lines of the run's log, oldest first; *next* is null where there are no more yet."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.LOG]})

    lines: list[dict[str, Any]]
    next: int | None


class Health(BaseModel):
    """That the server answers, or that it takes jobs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ok"}]})

    status: Literal["ok"]


class FieldError(BaseModel):
    """One thing that is wrong with one part of a request."""

    field: str
    message: str


class ProblemBody(BaseModel):
    """Why a request was refused (RFC 9457)."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PROBLEM]})

    type: str = Field(description="`urn:dynamodb-pipeline:problem:` and a constant name.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="`urn:uuid:` and the request's id, as the log has it.")
    errors: list[FieldError] | None = Field(default=None, description="With a 422: what, where.")

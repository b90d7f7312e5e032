"""Jobs: work that a request leaves to `uv run worker`, and work on a schedule.

    class Receipt(BaseModel):
        order_id: int

    @job(Receipt)
    async def send_receipt(context: JobContext, receipt: Receipt) -> None: ...

    await send_receipt.enqueue(session, Receipt(order_id=order.id))

A job is enqueued in the transaction of the session, so it is there if and when that is committed.
It runs at least once. `app/worker.py` lists all jobs.

definition.py  what a job is
queue.py       PgQueuer's queue, on the connections of sessions and of the engine
execution.py   one attempt at a job
processing.py  a process that does jobs, until it is told to stop
dead_letters.py  jobs that were given up
cleanup.py     what is deleted from the queue's log
"""

from app.jobs.definition import Job, JobContext, job, scheduled_job

__all__ = ["Job", "JobContext", "job", "scheduled_job"]

from sqlalchemy import text

from app.jobs.definition import JobContext, scheduled_job

# What is said of the jobs that are still there, `uv run worker dead` shows.
DELETE = text("""
    DELETE FROM pgqueuer_log WHERE created < now() - interval '7 days'
    AND NOT EXISTS (SELECT FROM pgqueuer WHERE pgqueuer.id = pgqueuer_log.job_id)
""")


@scheduled_job("17 * * * *")
async def clean_up_queue_log(context: JobContext) -> None:
    await context.session.execute(DELETE)

"""Run by Alembic with the connection that nmviz.store.schema began a transaction on."""

from alembic import context

from nmviz.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

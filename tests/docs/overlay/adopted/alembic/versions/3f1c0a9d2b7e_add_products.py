"""add products"""

import sqlalchemy as sa
from alembic import op

revision = "3f1c0a9d2b7e"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "product",
        sa.Column("sku", sa.String(20), primary_key=True),
        sa.Column("stock", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("product")

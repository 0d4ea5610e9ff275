"""Resources, prices, bookings and the claims that no two of them may hold at once.

Revision: 0013_bookings; after: 0012_terms
"""

import sqlalchemy as sa
from alembic import op

revision = "0013_bookings"
down_revision = "0012_terms"
branch_labels = None
depends_on = None

APART_ON_POSTGRESQL = """
ALTER TABLE booking_claims ADD CONSTRAINT ex_booking_claims_apart
EXCLUDE USING gist (resource_id WITH =, tstzrange(from_at, until_at) WITH &&)
"""
APART_ON_SQLITE = """
CREATE TRIGGER booking_claims_apart_{when} BEFORE {when} ON booking_claims
WHEN EXISTS (
    SELECT 1 FROM booking_claims AS held
    WHERE held.resource_id = NEW.resource_id AND held.booking_id <> NEW.booking_id
      AND held.from_at < NEW.until_at AND held.until_at > NEW.from_at
)
BEGIN SELECT RAISE(ABORT, 'booking_claims_apart'); END
"""


def keep_apart() -> None:
    """The judge of every booking: half-open spans of one resource may not meet."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
        op.execute(APART_ON_POSTGRESQL)
        return
    for when in ("INSERT", "UPDATE"):
        op.execute(APART_ON_SQLITE.format(when=when))


def upgrade() -> None:
    op.create_table('price_rules',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('hour_cents', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=True),
    sa.Column('resource_id', sa.String(length=40), nullable=True),
    sa.Column('plan_id', sa.String(length=40), nullable=True),
    sa.Column('days', sa.JSON(), nullable=False),
    sa.Column('from_minute', sa.Integer(), nullable=False),
    sa.Column('until_minute', sa.Integer(), nullable=False),
    sa.Column('floor_cents', sa.Integer(), nullable=False),
    sa.Column('vat', sa.String(length=12), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_price_rules')),
    )
    op.create_table('resources',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=12), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('seats', sa.Integer(), nullable=False),
    sa.Column('zone_id', sa.String(length=40), nullable=True),
    sa.Column('equipment', sa.JSON(), nullable=False),
    sa.Column('parts', sa.JSON(), nullable=False),
    sa.Column('rules', sa.JSON(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_resources')),
    )
    op.create_table('booking_waits',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('resource_id', sa.String(length=40), nullable=False),
    sa.Column('host_id', sa.String(length=40), nullable=False),
    sa.Column('contract_id', sa.String(length=40), nullable=True),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('people', sa.Integer(), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['resource_id'], ['resources.id'], name=op.f('fk_booking_waits_resource_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_booking_waits')),
    )
    with op.batch_alter_table('booking_waits', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_booking_waits_resource_id'), ['resource_id'], unique=False)

    op.create_table('bookings',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('resource_id', sa.String(length=40), nullable=False),
    sa.Column('host_id', sa.String(length=40), nullable=False),
    sa.Column('contract_id', sa.String(length=40), nullable=True),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('state', sa.String(length=12), nullable=False),
    sa.Column('price_cents', sa.Integer(), nullable=False),
    sa.Column('price_rule', sa.String(length=200), nullable=False),
    sa.Column('credit_minutes', sa.Integer(), nullable=False),
    sa.Column('vat', sa.String(length=12), nullable=False),
    sa.Column('free_hours', sa.Integer(), nullable=False),
    sa.Column('late_rate', sa.Integer(), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('people', sa.Integer(), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('series_id', sa.String(length=40), nullable=True),
    sa.Column('checked_in_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('doubt', sa.String(length=40), nullable=False),
    sa.Column('fee_cents', sa.Integer(), nullable=False),
    sa.Column('moves', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['host_id'], ['holders.id'], name=op.f('fk_bookings_host_id')),
    sa.ForeignKeyConstraint(['resource_id'], ['resources.id'], name=op.f('fk_bookings_resource_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_bookings')),
    )
    with op.batch_alter_table('bookings', schema=None) as batch_op:
        batch_op.create_index('ix_bookings_host_id_starts_at', ['host_id', 'starts_at'], unique=False)
        batch_op.create_index('ix_bookings_resource_id_starts_at', ['resource_id', 'starts_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_bookings_series_id'), ['series_id'], unique=False)
        batch_op.create_index('ix_bookings_state_ends_at', ['state', 'ends_at'], unique=False)

    op.create_table('booking_claims',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('booking_id', sa.String(length=40), nullable=False),
    sa.Column('resource_id', sa.String(length=40), nullable=False),
    sa.Column('from_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['booking_id'], ['bookings.id'], name=op.f('fk_booking_claims_booking_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['resource_id'], ['resources.id'], name=op.f('fk_booking_claims_resource_id')),
    sa.PrimaryKeyConstraint('booking_id', 'resource_id', name=op.f('pk_booking_claims')),
    )
    with op.batch_alter_table('booking_claims', schema=None) as batch_op:
        batch_op.create_index('ix_booking_claims_resource_id_from_at', ['resource_id', 'from_at'], unique=False)

    op.create_table('booking_guests',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('booking_id', sa.String(length=40), nullable=False),
    sa.Column('holder_id', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['booking_id'], ['bookings.id'], name=op.f('fk_booking_guests_booking_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('booking_id', 'holder_id', name=op.f('pk_booking_guests')),
    )
    with op.batch_alter_table('booking_guests', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_booking_guests_holder_id'), ['holder_id'], unique=False)
    keep_apart()


def downgrade() -> None:
    with op.batch_alter_table('booking_guests', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_booking_guests_holder_id'))

    op.drop_table('booking_guests')
    with op.batch_alter_table('booking_claims', schema=None) as batch_op:
        batch_op.drop_index('ix_booking_claims_resource_id_from_at')

    op.drop_table('booking_claims')
    with op.batch_alter_table('bookings', schema=None) as batch_op:
        batch_op.drop_index('ix_bookings_state_ends_at')
        batch_op.drop_index(batch_op.f('ix_bookings_series_id'))
        batch_op.drop_index('ix_bookings_resource_id_starts_at')
        batch_op.drop_index('ix_bookings_host_id_starts_at')

    op.drop_table('bookings')
    with op.batch_alter_table('booking_waits', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_booking_waits_resource_id'))

    op.drop_table('booking_waits')
    op.drop_table('resources')
    op.drop_table('price_rules')

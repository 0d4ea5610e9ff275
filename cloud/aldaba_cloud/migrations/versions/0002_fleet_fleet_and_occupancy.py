"""fleet and occupancy.

Revision: 0002_fleet; after: 0001; made: 2026-11-23 00:42:09.464495
"""

import sqlalchemy as sa
from alembic import op

revision = '0002_fleet'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('alarms',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=True, nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('controller_id', sa.String(length=40), nullable=False),
    sa.Column('door_id', sa.String(length=80), nullable=True),
    sa.Column('journal', sa.String(length=80), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('facts', sa.JSON(), nullable=False),
    sa.Column('acknowledged_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('acknowledged_by', sa.String(length=60), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alarms'))
    )
    with op.batch_alter_table('alarms', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_alarms_acknowledged_at'), ['acknowledged_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_alarms_at'), ['at'], unique=False)

    op.create_table('clock_segments',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('controller_id', sa.String(length=40), nullable=False),
    sa.Column('boot', sa.String(length=80), nullable=False),
    sa.Column('segment', sa.BigInteger(), nullable=False),
    sa.Column('offset_us', sa.BigInteger(), nullable=True),
    sa.Column('jump_us', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('controller_id', 'boot', 'segment', name=op.f('pk_clock_segments'))
    )
    op.create_table('controllers',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('kid', sa.LargeBinary(), nullable=False),
    sa.Column('public_key', sa.LargeBinary(), nullable=False),
    sa.Column('sealed_controller_key', sa.LargeBinary(), nullable=False),
    sa.Column('sealed_broker_password', sa.LargeBinary(), nullable=False),
    sa.Column('software', sa.String(length=80), nullable=False),
    sa.Column('epoch', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('set_hash', sa.LargeBinary(), nullable=False),
    sa.Column('confirmed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('paired_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_contact_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('hello_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('hello_boot', sa.String(length=80), nullable=True),
    sa.Column('hello_journal', sa.String(length=80), nullable=True),
    sa.Column('hello_sequence', sa.BigInteger(), nullable=True),
    sa.Column('hello_nonce', sa.LargeBinary(), nullable=True),
    sa.Column('hello_offset_us', sa.BigInteger(), nullable=True),
    sa.Column('modes_counter', sa.BigInteger(), nullable=False),
    sa.Column('modes_confirmed', sa.BigInteger(), nullable=False),
    sa.Column('command_counter', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_controllers')),
    sa.UniqueConstraint('kid', name=op.f('uq_controllers_kid'))
    )
    op.create_table('door_modes',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('door_id', sa.String(length=40), nullable=False),
    sa.Column('controller_id', sa.String(length=40), nullable=False),
    sa.Column('mode', sa.String(length=20), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('set_by', sa.String(length=60), nullable=False),
    sa.PrimaryKeyConstraint('door_id', name=op.f('pk_door_modes'))
    )
    with op.batch_alter_table('door_modes', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_door_modes_controller_id'), ['controller_id'], unique=False)

    op.create_table('events',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('controller_id', sa.String(length=40), nullable=False),
    sa.Column('journal', sa.String(length=80), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('recorded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('door_id', sa.String(length=80), nullable=True),
    sa.Column('holder_id', sa.String(length=80), nullable=True),
    sa.Column('credential_id', sa.String(length=80), nullable=True),
    sa.Column('reason', sa.String(length=80), nullable=True),
    sa.Column('zone_id', sa.String(length=80), nullable=True),
    sa.Column('boot', sa.String(length=80), nullable=False),
    sa.Column('segment', sa.BigInteger(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.Column('hash', sa.LargeBinary(length=32), nullable=False),
    postgresql_partition_by='RANGE (received_at)'
    )
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.create_index('ix_events_journal', ['controller_id', 'journal', 'sequence'], unique=False)
        batch_op.create_index('ix_events_site_at', ['site_id', 'at'], unique=False)

    op.create_table('fleet_nonces',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('controller_id', sa.String(length=40), nullable=False),
    sa.Column('nonce', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('controller_id', 'nonce', name=op.f('pk_fleet_nonces'))
    )
    with op.batch_alter_table('fleet_nonces', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_fleet_nonces_at'), ['at'], unique=False)

    op.create_table('journal_forks',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('controller_id', sa.String(length=40), nullable=False),
    sa.Column('journal', sa.String(length=80), nullable=False),
    sa.Column('first', sa.BigInteger(), nullable=False),
    sa.Column('hash', sa.LargeBinary(length=32), nullable=False),
    sa.Column('lines', sa.LargeBinary(), nullable=False),
    sa.Column('noted_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('controller_id', 'journal', 'first', 'hash', name=op.f('pk_journal_forks'))
    )
    op.create_table('journal_holes',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('controller_id', sa.String(length=40), nullable=False),
    sa.Column('journal', sa.String(length=80), nullable=False),
    sa.Column('first', sa.BigInteger(), nullable=False),
    sa.Column('last', sa.BigInteger(), nullable=False),
    sa.Column('noted_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('controller_id', 'journal', 'first', name=op.f('pk_journal_holes'))
    )
    op.create_table('pairing_codes',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('doors', sa.JSON(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('wrong_tries', sa.Integer(), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pairing_codes'))
    )
    with op.batch_alter_table('pairing_codes', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_pairing_codes_digest'), ['digest'], unique=False)

    op.create_table('stays',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('holder_id', sa.String(length=80), nullable=False),
    sa.Column('zone_id', sa.String(length=80), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('controller_id', sa.String(length=80).with_variant(sa.String(length=80, collation='C'), 'postgresql'), nullable=False),
    sa.Column('journal', sa.String(length=80).with_variant(sa.String(length=80, collation='C'), 'postgresql'), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('site_id', 'holder_id', name=op.f('pk_stays'))
    )
    op.create_table('watermarks',
    sa.Column('network_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(length=40), nullable=False),
    sa.Column('controller_id', sa.String(length=40), nullable=False),
    sa.Column('journal', sa.String(length=80), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('hash', sa.LargeBinary(length=32), nullable=False),
    sa.PrimaryKeyConstraint('controller_id', 'journal', name=op.f('pk_watermarks'))
    )


def downgrade() -> None:
    op.drop_table('watermarks')
    op.drop_table('stays')
    with op.batch_alter_table('pairing_codes', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_pairing_codes_digest'))

    op.drop_table('pairing_codes')
    op.drop_table('journal_holes')
    op.drop_table('journal_forks')
    with op.batch_alter_table('fleet_nonces', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_fleet_nonces_at'))

    op.drop_table('fleet_nonces')
    with op.batch_alter_table('events', schema=None) as batch_op:
        batch_op.drop_index('ix_events_site_at')
        batch_op.drop_index('ix_events_journal')

    op.drop_table('events')
    with op.batch_alter_table('door_modes', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_door_modes_controller_id'))

    op.drop_table('door_modes')
    op.drop_table('controllers')
    op.drop_table('clock_segments')
    with op.batch_alter_table('alarms', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_alarms_at'))
        batch_op.drop_index(batch_op.f('ix_alarms_acknowledged_at'))

    op.drop_table('alarms')

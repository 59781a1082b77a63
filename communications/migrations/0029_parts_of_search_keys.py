"""Contacts are found by any part of their search key without reading all of them.

Trigrams as pg_trgm makes them, with no extension, which not every role may create: a function of
our own, and PostgreSQL's index for lists. By itself and outside a transaction: nobody waits
meanwhile, and one that was interrupted may be run again. SQLite has no such index, and needs none
at its size.
"""

from django.db import migrations

from wedsync_comms.lib.database.online_indexes import check_outside_transaction, drop_index, is_postgresql

INDEX = "contact_by_part"
# All parts of three characters. COST: it is asked of what the index found, never of all.
FUNCTION = """
CREATE OR REPLACE FUNCTION communications_parts(key text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT COST 1000 AS $$
    SELECT array(
        SELECT DISTINCT substr(key, start, 3) FROM generate_series(1, length(key) - 2) AS start
    )
$$
"""
BUILD = f"""
CREATE INDEX CONCURRENTLY {INDEX} ON communications_contact
USING gin (communications_parts(search))
"""
# How often which part occurs is known from then on, and not only after the next vacuum.
JUDGE = "ANALYZE communications_contact, communications_address"


def build(apps, schema_editor):
    if not is_postgresql(schema_editor):
        return
    check_outside_transaction(schema_editor)
    schema_editor.execute(FUNCTION, params=None)
    drop_index(schema_editor, INDEX)
    schema_editor.execute(BUILD, params=None)
    schema_editor.execute(JUDGE, params=None)


def drop(apps, schema_editor):
    if not is_postgresql(schema_editor):
        return
    drop_index(schema_editor, INDEX)
    schema_editor.execute("DROP FUNCTION IF EXISTS communications_parts(text)", params=None)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('communications', '0028_addresses_in_any_case'),
    ]

    operations = [
        migrations.RunPython(build, drop, atomic=False),
    ]

"""What is left of an idempotency key whose message was removed."""

import django.db.models.deletion
from django.db import migrations, models

from wedsync_comms.lib.database.brief_migrations import BriefMigration


class Migration(BriefMigration):

    dependencies = [
        ('communications', '0032_what_retention_leaves'),
    ]

    operations = [
        migrations.CreateModel(
            name='SpentKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key_hash', models.CharField(max_length=64)),
                ('request_hash', models.CharField(max_length=64)),
                ('message', models.UUIDField()),
                ('organization', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='communications.organization')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('organization', 'key_hash'), name='key_is_spent_once')],
            },
        ),
    ]

"""Who takes turns with a delivery in the inbox; the previous release's deliveries share one."""

from django.db import migrations, models

from wedsync_comms.lib.database.brief_migrations import BriefMigration


class Migration(BriefMigration):

    dependencies = [
        ('communications', '0025_indexes_of_retention'),
    ]

    operations = [
        migrations.AddField(
            model_name='webhookdelivery',
            name='fairness_key',
            field=models.CharField(blank=True, db_default='', default='', max_length=120),
        ),
    ]

"""How often a provider refused to say what became of a call."""

from django.db import migrations, models

from wedsync_comms.lib.database.brief_migrations import BriefMigration


class Migration(BriefMigration):

    dependencies = [
        ('communications', '0029_parts_of_search_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='call',
            name='refusals',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='call',
            name='refused_at',
            field=models.DateTimeField(null=True),
        ),
    ]

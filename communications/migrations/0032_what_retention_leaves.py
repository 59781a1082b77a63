"""How far events were removed for each organization, and files that are lost."""

from django.db import migrations, models

from wedsync_comms.lib.database.brief_migrations import BriefMigration


class Migration(BriefMigration):

    dependencies = [
        ('communications', '0031_what_has_a_plan'),
    ]

    operations = [
        migrations.AddField(
            model_name='organization',
            name='events_removed_to',
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AlterField(
            model_name='storedfile',
            name='state',
            field=models.CharField(choices=[('writing', 'being written'), ('ready', 'Ready'), ('removing', 'being removed'), ('lost', 'Lost')], default='writing', max_length=8),
        ),
    ]

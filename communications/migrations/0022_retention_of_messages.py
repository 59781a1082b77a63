"""What was taken from a message once it was old."""

from django.db import migrations, models

from wedsync_comms.lib.database.brief_migrations import BriefMigration


class Migration(BriefMigration):

    dependencies = [
        ('communications', '0021_stored_files'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='fingerprint',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AddField(
            model_name='message',
            name='text_removed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='trimmed',
            field=models.SmallIntegerField(choices=[(0, 'Nothing'), (1, 'Text'), (2, 'Attempts'), (3, 'Both')], db_default=0, default=0),
        ),
    ]

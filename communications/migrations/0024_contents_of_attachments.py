"""Where the content of an attachment is.

Expand: `attachment.content` may be empty from now on, and is read where it is not. A later release
takes the column away, once `manage.py move_attachments` has left nothing in it.

The foreign key costs no look at the rows: PostgreSQL checks none of a new column without a default.
"""

import django.db.models.deletion
from django.db import migrations, models

from wedsync_comms.lib.database.brief_migrations import BriefMigration


class Migration(BriefMigration):

    dependencies = [
        ('communications', '0023_retention_of_organizations'),
    ]

    operations = [
        migrations.AlterField(
            model_name='attachment',
            name='content',
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name='attachment',
            name='stored',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='attachments', to='communications.storedfile'),
        ),
    ]

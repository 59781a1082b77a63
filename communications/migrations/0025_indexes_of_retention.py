"""What retention goes through, and who uses a stored file.

By itself and outside a transaction: nobody waits for the largest tables meanwhile.
"""

from django.db import migrations, models

from wedsync_comms.lib.database.online_indexes import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('communications', '0024_contents_of_attachments'),
    ]

    operations = [
        AddIndexOnline(
            model_name='message',
            index=models.Index(condition=models.Q(('trimmed__lt', 3)), fields=['organization', 'trimmed', 'created_at'], name='message_to_trim'),
        ),
        AddIndexOnline(
            model_name='webhookdelivery',
            index=models.Index(fields=['organization', 'received_at'], name='delivery_of_organization'),
        ),
        AddIndexOnline(
            model_name='attachment',
            index=models.Index(condition=models.Q(('stored__isnull', False)), fields=['stored'], name='attachment_of_file'),
        ),
    ]

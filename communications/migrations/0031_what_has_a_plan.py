"""What has another channel in its plan is found while its own is not reached.

By itself and outside a transaction: nobody waits for the largest table meanwhile.
"""

from django.db import migrations, models

from wedsync_comms.lib.database.online_indexes import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('communications', '0030_refused_questions'),
    ]

    operations = [
        AddIndexOnline(
            model_name='message',
            index=models.Index(condition=models.Q(('send_after__isnull', False), models.Q(('fallback', []), _negated=True)), fields=['leg_channel', 'priority', 'organization', 'id'], name='message_planned'),
        ),
    ]

"""What is due is found by provider and organization, whatever else waits.

By itself and outside a transaction: nobody waits for the largest table meanwhile.
"""

from django.db import migrations, models

from wedsync_comms.lib.database.online_indexes import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('communications', '0019_weights_of_organizations'),
    ]

    operations = [
        AddIndexOnline(
            model_name='message',
            index=models.Index(condition=models.Q(('send_after__isnull', False)), fields=['leg_channel', 'priority', 'via', 'send_after'], name='message_due'),
        ),
        AddIndexOnline(
            model_name='message',
            index=models.Index(condition=models.Q(('send_after__isnull', False)), fields=['leg_channel', 'priority', 'via', 'organization', 'send_after'], name='message_turn'),
        ),
    ]
